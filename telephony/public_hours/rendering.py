"""What anybody reads of a line that publishes its hours: bounded work, and no names of people."""

from datetime import datetime

import orjson

from config import bulkhead, errors
from staffing.schedules.queries import QueryTooWide
from telephony.public_hours import linked_data, periods
from telephony.public_hours.periods import OpenHours
from telephony.public_hours.publication import PublishedLine

_rendering = bulkhead.Gate(
    max_concurrent=2, max_waiting=4, wait_seconds=2.0, busy="Many opening hours are being read; retry.", retry_after=30
)


def load_hours(published: PublishedLine, at: datetime) -> OpenHours:
    """The hours of the next weeks. Raises `errors.Unavailable`, also if the rota is too large."""
    with _rendering.slot():
        try:
            return periods.load_open_hours(published.line, at)
        except QueryTooWide as too_wide:
            raise errors.Unavailable("This location has too many shifts to list its hours.") from too_wide


def to_linked_data(published: PublishedLine, hours: OpenHours) -> bytes:
    """The hours as JSON-LD, which may stand in a page as it is: no name in it can end a script."""
    text = orjson.dumps(linked_data.build_document(published.line, hours))
    for character in "<>&":
        text = text.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return text


def to_calendar(published: PublishedLine, hours: OpenHours, public_id: str) -> bytes:
    """The hours as iCalendar."""
    from telephony.public_hours import ical  # icalendar: a tenth of what a process imports at its start

    with _rendering.slot():
        return ical.render_calendar(published.line, hours, public_id, updated_at=published.updated_at)
