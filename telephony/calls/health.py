"""Whether a call to a location would ring somebody now, and what keeps it from doing so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from accounts import customers, users
from config import dynamodb
from staffing.schedules import on_duty, queries
from staffing.schedules.expansion import Shift
from telephony import ivr, lines
from telephony.calls.limits import minutes
from telephony.calls.rota import next_opening, routing
from telephony.calls.rota.duty import DutyReader
from telephony.calls.rota.routing import RingCandidate
from telephony.lines import ResolvedLine
from telephony.models import Line, LineTest, PhoneNumber

if TYPE_CHECKING:
    from accounts.models import Location, User

MAX_RING_ACTIONS = 12
"""Ring actions of a configuration that are looked at."""


@dataclass(frozen=True)
class PersonOnDuty:
    """Somebody with a shift now."""

    user: "User"
    until: datetime
    why_not: str = ""
    """Why a call would not ring them: one of `reasons.WHY_NOT`."""
    paused_until: datetime | None = None


@dataclass(frozen=True)
class LocationHealth:
    """What decides whether a call is answered; what does not matter yet has its default."""

    number: str | None
    number_status: str | None = None
    """None: the number is not stored, or is that of another location."""
    has_configuration: bool = False
    is_suspended: bool = False
    """Whether the customer is."""
    entrance: ivr.Entrance | None = None
    hours_mode: str = ""
    """always, weekly or schedule"""
    is_ringing: bool = False
    """Whether the part of the configuration that a call enters now rings anybody."""
    rings: Sequence[RingCandidate] = ()
    """Whom a call would ring now."""
    on_duty: Sequence[PersonOnDuty] = ()
    are_minutes_used_up: bool = False
    next_answer: datetime | None = None
    """When a caller would next be answered; None: not within a month."""
    last_test: LineTest | None = None
    """Of the line with this number."""

    @property
    def takes_calls(self) -> bool:
        """Whether callers reach the configuration at all."""
        is_active = bool(self.number) and self.number_status == "active"
        return is_active and self.has_configuration and not self.is_suspended


def load_health(location: "Location", *, at: datetime) -> LocationHealth:
    """The state of a location. About five round trips follow each other."""
    location_id, customer_id = str(location.id), str(location.customer_id)
    keys = [dynamodb.RecordKey(record_class, location_id) for record_class in (Line, LineTest)]
    keys.append(customers.customer_key(customer_id))
    records, shifts = dynamodb.gather(lambda: dynamodb.batch_get(keys), lambda: _load_shifts(location_id, at))
    line_record = records.get(Line, location_id)
    number = str(line_record.number) if line_record and line_record.number else None
    is_suspended = not customers.is_active_in(records, customer_id)
    if line_record is None or not line_record.configuration:
        staff = _load_staff(shifts, customer_id)
        people = _list_on_duty(shifts, staff, {})
        return LocationHealth(number, is_suspended=is_suspended, on_duty=people)
    line = lines.to_resolved_line(line_record, location)
    stored_number, staff, plan, used_up, answer = dynamodb.gather(
        lambda: dynamodb.get_record(PhoneNumber, number) if number else None,
        lambda: _load_staff(shifts, customer_id),
        lambda: _plan(line, at),
        lambda: minutes.are_used_up(customer_id, at),
        lambda: _find_next_answer(line, at),
    )
    is_own = stored_number is not None and stored_number.location_id == location_id
    return LocationHealth(
        number=number,
        number_status=str(stored_number.status) if is_own else None,
        has_configuration=True,
        is_suspended=is_suspended,
        entrance=plan.entrance,
        hours_mode=str(line.configuration["hours"]["mode"]),
        is_ringing=plan.is_ringing,
        rings=[candidate for candidate in plan.entered if candidate.phone],
        on_duty=_list_on_duty(shifts, staff, {item.id: item for item in plan.considered}),
        are_minutes_used_up=used_up,
        next_answer=answer,
        last_test=_test_of(records.get(LineTest, location_id), number),
    )


def _test_of(test: LineTest | None, number: str | None) -> LineTest | None:
    """A test, if it is one of this number."""
    return test if test and test.number == number else None


@dataclass(frozen=True)
class _Plan:
    entrance: ivr.Entrance
    entered: Sequence[RingCandidate]
    """Of the part of the configuration that a call enters now."""
    considered: Sequence[RingCandidate]
    """Of that part and of the open one; who could be rung by any action of them, as such."""
    is_ringing: bool


def _plan(line: ResolvedLine, at: datetime) -> _Plan:
    """Whom a call would ring now; nobody if the rota has too many shifts to look at."""
    duty, configuration = DutyReader(line, at), line.configuration
    try:
        staff = duty.list_staff(ivr.grace_period(configuration)) if ivr.follows_rota(configuration) else None
        entrance = routing.find_entrance(line, at, staff)
        branches = dict.fromkeys((entrance.name, "open"))
        targets = {name: _list_targets(configuration, name) for name in branches}
        candidates = {name: _list_candidates(line, targets[name], at, duty) for name in branches}
    except queries.QueryTooWide:
        return _Plan(routing.find_entrance(line, at, None), [], [], is_ringing=True)
    entered = candidates[entrance.name]
    considered = _merge([*entered, *candidates["open"]])
    return _Plan(entrance, entered, considered, bool(targets[entrance.name]))


def _list_targets(configuration: Mapping[str, Any], branch: str) -> list[Mapping[str, Any]]:
    actions = ivr.iter_actions({branch: configuration[branch]}) if branch in configuration else ()
    return [action["target"] for _, action in actions if action["type"] == "ring"][:MAX_RING_ACTIONS]


def _list_candidates(
    line: ResolvedLine, targets: Iterable[Mapping[str, Any]], at: datetime, duty: DutyReader
) -> list[RingCandidate]:
    return _merge(candidate for target in targets for candidate in routing.list_candidates(line, target, at, duty=duty))


def _merge(candidates: Iterable[RingCandidate]) -> list[RingCandidate]:
    """Each person once: as somebody who could be rung, if any action says so."""
    merged: dict[str, RingCandidate] = {}
    for candidate in candidates:
        if candidate.id not in merged or (candidate.phone and not merged[candidate.id].phone):
            merged[candidate.id] = candidate
    return list(merged.values())


def _list_on_duty(
    shifts: Iterable[Shift], staff: "Mapping[str, User]", candidates: Mapping[str, RingCandidate]
) -> list[PersonOnDuty]:
    """The people with a shift now, also those who cannot work."""
    people: dict[str, PersonOnDuty] = {}
    for shift in shifts:
        user, candidate = staff.get(shift.staff_id), candidates.get(shift.staff_id)
        if user is None or shift.staff_id in people:
            continue
        until, paused_until = shift.occurrence.end, candidate.paused_until if candidate else None
        why_not = candidate.why_not if candidate else "not_selected"
        if user.status not in users.WORKING_STATUSES:
            why_not = "blocked"
        people[shift.staff_id] = PersonOnDuty(user, until, why_not, paused_until)
    return list(people.values())


def _load_shifts(location_id: str, at: datetime) -> list[Shift]:
    try:
        return on_duty.list_current_shifts({location_id: timedelta(0)}, at)[location_id]
    except queries.QueryTooWide:
        return []


def _load_staff(shifts: Iterable[Shift], customer_id: str) -> "Mapping[str, User]":
    staff_ids = sorted({shift.staff_id for shift in shifts})
    return users.load_users(staff_ids, customer_id) if staff_ids else {}


def _find_next_answer(line: ResolvedLine, at: datetime) -> datetime | None:
    try:
        return next_opening.find_next_opening(line, at)
    except queries.QueryTooWide:
        return None
