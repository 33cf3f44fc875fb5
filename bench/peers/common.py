"""What the peers in Python share: their settings, and the values that they write.

They run in an environment of their own (`requirements.txt`), and import nothing of the product.
"""

import hashlib
import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Item = dict[str, Any]

ENDPOINT = os.environ["DYNAMODB_ENDPOINT_URL"]
REGION = os.environ["AWS_REGION"]
TABLE_PREFIX = os.environ["DYNAMODB_TABLE_PREFIX"]
ISSUER = os.environ["AUTH0_ISSUER"]
AUDIENCE = os.environ["AUTH0_AUDIENCE"]
JWKS_URL = f"{ISSUER}.well-known/jwks.json"
_constants = json.loads(Path(os.environ["BENCH_CONSTANTS"]).read_text())
ROLE_PERMISSIONS: dict[str, list[str]] = _constants["rolePermissions"]
DEFAULT_SETTINGS: dict[str, Any] = _constants["settings"]
FILLER = "x" * 600
"""As long as the encrypted part of an audit entry of the product, which peers do not encrypt."""


def table(name: str) -> str:
    """The full name of a table."""
    return f"{TABLE_PREFIX}-{name}"


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def permissions_of(user: Item) -> list[str]:
    """The effective permissions: those of the role, and the user's own changes."""
    granted = {*ROLE_PERMISSIONS[user["role"]], *user["extra"]}
    return sorted(granted.difference(user["denied"]))


def check_access(user: Item | None, customer: Item | None, permission: str) -> Item:
    """The user, whose status and permission are checked. Raises `Refused`."""
    if user is None or customer is None:
        raise Refused(401, "No user account belongs to this token.")
    if user["status"] != "active" or customer["status"] != "active":
        raise Refused(401, "This account cannot sign in.")
    if permission not in permissions_of(user):
        raise Refused(403, "You may not do this.")
    return user


def check_location(user: Item, location: Item | None) -> Item:
    """A location of the user's customer. Raises `Refused`."""
    if location is None or location["customer_id"] != user["customer_id"] or location["id"] not in user["locations"]:
        raise Refused(404, "No such location.")
    return location


def display_name(user: Item) -> str:
    """The name that others see."""
    return str(user.get("profile_name") or user["name"])


def user_answer(user: Item) -> dict[str, Any]:
    """The answer of GET /user."""
    return {
        "id": user["id"],
        "email": user["email"],
        "name": user["name"],
        "profileName": user.get("profile_name"),
        "phone": user.get("phone"),
        "customerId": user["customer_id"],
        "role": user["role"],
        "permissions": permissions_of(user),
        "extraPermissions": user["extra"],
        "deniedPermissions": user["denied"],
        "locations": user["locations"],
        "userSkills": user["skills"],
        "isSetup": user["is_setup"],
        "status": user["status"],
        "invitedAt": short_time(user["invited_at"]),
        "invitationExpiresAt": short_time(user["invitation_expires_at"]),
        "acceptedAt": short_time(user["accepted_at"]),
        "settings": {**DEFAULT_SETTINGS, **json.loads(user["settings"])},
        "createdAt": short_time(user["created_at"]),
        "updatedAt": short_time(user["updated_at"]),
        "version": int(user["version"]),
    }


def schedule_answer(schedule: Item, staff_name: str) -> dict[str, Any]:
    """A schedule in answers."""
    pattern = pattern_answer(schedule.get("pattern"), schedule["zone"])
    return {
        "kind": "schedule",
        "id": schedule["id"],
        "customerId": schedule["customer_id"],
        "locationId": schedule["location_id"],
        "staffId": schedule["staff_id"],
        "staffName": staff_name,
        "startTime": local_time(schedule["start"], schedule["zone"]),
        "endTime": local_time(schedule["end"], schedule["zone"]),
        "timeZone": schedule["zone"],
        "recurring": pattern is not None,
        "recurrencePattern": pattern,
        "templateId": schedule.get("template_id"),
        "splitFrom": schedule.get("split_from"),
        "notes": schedule.get("notes"),
        "position": schedule.get("position"),
        "breakMinutes": schedule.get("break_minutes"),
        "color": schedule.get("color"),
        "createdAt": short_time(schedule["created_at"]),
        "updatedAt": short_time(schedule["updated_at"]),
        "version": int(schedule["version"]),
    }


def pattern_answer(text: str | None, zone: str) -> dict[str, Any] | None:
    """A stored pattern in answers, with its RRULE."""
    if text is None:
        return None
    pattern: dict[str, Any] = json.loads(text)
    days = ",".join(day["day"].upper() for day in pattern["byDay"])
    return {**pattern, "timeZone": zone, "rrule": f"FREQ={pattern['frequency'].upper()};BYDAY={days}"}


def short_time(text: str) -> str:
    """A stored time of UTC without its fraction of a second."""
    return f"{text[:19]}Z"


def local_time(text: str, zone: str) -> str:
    """A stored wall time with the offset of its zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).isoformat()


def stored_time(at: datetime) -> str:
    """A time of UTC as it is stored."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def key_time(at: datetime) -> str:
    """A time of UTC as it is part of keys."""
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"


