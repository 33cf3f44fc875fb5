"""The holes of the lines of a customer in the next days, for the board. Two round trips."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from config import dynamodb
from staffing.recurrence import wall_clock
from staffing.schedules import coverage
from staffing.schedules.coverage import Period
from telephony import ivr
from telephony.ivr import IvrConfiguration
from telephony.lines import ResolvedLine
from telephony.reach.loading import load_each
from telephony.reach.results import Reach, Unreachable
from telephony.reach.rota import intersect

if TYPE_CHECKING:
    from accounts.models import Location


@dataclass(frozen=True)
class ComingHoles:
    """When callers of a line reach nobody in the next days."""

    periods: Sequence[Period]
    """In order: holes; where the rota opens the line, also days without anybody on duty."""
    people: Sequence[Unreachable]
    """Of the first hole; empty: nobody is on duty then, or nobody is meant."""
    has_people: bool
    """Whether anybody is on duty, or named, at any time."""


def load_coming_holes(
    lines_by_id: Mapping[str, ResolvedLine],
    of_locations: "Sequence[Location]",
    records: dynamodb.BatchResult,
    *,
    since: datetime,
    days: int,
) -> dict[str, ComingHoles]:
    """The holes by location, until the end of a day by its clock. Raises `queries.QueryTooWide`.

    ``records``: as `load_each` has them.
    """
    until = since + timedelta(days=days + 1)
    reaches = load_each(of_locations, records, since=since, until=until) if of_locations else []
    return {
        reach.location_id: _find_holes(reach, lines_by_id[reach.location_id].configuration, days) for reach in reaches
    }


def _find_holes(reach: Reach, configuration: IvrConfiguration, days: int) -> ComingHoles:
    whole_days = list(iter_whole_days(reach.since, reach.time_zone, days))
    periods = intersect(reach.hole_periods, [(reach.since, whole_days[-1][1])])
    if ivr.follows_rota(configuration):
        working_days = [period for period in whole_days if not _is_holiday(configuration, period, reach.time_zone)]
        periods = coverage.merge([*periods, *coverage.list_empty(working_days, reach.open_periods)])
    first = next((hole for hole in reach.holes if periods and hole.start <= periods[0][0] < hole.end), None)
    is_staffed = ivr.follows_rota(configuration) and reach.open_minutes > 0
    is_staffed = is_staffed or reach.reached_minutes > reach.assumed_minutes or any(hole.people for hole in reach.holes)
    return ComingHoles(periods, first.people if first else (), is_staffed)


def _is_holiday(configuration: IvrConfiguration, day: Period, zone: str) -> bool:
    return ivr.find_holiday(configuration, wall_clock.to_wall_time(day[0], zone).date()) is not None


def iter_whole_days(since: datetime, zone: str, days: int) -> Iterator[Period]:
    """The day of an instant by a clock, from its midnight on, and those after it."""
    today = wall_clock.to_wall_time(since, zone).date()
    midnights = [
        wall_clock.to_instant(datetime.combine(today + timedelta(days=number), time()), zone)
        for number in range(days + 1)
    ]
    yield from pairwise(midnights)
