"""Whether the phones of those whose shift starts soon can be rung.

An hour before, those who cannot be rung are told so. Shortly before, those in charge are told of
the ones for whom that is still so. Only of lines that ring the people on duty, and of shifts during
which the line is open. Each is told once of each start.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from accounts import permissions, preferences, users
from config import dynamodb, journal, outbox
from config.dynamodb import idempotency
from staffing.schedules import expansion, on_duty, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter
from telephony import ivr
from telephony.calls.rota import routing
from telephony.ivr import open_periods
from telephony.lines import ResolvedLine
from telephony.models import PhonePause, PhoneVerification
from telephony.reach import in_charge, ready_messages
from telephony.reach.ready_messages import EVENT, OWN, TEAM
from telephony.reach.watched import find_watched

if TYPE_CHECKING:
    from accounts.models import User

LEAD, LATE_LEAD = timedelta(minutes=60), timedelta(minutes=15)
"""How long before a shift people are told, and those in charge."""
PLANNED_AHEAD = timedelta(hours=26)
"""Until after the next nightly look, which plans on."""
MAX_STARTS, MAX_PEOPLE = 90, 50
"""Starts of shifts that one look plans, and people of one start."""


@dataclass(frozen=True)
class UnreadyPerson:
    """Somebody whose shift starts then, and why calls could not ring them."""

    user: "User"
    why_not: str
    shift: Shift


def plan_checks(line: ResolvedLine, *, at: datetime) -> None:
    """Have it checked before each of the next shifts whether its people can be rung.

    A check that is planned already stays. Raises `queries.QueryTooWide`.
    """
    location_ids = list_ringing_locations(line)
    until = at + PLANNED_AHEAD
    filters = [ScheduleFilter(location_id=id, since=at, until=until) for id in location_ids]
    schedules = queries.list_schedules_in_each(filters) if filters else []
    starts = {
        shift.occurrence.start
        for items, schedule_filter in zip(schedules, filters, strict=True)
        for shift in expansion.iter_series_shifts(items, schedule_filter)
        if at < shift.occurrence.start < until and _is_open_during(line, shift)
    }
    ids = {_message_id("ready", line, start): start for start in sorted(starts)[:MAX_STARTS]}
    planned = dynamodb.batch_get(dynamodb.RecordKey(outbox.OutboxMessage, id) for id in ids)
    missing = {id: start for id, start in ids.items() if planned.get(outbox.OutboxMessage, id) is None}
    if missing:
        with journal.write_intent(permissions.system_actor(line.customer_id), at) as write:
            for id, start in missing.items():
                write.enqueue("telephony.check_ready", id=id, due=max(at, start - LEAD), **_arguments(line, start))


@outbox.task("telephony.check_ready")
def tell_unready_people(location_id: str, customer_id: str, start: str, *, job: outbox.TaskContext) -> None:
    """Tell those who could not be rung in the shift that starts soon, and look again later."""
    starts_at = datetime.fromisoformat(start)
    line = _find_line(location_id, customer_id, starts_at, job)
    unready = list_unready(line, starts_at) if line else []
    if line is None or not unready:
        return
    for person in unready:
        channels = _list_own_channels(person.user)
        key = _once(OWN, str(person.user.id), start)
        _tell(channels, [person], OWN, key, line, start, job)
    with journal.write_intent(permissions.system_actor(customer_id), job.at) as write:
        id, due = _message_id("late", line, starts_at), max(job.at, starts_at - LATE_LEAD)
        write.enqueue("telephony.check_ready_again", id=id, due=due, **_arguments(line, starts_at))
        write.replace(job.id, job.claim)


@outbox.task("telephony.check_ready_again")
def tell_in_charge(location_id: str, customer_id: str, start: str, *, job: outbox.TaskContext) -> None:
    """Tell those in charge who can still not be rung in the shift that starts in a moment."""
    starts_at = datetime.fromisoformat(start)
    line = _find_line(location_id, customer_id, starts_at, job)
    unready = list_unready(line, starts_at) if line else []
    if line and unready:
        channels = in_charge.list_channels(EVENT, location_id, customer_id)
        _tell(channels, unready, TEAM, _once(TEAM, location_id, start), line, start, job)


def _find_line(location_id: str, customer_id: str, start: datetime, job: outbox.TaskContext) -> ResolvedLine | None:
    """The line, if there is still time to tell somebody."""
    watched = find_watched(location_id, customer_id) if job.at < start else None
    return watched.line if watched else None


def _list_own_channels(user: "User") -> list[tuple[str, str]]:
    if user.status != "active":
        return []
    return [
        (str(user.id), channel)
        for channel in preferences.CHANNELS
        if preferences.is_notification_enabled(user.settings, channel, EVENT)
    ]


def _tell(
    channels: Iterable[tuple[str, str]],
    unready: Sequence[UnreadyPerson],
    topic: str,
    once: idempotency.IdempotencyKey,
    line: ResolvedLine,
    start: str,
    job: outbox.TaskContext,
) -> None:
    """Send messages, unless they were sent before."""
    people = [[str(person.user.id), person.why_not, person.shift.occurrence.end.isoformat()] for person in unready]
    messages = {
        (user_id, channel): others
        for user_id, channel in channels
        if (others := [values for values in people if topic == OWN or values[0] != user_id])
    }
    if not messages:
        return
    with (
        suppress(idempotency.DuplicateRequest),
        journal.write_intent(permissions.system_actor(line.customer_id), job.at) as write,
    ):
        write.record_response(once, line.location_id, status=200)
        for (user_id, channel), others in messages.items():
            write.enqueue(
                ready_messages.TASK,
                id=f"{job.id}-{user_id}-{channel}",
                user_id=user_id,
                location_id=line.location_id,
                start=start,
                people=others[: ready_messages.MAX_PEOPLE],
                more=max(0, len(others) - ready_messages.MAX_PEOPLE),
                topic=topic,
                channel=channel,
            )


def _once(topic: str, id: str, start: str) -> idempotency.IdempotencyKey:
    return idempotency.IdempotencyKey(hashlib.sha256(f"{EVENT} {topic} {id} {start}".encode()).hexdigest(), "")


def _message_id(kind: str, line: ResolvedLine, start: datetime) -> str:
    return f"{kind}-{line.location_id}-{int(start.timestamp())}"


def _arguments(line: ResolvedLine, start: datetime) -> dict[str, Any]:
    return {"location_id": line.location_id, "customer_id": line.customer_id, "start": start.isoformat()}


# --- who could not be rung ------------------------------------------------------------------------
def list_unready(line: ResolvedLine, start: datetime) -> list[UnreadyPerson]:
    """Those whose shifts start then and whom calls would not ring, though they are meant.

    Two round trips.
    """
    shifts = on_duty.list_current_shifts(dict.fromkeys(list_ringing_locations(line), timedelta(0)), start)
    starting = [
        shift
        for items in shifts.values()
        for shift in items
        if shift.occurrence.start == start and _is_open_during(line, shift)
    ]
    by_person = {shift.staff_id: shift for shift in reversed(starting)}
    keys = [users.user_key(id) for id in by_person]
    keys += [dynamodb.RecordKey(kind, id) for id in by_person for kind in (PhoneVerification, PhonePause)]
    records = dynamodb.batch_get(keys)
    people = users.find_users_in(records, by_person, line.customer_id)
    unready = (_judge(line, people[id], shift, records, start) for id, shift in by_person.items() if id in people)
    return sorted(filter(None, unready), key=lambda person: str(person.user.name))[:MAX_PEOPLE]


def _judge(
    line: ResolvedLine, user: "User", shift: Shift, records: dynamodb.BatchResult, at: datetime
) -> UnreadyPerson | None:
    targets = _list_targets(line, str(shift.schedule.location_id))
    if all(routing.filter_reason(user, target) for target in targets):
        return None
    why_not = routing.skip_reason(user, records.get(PhoneVerification, user.id), line.country)
    pause = records.get(PhonePause, user.id)
    if not why_not and pause and pause.is_current(at):
        why_not = "on_a_break"
    return UnreadyPerson(user, why_not, shift) if why_not else None


def list_ringing_locations(line: ResolvedLine) -> list[str]:
    """The locations whose people on duty a line rings; none if it rings nobody on duty."""
    locations = [id for target in _iter_duty_targets(line) for id in (line.location_id, *target.get("locations", ()))]
    return list(dict.fromkeys(locations))


def _list_targets(line: ResolvedLine, location_id: str) -> list[Mapping[str, Any]]:
    """The ring actions that ring the people on duty at a location."""
    return [
        target
        for target in _iter_duty_targets(line)
        if location_id == line.location_id or location_id in target.get("locations", ())
    ]


def _iter_duty_targets(line: ResolvedLine) -> Iterator[Mapping[str, Any]]:
    for _, action in ivr.iter_actions({"open": line.configuration["open"]}):
        if duty_target := action.get("target", {}).get("onDuty"):
            yield duty_target


def _is_open_during(line: ResolvedLine, shift: Shift) -> bool:
    """Whether the line is open at some time of a shift; one that the rota opens is."""
    since, until = shift.occurrence.start, shift.occurrence.end
    periods = open_periods.list_open_periods(line.configuration, since, until, time_zone=line.time_zone)
    return periods is None or any(start < until and end > since for start, end in periods)
