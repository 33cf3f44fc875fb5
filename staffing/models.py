"""Records of shifts, templates, day notes and calendar feeds. Written through `config.journal`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from config import audit, dynamodb, zone_rules
from config.dynamodb.attributes import Erasure, Json, Number, PersonalData, Text, Timestamp, TimeZoneName, ZonedJson
from staffing.recurrence import pattern, wall_clock
from staffing.recurrence.expand import Occurrence, Series

VERSION_RECORD_KEY = "#"
"""The range key of a person's version record in ``staff-busy``; sorts before every row."""
SINGLE_PREFIX, LONG_PREFIX, SERIES_PREFIX = "O#", "P#", "R#"
"""First characters of the ``window`` of a single shift, of a long one, and of a series."""
LONG_SHIFT_DURATION = timedelta(hours=48)
"""Single shifts that take longer are long ones: they are looked for further back than the others,
and count as series where those are limited, so that a window has few of them."""

SHIFTS = PersonalData(
    "shifts",
    "know who is on duty, when and where",
    "past shifts: for as long as the customer exists",
    Erasure.FUTURE_REMOVED,
)
NOTES = PersonalData(
    "shift notes",
    "tell the person what to know about a shift",
    "until the account is deleted or the schedule is removed",
    Erasure.REMOVED,
)
SCHEDULE_KEYS = replace(SHIFTS, category="technical").withheld("keys, counters and times of changes")
AVAILABILITY = replace(SCHEDULE_KEYS, purpose="detect overlapping shifts").withheld("derived from exported shifts")
TEMPLATES = PersonalData(
    "business", "reuse a schedule", "until it is deleted", Erasure.NOT_PERSONAL, withheld_because="not about a person"
)
DAYS = replace(TEMPLATES, purpose="tell everybody at a location about a day", retention="until the note is removed")
ENDED_SHIFTS = PersonalData(
    "deleted account",
    "restore the shifts to come of a person who was deleted by mistake",
    "until the person is restored or erased",
    Erasure.REMOVED,
    withheld_because="shifts that ended with the account",
)
FEED = PersonalData(
    "calendar feed",
    "show shifts in the person's own calendar",
    "until the feed is closed or the account is deleted",
    Erasure.REMOVED,
)


class Schedule(dynamodb.Record):
    """One shift or one series of a person at a location."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("schedules")

    by_location = dynamodb.index("byLocation", "location_id", "window")
    by_customer = dynamodb.index("byCustomer", "customer_id", "window")
    id = Text(SCHEDULE_KEYS, hash_key=True)
    customer_id = Text(SHIFTS.withheld("part of the profile"))
    location_id = Text(SHIFTS)
    staff_id = Text(SHIFTS.withheld("part of the profile"))
    start = Text(SHIFTS)
    """Local time of the first shift, in ``zone``: 2027-01-04T09:00:00."""
    end = Text(SHIFTS)
    zone = TimeZoneName(SHIFTS)
    """An IANA name."""
    pattern = Json(SHIFTS, null=True)
    """Recurrence and exceptions; None: a single shift."""
    notes = Text(NOTES, null=True)
    """What the person should know; an exception in ``pattern`` may have notes of its own."""
    position = Text(SHIFTS, null=True)
    """What the person works as: Front desk."""
    break_minutes = Number(SHIFTS, null=True)
    color = Text(SHIFTS, null=True)
    """#rrggbb"""
    window = Text(SCHEDULE_KEYS)
    """``O#`` and the start of a single shift, ``P#`` and that of a long one, or ``R#`` and the end
    of a series, in UTC."""
    zone_rules = Text(SCHEDULE_KEYS, null=True)
    """The version of the zone rules from which ``window`` and rows of availability follow."""
    template_id = Text(SCHEDULE_KEYS, null=True)
    split_from = Text(SCHEDULE_KEYS, null=True)
    """The series that this one was split from."""
    created_at = Timestamp(SCHEDULE_KEYS)
    updated_at = Timestamp(SCHEDULE_KEYS)
    version = Number(SCHEDULE_KEYS, default=1)
    staff_names: Mapping[str, str] = MappingProxyType({})
    """Names of its people by id, as far as they were read when it was written; not stored."""

    @property
    def party(self) -> audit.Party:
        """As the audit names it; entries are encrypted under the key of the assigned person."""
        return audit.Party("schedule", self.id, f"{self.start} {self.zone}", self.staff_id, self.customer_id)

    @property
    def is_series(self) -> bool:
        return self.pattern is not None

    @property
    def first_shift(self) -> Occurrence:
        """The only shift, or the first of a series, also where a rule would leave that out."""
        values = vars(self)
        return _build_first_shift(values["start"], values["end"], values["zone"])

    @property
    def zoned_times(self) -> tuple[datetime, datetime]:
        """Start and end of the first shift, with the offset of the schedule's time zone."""
        values = vars(self)
        return _build_zoned_times(values["start"], values["end"], values["zone"])

    def follows_present_rules(self) -> bool:
        """Whether ``window`` and ``zone_rules`` are those of the present rules.

        Both count: an earlier release changes a window without naming its rules.
        """
        derived = derive_attributes(self.series())
        return all(getattr(self, name) == value for name, value in derived.items())

    def series(self, window: tuple[datetime, datetime] | None = None) -> Series:
        """Its shifts; with a window, complete only for those that overlap it."""
        values = vars(self)
        return pattern.from_stored_pattern(
            values["start"], values["end"], values["zone"], values.get("pattern"), window
        )


@lru_cache(maxsize=4_096)
def _build_first_shift(start: str, end: str, zone: str) -> Occurrence:
    """Cached, as many shifts have the same times: conversions between zones were half of a list."""
    return pattern.from_stored_pattern(start, end, zone, None).first_occurrence


