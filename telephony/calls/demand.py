"""Calls against people on duty at a location, by weekday and hour of its clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from config import dynamodb
from config.dynamodb import pagination
from staffing.schedules import expansion
from staffing.schedules.queries import ScheduleFilter
from telephony.calls.history import listing
from telephony.models import Call

if TYPE_CHECKING:
    from accounts.models import Location

WEEKS = 4
"""How many whole weeks until yesterday are counted."""
MAX_CALLS = 2_000
"""The most calls that are read: the newest."""
MAX_SHIFTS = 10_000
"""The most shifts that are counted: the earliest."""
CALLS_PER_READ = 1_000
MISSED_OUTCOMES = ("missed", "voicemail")
"""Calls that nobody took while the line was open."""
HOURS_PER_DAY, DAYS_PER_WEEK = 24, 7
_HOUR = timedelta(hours=1)
_Slot = tuple[int, int]
"""A weekday, of which Monday is 0, and an hour."""


@dataclass(frozen=True)
class DemandHour:
    """An hour of the week, over all weeks."""

    weekday: int
    """Monday is 0."""
    hour: int
    calls: int
    missed: int
    """Of these calls."""
    on_duty: float
    """People on duty, on average."""


@dataclass(frozen=True)
class Demand:
    """The calls and the people on duty of some weeks."""

    since: datetime
    until: datetime
    hours: Sequence[DemandHour]
    """All 168 hours of the week, from Monday 0:00 on."""
    call_count: int
    missed_count: int
    is_cut: bool
    """Whether there were more calls, or shifts, than are counted."""

    @property
    def busiest(self) -> int:
        """The most calls of an hour."""
        return max(hour.calls for hour in self.hours)


def load_demand(location: "Location", *, at: datetime, weeks: int = WEEKS) -> Demand:
    """Incoming calls, missed ones and people on duty of whole days until the one before ``at``.

    Three round trips at most follow each other. Raises `queries.QueryTooWide`.
    """
    zone, location_id = str(location.time_zone), str(location.id)
    since, until = find_window(at, zone, weeks)
    (calls, has_more_calls), spans = dynamodb.gather(
        lambda: _read_calls(location_id, since, until), lambda: _read_shifts(location_id, since, until)
    )
    hours = count_by_hour(calls, spans, since=since, until=until, zone=zone)
    missed_count = sum(hour.missed for hour in hours)
    is_cut = has_more_calls or len(spans) > MAX_SHIFTS
    return Demand(since, until, hours, sum(hour.calls for hour in hours), missed_count, is_cut)


def find_window(at: datetime, zone: str, weeks: int) -> tuple[datetime, datetime]:
    """The instants between which whole weeks end with yesterday, by the clock of a zone."""
    tz = ZoneInfo(zone)
    today = at.astimezone(tz).date()
    days = today - timedelta(weeks=weeks), today
    since, until = (datetime.combine(day, time(), tz).astimezone(UTC) for day in days)
    return since, until


def _read_calls(location_id: str, since: datetime, until: datetime) -> tuple[list[tuple[datetime, str]], bool]:
    """When incoming calls began and how they ended, the newest; and whether there are more."""
    condition, values = listing.query_between("location_id", location_id, since, until - timedelta(microseconds=1))
    calls: list[Call] = []
    cursor = None
    for _ in range(MAX_CALLS // CALLS_PER_READ):
        page = pagination.query_page(
            Call, "byLocation", condition, values, limit=CALLS_PER_READ, cursor=cursor, newest_first=True
        )
        calls += page.records
        cursor = page.next_cursor
        if cursor is None:
            break
    incoming = [(call.started_at, str(call.outcome)) for call in calls if call.direction == "in"]
    return incoming, cursor is not None


def _read_shifts(location_id: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    shifts = expansion.iter_shifts(ScheduleFilter(location_id=location_id, since=since, until=until), 1_000)
    return [(shift.occurrence.start, shift.occurrence.end) for shift in islice(shifts, MAX_SHIFTS + 1)]


def count_by_hour(
    calls: Iterable[tuple[datetime, str]],
    shifts: Iterable[tuple[datetime, datetime]],
    *,
    since: datetime,
    until: datetime,
    zone: str,
) -> list[DemandHour]:
    """All hours of the week by the clock of a zone. Pure.

    ``calls``: when each began, and its outcome. An hour that a clock change repeats counts twice.
    """
    tz = ZoneInfo(zone)
    call_counts: dict[_Slot, int] = {}
    missed_counts: dict[_Slot, int] = {}
    for started_at, outcome in calls:
        slot = _slot_of(started_at, tz)
        call_counts[slot] = call_counts.get(slot, 0) + 1
        if outcome in MISSED_OUTCOMES:
            missed_counts[slot] = missed_counts.get(slot, 0) + 1
    on_duty = _average_on_duty(shifts, since, until, tz)
    return [
        DemandHour(
            weekday, hour, call_counts.get((weekday, hour), 0), missed_counts.get((weekday, hour), 0),
            round(on_duty.get((weekday, hour), 0), 1),
        )
        for weekday in range(DAYS_PER_WEEK)
        for hour in range(HOURS_PER_DAY)
    ]  # fmt: skip


def _slot_of(at: datetime, tz: ZoneInfo) -> _Slot:
    local = at.astimezone(tz)
    return local.weekday(), local.hour


def _average_on_duty(
    shifts: Iterable[tuple[datetime, datetime]], since: datetime, until: datetime, tz: ZoneInfo
) -> Mapping[_Slot, float]:
    """People on duty in each hour of the week, on average over the weeks.

    Hours are counted from ``since``, which is a midnight: a clock change of half an hour shifts
    what follows by as much.
    """
    hour_count = int((until - since) / _HOUR)
    people = [0.0] * hour_count
    for start, end in shifts:
        first, last = max((start - since) / _HOUR, 0), min((end - since) / _HOUR, hour_count)
        for index in range(int(first), min(int(last) + 1, hour_count)):
            people[index] += max(min(last, index + 1) - max(first, index), 0)
    sums: dict[_Slot, float] = {}
    counts: dict[_Slot, int] = {}
    for index, number in enumerate(people):
        slot = _slot_of(since + index * _HOUR, tz)
        sums[slot] = sums.get(slot, 0) + number
        counts[slot] = counts.get(slot, 0) + 1
    return {slot: sums[slot] / counts[slot] for slot in sums}
