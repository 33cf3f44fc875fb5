"""When a line is open in a window, by its hours, its holidays and the rota. Pure."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

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
    """When people open the line who are planned on purpose for a holiday.

    During their shift they do on each of its days; in the grace after it, a call finds it out.
    """
    grace = ivr.grace_period(rota.line.configuration)
    periods: list[Period] = []
    for entry in rota.own_entries:
        start, end = entry.shift.occurrence.start, entry.shift.occurrence.end
        if not entry.is_planned_on_purpose or start >= holidays[1] or end + grace <= holidays[0]:
            continue
        periods.append((max(start, holidays[0]), min(end, holidays[1])))
        first, last = max(end, holidays[0]), min(end + grace, holidays[1])
        edges = instants[bisect_right(instants, first) : bisect_left(instants, last)]
        for at, until in pairwise([first, *edges, last]):
            if at < until and routing.find_entrance(rota.line, at, [entry]).name == "open":
                periods.append((at, until))
    return coverage.merge(period for period in periods if period[0] < period[1])
