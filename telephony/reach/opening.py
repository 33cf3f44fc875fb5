"""When a line is open in a window, by its hours, its holidays and the rota. Pure."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from staffing.schedules import coverage
from staffing.schedules.coverage import Period
from telephony import ivr
from telephony.calls.rota import routing
from telephony.reach.rota import Rota, intersect, subtract


@dataclass(frozen=True)
class Opening:
    """When a line is open; and when it is closed only as nobody is on duty."""

    open: list[Period]
    closed_by_rota: list[Period]


class _Entry(NamedTuple):
    """From when until when somebody opens the line."""

    start: datetime
    end: datetime


def find_opening(rota: Rota) -> Opening:
    """The opening of a line: where calls enter it between two changes of its hours or rota."""
    line, since, until = rota.line, rota.since, rota.until
    instants = ivr.list_changes(line.configuration, since, until, time_zone=line.time_zone)
    spans = list(zip(instants, [*instants[1:], until], strict=True))
    if not ivr.follows_rota(line.configuration):
        return Opening(coverage.merge(span for span in spans if _is_open(rota, span[0])), [])
    grace = ivr.grace_period(line.configuration)
    staffed = coverage.merge(
        (max(entry.shift.occurrence.start, since), min(entry.shift.occurrence.end + grace, until))
        for entry in rota.own_entries
    )
    holidays = coverage.merge(span for span in spans if routing.find_entrance(line, span[0], []).holiday)
    working_days = subtract([(since, until)], holidays)
    on_holidays = [part for span in holidays for part in _list_open_on_holidays(rota, span, instants)]
    return Opening(coverage.merge([*intersect(staffed, working_days), *on_holidays]), subtract(working_days, staffed))


def _is_open(rota: Rota, at: datetime) -> bool:
    return routing.find_entrance(rota.line, at, None).name == "open"


def _list_open_on_holidays(rota: Rota, holidays: Period, instants: list[datetime]) -> list[Period]:
    """When people open the line who are planned on purpose for a holiday."""
    grace = ivr.grace_period(rota.line.configuration)
    entries = [
        (_Entry(entry.shift.occurrence.start, entry.shift.occurrence.end + grace), entry) for entry in rota.own_entries
    ]
    entries = [item for item in entries if item[0].start < holidays[1] and item[0].end > holidays[0]]
    edges = {*instants, *(edge for times, _ in entries for edge in times)}
    points = sorted({*holidays, *(edge for edge in edges if holidays[0] < edge < holidays[1])})
    return [
        (at, end)
        for at, end in pairwise(points)
        if routing.find_entrance(
            rota.line, at, [entry for times, entry in entries if times.start <= at < times.end]
        ).name
        == "open"
    ]
