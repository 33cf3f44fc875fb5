"""What a change makes of a person; pure. Who may make it is decided in `accounts.users.update`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts import permissions, preferences
from accounts.models import EVERYWHERE, User, name_key
from accounts.users import email_address
from config import audit

Asked = Mapping[str, Any]
"""The members of a person that somebody wants changed: any of `PLAIN` and `RIGHTS`, ``email`` and
``settings``. ``permissions`` is the effective list wanted, ``status`` active or blocked."""

PLAIN = ("name", "profile_name", "phone", "skills", "is_setup")
RIGHTS = ("role", "permissions", "locations", "status")
STANDING = ("role", "extra", "denied", "locations", "status")
SHOWN = ("email", *PLAIN, *STANDING, "settings")
"""What the audit tells of a person, field by field."""


def places(wanted: Any) -> list[str]:
    """Locations as they are stored: all of them, or each once."""
    return [EVERYWHERE] if EVERYWHERE in wanted else sorted(set(wanted))


def applied(user: User, asked: Asked, at: datetime) -> User:
    """The person after a change; the same where nothing is another."""
    values: dict[str, Any] = {name: asked[name] for name in PLAIN if name in asked}
    if "name" in asked:
        values["name_key"] = name_key(asked["name"], user.id)
    if "email" in asked:
        values |= {"email": asked["email"], "email_key": email_address.key(asked["email"])}
    if "settings" in asked:
        values["settings"] = preferences.merged(user.settings, asked["settings"])
    if "locations" in asked:
        values["locations"] = places(asked["locations"])
    if "status" in asked:
        values["status"] = _status(user, asked["status"])
    after = user.changed(**values, **_rights(user, asked), updated_at=at)
    return after if differences(user, after) else user


def _rights(user: User, asked: Asked) -> dict[str, Any]:
    """A new role comes with its own permissions, unless others are wanted."""
    role = asked.get("role", user.role)
    if role == user.role and "permissions" not in asked:
        return {}
    extra, denied = permissions.split(role, asked.get("permissions", permissions.ROLES[role]))
    return {"role": role, "extra": extra, "denied": denied}


def _status(user: User, wanted: str) -> str:
    """Who is unblocked is what they were: active if they had come, else invited."""
    if wanted == "blocked" or user.status != "blocked":
        return wanted if wanted == "blocked" else user.status
    return "active" if user.accepted_at else "invited"


def action(before: User, after: User) -> str:
    """What the audit calls a change."""
    if (before.status == "blocked") == (after.status == "blocked"):
        return "user.changed"
    return "user.blocked" if after.status == "blocked" else "user.unblocked"


def differences(before: User | None, after: User) -> list[audit.Change]:
    """Field by field, what the audit shows; of somebody new only what is not empty."""
    if before is None:
        return [audit.Change(name, None, value) for name, value in snapshot(after).items() if value]
    was = snapshot(before)
    return [
        audit.Change(name, was[name], value)
        for name, value in snapshot(after).items()
        if value != was[name]
    ]


def snapshot(user: User) -> dict[str, Any]:
    """The values that the audit shows and that a change is decided on, as JSON."""
    values = {name: getattr(user, name) for name in SHOWN}
    return {name: list(v) if isinstance(v, list | tuple) else v for name, v in values.items()}


def still_wanted(user: User, asked: Asked, seen: Asked) -> dict[str, Any] | None:
    """What of a change that had to wait is still to be made; None: all of it is overtaken.

    ``seen`` are the values that it was decided on. What somebody else changed meanwhile was decided
    later, and stays. If that is the person's rights, who asked might not reach them any more.
    """
    now = snapshot(user)
    changed = {name for name in seen if seen[name] != now[name]}
    if changed & {"role", "extra", "denied", "locations"}:
        return None
    if "status" in changed:
        changed |= set(RIGHTS)
    return {name: value for name, value in asked.items() if name not in changed or name == "email"}
