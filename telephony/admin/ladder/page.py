"""What the page of a call shows of its ladder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from config import dynamodb, phone_numbers
from config.backoffice import clock
from staffing.schedules.expansion import Shift
from telephony import reasons
from telephony.admin import readable
from telephony.admin.ladder import shifts
from telephony.admin.ladder.shifts import Shifts
from telephony.admin.ladder.story import Ladder, Step, build_ladder, format_seconds
from telephony.admin.readable import Context
from telephony.calls.history import own_calls
from telephony.calls.rota.routing import RingCandidate
from telephony.calls.state.call_record import CallRecord


@dataclass(frozen=True)
class CandidateRow:
    """Why somebody was rung, or was not."""

    person: str
    """A link."""
    outcome: str
    is_rung: bool
    why: str
    shift: str = ""
    """The shift that put them there; empty: none."""
    shift_url: str = ""
    place: str = ""
    """The other location at which they were on duty."""


def load_story(call: CallRecord) -> tuple[Context, Shifts, list[Shift]]:
    """The names that a call's page shows, the shifts of its candidates, and those of others.

    One round trip, and another for the names of people who are covered by others, or not on duty.
    """
    customer_id = str(call.row.customer_id)
    user_ids = [candidate.id for candidate in call.candidates]
    user_ids += [user_id for user_id, _ in own_calls.list_listeners(call.row)]
    user_ids += [str(event["who"]) for event in call.events if event.get("who")]
    user_ids.append(str(call.row.answered_by or ""))
    location_ids = [str(call.row.location_id), *(item.location_id for item in call.candidates if item.location_id)]
    context, loaded, others = dynamodb.gather(
        lambda: readable.load_context(customer_id, user_ids, location_ids),
        lambda: shifts.load_shifts(call),
        lambda: shifts.load_others(call),
    )
    shift_ids = {key: str(shift.schedule.staff_id) for key, shift in loaded.items() if key[1] in user_ids}
    unnamed = {*shift_ids.values(), *(shift.staff_id for shift in others)} - set(user_ids)
    if unnamed:
        more = readable.load_context(customer_id, unnamed, location_ids)
        context = replace(context, user_names={**context.user_names, **more.user_names})
    return context, loaded, others


def build_page(call: CallRecord, context: Context, loaded: Shifts, others: Sequence[Shift]) -> dict[str, Any]:
    """The template's context: the ladder by the clock of the location, candidates and others."""
    location_id = str(call.row.location_id)
    zone = context.zones.get(location_id) or call.line.time_zone
    ladder = build_ladder(call, context.name)
    shown_zone = UTC if clock.shows_utc() else ZoneInfo(zone)
    caller = (
        "erased on request"
        if call.row.erased_at
        else phone_numbers.to_readable(str(call.row.caller or "")) or "withheld"
    )
    rows = [_to_row(candidate, call, ladder, context, loaded) for candidate in call.candidates]
    rows += [_to_absent_row(shift, call, context) for shift in others]
    needs_shift = bool(others) or any(candidate.why in shifts.ROTA_REASONS for candidate in call.candidates)
    return {
        "lanes": [{"name": name, "x": _position(index, ladder)} for index, name in enumerate(ladder.lanes)],
        "caller": caller,
        "steps": [_to_item(step, call, ladder, shown_zone) for step in ladder.steps],
        "is_cut": ladder.is_cut,
        "zone": "UTC" if clock.shows_utc() else zone,
        "day": call.row.started_at.astimezone(shown_zone),
        "location": context.location(location_id),
        "candidates": rows,
        "rota_url": shifts.rota_url(location_id, shifts.find_plan_time(call), zone) if needs_shift else "",
        "lane_count": len(ladder.lanes),
    }


def _position(lane: int, ladder: Ladder) -> str:
    """The middle of a lane in percent."""
    return f"{100 * (lane + 0.5) / len(ladder.lanes):.2f}"


def _to_item(step: Step, call: CallRecord, ladder: Ladder, zone: Any) -> Mapping[str, Any]:
    local = step.at.astimezone(zone)
    left, right = sorted((step.source, step.target))
    since = max(0, round((step.at - call.row.started_at).total_seconds()))
    return {
        "at": step.at,
        "time": f"{local:%H:%M:%S}",
        "since": f"+{format_seconds(since)}" if since else "",
        "text": step.text,
        "tone": step.tone,
        "left": _position(left, ladder),
        "width": f"{100 * (right - left) / len(ladder.lanes):.2f}",
        "is_note": step.source == step.target,
        "is_leftward": step.target < step.source,
        "states": _states(step, ladder),
        "players": _players(step, call),
    }


def _states(step: Step, ladder: Ladder) -> Sequence[Mapping[str, str]]:
    """What is drawn on each lane: a line, or a bar while a phone rings or somebody talks."""
    return [
        {
            "x": _position(lane, ladder),
            "kind": "talking" if lane in step.talking else "ringing" if lane in step.ringing else "life",
        }
        for lane in range(len(ladder.lanes))
    ]


def _players(step: Step, call: CallRecord) -> Sequence[Mapping[str, str]]:
    return [
        {"label": recording.kind, "url": reverse("admin:call_sound", args=(call.id, recording.kind))}
        for recording in call.recordings
        if recording.kind == step.recording and recording.file and not call.row.erased_at
    ][:1]


def _to_absent_row(shift: Shift, call: CallRecord, context: Context) -> CandidateRow:
    """Somebody of the rota whom the call could not ring."""
    at, location_id = shifts.find_plan_time(call), str(call.row.location_id)
    zone = context.zones.get(location_id) or call.line.time_zone
    return CandidateRow(
        context.person(shift.staff_id),
        "Not rung",
        is_rung=False,
        why=shifts.describe_absence(shift, at),
        shift=shifts.describe_shift(shift, zone),
        shift_url=shifts.shift_url(shift, shift.occurrence.start, zone),
    )


def _to_row(
    candidate: RingCandidate, call: CallRecord, ladder: Ladder, context: Context, loaded: Shifts
) -> CandidateRow:
    location_id = candidate.location_id or str(call.row.location_id)
    is_rung = candidate.id in ladder.ring_ends
    if candidate.why_not:
        outcome = f"Not rung: {reasons.words('why_not', candidate.why_not)}"
    elif is_rung:
        rang = ladder.ring_seconds.get(candidate.id)
        outcome = f"Rung{f' for {format_seconds(rang)}' if rang else ''}: {ladder.ring_ends[candidate.id]}"
    else:
        outcome = "Not rung: the call was over or answered before it was their turn"
    why = reasons.words("why", candidate.why)
    first = "; first, as they talked with this caller last" if candidate.has_spoken_last else ""
    duty_location = context.location(candidate.location_id) if candidate.location_id else ""
    row = CandidateRow(context.person(candidate.id), outcome, is_rung, why + first, place=duty_location)
    if candidate.why not in shifts.ROTA_REASONS:
        return row
    shift = loaded.get((location_id, candidate.id))
    if shift is None:
        return replace(row, shift="The rota has no such shift any more: it was changed after the call.")
    owner_id = str(shift.schedule.staff_id)
    covers = f" of {context.name(owner_id)}" if owner_id != candidate.id else ""
    zone = context.zones.get(location_id) or call.line.time_zone
    url = shifts.shift_url(shift, shifts.find_plan_time(call), zone)
    return replace(row, why=why + covers + first, shift=shifts.describe_shift(shift, zone), shift_url=url)
