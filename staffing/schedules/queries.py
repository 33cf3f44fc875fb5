"""Windows: the schedules of a location, a customer or a person at some time, and their shifts.

Two ranges of an index make a window: single shifts that start in it, and series that end after its
beginning. So reading costs by the window and the series alive in it, whatever ended before.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from config import dynamodb, errors
from config.dynamodb import pagination
from staffing.models import ONCE, SERIES, Busy, Schedule, stamp
from staffing.recurrence import expand
from staffing.recurrence.expand import LONGEST, Occurrence

MOST_SERIES = 5_000
"""Series that are expanded for one list."""
SPARE = LONGEST + timedelta(hours=3)
"""A single shift that is still on may have started so long ago."""
SLICE = timedelta(days=7)
EVER = datetime(2200, 1, 1, tzinfo=UTC)


class TooWide(errors.Invalid):
    """More would have to be read than is done at once."""

    code = "too_wide"


@dataclass(frozen=True)
class Wish:
    """Which schedules: of a location or customer, perhaps of one person, within a window."""

    location_id: str | None = None
    customer_id: str | None = None
    staff_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def index(self) -> tuple[str, str, str]:
        """The index that has them, its hash key, and of whom."""
        if self.location_id is not None:
            return "byLocation", "location_id", self.location_id
        return "byCustomer", "customer_id", self.customer_id or ""

    def ranges(self) -> list[tuple[str, str]]:
        """The ranges of windows to read: single shifts, then series."""
        low = self.since - SPARE if self.since else None
        singles = (ONCE + (stamp(low) if low else ""), ONCE + (stamp(self.until or EVER)))
        series = (SERIES + (stamp(self.since) if self.since else ""), SERIES + "~")
        return [singles, series]


@dataclass(frozen=True)
class Shift:
    """One shift of a schedule."""

    schedule: Schedule
    occurrence: Occurrence

    @property
    def staff_id(self) -> str:
        """Whose it is."""
        return self.occurrence.staff_id or str(self.schedule.staff_id)

    @property
    def key(self) -> tuple[str, str, str]:
        """What shifts are sorted by, and a list goes on after."""
        one = self.occurrence
        return stamp(one.start), str(self.schedule.id), one.recurrence_id.isoformat()


def _of_range(
    wish: Wish, span: tuple[str, str], many: int, start: pagination.Place | None
) -> pagination.Page[Schedule]:
    index, name, of = wish.index
    values = {":of": {"S": of}, ":low": {"S": span[0]}, ":high": {"S": span[1]}}
    condition = f"#{name} = :of AND #window BETWEEN :low AND :high"
    return pagination.page(Schedule, index, condition, values, limit=many, start=start)


def read(wish: Wish, *, limit: int, start: pagination.Place | None) -> pagination.Page[Schedule]:
    """Up to ``limit`` schedules of both ranges."""
    index = wish.index[0]
    found: list[Schedule] = []
    for span in wish.ranges():
        if start and start["window"]["S"] > span[1]:
            continue
        some = _of_range(wish, span, limit - len(found), start)
        found += some.records
        start = None
        if some.next or len(found) == limit:
            return pagination.Page(found, some.next or pagination.place_of(found[-1], index))
    return pagination.Page(found, None)


def some_singles(
    wish: Wish, many: int, start: pagination.Place | None
) -> pagination.Page[Schedule]:
    return _of_range(wish, wish.ranges()[0], many, start)


def alive(wish: Wish) -> list[Schedule]:
    """The series alive in the window. Raises `TooWide`."""
    found: list[Schedule] = []
    place: pagination.Place | None = None
    while True:
        some = _of_range(wish, wish.ranges()[1], 1000, place)
        found += some.records
        if len(found) > MOST_SERIES:
            raise TooWide("These are too many series at once: name a location.")
        if some.next is None:
            return found
        place = some.next


def singles(wish: Wish, first: pagination.Page[Schedule], many: int) -> Iterator[Shift]:
    """Single shifts by start and id, read as they are taken."""
    for _, together in groupby(_all_singles(wish, first, many), key=lambda one: one.window):
        for schedule in sorted(together, key=lambda one: str(one.id)):
            yield from _in_window(schedule, wish)


def _all_singles(wish: Wish, some: pagination.Page[Schedule], many: int) -> Iterator[Schedule]:
    yield from some.records
    while some.next is not None:
        some = some_singles(wish, many, some.next)
        yield from some.records


def _in_window(schedule: Schedule, wish: Wish) -> Iterator[Shift]:
    if wish.since and wish.until:
        for one in expand.occurrences(schedule.series(), wish.since, wish.until):
            yield Shift(schedule, one)


def expanded(found: Iterable[Schedule], wish: Wish) -> Iterator[Shift]:
    """The shifts of schedules by start, expanded slice by slice: what is not taken costs little."""
    every = [(schedule, schedule.series()) for schedule in found]
    since, until = wish.since or EVER, wish.until or EVER
    low, step = since, SLICE
    while low < until:
        high = min(low + step, until)
        some = [
            Shift(schedule, one)
            for schedule, series in every
            for one in expand.occurrences(series, low, high)
            if low == since or one.start >= low
        ]
        wanted = (shift for shift in some if wish.staff_id in (None, shift.staff_id))
        yield from sorted(wanted, key=lambda shift: shift.key)
        low, step = high, step * 2


def running(location_id: str, at: datetime, *, grace: timedelta = timedelta(0)) -> list[Shift]:
    """The shifts at a location that are on at a moment, whoever asks; by start.

    Those too that ended less than ``grace`` ago.
    """
    wish = Wish(location_id=location_id, since=at - grace, until=at + timedelta(microseconds=1))
    first, series = dynamodb.together(lambda: some_singles(wish, 1000, None), lambda: alive(wish))
    every = heapq.merge(
        singles(wish, first, 1000), expanded(series, wish), key=lambda shift: shift.key
    )
    return list(every)


def future(location_id: str, at: datetime) -> list[Schedule]:
    """The schedules of a location that have shifts to come or on, whoever asks."""
    wish = Wish(location_id=location_id, since=at)
    found: list[Schedule] = []
    place: pagination.Place | None = None
    while True:
        some = read(wish, limit=250, start=place)
        found += [one for one in some.records if expand.ends(one.series()) > at]
        if some.next is None:
            return found
        place = some.next


def has_future(location_id: str, at: datetime) -> bool:
    """Whether any schedule of a location has shifts to come or on."""
    return bool(future(location_id, at))


def with_schedules(rows: Iterable[Busy]) -> Iterator[tuple[Busy, Schedule]]:
    """Rows of somebody with their schedules."""
    rows = list(rows)
    found = dynamodb.fetch(dynamodb.Key(Schedule, str(row.schedule_id)) for row in rows)
    for row in rows:
        schedule = found.get(Schedule, str(row.schedule_id))
        if schedule:
            yield row, schedule
