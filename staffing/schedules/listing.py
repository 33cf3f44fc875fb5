"""Rosters: the schedules, or the single shifts, of a location, a customer or a person.

What may be seen is one's own, and what is at one's locations.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from accounts import denied_attempts, locations, permissions, users
from accounts.permissions import Actor
from config import dynamodb, errors
from config.dynamodb import pagination
from staffing.models import Schedule
from staffing.recurrence import expand
from staffing.recurrence.expand import Occurrence
from staffing.schedules import availability, commands, queries
from staffing.schedules.queries import EVER, SLICE, Shift, TooWide, Wish

WIDEST = timedelta(days=400)
"""Of a window in which single shifts are listed."""
CHUNK = 250
"""Schedules of a person that are read at once."""


def page(
    wish: Wish, *, actor: Actor, at: datetime, limit: int, start: pagination.Place | None
) -> pagination.Page[Schedule]:
    """Schedules with a shift in the window: single ones by start, then series by their end.

    A page may hold fewer than ``limit`` before the list ends. Raises `errors.NotFound` and
    `errors.Forbidden` for a location that is not there or not within reach.
    """
    check = _admitted(wish, actor, at)
    if wish.staff_id is not None:
        return _of_person(wish, actor, check, limit=limit, start=start)
    if start:
        check()
        read = queries.read(wish, limit=limit, start=start)
    else:
        _, read = dynamodb.together(check, lambda: queries.read(wish, limit=limit, start=None))
    shown = [one for one in read.records if _is_shown(one, wish, actor)]
    return pagination.Page(shown, read.next)


def _admitted(wish: Wish, actor: Actor, at: datetime) -> Any:
    """Check what can be checked at once; answers what is left to ask."""
    actor.require("schedules:read")
    if wish.location_id is None and wish.customer_id is None:
        detail = "Name a locationId or a customerId."
        faults = [errors.Fault(f"?{name}", "required", detail) for name in _EITHER]
        raise errors.Invalid(detail, faults=faults)
    if wish.customer_id is not None:
        with denied_attempts.noted(actor, at, asked={"customerId": wish.customer_id}):
            permissions.check_customer(actor, wish.customer_id, pointer="?customerId")

    def check() -> None:
        named = [locations.key(wish.location_id)] if wish.location_id is not None else []
        named += [users.key(wish.staff_id)] if wish.staff_id is not None else []
        found = dynamodb.fetch(named) if named else None
        if found and wish.location_id is not None:
            locations.among(found, wish.location_id, actor, pointer="?locationId")
            if wish.staff_id != actor.id:
                locations.check_reach(actor, wish.location_id)
        if found and wish.staff_id is not None:
            users.among(found, wish.staff_id, actor.customer_id, pointer="?staffId")

    return check


_EITHER = ("locationId", "customerId")


def _is_shown(schedule: Schedule, wish: Wish, actor: Actor) -> bool:
    return commands.sees(actor, schedule) and _has_shift(schedule, wish)


def _has_shift(schedule: Schedule, wish: Wish) -> bool:
    """Whether it has a shift in the window, of the person where one is named."""
    if wish.since is None and wish.until is None:
        return True
    series = schedule.series()
    since = max(wish.since or expand.begins(series), expand.begins(series))
    until = min(wish.until or EVER, expand.ends(series))
    every = _occurrences(schedule, wish, since, until)
    return next(every, None) is not None


def _occurrences(
    schedule: Schedule, wish: Wish, since: datetime, until: datetime
) -> Iterator[Occurrence]:
    """The shifts in a window by their start, of the person where one is named; slice by slice."""
    series = schedule.series()
    if wish.staff_id not in (None, schedule.staff_id):
        theirs = {id: c for id, c in series.changes.items() if c.staff_id == wish.staff_id}
        moved = (expand.changed(series, id, change) for id, change in theirs.items())
        yield from (one for one in moved if one and one.start < until and one.end > since)
        return
    low, step = since, SLICE
    while low < until:
        high = min(low + step, until)
        for one in expand.occurrences(series, low, high):
            whose = one.staff_id or schedule.staff_id
            is_new = low == since or one.start >= low
            if is_new and wish.staff_id in (None, whose):
                yield one
        low, step = high, step * 2


def _of_person(
    wish: Wish, actor: Actor, check: Any, *, limit: int, start: pagination.Place | None
) -> pagination.Page[Schedule]:
    """Schedules of which somebody has shifts, by their end."""
    staff_id = wish.staff_id or ""
    _, rows = dynamodb.together(check, lambda: availability.rows_from(staff_id, wish.since, None))
    after = start["end"]["S"] if start else ""
    rest = [row for row in rows if row.end > after]
    shown: list[Schedule] = []
    last = ""
    for number in range(0, len(rest), CHUNK):
        some = rest[number : number + CHUNK]
        for row, schedule in queries.with_schedules(some):
            if _is_theirs(schedule, wish, actor):
                if len(shown) == limit:
                    return pagination.Page(shown, {"end": {"S": last}})
                shown.append(schedule)
                last = str(row.end)
    return pagination.Page(shown, None)


def _is_theirs(schedule: Schedule, wish: Wish, actor: Actor) -> bool:
    if wish.location_id not in (None, schedule.location_id):
        return False
    if schedule.customer_id != actor.customer_id:
        return False
    return _is_shown(schedule, wish, actor)


def shifts(
    wish: Wish, *, actor: Actor, at: datetime, limit: int, start: pagination.Place | None
) -> pagination.Page[Shift]:
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
        return pagination.Page(found, None)
    names = ("start", "id", "recurrence_id")
    place = {name: {"S": part} for name, part in zip(names, found[limit - 1].key, strict=True)}
    return pagination.Page(found[:limit], place)


def _may_see(actor: Actor, shift: Shift) -> bool:
    return shift.staff_id == actor.id or commands.sees(actor, shift.schedule)


def _moment(stamped: str) -> datetime:
    return datetime.fromisoformat(stamped)


def _of_schedules(wish: Wish, since: datetime, check: Any, limit: int) -> Iterator[Shift]:
    window = Wish(wish.location_id, wish.customer_id, wish.staff_id, since, wish.until)
    if wish.staff_id is not None:
        staff_id = wish.staff_id
        _, rows = dynamodb.together(check, lambda: availability.rows_from(staff_id, since, None))
        theirs = [schedule for _, schedule in queries.with_schedules(rows)]
        kept = [one for one in theirs if wish.location_id in (None, one.location_id)]
        return queries.expanded(kept, window)
    many = min(limit + 1, 500)
    _, first, series = dynamodb.together(
        check, lambda: queries.some_singles(window, many, None), lambda: queries.alive(window)
    )
    return heapq.merge(
        queries.singles(window, first, many),
        queries.expanded(series, window),
        key=lambda shift: shift.key,
    )
