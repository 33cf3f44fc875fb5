"""The records of when people work. Written through `config.journal`."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from config import audit, dynamodb
from staffing.recurrence import expand, pattern
from staffing.recurrence.expand import Series

VERSION_RECORD_KEY = "#"
"""The range key of a person's head in ``staff-busy``; sorts before every row."""
SINGLE_PREFIX, SERIES_PREFIX = "O#", "R#"
"""What a window begins with: of a single shift, of a series."""


class Schedule(dynamodb.Record):
    """One shift or one series of a person at a location."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("schedules")

    by_location = dynamodb.index("byLocation", "location_id", "window")
    by_customer = dynamodb.index("byCustomer", "customer_id", "window")
    id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    location_id = UnicodeAttribute()
    staff_id = UnicodeAttribute()
    start = UnicodeAttribute()
    """Wall time of the first shift, in ``zone``: 2027-01-04T09:00:00."""
    end = UnicodeAttribute()
    zone = UnicodeAttribute()
    """An IANA name."""
    pattern = dynamodb.CompactJSONAttribute(null=True)
    """How it recurs, and what became of single shifts; None: it does not."""
    window = UnicodeAttribute()
    """``O#`` and the start of a single shift, or ``R#`` and the end of a series, in UTC."""
    template_id = UnicodeAttribute(null=True)
    split_from = UnicodeAttribute(null=True)
    """The series of which this one was the rest."""
    created_at = dynamodb.UTCTimestampAttribute()
    updated_at = dynamodb.UTCTimestampAttribute()
    version = NumberAttribute(default=1)

    @property
    def party(self) -> audit.Party:
        """As the audit names it; what it tells is sealed under the key of whose it is."""
        return audit.Party("schedule", self.id, f"{self.start} {self.zone}", self.staff_id, self.customer_id)

    @property
    def is_series(self) -> bool:
        return self.pattern is not None

    def series(self) -> Series:
        """Its shifts."""
        return pattern.from_stored_pattern(self.start, self.end, self.zone, self.pattern)


def to_attributes(series: Series) -> dict[str, Any]:
    """The attributes of a `Schedule` that say when."""
    return {
        "start": series.start.isoformat(),
        "end": series.end.isoformat(),
        "zone": series.zone,
        "pattern": pattern.to_stored_pattern(series),
        "window": to_window_key(series),
    }


def to_window_key(series: Series) -> str:
    """Where a schedule stands among those of a location or customer."""
    if series.rule is None:
        return SINGLE_PREFIX + format_instant(expand.to_instant(series.start, series.zone))
    return SERIES_PREFIX + format_instant(expand.get_latest_end(series))


def format_instant(at: datetime) -> str:
    """A moment in UTC that sorts as text."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


class StaffAvailability(dynamodb.Record):
    """When a person works, by schedule: read strongly consistent to find clashes.

    The item ``#`` is the person's head: every change of their schedules raises its version, and it
    names what that change wrote, so that a reader notices a change that it saw half of.
    """

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("staff-busy")

    staff_id = UnicodeAttribute(hash_key=True)
    end = UnicodeAttribute(range_key=True)
    """The end in UTC and the schedule's id."""
    version = NumberAttribute()
    """Of the schedule; of a head: how often anything changed."""
    schedule_id = UnicodeAttribute(null=True)
    shifts = dynamodb.CompactJSONAttribute(null=True)
    """What of the schedule is this person's: ``[start, end, zone, pattern]`` each."""
    wrote = dynamodb.CompactJSONAttribute(null=True)
    """Of a head: the rows of the last change with their versions; 0: it was removed."""

    def series(self) -> list[Series]:
        """The shifts of this row."""
        return [pattern.from_stored_pattern(*values) for values in self.shifts or ()]


class Template(dynamodb.Record):
    """A reusable shape of a schedule."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("templates")

    by_customer = dynamodb.index("byCustomer", "customer_id", "name_key")
    id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    name = UnicodeAttribute()
    name_key = UnicodeAttribute()
    location_id = UnicodeAttribute(null=True)
    """Where it is for; None: anywhere."""
    start = UnicodeAttribute()
    """A wall time, HH:MM."""
    end = UnicodeAttribute()
    """A wall time, HH:MM; not after the start: of the next day."""
    pattern = dynamodb.CompactJSONAttribute(null=True)
    """Members of a recurrencePattern."""
    created_at = dynamodb.UTCTimestampAttribute()
    updated_at = dynamodb.UTCTimestampAttribute()
    version = NumberAttribute(default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("template", self.id, self.name, self.customer_id, self.customer_id)


class Feed(dynamodb.Record):
    """A person's calendar feed: whoever knows the secret reads it."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("calendar-feeds")

    user_id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    secret = UnicodeAttribute()
    """Its SHA-256."""
    created_at = dynamodb.UTCTimestampAttribute()
