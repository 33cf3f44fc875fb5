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
    preview: CallPreview | None = None

    @property
    def digest(self) -> str:
        """Tells whether what is saved is what was reviewed."""
        return digest_of(self.candidate)


def digest_of(configuration: IvrConfiguration | None) -> str:
    """The same for the same configuration."""
    return sha256(orjson.dumps(configuration, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def check(change: Change, location_id: str, *, actor: Actor, at_text: str, now: datetime) -> None:
    """Fill in what is wrong with the candidate, or else what it changes and what a caller hears."""
    try:
        checked = lines.check_configuration(location_id, change.candidate, actor=actor)
    except errors.DomainError as error:
        if error.status >= 500:
            raise
        add_faults(change, error)
        return
    change.candidate = checked.values
    names = load_names([checked.line.configuration or {}, checked.values], actor)
    change.differences = wording.list_differences(checked.line.configuration or {}, checked.values, names)
    at = read_time(at_text, str(checked.location.time_zone), now)
    if at is None:
        change.faults["at"] = "Enter a day and a time, such as 24 Dec 2026, 19:00."
        return
    change.preview = preview_call(location_id, actor=actor, at=at, configuration=checked.values)


def add_faults(change: Change, error: errors.DomainError) -> None:
    """The faults that a domain function has found, at the fields of the form."""
    change.candidate = None
    if not error.field_errors:
        change.faults[""] = error.detail
        change.pointers.append(("", error.detail))
    for fault in error.field_errors:
        sentence = SENTENCES.get(fault.pointer) or to_sentence(fault.detail)
        change.pointers.append((fault.pointer, fault.detail))
        change.faults.setdefault(field_of_pointer(fault.pointer), sentence)


def to_sentence(detail: str) -> str:
    """A fault without names of members in backticks."""
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
