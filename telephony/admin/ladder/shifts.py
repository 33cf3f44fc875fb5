"""The shifts that put people on duty at the time of a call, as the rota has them now."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.urls import reverse

from config.backoffice import clock
from staffing.admin import occurrences
from staffing.schedules import expansion, on_duty, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter
from telephony import ivr
from telephony.calls.state.call_record import CallRecord

ROTA_REASONS = ("scheduled", "moved", "covering", "handing_over", "neighbour")
"""The reasons of candidates whom a shift put there."""
NEAR, MAX_NEAR_SHIFTS, MAX_OTHERS = timedelta(days=7), 500, 12
"""How far from a call shifts of others are looked for, how many, and for how many people."""
Shifts = Mapping[tuple[str, str], Shift]
"""By location and person."""


def find_plan_time(call: CallRecord) -> datetime:
    """When it was decided whom to ring; without a decision, when the call began."""
    times = (event["at"] for event in call.events if event["kind"] in ("planned", "nobody_to_ring"))
    first = next(times, None)
    return datetime.fromisoformat(first) if first else call.row.started_at


def load_shifts(call: CallRecord) -> Shifts:
    """The shifts at the time of the call, at its location and those of its candidates."""
    if not any(candidate.why in ROTA_REASONS for candidate in call.candidates):
        return {}
    location_id = str(call.row.location_id)
    neighbour_ids = {candidate.location_id for candidate in call.candidates if candidate.location_id}
    graces = dict.fromkeys(sorted(neighbour_ids), timedelta(0))
    graces[location_id] = ivr.longest_grace_period(call.configuration) if call.configuration else timedelta(0)
    try:
        shifts_by_location = on_duty.list_current_shifts(graces, find_plan_time(call))
    except queries.QueryTooWide:
        return {}
    return {(id, shift.staff_id): shift for id, shifts in shifts_by_location.items() for shift in shifts}


def load_others(call: CallRecord) -> list[Shift]:
    """Of each person of the rota whom the call could not ring: the shift nearest to the call.

    Empty if the call did not come to a step that rings phones.
    """
    if not any(event["kind"] in ("planned", "nobody_to_ring") for event in call.events):
        return []
    at = find_plan_time(call)
    around = ScheduleFilter(location_id=str(call.row.location_id), since=at - NEAR, until=at + NEAR)
    candidate_ids = {candidate.id for candidate in call.candidates}
    nearest: dict[str, Shift] = {}
    try:
        for shift in islice(expansion.iter_shifts(around, MAX_NEAR_SHIFTS), MAX_NEAR_SHIFTS):
            known = nearest.get(shift.staff_id)
            if shift.staff_id not in candidate_ids and (known is None or _distance(shift, at) < _distance(known, at)):
                nearest[shift.staff_id] = shift
    except queries.QueryTooWide:
        return []
    return sorted(nearest.values(), key=lambda shift: (_distance(shift, at), shift.staff_id))[:MAX_OTHERS]


def _distance(shift: Shift, at: datetime) -> timedelta:
    return max(shift.occurrence.start - at, at - shift.occurrence.end, timedelta(0))


def describe_absence(shift: Shift, at: datetime) -> str:
    """Why somebody with this nearest shift could not be rung."""
    if shift.occurrence.end <= at:
        return "Not on duty: the last shift before was over"
    if shift.occurrence.start > at:
        return "Not on duty: the next shift began later"
    return "On duty by the rota as it is now: it was changed after the call, or the call asked for other skills"


def rota_url(location_id: str, at: datetime, zone: str) -> str:
    """The page of the rota of a location in the week of a time."""
    day = at.astimezone(ZoneInfo(zone)).date()
    return f"{reverse('admin:rota', args=(location_id,))}?show=week&day={day}"


def describe_shift(shift: Shift, zone: str) -> str:
    """From when until when a shift is, with its day, by the clock of a zone."""
    start, end = (at.astimezone(ZoneInfo(zone)) for at in (shift.occurrence.start, shift.occurrence.end))
    is_same_day = start.date() == end.date()
    last = f"{end:%H:%M}" if is_same_day else clock.format_day_time(end)
    return f"{clock.format_day_time(start)}{'–' if is_same_day else ' – '}{last}"


def shift_url(shift: Shift, at: datetime, zone: str) -> str:
    """The page of a shift, which returns to the rota of a time."""
    return occurrences.shift_url(shift, rota_url(str(shift.schedule.location_id), at, zone))
