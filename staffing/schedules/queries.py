"""Queries for the schedules of a location, a customer or a person in a window, and their shifts.

A window takes three ranges of an index, read at once: single shifts that start in it or up to two
days before, long ones up to 31 days before, and series that end after it begins. So the cost
depends on what is alive in the window. After a change of zone rules the ranges are wider.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from config import dynamodb, errors, zone_rules
from config.dynamodb import pagination
from staffing.models import (
    LONG_PREFIX,
    LONG_SHIFT_DURATION,
    SERIES_PREFIX,
    SINGLE_PREFIX,
    Schedule,
    StaffAvailability,
    format_instant,
)
from staffing.recurrence import expand, local_time
from staffing.recurrence.details import get_details
from staffing.recurrence.expand import MAX_SHIFT_DURATION, Occurrence
from staffing.schedules.stored_series import StoredSeries

T = TypeVar("T")
MAX_SINGLE_SHIFTS = 5_000
"""Single shifts, and long ones, that one look ahead reads: the earliest."""
MAX_SERIES = 5_000
"""Series that one list may expand. More than a location may have, so that calls never need more."""
_LOOKBACKS = {
    SINGLE_PREFIX: LONG_SHIFT_DURATION + expand.MAX_CLOCK_JUMP,
    LONG_PREFIX: MAX_SHIFT_DURATION + expand.MAX_CLOCK_JUMP,
}
"""How long ago a current single shift, and a long one, may have started."""
FIRST_STEP, SHORTEST_STEP = timedelta(days=7), timedelta(hours=6)
SERIES_OF_FIRST_STEP = 50
"""Series that are expanded `FIRST_STEP` far at first; of more, no further than a page may need."""
_BY_SORT_KEY = itemgetter(0, 1, 2)
"""The order of `Shift.sort_key`, from values that need not be written as text."""
LATEST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC)


class QueryTooWide(errors.InvalidRequest):
    """The query would read more than is allowed at once."""

    code = "query_too_wide"
    example_detail = "A window is at most 400 days long."
    example_pointer = "?to"


@dataclass(frozen=True)
class ScheduleFilter:
    """Which schedules: of a location or customer, optionally of one person, in a window."""

    location_id: str | None = None
    customer_id: str | None = None
    staff_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def window(self) -> tuple[datetime, datetime]:
        return self.since or LATEST_INSTANT, self.until or LATEST_INSTANT

    def key_ranges(self) -> list[tuple[str, str]]:
        """The ranges of the index to read: single shifts, long ones, then series."""
        tolerance = zone_rules.tolerance()
        until = format_instant(self.window[1] + tolerance)
        single_ranges = [
            (prefix + (format_instant(self.since - lookback - tolerance) if self.since else ""), prefix + until)
            for prefix, lookback in _LOOKBACKS.items()
        ]
        earliest_end = format_instant(self.since - tolerance) if self.since else ""
        return [*single_ranges, (SERIES_PREFIX + earliest_end, SERIES_PREFIX + "~")]


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
            expand.to_wall_time(at, str(self.schedule.zone)) for at in (self.occurrence.start, self.occurrence.end)
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
    """One shift of a series that an edit has kept, by its recurrence id as the edit got it."""
    series = schedule.series()
    start = local_time.to_recurrence_id(series, recurrence_id)
    return Shift(schedule, expand.build_occurrence(series, start))


def _index_of(schedule_filter: ScheduleFilter) -> str:
    return "byLocation" if schedule_filter.location_id is not None else "byCustomer"


def build_query(
    schedule_filter: ScheduleFilter, key_range: tuple[str, str], page_size: int | None = None
) -> dynamodb.RecordQuery:
    """The query of a range."""
    if schedule_filter.location_id is not None:
        key_name, key_value = "location_id", schedule_filter.location_id
    else:
        key_name, key_value = "customer_id", schedule_filter.customer_id or ""
    values = {":of": {"S": key_value}, ":low": {"S": key_range[0]}, ":high": {"S": key_range[1]}}
    condition = f"#{key_name} = :of AND #window BETWEEN :low AND :high"
    options: dict[str, Any] = {"IndexName": _index_of(schedule_filter)} | ({"Limit": page_size} if page_size else {})
    return dynamodb.RecordQuery(Schedule, condition, values, options)


def query_schedules(
    schedule_filter: ScheduleFilter, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Schedule]:
    """Up to ``limit`` schedules, range by range; the ranges are read in the time of one.

    A page that goes on among single shifts may be full of them, so it reads those first.
    """
    key_ranges = [key_range for key_range in schedule_filter.key_ranges() if _last_key(cursor) <= key_range[1]]
    first_count = 1 if cursor and len(key_ranges) == len(_LOOKBACKS) + 1 else len(key_ranges)
    schedules: list[Schedule] = []
    for part in filter(None, (key_ranges[:first_count], key_ranges[first_count:])):
        for page in _query_pages(schedule_filter, part, limit, cursor):
            schedules += page.records
            if page.next_cursor or len(schedules) >= limit:
                next_cursor = page.next_cursor
                if len(schedules) > limit or next_cursor is None:
                    next_cursor = pagination.cursor_after(schedules[limit - 1], _index_of(schedule_filter))
                return pagination.CursorPage(schedules[:limit], next_cursor)
    return pagination.CursorPage(schedules, None)


def _last_key(cursor: pagination.Cursor | None) -> str:
    return str(cursor["window"]["S"]) if cursor else ""


def _query_pages(
    schedule_filter: ScheduleFilter, key_ranges: list[tuple[str, str]], limit: int, cursor: pagination.Cursor | None
) -> list[pagination.CursorPage[Schedule]]:
    """A page of each range, from the cursor on if that is one of this range."""
    queries = [build_query(schedule_filter, key_range) for key_range in key_ranges]
    cursors = [cursor if _last_key(cursor) >= low else None for low, _ in key_ranges]
    return pagination.query_pages(queries, limit=limit, cursors=cursors)


def _take_series(series: Iterator[T]) -> list[T]:
    """The series alive in a window. Raises `QueryTooWide`."""
    taken = list(islice(series, MAX_SERIES + 1))
    if len(taken) > MAX_SERIES:
        raise QueryTooWide("Too many series for one list; filter by `locationId`.")
    return taken


def query_series(schedule_filter: ScheduleFilter) -> list[Schedule]:
    """The series alive in the window. Raises `QueryTooWide`."""
    *_, series_range = schedule_filter.key_ranges()
    (series,) = dynamodb.iter_records_together([build_query(schedule_filter, series_range, MAX_SERIES + 1)])
    return _take_series(series)


def has_more_series(location_id: str, at: datetime, limit: int) -> bool:
    """Whether a location has more series than ``limit`` that have not ended; soon after writes."""
    schedule_filter = ScheduleFilter(location_id=location_id, since=at)
    *_, series_range = schedule_filter.key_ranges()
    arguments = build_query(schedule_filter, series_range).arguments
    count = 0
    for items in dynamodb.iter_pages("Query", **arguments, ProjectionExpression="id"):
        count += len(items)
        if count > limit:
            return True
    return False


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
        iter_series_shifts(map(StoredSeries, _take_series(series)), schedule_filter),
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
    schedules: Iterable[Schedule | StoredSeries], schedule_filter: ScheduleFilter
) -> Iterator[Shift]:
    """The shifts of schedules by start, expanded lazily, window by window."""
    since, until = schedule_filter.window
    schedule_series = [(schedule, schedule.series((since, until))) for schedule in schedules]
    first_step = max(SHORTEST_STEP, min(FIRST_STEP, FIRST_STEP * SERIES_OF_FIRST_STEP / max(1, len(schedule_series))))
    for step_start, step_end in iter_steps(since, until, first_step):
        shifts = [
            (occurrence.start, schedule.id, occurrence.recurrence_id, schedule, occurrence)
            for schedule, series in schedule_series
            for occurrence in expand.iter_occurrences(series, step_start, step_end)
            if step_start == since or occurrence.start >= step_start
        ]
        shifts.sort(key=_BY_SORT_KEY)
        for _, _, _, schedule, occurrence in shifts:
            shift = Shift(schedule.load() if isinstance(schedule, StoredSeries) else schedule, occurrence)
            if schedule_filter.staff_id in (None, shift.staff_id):
                yield shift


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


def list_schedules_in(schedule_filter: ScheduleFilter) -> list[Schedule]:
    """The schedules that may have a shift in a window; three ranges at once.

    Of single shifts and of long ones, the earliest `MAX_SINGLE_SHIFTS`. Raises `QueryTooWide`.
    """
    (schedules,) = list_schedules_in_each([schedule_filter])
    return schedules


def list_schedules_in_each(filters: Sequence[ScheduleFilter]) -> list[list[Schedule]]:
    """As `list_schedules_in`, for several places or windows at once."""
    page_sizes = (1_000, 1_000, MAX_SERIES + 1)
    pages = iter(
        dynamodb.iter_records_together(
            [
                build_query(schedule_filter, key_range, page_size)
                for schedule_filter in filters
                for key_range, page_size in zip(schedule_filter.key_ranges(), page_sizes, strict=True)
            ]
        )
    )
    return [
        [*islice(next(pages), MAX_SINGLE_SHIFTS), *islice(next(pages), MAX_SINGLE_SHIFTS), *_take_series(next(pages))]
        for _ in filters
    ]


def list_staff_ids(schedule: Schedule) -> set[str]:
    """The ids of the owner of a schedule, and of those who cover shifts of it."""
    covers = (exception.get("staffId") for exception in (schedule.pattern or {}).get("exceptions", {}).values())
    return {str(schedule.staff_id), *filter(None, covers)}


def list_future_schedules(location_id: str, at: datetime) -> list[Schedule]:
    """The schedules of a location that have current or future shifts."""
    schedule_filter = ScheduleFilter(location_id=location_id, since=at)
    return [
        schedule
        for key_range in schedule_filter.key_ranges()
        for schedule in next(iter(dynamodb.iter_records_together([build_query(schedule_filter, key_range, 250)])))
        if schedule.series().latest_end > at
    ]


def join_schedules(rows: Iterable[StaffAvailability]) -> Iterator[tuple[StaffAvailability, Schedule]]:
    """Each row with its schedule, where that still exists."""
    rows = list(rows)
    records = dynamodb.batch_get(dynamodb.RecordKey(Schedule, str(row.schedule_id)) for row in rows)
    for row in rows:
        schedule = records.get(Schedule, str(row.schedule_id))
        if schedule:
            yield row, schedule
