"""Permissions as operators read them."""

from accounts import permissions

LABELS = {
    "audit:read": "Read the audit",
    "callers:block": "Block callers",
    "calls:handle": "Handle calls and call-backs",
    "calls:read": "See all calls",
    "customer:update": "Change the customer's settings",
    "invitations:send": "Resend invitations",
    "ivr:update": "Change IVR configurations",
    "locations:manage": "Add, change and remove locations",
    "owners:manage": "Change owners",
    "permissions:grant": "Grant permissions",
    "phone:purchase": "Buy numbers",
    "phone:release": "Release numbers",
    "phone:search": "Search numbers",
    "push:manage": "Register their own devices",
    "roles:assign": "Assign roles",
    "schedules:read": "See schedules",
    "schedules:write": "Change schedules",
    "self:export": "Export their own data",
    "self:read": "See their own profile",
    "self:update": "Change their own profile",
    "terms:accept": "Accept the terms",
    "users:create": "Add people",
    "users:deactivate": "Block people",
    "users:delete": "Delete people",
    "users:read": "See people",
    "users:update": "Change people",
}


def permission_choices() -> list[tuple[str, str]]:
    """All permissions with their labels, by label."""
    return sorted(((name, LABELS.get(name, name)) for name in permissions.PERMISSIONS), key=lambda choice: choice[1])
