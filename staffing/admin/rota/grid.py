"""Where shifts are drawn in the grid: columns are days, and each has a time axis. Pure.

Everything is computed from instants, so that an hour that occurs twice, or not at all, neither
hides a shift nor turns it around: the axis of a day is as long as the day is in its time zone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]
"""The instants at which something begins and ends."""


@dataclass(frozen=True)
class DaySpan:
    """A day of a time zone."""

    date: date
    start: datetime
    end: datetime

    @cached_property
    def seconds(self) -> tuple[float, float]:
        """The instants as seconds since 1970."""
        return self.start.timestamp(), self.end.timestamp()

    @property
    def hours(self) -> float:
        """24, but on days on which the clock changes."""
        return (self.end - self.start).total_seconds() / 3600

    def percent(self, at: datetime) -> float:
        """Where an instant is on the axis of the day, from 0 to 100."""
        length = (self.end - self.start).total_seconds() or 1
        return round(min(max((at - self.start).total_seconds() / length, 0), 1) * 100, 2)

    def clip(self, span: Span) -> Span | None:
        """The part of a span that is on the day; None: there is none."""
        start, end = max(span[0], self.start), min(span[1], self.end)
        return (start, end) if start < end else None


class Segment(NamedTuple):
    """The part of a shift that is on one day."""

    day_index: int
    left: float
    """Percent of the axis of the day."""
    width: float
    is_first: bool
    """Whether the shift begins here; otherwise it goes on from an earlier day, maybe of before."""
    is_last: bool
    """Whether the shift ends here; otherwise it goes on on the next day."""


def build_days(dates: Iterable[date], zone: str) -> list[DaySpan]:
    """The spans of days in a time zone."""
    tz = ZoneInfo(zone)
    return [
        DaySpan(
            day,
            datetime.combine(day, time(), tz).astimezone(UTC),
            datetime.combine(day + timedelta(days=1), time(), tz).astimezone(UTC),
        )
        for day in dates
    ]


def split_by_day(span: Span, days: Sequence[DaySpan]) -> list[Segment]:
    """The parts of a shift on the days of a page, in order."""
    start, end = span[0].timestamp(), span[1].timestamp()  # compared in half the time of datetimes
    segments = []
    first_index = max(int((start - days[0].seconds[0]) // 86_400) - 1, 0)  # a day earlier, as some have 26 hours
    for index in range(first_index, len(days)):
        day_start, day_end = days[index].seconds
        if day_start >= end:
            break
        if start < day_end and day_start < day_end:
            scale = 100 / (day_end - day_start)
            left = round((start - day_start) * scale, 2) if start > day_start else 0
            right = round((end - day_start) * scale, 2) if end < day_end else 100
            segments.append(Segment(index, left, round(right - left, 2), start >= day_start, end <= day_end))
    return segments


def assign_lanes(extents: Sequence[Span]) -> list[int]:
    """The line of each shift within its row, so that neither bars nor their labels overlap.

    ``extents``: what the bar and its label take of the axis together.
    """
    lanes = [0] * len(extents)
    ends_by_lane: list[datetime] = []
    for index in sorted(range(len(extents)), key=lambda index: extents[index][0]):
        start, end = extents[index]
        lane = next((number for number, busy_until in enumerate(ends_by_lane) if busy_until <= start), None)
        if lane is None:
            lane = len(ends_by_lane)
            ends_by_lane.append(end)
        ends_by_lane[lane] = end
        lanes[index] = lane
    return lanes


def extent_of(span: Span, label_width: timedelta, period_end: datetime) -> Span:
    """What a bar and its label take: the label begins with the bar, or ends with the period."""
    start, end = span
    if start + label_width > period_end:
        start = min(start, period_end - label_width)
    return start, max(end, start + label_width)


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, joined where they overlap or touch."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def subtract_spans(spans: Iterable[Span], removed: Sequence[Span]) -> Iterator[Span]:
    """What is left of spans without others; ``removed`` are merged."""
    for start, end in spans:
        rest = start
        for other_start, other_end in removed:
            if other_end <= rest or other_start >= end:
                continue
            if other_start > rest:
                yield rest, other_start
            rest = max(rest, other_end)
        if rest < end:
            yield rest, end
