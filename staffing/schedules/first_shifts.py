"""Some shifts of several locations at once, at a bounded cost: for overviews.

Each location takes three queries of one page, made with those of the others, whatever the
location has. So an answer may be incomplete, and says so. Whether a location has future shifts
takes more pages only where many shifts began lately, and the last ones that began are over.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from config import dynamodb
from staffing.models import Schedule
from staffing.recurrence import expand
from staffing.schedules import queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter

MAX_SCHEDULES = 40
"""Schedules of each kind that are looked at: the ones that start, or end, last."""
FUTURE_SCHEDULES = 2
"""The series that end last tell whether any is in the future; two, as changes of clocks blur it.
Usually, so do the other shifts that start last."""
MAX_RECENT_SHIFTS = 1_000
"""Shifts of each kind, the last ones that began, among which a current one is looked for."""
RECENT_PAGE_SIZE = 100


@dataclass(frozen=True)
class FirstShifts:
    """Up to as many shifts of a window as were asked for."""

    shifts: list[Shift]
    is_complete: bool
    """Whether these are all."""


def find_first_shifts(filters: Mapping[str, ScheduleFilter], limit: int) -> dict[str, FirstShifts]:
    """Up to ``limit`` shifts in the window of each filter, in no order; few round trips."""
    return {name: _find_in(filters[name], pages, limit) for name, pages in _read_pages(filters, MAX_SCHEDULES).items()}


def find_locations_with_future_shifts(location_ids: Iterable[str], at: datetime) -> set[str]:
    """Those of the locations that have a shift which is not over; few round trips."""
    filters = {id: ScheduleFilter(location_id=id, since=at) for id in location_ids}
    pages_by_id = _read_pages(filters, FUTURE_SCHEDULES)
    staffed_ids = {id for id, pages in pages_by_id.items() if any(_has_future(page.schedules, at) for page in pages)}
    unclear = [
        _descending(filters[id], key_range, RECENT_PAGE_SIZE)
        for id, pages in pages_by_id.items()
        if id not in staffed_ids
        for key_range, page in zip(filters[id].key_ranges()[:-1], pages, strict=False)
        if page.has_more  # one that started earlier may be longer
    ]
    recent = dynamodb.iter_records_together(unclear)
    staffed_ids |= {
        str(query.values[":of"]["S"])
        for query, schedules in zip(unclear, recent, strict=True)
        if _has_future(islice(schedules, MAX_RECENT_SHIFTS), at)
    }
    return staffed_ids


def _has_future(schedules: Iterable[Schedule], at: datetime) -> bool:
    return any(schedule.series().latest_end > at for schedule in schedules)


@dataclass(frozen=True)
class _Page:
    schedules: list[Schedule]
    has_more: bool


def _read_pages(filters: Mapping[str, ScheduleFilter], limit: int) -> dict[str, list[_Page]]:
    """The last schedules of each range of each filter."""
    ranges = [(name, key_range) for name in filters for key_range in filters[name].key_ranges()]
    calls = [("Query", _descending(filters[name], key_range, limit).arguments) for name, key_range in ranges]
    pages: dict[str, list[_Page]] = {name: [] for name in filters}
    for (name, _), response in zip(ranges, dynamodb.call_together(calls), strict=True):
        schedules = [Schedule.from_item(item) for item in response["Items"]]
        pages[name].append(_Page(schedules, "LastEvaluatedKey" in response))
    return pages


def _descending(schedule_filter: ScheduleFilter, key_range: tuple[str, str], page_size: int) -> dynamodb.RecordQuery:
    query = queries.build_query(schedule_filter, key_range, page_size)
    return query._replace(options={**query.options, "ScanIndexForward": False})


def _find_in(schedule_filter: ScheduleFilter, pages: Iterable[_Page], limit: int) -> FirstShifts:
    pages = list(pages)
    shifts = _iter_shifts(schedule_filter, (schedule for page in pages for schedule in page.schedules))
    first_shifts = list(islice(shifts, limit + 1))
    is_complete = len(first_shifts) <= limit and not any(page.has_more for page in pages)
    return FirstShifts(first_shifts[:limit], is_complete)


def _iter_shifts(schedule_filter: ScheduleFilter, schedules: Iterable[Schedule]) -> Iterator[Shift]:
    window = schedule_filter.window
    for schedule in schedules:
        for occurrence in expand.iter_occurrences(schedule.series(window), *window):
            yield Shift(schedule, occurrence)
