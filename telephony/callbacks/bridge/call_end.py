"""The end of the call of a call-back, reported or not, and what follows from it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import permissions
from config import errors, journal, outbox
from config.journal.write_set import StaleRecord
from telephony.callbacks import callback_record, handing_over, rights
from telephony.callbacks.bridge import outbound_call
from telephony.callbacks.bridge.outbound_call import ACCEPTED, DIALLED
from telephony.calls.limits import minutes, usage
from telephony.calls.rota import ongoing
from telephony.calls.state import call_record, call_steps, continuity
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallEvent, CallStep
from telephony.models import Call, Usage

END_TASK, FOLLOW_UP_TASK = "telephony.end_unreported_call", "telephony.follow_up_callback_call"
UNREPORTED = timedelta(minutes=2)
"""After how long a call is over that nobody accepted, or whose longest conversation is over."""
MIN_CONVERSATION = timedelta(seconds=30)
"""What counts as having reached the caller: a mailbox picks up too, and is hung up on sooner.
Whoever left a message there corrects the outcome, see `closing.close`."""
ENDED, UNREPORTED_STEP = CallStep("ended"), CallStep("unreported")


@dataclass(frozen=True)
class Ending:
    """How a call ended."""

    at: datetime
    now: datetime
    """When it is stored; another time only in simulated calls."""
    how: str
    """Why the user did not press 1, if they did not: see `CallEvent`."""
    seconds: int = 0
    is_reported: bool = False
    """Whether the telephone service says so."""
    unless_accepted: bool = False
    """Whether nothing is changed if the user has pressed 1."""


def end(call_id: str, ending: Ending) -> bool:
    """Store the end of a call, and free the user and the minutes; a repetition changes nothing.

    False if it is not changed, as the user has pressed 1. A report that comes after the end was
    assumed adds what the call has cost beyond. Raises `errors.Unavailable`.
    """
    call = journal.retry_on_conflict(lambda: _store_end(call_id, ending))
    if call is None:
        return True
    if ending.unless_accepted and outbound_call.has(call, ACCEPTED):
        return False
    ongoing.end(outbound_call.user_id(call), call.id)
    minutes.settle(call)
    if ending.is_reported and call.has_step(UNREPORTED_STEP.kind):
        journal.retry_on_conflict(lambda: _store_late_report(call_id, ending))
    return True


def _store_end(call_id: str, ending: Ending) -> CallRecord | None:
    """The call, if there is one. Raises `StaleRecord` if it changed meanwhile."""
    call = call_record.load(call_id)
    if call is None or call.row.direction != "out":
        return None
    is_accepted = outbound_call.has(call, ACCEPTED)
    if call.has_step(ENDED.kind) or (ending.unless_accepted and is_accepted):
        return call
    events = [CallEvent(kind="ended", at=ending.at.isoformat())]
    if not is_accepted:
        who = outbound_call.user_id(call)
        events.insert(0, CallEvent(kind="not_taken", at=ending.at.isoformat(), who=who, how=ending.how))
    updates = [
        *call_steps.step_updates(ENDED, *events, also=() if ending.is_reported else [UNREPORTED_STEP]),
        Call.ended_at.set(ending.at),
        Call.seconds.set(ending.seconds),
        *([Call.outcome.set("missed")] if call.row.outcome == "ringing" else []),
    ]
    assumed = 0 if ending.is_reported or not is_accepted else _unreported_legs(call) * usage.UNREPORTED_MINUTES
    if assumed:
        updates.append(Call.leg_minutes.add(assumed))
    with journal.write_intent(permissions.system_actor(call.row.customer_id), ending.now) as write:
        is_unchanged = Call.id.exists() & (Call.steps == call.row.steps)
        write.update(call.row, updates, only_if=is_unchanged, error=StaleRecord())
        write.enqueue(FOLLOW_UP_TASK, call_id=call.id)
    row, steps = call.row, {str(ENDED), *(() if ending.is_reported else (str(UNREPORTED_STEP),))}
    row.ended_at, row.seconds, row.leg_minutes = ending.at, ending.seconds, int(row.leg_minutes) + assumed
    row.steps = {*(row.steps or ()), *steps}
    return call


def _unreported_legs(call: CallRecord) -> int:
    """How many of the two phones of an accepted call are not reported to be over."""
    return 1 if outbound_call.has(call, DIALLED) else 2


def _store_late_report(call_id: str, ending: Ending) -> None:
    """Store how long a call took whose end was assumed, and count what that is beyond."""
    call = call_record.load(call_id)
    if call is None or not call.has_step(UNREPORTED_STEP.kind):
        return
    legs, assumed = 1, 0
    if outbound_call.has(call, ACCEPTED):
        legs = _unreported_legs(call)
        assumed = legs * usage.UNREPORTED_MINUTES
    beyond = max(0, legs * minutes.to_minutes(ending.seconds) - assumed)
    row = usage.load(call.row.customer_id, call.row.started_at)
    caller = usage.pseudonym_of(outbound_call.counted_as(str(call.row.caller)))
    caller_actions, caller_is_unchanged = usage.count_caller(row, caller, beyond)
    updates = [
        Call.steps.delete({str(UNREPORTED_STEP)}),
        Call.ended_at.set(ending.at),
        Call.seconds.set(ending.seconds),
    ]
    with journal.write_intent(permissions.system_actor(call.row.customer_id), ending.now) as write:
        is_first = Call.steps.contains(str(UNREPORTED_STEP))
        write.update(call.row, updates, only_if=is_first, error=StaleRecord())
        if beyond:
            counts = [Usage.used.add(beyond), Usage.committed.add(beyond), *caller_actions]
            write.update(row, counts, only_if=Usage.key.exists() & caller_is_unchanged, error=StaleRecord())
        write.enqueue(FOLLOW_UP_TASK, call_id=call.id)


@outbox.task(END_TASK)
def end_unreported(call_id: str, *, job: outbox.TaskContext) -> None:
    """End a call whose end nobody reports: its request did not get to Twilio, or reports are lost.

    Raises `errors.Unavailable`.
    """
    call = outbound_call.load_ongoing(call_id)
    if call is None:
        return
    over_at = call.row.started_at + UNREPORTED
    if outbound_call.has(call, ACCEPTED):
        over_at += outbound_call.longest_conversation(call)
    if job.at < over_at:
        with journal.write_intent(job.author, job.at) as write:
            write.enqueue(END_TASK, due=over_at, call_id=call_id)
        return
    end(call_id, Ending(job.at, job.at, "failed"))


@outbox.task(FOLLOW_UP_TASK)
def follow_up(call_id: str, *, job: outbox.TaskContext) -> None:
    """Close the call-back of a caller who was reached; else decide who has it from now on.

    A repetition changes nothing. Raises `errors.Unavailable`.
    """
    call = call_record.load(call_id)
    if call is None or call.row.erased_at or not call.row.ended_at:
        return
    if _conversation(call) >= MIN_CONVERSATION:
        continuity.remember(call)
        with suppress(errors.NotFound):  # the location was removed
            journal.retry_on_conflict(lambda: _close(call, job))
    handing_over.decide_again(str(call.row.callback_id), job.at)


def _conversation(call: CallRecord) -> timedelta:
    """How long the user was connected with the caller, as far as the end is reported."""
    reached_at = next((event["at"] for event in call.events if event["kind"] == "accepted"), None)
    if reached_at is None or call.row.ended_at is None:
        return timedelta()
    reported = timedelta(seconds=int(call.row.seconds or 0))
    return min(call.row.ended_at - datetime.fromisoformat(reached_at), reported)


def _close(call: CallRecord, job: outbox.TaskContext) -> None:
    """Close the call-back of a call as reached, unless its caller has called again since.

    Who called may correct the outcome for as long as they would have held it. Raises `StaleRecord`.
    """
    before = callback_record.load(str(call.row.callback_id))
    if before is None or before.is_closed or before.last_call_at > (call.row.ended_at or call.row.started_at):
        return
    user_id, least = outbound_call.user_id(call), job.at + rights.GRACE
    until = max(before.taken_until or least, least)
    after = callback_record.closed(before, "reached", job.at, taken_by=user_id, correctable_until=until)
    with journal.write(
        job.author,
        "callback.closed",
        before,
        job.at,
        changes=callback_record.audit_changes(before, after),
        related_streams=callback_record.concerned(before, after),
    ) as write:
        callback_record.close_in(write, before, after)
