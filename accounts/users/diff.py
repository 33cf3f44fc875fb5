"""Patches of users, applied and compared; pure. `accounts.users.update` decides who may."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts import permissions, preferences
from accounts.models import ALL_LOCATIONS, User, make_name_key
from accounts.users import email_address
from config import audit, errors

UserPatch = Mapping[str, Any]
"""New values by name: any of `PROFILE_FIELDS` and `RIGHTS_FIELDS`, ``email`` and ``settings``.
``permissions`` is the effective list, with or without the permissions over oneself; ``status`` is
active or blocked."""

PROFILE_FIELDS = ("name", "profile_name", "phone", "skills", "is_setup")
RIGHTS_FIELDS = ("role", "permissions", "locations", "status")
RIGHTS_ATTRIBUTES = ("role", "extra", "denied", "locations", "status")
AUDITED_FIELDS = ("email", *PROFILE_FIELDS, *RIGHTS_ATTRIBUTES, "settings")
"""The attributes that audit entries about a user show."""


def normalize_locations(locations: Any) -> list[str]:
    """Locations as they are stored: all, or a sorted list without duplicates."""
    return [ALL_LOCATIONS] if ALL_LOCATIONS in locations else sorted(set(locations))


def drop_shown_settings(user: User, patch: UserPatch) -> UserPatch:
    """The patch of a request that sends the whole record back, without the settings as shown."""
    if "settings" not in patch:
        return patch
    shown = preferences.with_defaults(user.settings)
    return {**patch, "settings": preferences.drop_shown(patch["settings"], shown)}


def apply_patch(user: User, patch: UserPatch, at: datetime) -> User:
    """The user after a patch; the same record if no audited attribute differs."""
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
    """A new role brings its own permissions, unless the patch has other ``permissions``.

    Those that the user has now do not count: clients change the role of a record that they read,
    and send all of it back.
    """
    role, present = patch.get("role", user.role), permissions.access_rights_of(user)
    requested = patch.get("permissions")
    if role == user.role and requested is None:
        return {"denied": list(present.denied)}
    if requested is None or (role != user.role and present.permissions == {*requested, *permissions.SELF_SERVICE}):
        requested = permissions.ROLES[role]
    extra, denied = permissions.split_permissions(role, requested)
    return {"role": role, "extra": extra, "denied": denied}


def _patched_status(user: User, requested_status: str) -> str:
    """Unblocking restores active if the invitation was accepted, else invited.

    Raises `errors.InvalidRequest` for an invitation that was accepted.
    """
    if requested_status == "blocked":
        return requested_status
    restored_status = "active" if user.accepted_at else "invited"
    status = restored_status if user.status == "blocked" else user.status
    if requested_status == "invited" != status:
        raise errors.InvalidRequest("This user has accepted the invitation; send active.", pointer="/status")
    return str(status)


def audit_action(before: User, after: User) -> str:
    """The audit action of a change."""
    if (before.status == "blocked") == (after.status == "blocked"):
        return "user.changed"
    return "user.blocked" if after.status == "blocked" else "user.unblocked"


def diff_users(before: User | None, after: User) -> list[audit.FieldChange]:
    """The audited attributes that differ; of a new user those that are not empty."""
    return audit.diff_records(before, after, AUDITED_FIELDS)


def snapshot(user: User) -> dict[str, Any]:
    """The audited attributes, as JSON."""
    return {name: getattr(user, name) for name in AUDITED_FIELDS}


def rebase_patch(user: User, patch: UserPatch, original: UserPatch) -> dict[str, Any] | None:
    """What remains of a patch that had to wait; None if the user's rights changed meanwhile.

    ``original`` is the `snapshot` that the patch was checked against. Fields that somebody changed
    since keep their newer values. After a change of rights the requester might not be allowed to
    make this change any more.
    """
    current = snapshot(user)
    changed_fields = {name for name in original if original[name] != current[name]}
    if changed_fields & {"role", "extra", "denied", "locations"}:
        return None
    if "status" in changed_fields:
        changed_fields |= set(RIGHTS_FIELDS)
    return {name: value for name, value in patch.items() if name not in changed_fields or name == "email"}