@lru_cache(maxsize=4_096)
def _build_zoned_times(start: str, end: str, zone: str) -> tuple[datetime, datetime]:
    first_shift = _build_first_shift(start, end, zone)
    return wall_clock.to_zoned_time(first_shift.start, zone), wall_clock.to_zoned_time(first_shift.end, zone)


def to_attributes(series: Series) -> dict[str, Any]:
    """The attributes of a `Schedule` that say when."""
    start, end, zone, stored_pattern = to_row_values(series)
    return {"start": start, "end": end, "zone": zone, "pattern": stored_pattern, **derive_attributes(series)}


def to_row_values(series: Series) -> list[Any]:
    """An element of `StaffAvailability.shifts`."""
    return [series.start.isoformat(), series.end.isoformat(), series.zone, pattern.to_stored_pattern(series)]


def derive_attributes(series: Series) -> dict[str, str]:
    """The attributes of a `Schedule` that follow from the others and the rules of its zone."""
    return {"window": to_window_key(series), "zone_rules": zone_rules.VERSION}


def to_window_key(series: Series) -> str:
    """The sort key of a schedule in the indexes by location and by customer."""
    if series.rule is None:
        prefix = LONG_PREFIX if series.end - series.start > LONG_SHIFT_DURATION else SINGLE_PREFIX
        return prefix + format_instant(wall_clock.to_instant(series.start, series.zone))
    return SERIES_PREFIX + format_instant(series.latest_end)


def format_instant(at: datetime) -> str:
    """An instant in UTC that sorts as text."""
    return at.astimezone(UTC).isoformat()[:19] + "Z"  # a fifth of the time of strftime


class StaffAvailability(dynamodb.Record):
    """When a person works: one row per schedule, read strongly consistently to detect conflicts.

    The row ``#`` is the person's version record: every change of their schedules increments its
    version and lists the rows that the change wrote, so that readers detect a partial read.
    """

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("staff-busy")

    staff_id = Text(AVAILABILITY, hash_key=True)
    end = Text(AVAILABILITY, range_key=True)
    """The end in UTC and the schedule's id."""
    version = Number(AVAILABILITY)
    """Of the schedule; of a version record: the number of changes."""
    schedule_id = Text(AVAILABILITY, null=True)
    shifts = Json(AVAILABILITY, null=True)
    """The parts of the schedule that are this person's: ``[start, end, zone, pattern]`` each."""
    wrote = Json(AVAILABILITY, null=True)
    """Of a version record: the rows of the last change with their versions; 0: removed."""

    def series(self) -> list[Series]:
        """The shifts of this row."""
        return [pattern.from_stored_pattern(*values) for values in self.shifts or ()]

    @property
    def latest_end(self) -> datetime:
        """The instant by which these shifts have ended, by the present rules of their zones."""
        return max(series.latest_end for series in self.series())


class EndedShifts(dynamodb.Record):
    """A schedule of a deleted person as it was: its shifts come back if they are restored."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("ended-shifts")

    user_id = Text(ENDED_SHIFTS, hash_key=True)
    schedule_id = Text(ENDED_SHIFTS, range_key=True)
    customer_id = Text(ENDED_SHIFTS)
    schedule = Json(ENDED_SHIFTS)
    """The item of the `Schedule`."""
    ended_at = Timestamp(ENDED_SHIFTS)


class Template(dynamodb.Record):
    """A schedule template."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("templates")

    by_customer = dynamodb.index("byCustomer", "customer_id", "name_key")
    id = Text(TEMPLATES, hash_key=True)
    customer_id = Text(TEMPLATES)
    name = Text(TEMPLATES)
    name_key = Text(TEMPLATES)
    location_id = Text(TEMPLATES, null=True)
    """None: for any location."""
    start = Text(TEMPLATES)
    """A local time, HH:MM."""
    end = Text(TEMPLATES)
    """A local time, HH:MM; if not after ``start``, on the next day."""
    pattern = ZonedJson(TEMPLATES, null=True)
    """A ``recurrencePattern`` as the API has it."""
    notes = Text(TEMPLATES, null=True)
    position = Text(TEMPLATES, null=True)
    break_minutes = Number(TEMPLATES, null=True)
    color = Text(TEMPLATES, null=True)
    created_at = Timestamp(TEMPLATES)
    updated_at = Timestamp(TEMPLATES)
    version = Number(TEMPLATES, default=1)

    @property
    def party(self) -> audit.Party:
        return audit.Party("template", self.id, self.name, self.customer_id, self.customer_id)


class Feed(dynamodb.Record):
    """The calendar feed of a person; its secret address grants read access."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("calendar-feeds")

    user_id = Text(FEED.withheld("part of the profile"), hash_key=True)
    customer_id = Text(FEED.withheld("part of the profile"))
    secret = Text(FEED.withheld("a digest of the feed's secret"))
    """The SHA-256 of the secret."""
    created_at = Timestamp(FEED, label="Opened")
    handover_id = Text(FEED.withheld("a reference to a message"), null=True)
    """That of the person when they opened it; after another handover the feed does not work."""


class DayNote(dynamodb.Record):
    """What everybody who works at a location should know about a day."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("day-notes")

    location_id = Text(DAYS, hash_key=True)
    date = Text(DAYS, range_key=True)
    """A day at the location: 2026-12-24."""
    customer_id = Text(DAYS)
    note = Text(DAYS)
    created_at = Timestamp(DAYS)
    updated_at = Timestamp(DAYS)
    version = Number(DAYS, default=1)

    @property
    def party(self) -> audit.Party:
        id = f"{self.location_id}~{self.date}"
        return audit.Party("day note", id, self.date, self.customer_id, self.customer_id)
