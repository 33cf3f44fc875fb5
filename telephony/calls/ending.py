"""What happens when the caller's call ends: one transaction, and what follows in the background."""

from accounts import permissions
from config import journal
from config.journal.write_set import StaleRecord
from telephony.calls import call_record, minutes, ongoing, unstored_calls
from telephony.calls.call_record import CallRecord
from telephony.calls.call_steps import CallEvent, CallStep, step_updates
from telephony.models import Call
from telephony.twilio.voice import CallWebhook


def handle_call_ended(webhook: CallWebhook) -> None:
    """The caller's call ended: how it ended is stored, and legs that still ring are ended too.

    A repeated webhook changes nothing. Raises `errors.Unavailable`.
    """
    call, is_first = journal.retry_on_conflict(lambda: _record_end(webhook))
    if call is None:
        return
    ongoing.end(call.row.answered_by, call.id)
    if call.has_step("counted"):
        minutes.settle(call)
    elif is_first and not minutes.settle(call) and not call.has_step("refused"):
        minutes.count_without_lease(call)


def _record_end(webhook: CallWebhook) -> tuple[CallRecord | None, bool]:
    """The call, and whether this webhook ended it; None if no line answers the called number.

    Raises `StaleRecord` if the call changed meanwhile.
    """
    call = unstored_calls.load_or_store(webhook)
    if call is None or call.has_step("ended"):
        return call, False
    step = CallStep("ended")
    is_unanswered = call.row.outcome == "ringing"
    updates = [
        *step_updates(step, CallEvent(kind="ended", at=webhook.at.isoformat())),
        Call.ended_at.set(webhook.at),
        Call.seconds.set(webhook.call_seconds),
        *([Call.outcome.set("missed" if call.entrance == "open" else "closed")] if is_unanswered else []),
    ]
    steps = call.row.steps
    is_unchanged = Call.id.exists() & (Call.steps == steps if steps else Call.steps.does_not_exist())
    with journal.write_intent(permissions.system_actor(call.row.customer_id), webhook.now) as write:
        write.update(call.row, updates, only_if=is_unchanged, error=StaleRecord())
        call_record.enqueue_follow_up(write, call)
        if any(done.kind in ("place", "leg") for done in call.steps):  # a phone may be called at this moment
            write.enqueue("telephony.hang_up", call_id=call.id)
    call.row.ended_at, call.row.seconds = webhook.at, webhook.call_seconds
    return call, True
