"""A backend of Django for PostgreSQL; `DATABASES` names this package."""
