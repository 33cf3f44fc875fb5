"""The reach of a line as strips of days: when a call would ring somebody, by quarter hour. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from staffing.admin.rota.cover import format_times
from staffing.admin.rota.grid import DaySpan, Span, build_days, merge_spans
from telephony.calls.demand import Slot
from telephony.reach.results import Reach

QUARTER = timedelta(minutes=15)
DAYS_PER_BLOCK, MAX_DAYS = 7, 28
"""By another clock than the location's, a window of four weeks may touch a day more."""
State = Literal["closed", "rings", "partly", "nobody"]
"""The line is closed; a call rings somebody; it rings nobody after some keys of the menu; it rings
nobody at all."""

WORST_FIRST: Sequence[State] = ("nobody", "partly", "rings", "closed")


@dataclass(frozen=True)
class StripPart:
    """Quarters of an hour that follow each other in the same state."""

    state: State
    left: float
    """Percent of the day."""
    width: float


@dataclass(frozen=True)
class StripDay:
    """A day as a strip."""

    day: DaySpan
    parts: Sequence[StripPart]
    state: State
    """The worst of the day."""
    holes: Sequence[str]
    """The times in which some call would ring nobody."""


def build_strip(reach: Reach, *, zone: str | None = None) -> list[list[StripDay]]:
    """The days of a window in blocks of a week; ``zone``: by whose clock, else the location's."""
    zone = zone or reach.time_zone
    tz = ZoneInfo(zone)
    first, last = (at.astimezone(tz).date() for at in (reach.since, reach.until - timedelta(microseconds=1)))
    days = build_days(
        (first + timedelta(days=number) for number in range(min((last - first).days + 1, MAX_DAYS))), zone
    )
    total = list_total_holes(reach)
    strip = [_build_day(day, reach, total, zone) for day in days]
    return [strip[start : start + DAYS_PER_BLOCK] for start in range(0, len(strip), DAYS_PER_BLOCK)]


def list_total_holes(reach: Reach) -> list[Span]:
    """When a call rings nobody whatever keys the caller presses; not where the holes are cut."""
    changes: dict[datetime, int] = {}
    for hole in reach.holes:
        changes[hole.start] = changes.get(hole.start, 0) + 1
        changes[hole.end] = changes.get(hole.end, 0) - 1
    total: list[Span] = []
    count = 0
    for start, end in pairwise(sorted(changes)):
        count += changes[start]
        if count >= len(reach.ways):
            total.append((start, end))
    return merge_spans(total)


def count_holes_by_hour(reach: Reach) -> dict[Slot, int]:
    """On how many days calls ring nobody in an hour of the week, by the clock of the location."""
    tz = ZoneInfo(reach.time_zone)
    days: dict[Slot, set[date]] = {}
    for start, end in reach.hole_periods:
        at = start
        while at < end:
            local = at.astimezone(tz)
            days.setdefault((local.weekday(), local.hour), set()).add(local.date())
            at += timedelta(hours=1) - timedelta(minutes=local.minute, seconds=local.second)
    return {slot: len(dates) for slot, dates in days.items()}


def _build_day(day: DaySpan, reach: Reach, total: Iterable[Span], zone: str) -> StripDay:
    length = day.end - day.start
    states: list[State] = ["closed"] * -(-length // QUARTER)
    layers: Sequence[tuple[State, Iterable[Span]]] = (
        ("rings", reach.open_periods),
        ("partly", reach.hole_periods),
        ("nobody", total),
    )
    for state, spans in layers:
        for span in spans:
            if part := day.clip(span):
                first, last = (part[0] - day.start) // QUARTER, -((day.start - part[1]) // QUARTER)
                states[first:last] = [state] * (last - first)
    scale = 100 * QUARTER / length if length else 0
    parts: list[StripPart] = []
    first = 0
    for index in range(1, len(states) + 1):
        if index == len(states) or states[index] != states[first]:
            left = round(first * scale, 2)
            parts.append(StripPart(states[first], left, round(min(index * scale, 100) - left, 2)))
            first = index
    times = [format_times(part, day, zone) for span in reach.hole_periods if (part := day.clip(span))]
    worst: State = next((state for state in WORST_FIRST if state in states), "closed")
    return StripDay(day, parts, worst, times)
