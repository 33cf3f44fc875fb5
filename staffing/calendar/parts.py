"""What a calendar says of schedules: series, single shifts, and the shifts that differ.

Calendar programs disagree about shifts around a clock change: what a wall time means that is
skipped or occurs twice, and whether a shift of eight hours ends by the clock or after eight hours.
So those are parts of their own, at their instants, and no series starts with one of them.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from staffing.models import Schedule
from staffing.recurrence import covers, dst, expand, rules, wall_clock
from staffing.recurrence.expand import Occurrence, RecurrenceException, Series

PAST_PERIOD, FUTURE_PERIOD = timedelta(days=60), timedelta(days=400)
"""The period around now in which changed shifts are written."""
CLOCK_CHANGE_PERIOD = timedelta(days=3 * 366)
"""The time from now for which shifts around a clock change are written."""
MAX_EVENTS = 2_000
"""Series, single shifts, changed and excluded shifts of a calendar."""
_MAX_FIRST_SHIFTS = 40
_NO_SHIFT = RecurrenceException()


@dataclass(frozen=True)
class Part:
    """A series or single shift, or one shift."""

    kind: Literal["whole", "changed", "separate"]
    """Of a whole series, what is changed is named by its recurrence id; others are separate."""
    distance: timedelta
    """From now."""
    series: Series
    recurrence_id: datetime
    exception: RecurrenceException = _NO_SHIFT
    occurrence: Occurrence | None = None
    """A shift around a clock change."""

    @property
    def is_excluded(self) -> bool:
        return self.exception.start is None and self.occurrence is None

    @property
    def earliest_start(self) -> datetime:
        """A wall time up to which it does not start."""
        return min(self.series.start, self.recurrence_id, self.exception.start or self.recurrence_id)


def select_parts(schedules: Iterable[Schedule], user_id: str, at: datetime) -> Iterator[tuple[Schedule, list[Part]]]:
    """The parts of each schedule that are written, by id; at most `MAX_EVENTS` in all."""
    schedules_by_id = {str(schedule.id): schedule for schedule in schedules}
    parts = ((part, id) for id, schedule in schedules_by_id.items() for part in _iter_parts(schedule, user_id, at))
    parts_by_id: dict[str, list[Part]] = defaultdict(list)
    for part, id in heapq.nsmallest(MAX_EVENTS, parts, key=lambda item: item[0].distance):
        parts_by_id[id].append(part)
    for id in sorted(parts_by_id):
        yield schedules_by_id[id], parts_by_id[id]


def is_plain(wall_time: datetime, zone: str) -> bool:
    """Whether a wall time occurs once: no clock change skips or repeats it."""
    zone_info = ZoneInfo(zone)
    first, second = (wall_time.replace(tzinfo=zone_info, fold=fold).utcoffset() for fold in (0, 1))
    return first == second


def _iter_parts(schedule: Schedule, user_id: str, at: datetime) -> Iterator[Part]:
    series, now = schedule.series(), at.replace(tzinfo=None)
    if schedule.staff_id != user_id:
        for recurrence_id, exception in series.exceptions.items():
            if exception.staff_id == user_id and exception.start and exception.start >= now - PAST_PERIOD:
                yield Part("separate", abs(exception.start - now), series, recurrence_id, exception)
    elif series.rule is None:
        yield Part("whole", abs(series.start - now), series, series.start)
    else:
        regular_series = _start_regularly(series)
        if regular_series:
            yield Part("whole", timedelta(0), regular_series, regular_series.start)
        for part in _iter_single_parts(series, regular_series, at):
            is_named = regular_series and part.recurrence_id >= regular_series.start
            if is_named or not part.is_excluded:
                yield part if is_named else replace(part, kind="separate")


def _iter_single_parts(series: Series, regular_series: Series | None, at: datetime) -> Iterator[Part]:
    """The shifts of a series that differ from the others."""
    now = at.replace(tzinfo=None)
    for recurrence_id, exception in covers.exclude_covers(series).exceptions.items():
        starts = [recurrence_id, exception.start or recurrence_id]
        if max(starts) >= now - PAST_PERIOD:
            is_distant = min(starts) > now + FUTURE_PERIOD
            distance = min(abs(start - now) for start in starts)
            yield Part("changed", distance, series, recurrence_id, _NO_SHIFT if is_distant else exception)
    occurrences = {
        occurrence.recurrence_id: occurrence
        for occurrence in (*_iter_first_shifts(series, regular_series), *_iter_near_clock_changes(series, at))
    }
    for recurrence_id, occurrence in occurrences.items():
        shift = None if expand.is_skipped(series, recurrence_id) else occurrence
        yield Part("changed", abs(occurrence.start - at), series, recurrence_id, occurrence=shift)


# --- shifts around a clock change -----------------------------------------------------------------
def _iter_near_clock_changes(series: Series, at: datetime) -> Iterator[Occurrence]:
    """Regular shifts about which calendar programs disagree, around now."""
    if series.rule is None:
        return
    duration, margin = series.end - series.start, timedelta(days=2)
    for transition in dst.list_transitions(series.zone, at.year):
        if at - PAST_PERIOD <= transition <= at + CLOCK_CHANGE_PERIOD:
            change = wall_clock.to_wall_time(transition, series.zone)
            starts = rules.iter_starts(series.rule, series.start, change - duration - margin, change + margin)
            yield from _build_occurrences(series, (start for start in starts if not _is_regular(series, start)))


def _build_occurrences(series: Series, starts: Iterable[datetime]) -> Iterator[Occurrence]:
    """The shifts at these starts of a series' rule, skipped ones, too, but not changed ones."""
    duration = series.end - series.start
    for start in starts:
        if start not in series.exceptions:
            yield Series(start, start + duration, series.zone).first_occurrence


def _is_regular(series: Series, start: datetime) -> bool:
    """Whether all programs agree about the shift that the rule starts at this wall time."""
    duration = series.end - series.start
    if not (is_plain(start, series.zone) and is_plain(start + duration, series.zone)):
        return False
    return wall_clock.to_instant(start + duration, series.zone) - wall_clock.to_instant(start, series.zone) == duration


def _start_regularly(series: Series) -> Series | None:
    """The series from its first regular shift on; None if no shift is regular.

    Programs derive all other shifts from the first.
    """
    if series.rule is None or _is_regular(series, series.start):
        return series
    starts = rules.iter_starts(series.rule, series.start, series.start, rules.LATEST_START)
    for number, start in enumerate(starts):
        if number == _MAX_FIRST_SHIFTS:
            return series
        if _is_regular(series, start):
            count = series.rule.count and series.rule.count - number
            rule = replace(series.rule, count=count)
            return replace(series, start=start, end=start + (series.end - series.start), rule=rule)
    return None


def _iter_first_shifts(series: Series, regular_series: Series | None) -> Iterator[Occurrence]:
    """The shifts before the first regular one."""
    if series.rule and regular_series is not series:
        starts = rules.iter_starts(series.rule, series.start, series.start, rules.LATEST_START)
        first_starts = takewhile(lambda start: regular_series is None or start < regular_series.start, starts)
        yield from _build_occurrences(series, first_starts)
