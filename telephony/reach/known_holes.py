"""Which holes are new to those who were told of others before. Pure.

A hole is new if it has as many minutes that nobody was told of as would be a reason to tell. So one
that moves its start or end a little is not told again, and one that grows, slowly or at once, is.
Where a hole reaches the end of what was looked at, what follows it later is no news. What is gone
is forgotten after a while: if it comes back then, it is new.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol, TypeVar

from staffing.schedules import coverage
from staffing.schedules.coverage import Period

MAX_HOLES = 1_000
"""Of a location, that are compared and stored: the earliest."""


class Hole(Protocol):
    """A time in which callers reach nobody, of `telephony.reach.sweep`."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def way(self) -> str: ...


H = TypeVar("H", bound=Hole)


@dataclass(frozen=True)
class KnownHole:
    """A part of a hole that people were told of."""

    way: str
    start: datetime
    end: datetime
    goes_on: bool = False
    """It lasted until the end of what was looked at."""

    @classmethod
    def parse(cls, values: Sequence[Any]) -> "KnownHole":
        """From what `to_json` returns."""
        way, start, end, goes_on = values
        return cls(way, datetime.fromisoformat(start), datetime.fromisoformat(end), bool(goes_on))

    def to_json(self) -> list[Any]:
        """As it is stored."""
        return [self.way, self.start.isoformat(), self.end.isoformat(), self.goes_on]

    def covered_part(self, hole: Hole) -> Period | None:
        """What of a hole it covers; all that follows, if it went on."""
        end = hole.end if self.goes_on and self.end >= hole.start else self.end
        start, end = max(self.start, hole.start), min(end, hole.end)
        return (start, end) if self.way == hole.way and start < end else None


def find_new(holes: Iterable[H], known: Iterable[KnownHole], *, least: timedelta) -> list[H]:
    """The holes of which at least so much was not told."""
    known = list(known)
    return [hole for hole in holes if sum(map(_duration, _list_unnotified(hole, known)), timedelta(0)) >= least]


def remember(
    holes: Iterable[H], new: Sequence[H], known: Iterable[KnownHole], *, until: datetime, keeps_gone: bool = False
) -> list[KnownHole]:
    """What people know once they are told of the new ones; ``until``: the end of the look.

    ``keeps_gone``: also what is gone; if it comes back, it is not new.
    """
    known = list(known)
    remembered = []
    for hole in holes:
        parts = [(hole.start, hole.end)] if hole in new else coverage.merge(_list_notified(hole, known))
        remembered += [KnownHole(hole.way, start, end, end >= until) for start, end in parts]
    if not keeps_gone:
        return remembered
    return [*remembered, *islice(_iter_gone(remembered, known), max(0, MAX_HOLES - len(remembered)))]


def _iter_gone(remembered: Iterable[KnownHole], known: Iterable[KnownHole]) -> Iterator[KnownHole]:
    """The parts of what was known that are no holes any more."""
    periods: dict[str, list[Period]] = {}
    for item in remembered:
        periods.setdefault(item.way, []).append((item.start, item.end))
    merged = {way: coverage.merge(parts) for way, parts in periods.items()}
    for item in known:
        for start, end in coverage.subtract([(item.start, item.end)], merged.get(item.way, [])):
            yield KnownHole(item.way, start, end, item.goes_on and end == item.end)


def _list_notified(hole: Hole, known: Sequence[KnownHole]) -> list[Period]:
    return [part for item in known if (part := item.covered_part(hole))]


def _list_unnotified(hole: Hole, known: Sequence[KnownHole]) -> list[Period]:
    return coverage.subtract([(hole.start, hole.end)], coverage.merge(_list_notified(hole, known)))


def _duration(period: Period) -> timedelta:
    return period[1] - period[0]
