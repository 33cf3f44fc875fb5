"""The call of a call-back: it rings the phone of a user, then connects them with the caller.

It is a `Call` with the direction ``out``, under an id of our own in the form of Twilio's: it is
stored before Twilio is asked, so that a request whose outcome is unknown is never repeated. Its
steps say how far it has come: ``leg`` (Twilio calls the user), ``accept`` (the user pressed 1: the
caller is called, once), ``reached`` (the caller picked up), ``dialled`` (the caller's side is
over), ``ended``.
"""

import secrets
from datetime import UTC, datetime, timedelta

import orjson

from config import dynamodb
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_creation, call_record, call_steps
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallStep
from telephony.lines import ResolvedLine
from telephony.models import Callback, OngoingCall

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
    call = call_creation.new_call(call_id, line, caller=str(callback.caller), entrance="open", at=at)
    call.row.events = [orjson.dumps(call_steps.ringing_event(user, at)).decode()]
    call.row.direction, call.row.callback_id, call.row.steps = "out", callback.id, {"counted"}
    call.row.pinned = {**(call.row.pinned or {}), "called_at": callback.last_call_at.isoformat()}
    return call


def has(call: CallRecord, step: CallStep) -> bool:
    """Whether a step was done."""
    return str(step) in (call.row.steps or ())


def counted_as(caller: str) -> str:
    """As whose the minutes of a call to a caller count: they do not use up the caller's own."""
    return f"called back {caller}"


def longest_conversation(call: CallRecord) -> timedelta:
    """How long the user and the caller may talk."""
    return timedelta(minutes=(call.plan(PATH) or RingPlan()).minutes)


def longest_time(call: CallRecord) -> timedelta:
    """How long all of it may take, from the request on."""
    return timedelta(seconds=RING_SECONDS + PROMPT_SECONDS + CALLER_RING_SECONDS) + longest_conversation(call)


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


def find_end(callback: Callback, at: datetime) -> datetime | None:
    """When the call ends at the latest in which who has taken a call-back calls the caller now."""
    ongoing_call = dynamodb.get_record(OngoingCall, str(callback.taken_by))
    if ongoing_call is None or ongoing_call.expires_at <= at.timestamp():
        return None
    call = load_ongoing(str(ongoing_call.call_id))
    is_its_own = call is not None and call.row.callback_id == callback.id
    return datetime.fromtimestamp(ongoing_call.expires_at, UTC) if is_its_own else None
