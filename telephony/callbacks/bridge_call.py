"""The call of a call-back: it rings the phone of a user, then connects them with the caller.

It is a `Call` with the direction ``out``, under an id of our own in the form of Twilio's: it is
stored before Twilio is asked, so that a request whose outcome is unknown is never repeated. Its
steps say how far it has come: ``leg`` (Twilio calls the user), ``accept`` (the user pressed 1: the
caller is called, once), ``reached`` (the caller picked up), ``dialled`` (the caller's side is
over), ``ended``.
"""

import secrets
from datetime import datetime, timedelta

import orjson

from config import journal
from config.dynamodb import unaudited
from telephony.calls import call_record, call_steps, minutes, ongoing
from telephony.calls.call_record import CallRecord
from telephony.calls.call_steps import CallEvent, CallStep
from telephony.calls.routing import RingCandidate, RingPlan
from telephony.lines import ResolvedLine
from telephony.models import Call, Callback

PATH = "callback"
"""In its steps and its ring plan, in place of the path of an action."""
RING_SECONDS, CALLER_RING_SECONDS = 25, 30
"""How long the phones of the user and of the caller ring."""
PROMPT_SECONDS = 60
"""What the user may hear besides talking."""
ACCEPTED, REACHED, DIALLED = (CallStep(kind, PATH, 0) for kind in ("accept", "reached", "dialled"))


def new_call(callback: Callback, line: ResolvedLine, user: RingCandidate, at: datetime) -> CallRecord:
    """The call in which a user calls a caller back; not stored yet, and without a plan."""
    call_id = f"CA{secrets.token_hex(16)}"
    call = call_record.new_call(call_id, line, caller=str(callback.caller), entrance="open", at=at)
    call.row.events = [orjson.dumps(call_steps.ringing_event(user, at)).decode()]
    call.row.direction, call.row.callback_id, call.row.steps = "out", callback.id, {"counted"}
    call.row.pinned = {**(call.row.pinned or {}), "called_at": callback.last_call_at.isoformat()}
    return call


def has(call: CallRecord, step: CallStep) -> bool:
    """Whether a step was done."""
    return str(step) in (call.row.steps or ())


def longest_conversation(call: CallRecord) -> timedelta:
    """How long the user and the caller may talk."""
    return timedelta(minutes=(call.plan(PATH) or RingPlan()).minutes)


def user_id(call: CallRecord) -> str:
    """Who calls back."""
    return next((candidate.id for candidate in call.candidates), "")


def called_at(call: CallRecord) -> datetime:
    """When the caller called."""
    return datetime.fromisoformat((call.row.pinned or {})["called_at"])


def load_ongoing(call_id: str) -> CallRecord | None:
    """The call of a call-back that has not ended, if there is one. Raises `errors.Unavailable`."""
    call = call_record.load(call_id)
    return call if call and call.row.direction == "out" and not call.row.ended_at else None


def end(call_id: str, at: datetime, *, how: str, seconds: int = 0) -> None:
    """Store the end of a call, and free the user and the minutes; a repetition changes nothing.

    ``how`` says why the user did not press 1, if they did not: see `CallEvent`. Raises
    `errors.Unavailable`.
    """
    call = journal.retry_on_conflict(lambda: _store_end(call_id, at, how, seconds))
    if call:
        ongoing.end(user_id(call), call.id)
        minutes.settle(call)


def _store_end(call_id: str, at: datetime, how: str, seconds: int) -> CallRecord | None:
    """The ended call, if there is one. Raises `StaleRecord` if it changed meanwhile."""
    call = call_record.load(call_id)
    if call is None or call.row.direction != "out":
        return None
    if call.has_step("ended"):
        return call
    events = [CallEvent(kind="ended", at=at.isoformat())]
    if not has(call, ACCEPTED):
        events.insert(0, CallEvent(kind="not_taken", at=at.isoformat(), who=user_id(call), how=how))
    updates = [
        *call_steps.step_updates(CallStep("ended"), *events),
        Call.ended_at.set(at),
        Call.seconds.set(seconds),
        *([Call.outcome.set("missed")] if call.row.outcome == "ringing" else []),
    ]
    item = unaudited.update(Call(call.id), updates, Call.id.exists() & (Call.steps == call.row.steps))
    if item is None:
        raise journal.StaleRecord
    return CallRecord(Call.from_item(item))
