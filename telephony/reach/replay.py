"""Past calls against a changed rota: which of them would have been met.

A call was met if it was answered. With the changed rota it counts as met if a phone would ring
whose owner did not leave this very call unanswered. Judged are the configuration, people and phones
of today at the time of the call: nobody has a break or talks in another call, and call minutes are
left. A caller who would come to a menu presses the keys that they pressed then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.permissions import Actor
from config import dynamodb, errors, local_time
from staffing.recurrence import rules
from staffing.schedules import changed_rota
from staffing.schedules.changed_rota import RotaChange
from telephony import ivr, lines
from telephony.calls.demand import Slot, iter_slots, slot_of
from telephony.calls.history.location_calls import list_incoming_calls
from telephony.calls.state.call_record import CallRecord
from telephony.models import Call
from telephony.reach import past_shifts
from telephony.reach.call_way import iter_ring_actions
from telephony.reach.past_rota import PastRota

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Met:
    """How many calls were answered, and how many somebody could have answered with the changes."""

    then: int = 0
    now: int = 0


@dataclass(frozen=True)
class ReplayedPerson:
    """Somebody whose phone would ring: a user, or a number of the configuration."""

    id: str
    rang_then: bool
    """Whether it rang in this call, too, and they did not answer."""


@dataclass(frozen=True)
class ReplayedCall:
    """What would have come of a call."""

    call_id: str
    started_at: datetime
    was: str
    """Its outcome: one of `CALL_OUTCOMES`."""
    is_met: bool
    would_ring: Sequence[ReplayedPerson]
    """In the order of the ring actions, up to the one at which it is met."""


@dataclass(frozen=True)
class ReplayHour:
    """An hour of the week, over the whole window."""

    weekday: int
    """Monday is 0."""
    hour: int
    calls: int
    met: Met

    @property
    def day(self) -> str:
        """The weekday, as in the API."""
        return rules.WEEKDAY_CODES[self.weekday]


@dataclass(frozen=True)
class Replay:
    """The calls of a window against a changed rota."""

    location_id: str
    time_zone: str
    since: datetime
    until: datetime
    calls: Sequence[ReplayedCall]
    """Newest first."""
    is_cut: bool
    """Whether there were more calls than are judged."""

    @property
    def met(self) -> Met:
        return _count_met(self.calls)

    @property
    def unmet(self) -> list[ReplayedCall]:
        """The calls that were not answered, and those that would not be met now."""
        return [call for call in self.calls if call.was != "answered" or not call.is_met]

    @property
    def call_count(self) -> int:
        return len(self.calls)

    @property
    def hours(self) -> list[ReplayHour]:
        """All 168 hours of the week, from Monday 0:00 on, by the clock of the location."""
        tz = ZoneInfo(self.time_zone)
        calls_by_slot: dict[Slot, list[ReplayedCall]] = {}
        for call in self.calls:
            calls_by_slot.setdefault(slot_of(call.started_at, tz), []).append(call)
        calls_of = ((slot, calls_by_slot.get(slot, [])) for slot in iter_slots())
        return [ReplayHour(*slot, len(calls), _count_met(calls)) for slot, calls in calls_of]


def _count_met(calls: Sequence[ReplayedCall]) -> Met:
    return Met(sum(call.was == "answered" for call in calls), sum(call.is_met for call in calls))


def replay_calls(
    location_id: str,
    since: datetime,
    until: datetime,
    changes: Sequence[RotaChange],
    *,
    actor: Actor,
    at: datetime,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> Replay:
    """The calls of a past window against the rota with changes; naive times are the location's.

    `lines.line_keys` may be among the ``known`` records; two more round trips follow each other,
    if there are not many calls or people. Raises `errors.InvalidRequest` for a window that is
    empty, in the future, or from which calls are not stored any more; `queries.QueryTooWide`;
    `errors.NotFound`, `errors.Forbidden`, and as `changed_rota.apply_changes`.
    """
    actor.require("schedules:read")
    line_record, location = lines.get_line(location_id, actor=actor, known=known)
    line = lines.to_resolved_line(line_record, location)
    since, until = _check_window(since, until, line.time_zone, at)
    (calls, is_cut), schedules, records = dynamodb.gather(
        lambda: list_incoming_calls(location_id, since, until),
        lambda: past_shifts.list_schedules(line, since, until),
        lambda: dynamodb.batch_get(changed_rota.list_keys(changes, location_id)),
    )
    schedules[location_id] = changed_rota.apply_changes(
        schedules[location_id], changes, location=location, records=records, actor=actor, at=at
    )
    rota = past_shifts.build_rota(line, schedules, since, until, known=records)
    ended = [CallRecord(call) for call in calls if call.outcome != "ringing"]
    judged = [_judge(call, rota) for call in reversed(ended)]
    return Replay(location_id, line.time_zone, since, until, judged[::-1], is_cut)


def _check_window(since: datetime, until: datetime, zone: str, at: datetime) -> tuple[datetime, datetime]:
    start, end = (
        local_time.resolve_instant(time, zone, pointer=pointer) for time, pointer in ((since, "/from"), (until, "/to"))
    )
    if end > at:
        raise errors.InvalidRequest("Must be in the past.", pointer="/to")
    if start >= end:
        raise errors.InvalidRequest("Must be later than `from`.", pointer="/to")
    kept_days = settings.TELEPHONY["kept_days"]
    if start < at - timedelta(days=kept_days):
        raise errors.InvalidRequest(f"Calls are stored for {kept_days} days.", pointer="/from")
    return start, end


# --- calls ----------------------------------------------------------------------------------------
def _judge(call: CallRecord, rota: PastRota) -> ReplayedCall:
    """What would have come of a call; the calls are judged by start."""
    row: Call = call.row
    answerer = row.answered_by if row.outcome == "answered" else None
    did_not_answer = {event["who"] for event in call.events if event["kind"] == "rung"} - {answerer}
    people: dict[str, ReplayedPerson] = {}
    for path, action in _iter_ring_actions(call, rota):
        ringing_ids = [item.id for item in rota.list_candidates(path, action, row.started_at) if item.phone]
        people |= {id: ReplayedPerson(id, id in did_not_answer) for id in ringing_ids}
        if not did_not_answer.issuperset(ringing_ids):
            break
    is_met = any(not person.rang_then for person in people.values())
    return ReplayedCall(call.id, row.started_at, str(row.outcome), is_met, list(people.values()))


def _iter_ring_actions(call: CallRecord, rota: PastRota) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """The ring actions that the caller would come to; none if there were too many calls at once."""
    if call.has_step("refused"):
        return []
    entrance = rota.find_entrance(call.row.started_at)
    keys = [event.get("key") or "" for event in call.events if event["kind"] == "key"]
    has_hung_up = call.row.outcome != "answered" and call.entrance == entrance.name
    menus = (path for path, action in ivr.iter_actions(call.configuration) if action["type"] == "menu")
    heard_menus = list(menus) if has_hung_up and call.configuration else []
    return iter_ring_actions(rota.line.configuration, entrance.name, keys, heard_menus=heard_menus)
