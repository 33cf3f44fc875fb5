"""A change of an IVR configuration before it is saved: its faults, its differences, its preview."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from accounts import locations, users
from accounts.permissions import Actor
from config import errors, journal
from telephony import ivr, lines
from telephony.admin.ivr import rota_hours
from telephony.admin.ivr.values import field_of_pointer
from telephony.calls.preview import CallPreview, preview_call
from telephony.ivr import IvrConfiguration, wording
from telephony.ivr.opening_hours import WEEKDAYS

STALE_MESSAGE = (
    "Somebody else saved this configuration while you were editing it. Nothing was saved yet: below is what "
    "your version changes in theirs. Look at it, then save again."
)
SENTENCES = {
    "/configuration/holiday": "This would be ignored, as there are no holidays: enter closed days or a country, "
    "or choose “the same as when closed”.",
    "/configuration/hours/weekly": "Hours are entered, but would be ignored: choose “at fixed hours”.",
    "/configuration/timeZone": "This is no time zone, or would be ignored: it is that of fixed hours and holidays.",
}
"""By pointer: what is wrong, in the words of the form."""
TIME_HELP = "Enter a day and a time, such as 24 Dec 2026, 19:00."
_PATTERN_FAULT = re.compile(r"'(.*?)' does not match '.*?'(?:: (.*))?", re.DOTALL)
MIN_YEAR, MAX_YEAR = 2000, 2099


@dataclass
class Change:
    """What is typed, and what is known of it."""

    candidate: dict[str, Any] | None = None
    """The configuration that would be saved, if it is valid."""
    faults: dict[str, str] = field(default_factory=dict)
    """By field; those of none are at ``""``."""
    pointers: list[tuple[str, str]] = field(default_factory=list)
    """The same faults with their JSON pointers, for those who write JSON."""
    differences: Sequence[wording.Difference] = ()
    notes: Sequence[str] = ()
    outside: Sequence[str] = ()
    """About planned shifts in which the line would be closed: a sentence, then the shifts."""
    previews: Sequence[CallPreview] = ()

    @property
    def digest(self) -> str:
        """Tells whether what is saved is what was reviewed."""
        return digest_of(self.candidate)


def digest_of(configuration: IvrConfiguration | None) -> str:
    """The same for the same configuration."""
    return sha256(orjson.dumps(configuration, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def check(change: Change, location_id: str, *, actor: Actor, call_times: Mapping[str, str], now: datetime) -> None:
    """Fill in what is wrong with the candidate, or else what it changes and what callers hear.

    ``call_times``: what is typed as the times of previewed calls, by field.
    """
    try:
        checked = lines.check_configuration(location_id, change.candidate, actor=actor)
    except errors.DomainError as error:
        if error.status >= 500:
            raise
        add_faults(change, error)
        return
    change.candidate = checked.values
    stored, zone = checked.line.configuration or {}, str(checked.location.time_zone)
    names = load_names([stored, checked.values], actor)
    change.differences = wording.list_differences(stored, checked.values, names)
    if stored.get("hours") != checked.values["hours"]:
        change.notes = [*change.notes, *_list_past_days(stored, checked.values, zone, now)]
        change.outside = rota_hours.list_shifts_outside(
            location_id, checked.values, time_zone=zone, customer_id=actor.customer_id, now=now
        )
    times = {}
    for name, text in call_times.items():
        if text.strip() or name == "at":
            times[name] = read_time(text, zone, now)
            if times[name] is None:
                change.faults[name] = TIME_HELP
    if not change.faults:
        change.previews = [
            preview_call(location_id, actor=actor, at=at, configuration=checked.values)
            for at in dict.fromkeys(times.values())
            if at is not None
        ]


def _list_past_days(stored: IvrConfiguration, configuration: IvrConfiguration, zone: str, now: datetime) -> list[str]:
    """A sentence for each closed day that is new, but over."""
    today = now.astimezone(ZoneInfo(zone)).date().isoformat()
    known, days = (set(each.get("hours", {}).get("holidays", {}).get("dates", ())) for each in (stored, configuration))
    return [
        f"The closed day {wording.describe_date(day)} is in the past: it changes nothing. Check the year."
        for day in sorted(days - known)
        if day < today
    ]


def add_faults(change: Change, error: errors.DomainError) -> None:
    """The faults that a domain function has found, at the fields of the form."""
    change.candidate = None
    if not error.field_errors:
        change.faults[""] = error.detail
        change.pointers.append(("", error.detail))
    for fault in error.field_errors:
        sentence = SENTENCES.get(fault.pointer) or to_sentence(fault.detail)
        change.pointers.append((fault.pointer, _without_pattern(fault.detail)))
        change.faults.setdefault(field_of_pointer(fault.pointer), sentence)


def _without_pattern(detail: str) -> str:
    """A fault that names a regular expression as a sentence; others as they are."""
    match = _PATTERN_FAULT.fullmatch(detail)
    return f"“{match[1]}” cannot be used here" + (f": {match[2]}" if match[2] else ".") if match else detail


def to_sentence(detail: str) -> str:
    """A fault without names of members in backticks, and without patterns."""
    detail = _without_pattern(detail)
    weekday_names = dict(zip(WEEKDAYS, wording.WEEKDAY_NAMES, strict=True))
    return re.sub(r"`([^`{}]{1,40})`", lambda match: weekday_names.get(match[1], match[1]), detail)


def read_time(text: str, zone: str, now: datetime) -> datetime | None:
    """The typed local time of a call, now if there is none; None if it cannot be read."""
    if not text.strip():
        return now.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)
    try:
        at = datetime.fromisoformat(text.strip()[:40])
    except ValueError:
        return None
    return at.replace(tzinfo=None) if MIN_YEAR <= at.year <= MAX_YEAR else None


def load_names(configurations: Sequence[IvrConfiguration], actor: Actor) -> Mapping[str, str]:
    """The names of the users and locations that configurations name, by id."""
    user_ids = {id for each in configurations for _, id in ivr.list_user_references(each)}
    location_ids = {id for each in configurations for _, id in ivr.list_location_references(each)}
    user_names = users.load_display_names(sorted(user_ids), actor.customer_id) if user_ids else {}
    places = locations.load_locations(sorted(location_ids), actor.customer_id) if location_ids else {}
    return {**user_names, **{id: str(location.name) for id, location in places.items()}}


def save(change: Change, location_id: str, version: int, *, actor: Actor, at: datetime) -> bool:
    """Save a checked change; False, with faults, if it was refused."""
    try:
        lines.update_configuration(
            location_id, change.candidate, actor=actor, at=at, precondition=journal.Precondition([version])
        )
    except errors.DomainError as error:
        if error.status >= 500:
            raise
        add_faults(change, error)
        return False
    return True
