"""What a change makes of a person; pure. Who may make it is decided in `accounts.users.update`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts import permissions, preferences
from accounts.models import ALL_LOCATIONS, User, make_name_key
from accounts.users import email_address
from config import audit

UserPatch = Mapping[str, Any]
"""The members of a person that somebody wants changed: any of `PLAIN` and `RIGHTS`, ``email`` and
``settings``. ``permissions`` is the effective list wanted, ``status`` active or blocked."""

PROFILE_FIELDS = ("name", "profile_name", "phone", "skills", "is_setup")
RIGHTS_FIELDS = ("role", "permissions", "locations", "status")
RIGHTS_ATTRIBUTES = ("role", "extra", "denied", "locations", "status")
AUDITED_FIELDS = ("email", *PROFILE_FIELDS, *RIGHTS_ATTRIBUTES, "settings")
"""What the audit tells of a person, field by field."""


def normalize_locations(locations: Any) -> list[str]:
    """Locations as they are stored: all of them, or each once."""
    return [ALL_LOCATIONS] if ALL_LOCATIONS in locations else sorted(set(locations))


def apply_patch(user: User, patch: UserPatch, at: datetime) -> User:
    """The person after a change; the same where nothing is another."""
    values: dict[str, Any] = {name: patch[name] for name in PROFILE_FIELDS if name in patch}
    if "name" in patch:
        values["name_key"] = make_name_key(patch["name"], user.id)
    if "email" in patch:
        values |= {"email": patch["email"], "email_key": email_address.email_key(patch["email"])}
    if "settings" in patch:
        values["settings"] = preferences.merge_settings(user.settings, patch["settings"])
    if "locations" in patch:
        values["locations"] = normalize_locations(patch["locations"])
    if "status" in patch:
        values["status"] = _patched_status(user, patch["status"])
    after = user.with_changes(**values, **_patched_rights(user, patch), updated_at=at)
    return after if diff_users(user, after) else user


def _patched_rights(user: User, patch: UserPatch) -> dict[str, Any]:
    """A new role comes with its own permissions, unless others are wanted."""
    role = patch.get("role", user.role)
    if role == user.role and "permissions" not in patch:
        return {}
    extra, denied = permissions.split_permissions(role, patch.get("permissions", permissions.ROLES[role]))
    return {"role": role, "extra": extra, "denied": denied}


def _patched_status(user: User, requested_status: str) -> str:
    """Who is unblocked is what they were: active if they had come, else invited."""
    if requested_status == "blocked" or user.status != "blocked":
        return requested_status if requested_status == "blocked" else user.status
    return "active" if user.accepted_at else "invited"


def audit_action(before: User, after: User) -> str:
    """What the audit calls a change."""
    if (before.status == "blocked") == (after.status == "blocked"):
        return "user.changed"
    return "user.blocked" if after.status == "blocked" else "user.unblocked"


def diff_users(before: User | None, after: User) -> list[audit.FieldChange]:
    """Field by field, what the audit shows; of somebody new only what is not empty."""
    if before is None:
        return [audit.FieldChange(name, None, value) for name, value in snapshot(after).items() if value]
    previous = snapshot(before)
    return [
        audit.FieldChange(name, previous[name], value)
        for name, value in snapshot(after).items()
        if value != previous[name]
    ]


def snapshot(user: User) -> dict[str, Any]:
    """The values that the audit shows and that a change is decided on, as JSON."""
    values = {name: getattr(user, name) for name in AUDITED_FIELDS}
    return {name: list(value) if isinstance(value, list | tuple) else value for name, value in values.items()}


def rebase_patch(user: User, patch: UserPatch, original: UserPatch) -> dict[str, Any] | None:
    """What of a change that had to wait is still to be made; None: all of it is overtaken.

    ``seen`` are the values that it was decided on. What somebody else changed meanwhile was decided
    later, and stays. If that is the person's rights, who asked might not reach them any more.
    """
    current = snapshot(user)
    changed_fields = {name for name in original if original[name] != current[name]}
    if changed_fields & {"role", "extra", "denied", "locations"}:
        return None
    if "status" in changed_fields:
        changed_fields |= set(RIGHTS_FIELDS)
    return {name: value for name, value in patch.items() if name not in changed_fields or name == "email"}
