"""Rosters: the schedules, or the single shifts, of a location, a customer or a person.

Two ranges of an index make a window: single shifts that start in it, and series that end after its
beginning. So a list costs by the window and the series alive in it, whatever ended before.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any

from accounts import actors, escalations, locations, users
from accounts.actors import Actor
from config import dynamo, errors, listing
from staffing import busy, recurrence, schedules
from staffing.models import ONCE, SERIES, Busy, Schedule, stamp
from staffing.recurrence import LONGEST, Occurrence

WIDEST = timedelta(days=400)
"""Of a window in which single shifts are listed."""
MOST_SERIES = 5_000
"""Series that are expanded for one list."""
CHUNK = 250
"""Schedules of a person that are read at once."""
SPARE = LONGEST + timedelta(hours=3)
"""A single shift that is still on may have started so long ago."""
_SLICE = timedelta(days=7)
_EVER = datetime(2200, 1, 1, tzinfo=UTC)


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
        singles = (ONCE + (stamp(low) if low else ""), ONCE + (stamp(self.until or _EVER)))
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


# --- schedules ------------------------------------------------------------------------------------
def page(
    wish: Wish, *, actor: Actor, at: datetime, limit: int, start: listing.Place | None
) -> listing.Page[Schedule]:
    """Schedules with a shift in the window: single ones by start, then series by their end.

    A page may hold fewer than ``limit`` before the list ends. Raises `errors.NotFound` and
    `errors.Forbidden` for a location that is not there or not within reach.
    """
    check = _admitted(wish, actor, at)
    if wish.staff_id is not None:
        return _of_person(wish, actor, check, limit=limit, start=start)
    if start:
        check()
        read = _read(wish, limit=limit, start=start)
    else:
        _, read = dynamo.together(check, lambda: _read(wish, limit=limit, start=None))
    shown = [one for one in read.records if _is_shown(one, wish, actor)]
    return listing.Page(shown, read.next)


def _admitted(wish: Wish, actor: Actor, at: datetime) -> Any:
    """Check what can be checked at once; answers what is left to ask."""
    actor.require("schedules:read")
    if wish.location_id is None and wish.customer_id is None:
        detail = "Name a locationId or a customerId."
        faults = [errors.Fault(f"?{name}", "required", detail) for name in _EITHER]
        raise errors.Invalid(detail, faults=faults)
    if wish.customer_id is not None:
        with escalations.noted(actor, at, asked={"customerId": wish.customer_id}):
            actors.check_customer(actor, wish.customer_id, pointer="?customerId")

    def check() -> None:
        named = [locations.key(wish.location_id)] if wish.location_id is not None else []
        named += [users.key(wish.staff_id)] if wish.staff_id is not None else []
        found = dynamo.fetch(named) if named else None
        if found and wish.location_id is not None:
            locations.among(found, wish.location_id, actor, pointer="?locationId")
            if wish.staff_id != actor.id:
                locations.check_reach(actor, wish.location_id)
        if found and wish.staff_id is not None:
            users.among(found, wish.staff_id, actor.customer_id, pointer="?staffId")

    return check


_EITHER = ("locationId", "customerId")


def _read(wish: Wish, *, limit: int, start: listing.Place | None) -> listing.Page[Schedule]:
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
            return listing.Page(found, some.next or listing.place_of(found[-1], index))
    return listing.Page(found, None)


def _is_shown(schedule: Schedule, wish: Wish, actor: Actor) -> bool:
    return schedules.sees(actor, schedule) and _has_shift(schedule, wish)


def _has_shift(schedule: Schedule, wish: Wish) -> bool:
    """Whether it has a shift in the window, of the person where one is named."""
    if wish.since is None and wish.until is None:
        return True
    series = schedule.series()
    since = max(wish.since or recurrence.begins(series), recurrence.begins(series))
    until = min(wish.until or _EVER, recurrence.ends(series))
    every = _occurrences(schedule, wish, since, until)
    return next(every, None) is not None


def _occurrences(
    schedule: Schedule, wish: Wish, since: datetime, until: datetime
) -> Iterator[Occurrence]:
    """The shifts in a window by their start, of the person where one is named; slice by slice."""
    series = schedule.series()
    if wish.staff_id not in (None, schedule.staff_id):
        theirs = {id: c for id, c in series.changes.items() if c.staff_id == wish.staff_id}
        moved = (recurrence.changed(series, id, change) for id, change in theirs.items())
        yield from (one for one in moved if one and one.start < until and one.end > since)
        return
    low, step = since, _SLICE
    while low < until:
        high = min(low + step, until)
        for one in recurrence.occurrences(series, low, high):
            whose = one.staff_id or schedule.staff_id
            is_new = low == since or one.start >= low
            if is_new and wish.staff_id in (None, whose):
                yield one
        low, step = high, step * 2


def _of_person(
    wish: Wish, actor: Actor, check: Any, *, limit: int, start: listing.Place | None
) -> listing.Page[Schedule]:
    """Schedules of which somebody has shifts, by their end."""
    staff_id = wish.staff_id or ""
    _, rows = dynamo.together(check, lambda: busy.rows_from(staff_id, wish.since, None))
    after = start["end"]["S"] if start else ""
    rest = [row for row in rows if row.end > after]
    shown: list[Schedule] = []
    last = ""
    for number in range(0, len(rest), CHUNK):
        some = rest[number : number + CHUNK]
        for row, schedule in with_schedules(some):
            if _is_theirs(schedule, wish, actor):
                if len(shown) == limit:
                    return listing.Page(shown, {"end": {"S": last}})
                shown.append(schedule)
                last = str(row.end)
    return listing.Page(shown, None)


def with_schedules(rows: Iterable[Busy]) -> Iterator[tuple[Busy, Schedule]]:
    """Rows of somebody with their schedules."""
    rows = list(rows)
    found = dynamo.fetch(dynamo.Key(Schedule, str(row.schedule_id)) for row in rows)
    for row in rows:
        schedule = found.get(Schedule, str(row.schedule_id))
        if schedule:
            yield row, schedule


def _is_theirs(schedule: Schedule, wish: Wish, actor: Actor) -> bool:
    if wish.location_id not in (None, schedule.location_id):
        return False
    if schedule.customer_id != actor.customer_id:
        return False
    return _is_shown(schedule, wish, actor)


# --- single shifts --------------------------------------------------------------------------------
def shifts(
    wish: Wish, *, actor: Actor, at: datetime, limit: int, start: listing.Place | None
) -> listing.Page[Shift]:
    """The single shifts in a window, by start; series are expanded.

    Raises as `page` does, and `TooWide`.
    """
    check = _admitted(wish, actor, at)
    if wish.since is None or wish.until is None:
        raise errors.Invalid("Single shifts need a window: from and to.", pointer="?from")
    if wish.until - wish.since > WIDEST:
        raise TooWide(f"A window is {WIDEST.days} days at most.", pointer="?to")
    after = (start["start"]["S"], start["id"]["S"], start["recurrence_id"]["S"]) if start else None
    since = max(wish.since, _moment(after[0])) if after else wish.since
    every = _of_schedules(wish, since, check, limit)
    shown = (
        shift for shift in every if (after is None or shift.key > after) and _may_see(actor, shift)
    )
    found = list(islice(shown, limit + 1))
    if len(found) <= limit:
        return listing.Page(found, None)
    names = ("start", "id", "recurrence_id")
    place = {name: {"S": part} for name, part in zip(names, found[limit - 1].key, strict=True)}
    return listing.Page(found[:limit], place)


def _may_see(actor: Actor, shift: Shift) -> bool:
    return shift.staff_id == actor.id or schedules.sees(actor, shift.schedule)


def _moment(stamped: str) -> datetime:
    return datetime.fromisoformat(stamped)


def _of_schedules(wish: Wish, since: datetime, check: Any, limit: int) -> Iterator[Shift]:
    window = Wish(wish.location_id, wish.customer_id, wish.staff_id, since, wish.until)
    if wish.staff_id is not None:
        staff_id = wish.staff_id
        _, rows = dynamo.together(check, lambda: busy.rows_from(staff_id, since, None))
        theirs = [schedule for _, schedule in with_schedules(rows)]
        kept = [one for one in theirs if wish.location_id in (None, one.location_id)]
        return expanded(kept, window)
    many = min(limit + 1, 500)
    _, first, series = dynamo.together(
        check, lambda: _some_singles(window, many, None), lambda: alive(window)
    )
    return heapq.merge(
        _singles(window, first, many), expanded(series, window), key=lambda shift: shift.key
    )


def _some_singles(wish: Wish, many: int, start: listing.Place | None) -> listing.Page[Schedule]:
    return _of_range(wish, wish.ranges()[0], many, start)


def alive(wish: Wish) -> list[Schedule]:
    """The series alive in the window. Raises `TooWide`."""
    found: list[Schedule] = []
    place: listing.Place | None = None
    while True:
        some = _of_range(wish, wish.ranges()[1], 1000, place)
        found += some.records
        if len(found) > MOST_SERIES:
            raise TooWide("These are too many series at once: name a location.")
        if some.next is None:
            return found
        place = some.next


def _of_range(
    wish: Wish, span: tuple[str, str], many: int, start: listing.Place | None
) -> listing.Page[Schedule]:
    index, name, of = wish.index
    values = {":of": {"S": of}, ":low": {"S": span[0]}, ":high": {"S": span[1]}}
    condition = f"#{name} = :of AND #window BETWEEN :low AND :high"
    return listing.page(Schedule, index, condition, values, limit=many, start=start)


def _singles(wish: Wish, first: listing.Page[Schedule], many: int) -> Iterator[Shift]:
    """Single shifts by start and id, read as they are taken."""
    for _, together in groupby(_all_singles(wish, first, many), key=lambda one: one.window):
        for schedule in sorted(together, key=lambda one: str(one.id)):
            yield from _in_window(schedule, wish)


def _all_singles(wish: Wish, some: listing.Page[Schedule], many: int) -> Iterator[Schedule]:
    yield from some.records
    while some.next is not None:
        some = _some_singles(wish, many, some.next)
        yield from some.records


def _in_window(schedule: Schedule, wish: Wish) -> Iterator[Shift]:
    if wish.since and wish.until:
        for one in recurrence.occurrences(schedule.series(), wish.since, wish.until):
            yield Shift(schedule, one)


def expanded(found: Iterable[Schedule], wish: Wish) -> Iterator[Shift]:
    """The shifts of schedules by start, expanded slice by slice: what is not taken costs little."""
    every = [(schedule, schedule.series()) for schedule in found]
    since, until = wish.since or _EVER, wish.until or _EVER
    low, step = since, _SLICE
    while low < until:
        high = min(low + step, until)
        some = [
            Shift(schedule, one)
            for schedule, series in every
            for one in recurrence.occurrences(series, low, high)
            if low == since or one.start >= low
        ]
        wanted = (shift for shift in some if wish.staff_id in (None, shift.staff_id))
        yield from sorted(wanted, key=lambda shift: shift.key)
        low, step = high, step * 2


def running(location_id: str, at: datetime) -> list[Shift]:
    """The shifts at a location that are on at a moment, whoever asks; by start."""
    wish = Wish(location_id=location_id, since=at, until=at + timedelta(microseconds=1))
    singles, series = dynamo.together(lambda: _some_singles(wish, 1000, None), lambda: alive(wish))
    every = heapq.merge(
        _singles(wish, singles, 1000), expanded(series, wish), key=lambda shift: shift.key
    )
    return list(every)


def future(location_id: str, at: datetime) -> list[Schedule]:
    """The schedules of a location that have shifts to come or on, whoever asks."""
    wish = Wish(location_id=location_id, since=at)
    found: list[Schedule] = []
    place: listing.Place | None = None
    while True:
        some = _read(wish, limit=250, start=place)
        found += [one for one in some.records if recurrence.ends(one.series()) > at]
        if some.next is None:
            return found
        place = some.next


def has_future(location_id: str, at: datetime) -> bool:
    """Whether any schedule of a location has shifts to come or on."""
    return bool(future(location_id, at))