class Window(NamedTuple):
    """A window of schedules, as ranges of the key of the index."""

    singles: tuple[str, str]
    series: tuple[str, str]
    ended_series: tuple[str, str]

    @classmethod
    def between(cls, start: datetime, end: datetime) -> "Window":
        """What may happen between two times."""
        first, last = key_time(start), key_time(end)
        return cls(
            (f"O#{key_time(start - timedelta(hours=51))}", f"O#{last}"),
            (f"R#{first}", "R#~"),
            (f"P#{key_time(start - timedelta(days=31, hours=3))}", f"P#{last}"),
        )


class ScheduleWrites(NamedTuple):
    """The items of a new schedule and what is written with it."""

    schedule: Item
    busy_version: Item
    busy: Item
    audit_entries: list[Item]
    audit_heads: list[Item]
    messages: list[Item]

    @classmethod
    def build(
        cls, body: dict[str, Any], *, caller: Item, location: Item, busy_version: Item | None, heads: list[Item]
    ) -> "ScheduleWrites":
        """The items for a body with ``startTime`` and ``endTime`` as times with an offset."""
        at = datetime.now(UTC)
        id, staff_id = new_id("sch"), body["staffId"]
        zone = ZoneInfo(location["time_zone"])
        start, end = body["startTime"], body["endTime"]
        wall_start, wall_end = (time.astimezone(zone).replace(tzinfo=None).isoformat() for time in (start, end))
        busy_key = f"{key_time(end.astimezone(UTC))}#{id}"
        schedule = {
            "id": id,
            "created_at": stored_time(at),
            "customer_id": caller["customer_id"],
            "end": wall_end,
            "location_id": location["id"],
            "staff_id": staff_id,
            "start": wall_start,
            "updated_at": stored_time(at),
            "version": 1,
            "window": f"O#{key_time(start.astimezone(UTC))}",
            "zone": location["time_zone"],
            "zone_rules": "2026.6",
        }
        version = {
            "staff_id": staff_id,
            "end": "#",
            "version": int(busy_version["version"]) + 1 if busy_version else 1,
            "wrote": json.dumps({busy_key: 1}, separators=(",", ":")),
        }
        busy = {
            "staff_id": staff_id,
            "end": busy_key,
            "schedule_id": id,
            "shifts": json.dumps([[wall_start, wall_end, location["time_zone"], None]], separators=(",", ":")),
            "version": 1,
        }
        entries = [cls._audit_entry(head, id, caller, heads, at) for head in heads]
        new_heads = [
            {**head, "hash": entry["hash"], "last": entry["seq"], "seal": entry["prev_hash"]}
            for head, entry in zip(heads, entries, strict=True)
        ]
        return cls(schedule, version, busy, entries, new_heads, cls._outbox_messages(schedule, caller, at))

    @staticmethod
    def _audit_entry(head: Item, schedule_id: str, caller: Item, heads: list[Item], at: datetime) -> Item:
        body = {
            "id": new_id("aud"),
            "action": "schedule.created",
            "actor": {"type": "user", "id": caller["id"]},
            "subject": {"type": "schedule", "id": schedule_id},
            "fields": ["staffId", "locationId", "startTime", "endTime", "timeZone"],
            "requestId": uuid.uuid4().hex[:26],
            "streams": [each["stream"] for each in heads],
            "sealed": FILLER,
        }
        text = json.dumps(body, separators=(",", ":"))
        entry = {
            "stream": head["stream"],
            "seq": int(head["last"]) + 1,
            "action": "schedule.created",
            "at": at.isoformat(),
            "body": text,
            "customer_id": caller["customer_id"],
            "hash": hashlib.sha256((head["hash"] + text).encode()).hexdigest(),
            "prev_hash": head["hash"],
        }
        return {**entry, "listed_for": caller["customer_id"]} if head is heads[0] else entry

    @staticmethod
    def _outbox_messages(schedule: Item, caller: Item, at: datetime) -> list[Item]:
        """One for the person, and one for the location whose calls may ring others than before."""
        staff_id, location_id = schedule["staff_id"], schedule["location_id"]
        minute = at.replace(second=0, microsecond=0)
        due_at = stored_time((minute + timedelta(seconds=65)).replace(microsecond=0))
        author = {"type": "user", "id": caller["id"], "sealed": FILLER[:250]}
        followed = {"user_id": staff_id, "since": minute.isoformat()}
        looked_at = {"subject_id": location_id, "customer_id": caller["customer_id"], "look_at": minute.isoformat()}
        return [
            {
                "id": id,
                "arguments": json.dumps(arguments, separators=(",", ":")),
                "attempts": 0,
                "author": json.dumps(author, separators=(",", ":")),
                "deferrals": 0,
                "due_at": due_at,
                "first_due_at": due_at,
                "shard": "2",
                "task": task,
            }
            for id, task, arguments in (
                (f"rota-{staff_id}-{caller['id']}-{minute:%Y%m%d%H%M}", "staffing.follow", followed),
                (f"reach-{location_id}-{minute:%Y%m%d%H%M}", "telephony.reach_changed", looked_at),
            )
        ]


def new_id(prefix: str) -> str:
    """A random id as long as the product's."""
    return f"{prefix}_{uuid.uuid4().hex[:26].upper()}"
