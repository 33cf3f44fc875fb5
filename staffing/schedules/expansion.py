"""The shifts of schedules in a window, by start: expanded only as far as they are read."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from config import dynamodb, zone_rules
from staffing.models import Schedule, format_instant
from staffing.recurrence import expand, local_time, wall_clock
from staffing.recurrence.details import get_details
from staffing.recurrence.expand import Occurrence, Series
from staffing.schedules.queries import MAX_SERIES, ScheduleFilter, build_query, take_series
from staffing.schedules.stored_series import StoredSeries

FIRST_STEP, SHORTEST_STEP = timedelta(days=7), timedelta(hours=6)
FEW_SHIFTS = 50
"""About as many shifts are expanded at first where nobody says how many are read."""
_BY_SORT_KEY = itemgetter(0, 1, 2)
"""The order of `Shift.sort_key`, from values that need not be written as text."""


@dataclass(frozen=True)
class Shift:
    """One shift of a schedule."""

    schedule: Schedule
    occurrence: Occurrence

    @property
    def staff_id(self) -> str:
        """The person on duty: who covers the shift, or else the owner of the schedule."""
        return self.occurrence.staff_id or str(self.schedule.staff_id)

    @property
    def details(self) -> dict[str, Any]:
        """Notes, position, break and color: of the occurrence, or else of the schedule."""
        return {**get_details(self.schedule), **self.occurrence.details}

    @property
    def duration(self) -> timedelta:
        """How long the clock of its zone shows that it lasts."""
        start, end = (
            wall_clock.to_wall_time(at, str(self.schedule.zone)) for at in (self.occurrence.start, self.occurrence.end)
        )
        return end - start

    @property
    def version(self) -> int:
        """The version of its schedule."""
        return int(self.schedule.version)

    @property
    def sort_key(self) -> tuple[str, str, str]:
        """What shifts are sorted by, and what a cursor holds."""
        occurrence = self.occurrence
        return (format_instant(occurrence.start), str(self.schedule.id), occurrence.recurrence_id.isoformat())


def get_shift(schedule: Schedule, recurrence_id: datetime) -> Shift:
    """One shift of a series that an edit has left, by its recurrence id as the edit got it."""
    series = schedule.series()
    start = local_time.to_recurrence_id(series, recurrence_id)
    return Shift(schedule, expand.build_occurrence(series, start))


def iter_shifts(schedule_filter: ScheduleFilter, read_limit: int) -> Iterator[Shift]:
    """The shifts of a location or customer in a window, by start; single ones are read as taken."""
    page_sizes = (read_limit, read_limit, MAX_SERIES + 1)
    singles, long_ones, series = dynamodb.iter_items_together(
        [
            build_query(schedule_filter, key_range, page_size)
            for key_range, page_size in zip(schedule_filter.key_ranges(), page_sizes, strict=True)
        ]
    )
    return heapq.merge(
        _iter_single_shifts(map(Schedule.from_item, singles), schedule_filter),
        _iter_single_shifts(map(Schedule.from_item, long_ones), schedule_filter),
        iter_series_shifts(map(StoredSeries, take_series(series)), schedule_filter, read_limit),
        key=lambda shift: shift.sort_key,
    )


def _iter_single_shifts(schedules: Iterable[Schedule], schedule_filter: ScheduleFilter) -> Iterator[Shift]:
    """Single shifts by start and id; ``schedules`` are in the order of their stored starts."""
    tolerance = zone_rules.tolerance()
    pending: list[tuple[tuple[str, str, str], Shift]] = []
    for schedule in schedules:
        stored_start = datetime.fromisoformat(schedule.window.partition("#")[2])
        earliest_next = format_instant(stored_start - tolerance)
        while pending and pending[0][0] < (earliest_next,):
            yield heapq.heappop(pending)[1]
        for occurrence in expand.iter_occurrences(schedule.series(), *schedule_filter.window):
            shift = Shift(schedule, occurrence)
            heapq.heappush(pending, (shift.sort_key, shift))
    while pending:
        yield heapq.heappop(pending)[1]


def iter_series_shifts(
    schedules: Iterable[Schedule | StoredSeries], schedule_filter: ScheduleFilter, count: int = FEW_SHIFTS
) -> Iterator[Shift]:
    """The shifts of schedules by start, expanded lazily, window by window.

    ``count``: how many are probably read. The first window has about as many.
    """
    since, until = schedule_filter.window
    schedule_series = [(schedule, schedule.series((since, until))) for schedule in schedules]
    for step_start, step_end in iter_steps(since, until, _find_first_step(schedule_series, count)):
        shifts = [
            (occurrence.start, schedule.id, occurrence.recurrence_id, schedule, occurrence)
            for schedule, occurrence in expand.iter_occurrences_of_each(schedule_series, step_start, step_end)
            if step_start == since or occurrence.start >= step_start
        ]
        shifts.sort(key=_BY_SORT_KEY)
        for _, _, _, schedule, occurrence in shifts:
            shift = Shift(schedule.load() if isinstance(schedule, StoredSeries) else schedule, occurrence)
            if schedule_filter.staff_id in (None, shift.staff_id):
                yield shift


def _find_first_step(schedule_series: Iterable[tuple[Any, Series]], count: int) -> timedelta:
    """How far series are expanded at first: `FIRST_STEP`, or as far as ``count`` shifts reach.

    Half as far again as on average, since most shifts of a day start close to each other.
    """
    cycles = [series.day_cycle for _, series in schedule_series]
    shifts_a_day = sum(len(cycle.offsets) / cycle.period for cycle in cycles if cycle)
    return max(SHORTEST_STEP, min(FIRST_STEP, timedelta(days=1.5 * count / max(shifts_a_day, 1))))


def iter_steps(since: datetime, until: datetime, step: timedelta = FIRST_STEP) -> Iterator[tuple[datetime, datetime]]:
    """Windows that follow each other and double in length, to expand only as far as is needed."""
    while since < until:
        step_end = min(since + step, until)
        yield since, step_end
        since, step = step_end, step * 2


def list_current_shifts(location_id: str, at: datetime, *, grace: timedelta = timedelta(0)) -> list[Shift]:
    """The current shifts at a location, and those that ended less than ``grace`` ago, by start."""
    until = at + timedelta(microseconds=1)
    return list(iter_shifts(ScheduleFilter(location_id=location_id, since=at - grace, until=until), 1000))
