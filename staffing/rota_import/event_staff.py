"""Whose shift an event is: its attendees', or who is named in its summary."""

import re
from typing import TYPE_CHECKING

from icalendar import Event

from staffing.rota_import import events
from staffing.rota_import.events import InvalidEvent
from staffing.rota_import.people import AmbiguousName, Staff, UnknownName

if TYPE_CHECKING:
    from accounts.models import User

MAX_PEOPLE = 20
MAX_PARTS = 8
_SEPARATORS = re.compile(r"[:|–—()\[\]/,;\n]|\s-\s|\s@\s|\s&\s")
_NO_PEOPLE = ("ROOM", "RESOURCE")


def find_event_staff(event: Event, staff: Staff) -> tuple[list["User"], str]:
    """The people of an event, and what they work as by its summary. Raises `InvalidEvent`."""
    summary = events.get_text(event, "SUMMARY")
    people, unknown = _find_attendees(event, staff)
    if people and unknown:
        raise InvalidEvent("ATTENDEE", f"Nobody has the address {unknown[0][:80]!r}.")
    if people:
        return people, summary
    named, position = _find_in_summary(summary, staff)
    if named:
        return named, position
    if unknown:
        raise InvalidEvent("ATTENDEE", f"Nobody has the address {unknown[0][:80]!r}, and the summary names nobody.")
    raise InvalidEvent("SUMMARY", "Names nobody: write the name or the e-mail address of a person, or add an attendee.")


def _find_attendees(event: Event, staff: Staff) -> tuple[list["User"], list[str]]:
    """The attendees who are people of the customer, and the addresses of others."""
    raw_attendees = event.get("ATTENDEE", [])
    attendees = raw_attendees if isinstance(raw_attendees, list) else [raw_attendees]
    if len(attendees) > MAX_PEOPLE:
        raise InvalidEvent("ATTENDEE", f"An event has at most {MAX_PEOPLE} attendees.")
    people: dict[str, User] = {}
    unknown: list[str] = []
    for attendee in attendees:
        parameters = attendee.params
        is_person = str(parameters.get("CUTYPE", "")).upper() not in _NO_PEOPLE
        if not is_person or str(parameters.get("PARTSTAT", "")).upper() == "DECLINED":
            continue
        address = re.sub(r"(?i)^mailto:", "", str(attendee)).strip()
        try:
            user = staff.find_by_email(address)
            people[user.id] = user
        except UnknownName:
            unknown.append(address)
    return list(people.values()), unknown


def _find_in_summary(summary: str, staff: Staff) -> tuple[list["User"], str]:
    """Who is named, and the rest of the summary."""
    try:
        return [staff.find(summary)], ""
    except AmbiguousName as error:
        raise InvalidEvent("SUMMARY", str(error)) from error
    except UnknownName:
        pass
    people: dict[str, User] = {}
    others: list[str] = []
    parts = (part.strip() for part in _SEPARATORS.split(summary, maxsplit=MAX_PARTS))
    for part in filter(None, parts):
        try:
            user = staff.find(part)
            people[user.id] = user
        except AmbiguousName as error:
            raise InvalidEvent("SUMMARY", str(error)) from error
        except UnknownName:
            others.append(part)
    return list(people.values()), ", ".join(others)
