"""The records from which the reach of a line follows, as ring actions see them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from accounts import users
from config import dynamodb
from staffing.schedules import coverage, on_duty
from staffing.schedules.coverage import Period
from staffing.schedules.expansion import Shift
from staffing.schedules.on_duty import OnDuty
from staffing.schedules.queries import QueryTooWide
from telephony import ivr
from telephony.calls.rota import routing
from telephony.calls.rota.routing import Match, RingCandidate
from telephony.lines import ResolvedLine
from telephony.models import PhonePause

if TYPE_CHECKING:
    from accounts.models import User


MAX_WORK = 3_000_000
"""Shifts that are looked at for one line, counted each time."""
WORK_OF_CALL = 4
"""How many of them one costs that is looked at as a call does."""


@dataclass
class WorkLimit:
    """Bounds what a line costs whose shifts, ring actions and breaks are many at once."""

    left: int = MAX_WORK

    def spend(self, count: int) -> None:
        """Raises `QueryTooWide` beyond `MAX_WORK`."""
        self.left -= count
        if self.left < 0:
            raise QueryTooWide("Too many shifts overlap in this window; choose a shorter one.", pointer="?to")


class Member(NamedTuple):
    """Somebody whom a ring action considers for a time."""

    start: datetime
    end: datetime
    """With the grace."""
    staff_id: str
    why_not: str
    """Why a call never rings them then; empty if it does, unless they have a break."""
    until: datetime | None
    """End of the shift; None: the configuration names them."""
    location_id: str | None
    """Of a neighbour."""


@dataclass(frozen=True)
class Rota:
    """What was read of a line and a window. People and shifts of other customers are left out."""

    line: ResolvedLine
    since: datetime
    until: datetime
    shifts: Mapping[str, Sequence[Shift]]
    """By location, the line's first, by start: those that overlap the window or ended up to
    `ivr.longest_grace_period` before. Locations that are not the customer's are left out."""
    staff: "Mapping[str, User]"
    """The people of these shifts, and those named in the configuration, whatever their status."""
    records: dynamodb.BatchResult
    """The phone verifications and breaks of these people."""
    work: WorkLimit = field(default_factory=WorkLimit, compare=False)

    @cached_property
    def own_entries(self) -> list[OnDuty]:
        """The people who open the line while they are on duty at its location."""
        shifts = self.shifts[self.line.location_id]
        return [OnDuty(user, shift) for shift in shifts if (user := self._find_worker(shift.staff_id))]

    @cached_property
    def breaks(self) -> list[Period]:
        """The times at which anybody has a break from calls; in order, without overlaps."""
        return coverage.merge(
            (max(pause.effective_from, self.since), min(pause.paused_until, self.until))
            for pause in self._pauses.values()
        )

    @cached_property
    def _pauses(self) -> dict[str, PhonePause]:
        pauses = ((id, self.records.get(PhonePause, id)) for id in self.staff)
        return {id: pause for id, pause in pauses if pause}

    def find_break_reason(self, staff_id: str, at: datetime) -> str:
        """Why somebody is not rung at an instant who would be if nobody had a break."""
        pause = self._pauses.get(staff_id)
        return "on_a_break" if pause and pause.is_current(at) else "same_phone"

    def list_members(self, target: Mapping[str, Any]) -> list[Member]:
        """Those whom a ring action considers in the window, by start; not phone numbers."""
        if "onDuty" not in target:
            matches = routing.match_named(self._find_named(target))
            return [
                Member(self.since, self.until, match.user.id, self._exclusion_reason(match), None, None)
                for match in matches
            ]
        duty_target, members = target["onDuty"], list[Member]()
        grace = ivr.duty_grace_period(duty_target)
        reasons = {id: self._duty_reason(user, duty_target) for id, user in self.staff.items()}
        for location_id in self._list_locations(duty_target):
            is_neighbour = location_id != self.line.location_id
            self.work.spend(len(self.shifts[location_id]))
            for shift in self.shifts[location_id]:
                end = shift.occurrence.end
                rings_until = end if is_neighbour else end + grace
                staff_id = shift.staff_id
                if staff_id in reasons and rings_until > self.since and shift.occurrence.start < self.until:
                    neighbour_id = location_id if is_neighbour else None
                    start = shift.occurrence.start
                    members.append(Member(start, rings_until, staff_id, reasons[staff_id], end, neighbour_id))
        return sorted(members, key=lambda member: member[:2])

    def list_ringing(self, target: Mapping[str, Any], members: Sequence[Member]) -> list[Period]:
        """The times of the window at which a ring action rings somebody; in order, merged.

        ``members`` are those of `list_members`.
        """
        if "numbers" in target:
            candidates = (routing.number_candidate(number, self.line.country) for number in target["numbers"])
            return [(self.since, self.until)] if any(candidate.phone for candidate in candidates) else []
        ringing = coverage.merge(
            (max(member.start, self.since), min(member.end, self.until)) for member in members if not member.why_not
        )
        if not self.breaks:
            return ringing
        surely = self._list_surely_ringing(members)
        unsure = subtract(intersect(ringing, self.breaks), surely)
        within = [part for period in unsure for part in self._list_ringing_within(target, members, period)]
        return coverage.merge([*subtract(ringing, self.breaks), *surely, *within])

    def _list_surely_ringing(self, members: Sequence[Member]) -> list[Period]:
        """The times at which somebody rings who has no break, nor anybody with the same phone."""
        phones = {self.staff[id].phone for id in self._pauses}
        return coverage.merge(
            (max(member.start, self.since), min(member.end, self.until))
            for member in members
            if not member.why_not and self.staff[member.staff_id].phone not in phones
        )

    def _list_ringing_within(
        self, target: Mapping[str, Any], members: Sequence[Member], period: Period
    ) -> list[Period]:
        """As `list_ringing`, while people have breaks: as a call at each instant finds it out."""
        edges = {edge for member in members for edge in member[:2]}
        edges |= {edge for pause in self._pauses.values() for edge in (pause.effective_from, pause.paused_until)}
        instants = sorted({*period, *(edge for edge in edges if period[0] < edge < period[1])})
        known = self._list_shifts_within(target, period)
        return [
            span
            for span in pairwise(instants)
            if any(item.phone for item in self.list_candidates(target, span[0], known))
        ]

    def _list_shifts_within(self, target: Mapping[str, Any], period: Period) -> dict[str, list[Shift]]:
        """The shifts that matter in a period to a ring action, by location."""
        if "onDuty" not in target:
            return {}
        since = period[0] - ivr.duty_grace_period(target["onDuty"])
        shifts_by_location = {id: self.shifts[id] for id in self._list_locations(target["onDuty"])}
        self.work.spend(sum(map(len, shifts_by_location.values())))
        return {
            id: [item for item in shifts if item.occurrence.start < period[1] and item.occurrence.end > since]
            for id, shifts in shifts_by_location.items()
        }

    def list_candidates(
        self, target: Mapping[str, Any], at: datetime, known: Mapping[str, Sequence[Shift]] | None = None
    ) -> list[RingCandidate]:
        """The candidates of a call at an instant of the window, as if nobody talked in another.

        ``known``: the shifts that matter then, by location; None: all are looked at.
        """
        if "numbers" in target:
            return [routing.number_candidate(number, self.line.country) for number in target["numbers"]]
        if "users" in target:
            matches = routing.match_named(self._find_named(target))
        else:
            matches = routing.match_on_duty(self.line, target["onDuty"], self._list_staff(target["onDuty"], at, known))
        return routing.judge(matches, self.records, self.line, at)

    def is_selected(self, staff_id: str, duty_target: Mapping[str, Any]) -> bool:
        """Whether a ring action for people on duty means this person."""
        return not routing.filter_reason(self.staff[staff_id], duty_target)

    def _list_staff(
        self, duty_target: Mapping[str, Any], at: datetime, known: Mapping[str, Sequence[Shift]] | None
    ) -> dict[str, list[OnDuty]]:
        people, shifts_by_location = {}, self.shifts if known is None else known
        for location_id in self._list_locations(duty_target):
            is_own = location_id == self.line.location_id
            grace = ivr.duty_grace_period(duty_target) if is_own else timedelta(0)
            self.work.spend(len(shifts_by_location[location_id]) * WORK_OF_CALL)
            shifts = [shift for shift in shifts_by_location[location_id] if shift.occurrence.start <= at]
            people[location_id] = on_duty.build_entries(shifts, self.staff, at, grace=grace)
        return people

    def _list_locations(self, duty_target: Mapping[str, Any]) -> list[str]:
        neighbours = (id for id in duty_target.get("locations", ()) if id in self.shifts)
        return [self.line.location_id, *neighbours]

    def _find_named(self, target: Mapping[str, Any]) -> "list[User]":
        return [self.staff[id] for id in target.get("users", ()) if id in self.staff]

    def _find_worker(self, staff_id: str) -> "User | None":
        user = self.staff.get(staff_id)
        return user if user and user.status in users.WORKING_STATUSES else None

    def _duty_reason(self, user: "User", duty_target: Mapping[str, Any]) -> str:
        """Who cannot work is on nobody's list of people on duty; here that is said first."""
        if user.status not in users.WORKING_STATUSES:
            return "blocked"
        return self._exclusion_reason(Match(user, "scheduled", routing.filter_reason(user, duty_target)))

    def _exclusion_reason(self, match: Match) -> str:
        return routing.exclusion_reason(match, self.records, self.line.country)


def subtract(periods: Sequence[Period], removed: Sequence[Period]) -> list[Period]:
    """Periods without the parts that are removed; both in order, without overlaps."""
    parts: list[Period] = []
    index = 0
    for start, end in periods:
        while index < len(removed) and removed[index][1] <= start:
            index += 1
        position, remaining = index, start
        while position < len(removed) and removed[position][0] < end:
            if remaining < removed[position][0]:
                parts.append((remaining, removed[position][0]))
            remaining = max(remaining, removed[position][1])
            position += 1
        if remaining < end:
            parts.append((remaining, end))
    return parts


def intersect(periods: Sequence[Period], others: Sequence[Period]) -> list[Period]:
    """The parts of periods that are in others as well; both in order, without overlaps."""
    return subtract(periods, subtract(periods, others))
