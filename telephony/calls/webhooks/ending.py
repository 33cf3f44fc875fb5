"""What happens when the caller's call ends: one transaction, and what follows in the background."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from pynamodb.expressions.update import Action

from accounts import permissions
from config import dynamodb, errors, journal, observation, outbox
from config.journal.write_set import StaleRecord
from telephony.calls.limits import minutes, usage
from telephony.calls.rota import ongoing
from telephony.calls.state import call_messages, call_record, unstored_calls
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import ENDED, CallEvent, CallStep, not_answered, step_updates
from telephony.calls.webhooks import ring_all
from telephony.models import Call
from telephony.twilio.voice import CallWebhook

DIAL_REPORT_TIME = timedelta(seconds=10)
"""Within which Twilio reports that a phone was not connected, though 1 was pressed."""
MET_TIME = timedelta(seconds=ring_all.WAIT_SECONDS)
"""Within which the caller meets who pressed 1 while all phones rang."""
FOLLOW_UP_DELAY = timedelta(minutes=2)
"""Of a call that may have been answered: its phone may be reported after it."""
MIN_UNREPORTED = timedelta(seconds=10)
"""What a call counts at least whose end nobody reported."""


def handle_call_ended(webhook: CallWebhook) -> None:
    """The caller's call ended: how it ended is stored, and legs that still ring are ended too.

    A repeated webhook changes nothing, except that a call is followed up that ended before calls
    were. Raises `errors.Unavailable`.
    """

    def store() -> tuple[CallRecord | None, bool]:
        call = unstored_calls.load_or_store(webhook)
        return call, call is not None and _store_end(call, webhook.at, webhook.call_seconds, webhook.now)

    call, is_first = journal.retry_on_conflict(store)
    if call is not None:
        _free(call, is_first=is_first)


@outbox.task("telephony.end_unreported")
def end_unreported_call(call_id: str, *, job: outbox.TaskContext) -> None:
    """End a call whose end nobody reported, at its last event. Raises `errors.Unavailable`.

    The caller was there then; nobody knows for how long, so it counts as long enough to call back.
    """

    def store() -> tuple[CallRecord | None, bool]:
        call = call_record.load(call_id)
        if call is None:
            return None, False
        ended_at = max(datetime.fromisoformat(event["at"]) for event in call.events)
        ended_at = max(ended_at, call.row.started_at + MIN_UNREPORTED)
        seconds = round((ended_at - call.row.started_at).total_seconds())
        return call, _store_end(call, ended_at, seconds, job.at)

    call, is_first = journal.retry_on_conflict(store)
    if call is not None and is_first:
        customer_id, day = call.row.customer_id, call.row.started_at
        usage.count_expired(usage.load(customer_id, day), customer_id, day=day, at=job.at)
        ongoing.end(_answerer(call), call.id)
        minutes.settle(call)


def _free(call: CallRecord, *, is_first: bool) -> None:
    """Free who talked in a call that has ended, and the minutes that it reserved."""
    dynamodb.gather(lambda: _free_minutes(call, is_first=is_first), lambda: ongoing.end(_answerer(call), call.id))


def _free_minutes(call: CallRecord, *, is_first: bool) -> None:
    if call.has_step("counted"):
        minutes.settle(call)
    elif is_first and not minutes.settle(call) and not call.has_step("refused"):
        minutes.count_without_lease(call)


def _answerer(call: CallRecord) -> str | None:
    """Who pressed 1 last, whether or not they met the caller."""
    return next((event["who"] for event in reversed(call.events) if event["kind"] == "accepted"), call.row.answered_by)


def _store_end(call: CallRecord, at: datetime, seconds: int, now: datetime) -> bool:
    """Store the end of a call; whether this is the first report of it.

    Raises `StaleRecord` if the call changed meanwhile.
    """
    if call.has_step("ended"):
        _follow_up_again(call, now)
        return False
    was_not_met = _left_before_talking(call, at, seconds)
    updates = [
        *step_updates(ENDED, CallEvent(kind="ended", at=at.isoformat())),
        Call.ended_at.set(at),
        Call.seconds.set(seconds),
        *([Call.outcome.set(_unanswered_outcome(call))] if call.row.outcome == "ringing" else []),
        *(not_answered(_unanswered_outcome(call)) if was_not_met else []),
    ]
    steps = call.row.steps
    is_unchanged = Call.id.exists() & (Call.steps == steps if steps else Call.steps.does_not_exist())
    with journal.write_intent(
        permissions.system_actor(call.row.customer_id), now, prefetched=dynamodb.NOTHING_READ
    ) as write:
        write.update(call.row, updates, only_if=is_unchanged, error=StaleRecord())
        call_messages.enqueue_follow_up(write, call, due=now + FOLLOW_UP_DELAY if was_not_met else None)
        call_messages.complete_end(write, call.id)
        if any(done.kind in ("place", "leg") for done in call.steps):  # a phone may be called at this moment
            write.enqueue("telephony.hang_up", call_id=call.id)
    is_unanswered = was_not_met or call.row.outcome == "ringing"
    observation.count("call", _unanswered_outcome(call) if is_unanswered else call.row.outcome)
    call.row.ended_at, call.row.seconds = at, seconds
    return True


def _follow_up_again(call: CallRecord, now: datetime) -> None:
    """Follow up a call that a process of 0.2.0 has ended, which followed up none."""
    if call.has_step("followed") or call.row.outcome not in ("missed", "closed", "voicemail"):
        return
    with journal.write_intent(
        permissions.system_actor(call.row.customer_id), now, prefetched=dynamodb.NOTHING_READ
    ) as write:
        call_messages.enqueue_follow_up(write, call)


def _unanswered_outcome(call: CallRecord) -> str:
    return "missed" if call.entrance == "open" else "closed"


def _left_before_talking(call: CallRecord, at: datetime, seconds: int) -> bool:
    """Whether the caller hung up while somebody pressed 1, as far as is known.

    A phone that was connected after all says so when it is over.
    """
    accepted = [step for step in call.steps if step.kind == "accept"]
    unreported = [step for step in accepted if step.number is None or not call.has_step("dialled", *step[1:3])]
    if call.row.outcome != "answered" or not unreported:
        return False
    accepted_at = max(datetime.fromisoformat(event["at"]) for event in call.events if event["kind"] == "accepted")
    left_at = min(at, call.row.started_at + timedelta(seconds=seconds)) if seconds else at
    return left_at - accepted_at <= max(MET_TIME if step.number is None else DIAL_REPORT_TIME for step in unreported)


def record_unconnected(
    call: CallRecord, step: CallStep, event: CallEvent, *, updates: Sequence[Action], now: datetime
) -> None:
    """Record that who pressed 1 was not connected, which is reported after the end of the call.

    The caller is followed up as somebody whom nobody answered. Raises `errors.Unavailable`.
    """
    updates = [*step_updates(step, event), *updates, *not_answered(_unanswered_outcome(call))]
    is_first = Call.steps.contains(str(ENDED)) & ~Call.steps.contains(str(step))
    actor = permissions.system_actor(call.row.customer_id)
    with (
        suppress(errors.Conflict),
        journal.write_intent(actor, now, prefetched=dynamodb.NOTHING_READ) as write,
    ):  # a repeated webhook
        write.update(call.row, updates, only_if=is_first)
        call_messages.enqueue_follow_up(write, call)
