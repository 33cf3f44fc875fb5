"""When a line is open in the next weeks: by its own hours, or by the rota. Nobody is named."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from accounts import users
from staffing.recurrence import wall_clock
from staffing.schedules import expansion, queries
from staffing.schedules.coverage import Period
from staffing.schedules.on_duty import OnDuty
from staffing.schedules.queries import ScheduleFilter
from telephony import ivr
from telephony.ivr import open_periods
from telephony.lines import ResolvedLine

WEEKS = 8
MAX_SHIFTS = 10_000
"""Shifts that are looked at; of a location with more, the hours of fewer weeks are known."""
MAX_PERIODS = 1_000
"""Periods that are shown; where there are more, those of fewer weeks."""
_DAY, _MINUTE, _SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


@dataclass(frozen=True)
class OpenHours:
    """When a line is open, from a day until before another, by the clock of its location."""

    since: date
    until: date
    time_zone: str
    """The location's."""
    periods: list[Period]
    """In order, in whole minutes, without overlaps; the first may have begun before ``since``."""
    holidays: Mapping[date, str]
    """Names by date. The line may be open nevertheless, as ``periods`` say."""


def load_open_hours(line: ResolvedLine, at: datetime, *, weeks: int = WEEKS) -> OpenHours:
    """The hours from the day of ``at`` on. Two round trips if the rota opens the line, else none.

    Raises `errors.Unavailable`, and `queries.QueryTooWide` for a location with too many series.
    """
    first_day = wall_clock.to_wall_time(at, line.time_zone).date()
    until_day = first_day + timedelta(weeks=weeks)
    since, until = (_midnight(day, line.time_zone) for day in (first_day, until_day))
    periods = open_periods.list_open_periods(line.configuration, since, until, time_zone=line.time_zone)
    if periods is None:
        periods, until = _load_rota_periods(line, since, until)
        until_day = wall_clock.to_wall_time(until, line.time_zone).date()
    holidays = {day: name for day in _iter_days(first_day, until_day) if (name := _holiday(line, day))}
    return OpenHours(first_day, until_day, line.time_zone, merge_minutes(periods), holidays)


def merge_minutes(periods: Iterable[Period], gap: timedelta = timedelta(0)) -> list[Period]:
    """Periods in order and in whole minutes, those at most ``gap`` apart as one. Pure."""
    merged: list[Period] = []
    for start, end in sorted(periods):
        start, end = _floor(start + _MINUTE - _SECOND), _floor(end)
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif start < end:
            merged.append((start, end))
    return merged


def _load_rota_periods(line: ResolvedLine, since: datetime, until: datetime) -> tuple[list[Period], datetime]:
    """When somebody is on duty who opens the line, and until when that is known.

    The minutes after a shift in which its person is still rung only join shifts.
    """
    window = ScheduleFilter(location_id=line.location_id, since=since, until=until)
    (schedules,) = queries.list_schedules_in_each([window])
    staff_ids = {id for schedule in schedules for id in queries.list_staff_ids(schedule)}
    staff = users.load_users(sorted(staff_ids), line.customer_id) if staff_ids else {}
    shifts = expansion.iter_series_shifts(schedules, window)
    entries = [
        OnDuty(staff[shift.staff_id], shift)
        for shift in islice(shifts, MAX_SHIFTS)
        if shift.staff_id in staff and staff[shift.staff_id].status in users.WORKING_STATUSES
    ]
    if next(shifts, None) is not None and entries:
        last_day = wall_clock.to_wall_time(entries[-1].shift.occurrence.start, line.time_zone).date()
        until = max(_midnight(last_day, line.time_zone), since + _DAY)
    zone = str(line.configuration.get("timeZone") or line.time_zone)
    days = _iter_days(*(wall_clock.to_wall_time(at, zone).date() for at in (since - _DAY, until + _DAY)))
    holidays = [
        (day, _midnight(day, zone), _midnight(day + _DAY, zone))
        for day in days
        if ivr.find_holiday(line.configuration, day)
    ]
    periods = [
        (max(start, since), min(end, until))
        for entry in entries
        for start, end in _iter_spans(entry, holidays, zone)
        if start < until and end > since
    ]
    merged = merge_minutes(periods, ivr.grace_period(line.configuration))
    if len(merged) > MAX_PERIODS:
        last_day = wall_clock.to_wall_time(merged[MAX_PERIODS][0], line.time_zone).date()
        until = max(_midnight(last_day, line.time_zone), since + _DAY)
        merged = [(start, min(end, until)) for start, end in merged if start < until]
    return merged, until


def _iter_spans(entry: OnDuty, holidays: Iterable[tuple[date, datetime, datetime]], zone: str) -> Iterator[Period]:
    """A shift without the holidays for which it was not planned on purpose.

    ``holidays``: each with its midnights, which are found once for all shifts.
    """
    start, end = entry.shift.occurrence.start, entry.shift.occurrence.end
    for day, midnight, next_midnight in holidays:
        if next_midnight <= start or midnight >= end or entry.is_planned_for(day, zone):
            continue
        if start < midnight:
            yield start, midnight
        start = max(start, next_midnight)
    if start < end:
        yield start, end


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _holiday(line: ResolvedLine, day: date) -> str | None:
    return ivr.find_holiday(line.configuration, day)


def _iter_days(since: date, until: date) -> Iterator[date]:
    return (since + timedelta(days=number) for number in range((until - since).days))


def _midnight(day: date, zone: str) -> datetime:
    return wall_clock.to_instant(datetime.combine(day, time()), zone)
