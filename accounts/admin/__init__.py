"""Admin pages of customers, locations, people, deleted people and accepted terms."""

from accounts.admin import customers, deleted_users, locations, terms, users
