"""Which minutes of a window a caller would reach nobody. Pure: all records were read before.

Between two changes of the rota, the opening hours, or somebody's break, nothing can change: so it
is enough to ask there what a call would do, with the judgement of calls themselves (`routing`).
What cannot be known of the future is no hole at any time, the present minute included: that
somebody talks in another call, and that the minutes of a day are used up.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from itertools import chain, islice
from typing import Any

from staffing.schedules import coverage
from staffing.schedules.coverage import Period
from telephony import ivr, reasons
from telephony.ivr.ways import Way
from telephony.reach.opening import find_opening
from telephony.reach.results import Hole, Reach, SharedPerson, Unreachable, count_minutes
from telephony.reach.rota import Member, Rota, intersect, subtract

__all__ = ["MAX_HOLES", "Hole", "Reach", "SharedPerson", "Unreachable", "find_reach", "list_remedies"]

MAX_HOLES = 1_000
"""Holes that are listed: the earliest."""
MAX_PEOPLE = 20
"""People of a hole that are listed."""
_FILTERS = ("other_role", "other_skill")
"""Why somebody is not rung whom the configuration does not mean."""


def find_reach(rota: Rota, *, way: str | None = None, neighbour_targets: Mapping[str, Any] | None = None) -> Reach:
    """The reach of a line in a window.

    ``way``: a path; only ways through it are looked at. ``neighbour_targets``: by location, the
    ring actions of the lines of other locations, to find out who is rung by both.
    """
    line = rota.line
    reach = Reach(line.location_id, line.time_zone, rota.since, rota.until, 0, 0, ())
    ways = [item for item in ivr.list_ways(line.configuration) if way is None or _is_through(item, way)]
    reach = replace(reach, ways=[item.path for item in ways], is_suspended=line.is_suspended)
    if line.is_suspended:
        return reach
    opening = find_opening(rota)
    actions = [
        _RingAction(rota, target) for target in _list_distinct(chain.from_iterable(item.targets for item in ways))
    ]
    swept = [
        _sweep_way(item, [action for action in actions if action.target in item.targets], opening.open) for item in ways
    ]
    hole_periods = coverage.merge(chain.from_iterable(item.holes for item in swept))
    holes = sorted(
        ((period[0], item.way.path, period, item) for item in swept for period in item.holes), key=lambda hole: hole[:2]
    )
    open_minutes = count_minutes(opening.open)
    return replace(
        reach,
        open_minutes=open_minutes,
        reached_minutes=open_minutes - count_minutes(hole_periods),
        holes=[_build_hole(rota, item, period) for _, _, period, item in holes[:MAX_HOLES]],
        closed_by_rota_minutes=count_minutes(opening.closed_by_rota),
        assumed_minutes=count_minutes(coverage.merge(chain.from_iterable(item.assumed for item in swept))),
        open_periods=opening.open,
        hole_periods=hole_periods,
        shared=_list_shared(rota, actions, opening.open, neighbour_targets or {}),
        is_cut=len(holes) > MAX_HOLES,
    )


def _is_through(way: Way, path: str) -> bool:
    return way.path == path or way.path.startswith(f"{path}/")


def _list_distinct(targets: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    distinct: list[Mapping[str, Any]] = []
    for target in targets:
        if target not in distinct:
            distinct.append(target)
    return distinct


@dataclass(frozen=True)
class _RingAction:
    """A ring action, however often the configuration has it, in the window."""

    rota: Rota
    target: Mapping[str, Any]

    @cached_property
    def members(self) -> list[Member]:
        return self.rota.list_members(self.target)

    @cached_property
    def ringing(self) -> list[Period]:
        return self.rota.list_ringing(self.target, self.members)

    @cached_property
    def longest(self) -> timedelta:
        return max((member.end - member.start for member in self.members), default=timedelta(0))

    def iter_members(self, period: Period) -> Iterable[Member]:
        """Those whom it considers at some time of a period."""
        first = bisect_left(self.members, period[0] - self.longest, key=lambda member: member.start)
        last = bisect_left(self.members, period[1], key=lambda member: member.start)
        self.rota.work.spend(last - first)
        return (member for member in islice(self.members, first, last) if member.end > period[0])


@dataclass(frozen=True)
class _SweptWay:
    way: Way
    actions: Sequence[_RingAction]
    holes: Sequence[Period]
    assumed: Sequence[Period]


def _sweep_way(way: Way, actions: Sequence[_RingAction], open_periods: Sequence[Period]) -> _SweptWay:
    rings_people = coverage.merge(
        chain.from_iterable(action.ringing for action in actions if "numbers" not in action.target)
    )
    rings_anything = coverage.merge(chain.from_iterable(action.ringing for action in actions))
    holes = subtract(open_periods, rings_anything)
    assumed = intersect(subtract(rings_anything, rings_people), open_periods)
    return _SweptWay(way, actions, holes, assumed)


# --- what a hole comes from -----------------------------------------------------------------------
def _build_hole(rota: Rota, swept: _SweptWay, period: Period) -> Hole:
    people: dict[str, Unreachable] = {}
    for action in swept.actions:
        for member in action.iter_members(period):
            why_not = member.why_not or rota.find_break_reason(member.staff_id, max(member.start, period[0]))
            person = Unreachable(member.staff_id, why_not, member.until)
            known = people.get(member.staff_id)
            if known is None or (known.why_not in _FILTERS and why_not not in _FILTERS):
                people[member.staff_id] = person
            elif known.until and member.until and known.until < member.until:
                people[member.staff_id] = replace(known, until=member.until)
    listed = sorted(people.values(), key=lambda person: person.why_not in _FILTERS)[:MAX_PEOPLE]
    way = swept.way
    rings_rota = any("onDuty" in action.target for action in swept.actions)
    remedies = list_remedies(listed, rings_rota=rings_rota)
    return Hole(period[0], period[1], "open", way.path, way.ends, listed, remedies)


def list_remedies(people: Iterable[Unreachable], *, rings_rota: bool) -> list[str]:
    """What would close a hole, as `reasons.list_changes` names it, the best first.

    If people on duty are rung, a shift of somebody else would: ``shift:nobody_on_duty``, unless
    those on duty are the wrong ones.
    """
    remedies = list(
        dict.fromkeys(chain.from_iterable(reasons.list_changes(item.why_not, item.staff_id) for item in people))
    )
    if rings_rota and not any(remedy.startswith("shift:") for remedy in remedies):
        remedies.append("shift:nobody_on_duty")
    return remedies


# --- people of two locations ----------------------------------------------------------------------
def _list_shared(
    rota: Rota, actions: Iterable[_RingAction], open_periods: Sequence[Period], neighbour_targets: Mapping[str, Any]
) -> list[SharedPerson]:
    """Who is rung by this line and, whatever its hours, by that of the location of their shift."""
    periods: dict[tuple[str, str], list[Period]] = {}
    rung_there: dict[tuple[str, str], bool] = {}
    for action in actions:
        for member in action.members:
            location_id = member.location_id
            if location_id is None or member.why_not or location_id not in neighbour_targets:
                continue
            person = member.staff_id, location_id
            if person not in rung_there:
                rung_there[person] = _rings(neighbour_targets[location_id], rota, member.staff_id)
            if rung_there[person]:
                periods.setdefault(person, []).append((max(member.start, rota.since), min(member.end, rota.until)))
    shared = [
        SharedPerson(staff_id, location_id, parts[0][0], count_minutes(parts))
        for (staff_id, location_id), rung in periods.items()
        if (parts := intersect(coverage.merge(rung), open_periods))
    ]
    return sorted(shared, key=lambda person: (person.start, person.staff_id))


def _rings(targets: Iterable[Mapping[str, Any]], rota: Rota, staff_id: str) -> bool:
    """Whether any of these ring actions rings a person who is on duty there."""
    return any(rota.is_selected(staff_id, target["onDuty"]) for target in targets if "onDuty" in target)
