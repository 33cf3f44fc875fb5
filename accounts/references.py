"""What records of accounts name in other tables: `manage.py restore check` follows it."""

from config.restore.references import Reference

REFERENCES = (
    Reference("locations", "customer_id", "customers"),
    Reference("users", "customer_id", "customers"),
    Reference("deleted-users", "customer_id", "customers"),
    Reference("deleted-users", "id", "keys"),
    Reference("users", "id", "keys"),
    Reference("users", "id", "audit", range_key=0),
    Reference("users", "email_key", "emails", unless="address_freed_at"),
    Reference("customers", "id", "audit", range_key=0),
    Reference("emails", "user_id", "users"),
    Reference("directory", "id", "users"),
    Reference("push-tokens", "user_id", "users"),
    Reference("push-tokens", "key", "push-owners"),
    Reference("push-owners", "user_id", "users"),
)
