"""Where single shifts meet: each other, and the shifts of a series. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from staffing.recurrence import day_bitmap, expand
from staffing.recurrence.expand import LONGEST, Occurrence, Series

OFFSET = timedelta(hours=18)
"""More than any wall time differs from UTC, a jump of the clock included."""

FEW = 20
"""Shifts that are held against a series one by one; of more, its days are looked up as bits."""


class Clash(NamedTuple):
    """The first moment at which both are on duty, and the shifts that meet."""

    at: datetime
    first: Occurrence
    second: Occurrence


def first(one: Occurrence, other: Series) -> Clash | None:
    """The first overlap of one shift with a series."""
    met = next(expand.occurrences(other, one.start, one.end), None)
    return Clash(max(one.start, met.start), one, met) if met else None


def each(every: Sequence[Occurrence], other: Series) -> Iterator[Clash]:
    """The overlaps of shifts with a series, each shift's first."""
    if len(every) <= FEW or other.rule is None:
        yield from (clash for one in every if (clash := first(one, other)))
        return
    moved = [c for id, change in other.changes.items() if (c := expand.changed(other, id, change))]
    moved.sort(key=lambda one: one.start)
    starts = [one.start for one in moved]
    for one in every:
        low = bisect_left(starts, one.start - LONGEST - expand.GAP)
        near = moved[low : bisect_left(starts, one.end)]
        found = [met for met in chain(near, regular_near(other, one)) if overlap(one, met)]
        if found:
            met = min(found, key=lambda met: met.start)
            yield Clash(max(one.start, met.start), one, met)


def overlap(one: Occurrence, other: Occurrence) -> bool:
    return one.start < other.end and other.start < one.end


def regular_near(series: Series, one: Occurrence) -> Iterator[Occurrence]:
    """The regular shifts of a series that may overlap one shift."""
    if series.rule is None:
        return
    base = date(one.start.year // 20 * 20 - 1, 12, 1).toordinal()
    bits = day_bitmap.bits(series.rule, series.start, base)
    low = (one.start - (series.end - series.start) - OFFSET).date().toordinal()
    high = (one.end + OFFSET).date().toordinal()
    for day in range(low, high + 1):
        if bits >> (day - base) & 1:
            shift = _shift_of(series, day)
            if shift:
                yield shift


def on_days(a: Series, day_a: int, b: Series, day_b: int) -> Clash | None:
    """Whether the shifts that start on these days meet."""
    one, other = _shift_of(a, day_a), _shift_of(b, day_b)
    if one is None or other is None or one.start >= other.end or other.start >= one.end:
        return None
    return Clash(max(one.start, other.start), one, other)


def _shift_of(series: Series, day: int) -> Occurrence | None:
    start = datetime.combine(date.fromordinal(day), series.start.time())
    rule = series.rule
    if start in series.changes or start < series.start or not rule:
        return None
    if rule.until and start > rule.until:
        return None
    return _placed(start, series.end - series.start, series.zone, series.gap)


@lru_cache(maxsize=20_000)
def _placed(
    start: datetime, long: timedelta, zone: str, gap: Literal["shift", "skip"]
) -> Occurrence | None:
    return expand.regular(Series(start, start + long, zone, gap=gap), start)


def earlier(one: Clash | None, other: Clash | None) -> Clash | None:
    found = [clash for clash in (one, other) if clash]
    return min(found, key=lambda clash: clash.at, default=None)
