"""What was recorded of calls: fetched from Twilio into our own storage, told of, and forgotten."""

from datetime import datetime
from typing import Any

from accounts import permissions, users
from accounts.permissions import Actor
from accounts.users import side_effects
from config import audit, errors, journal, storage
from config.outbox import worker
from staffing.schedules import on_duty
from telephony import ivr, lines
from telephony.calls import call_record
from telephony.calls.call_record import Recording, told
from telephony.models import Call
from telephony.twilio import client

KINDS = ("voicemail", "conversation")
MOST_TOLD = 30
"""People that hear of one voicemail: all of it is one transaction."""


def take(
    call_id: str,
    recording_sid: str,
    *,
    kind: str,
    path: str = "",
    number: str,
    caller: str,
    seconds: int,
    at: datetime,
) -> None:
    """Twilio has recorded something: see to it that it is kept. What comes again changes nothing.

    A call that could not be kept when it began is kept now. Raises `errors.NotFound` where nothing
    answers ``number``.
    """
    call = call_record.get(call_id) or _unheard_of(call_id, number, caller, at)
    if seconds < 1 or (kind == "conversation" and not call_record.was_taken(call)):
        return  # nothing, or a mailbox that picked up and was not put through
    step = f"recorded {recording_sid}"
    fact = call_record.recorded(
        sid=recording_sid, kind=kind, path=path, seconds=seconds, at=at.isoformat()
    )
    outcome = "voicemail" if kind == "voicemail" and call.outcome != "answered" else call.outcome
    changes = [
        Call.steps.add({step}),
        Call.events.set(Call.events.append([told(kind, at, seconds=seconds)])),
        Call.recordings.set(Call.recordings.append([fact])),
        *([Call.outcome.set(outcome)] if outcome != call.outcome else []),
    ]
    try:
        with journal.intend(actor=permissions.system(call.customer_id), at=at) as write:
            write.update(call, changes, only_if=~Call.steps.contains(step))
            write.later(
                "telephony.keep_recording",
                id=f"recording-{recording_sid}",
                call_id=call_id,
                recording_sid=recording_sid,
            )
    except errors.Conflict:
        return  # it was heard of before


def _unheard_of(call_id: str, number: str, caller: str, at: datetime) -> Call:
    """The store was away when the call began, and a message was taken all the same."""
    line = lines.answering(number)
    if line is None:
        raise errors.NotFound("There is no such call.")
    return call_record.begin(call_id, line, caller=caller, entrance="open", at=at)


def keep(call_id: str, recording_sid: str, *, job: worker.Job) -> None:
    """Fetch a recording, keep it, and tell who should listen. Raises `errors.Unavailable`."""
    call, one = _found(call_id, recording_sid)
    if call is None or one is None or one.file:
        return
    try:
        sound = client.recording(recording_sid)
    except errors.NotFound as error:
        raise errors.Unavailable("The recording is not there yet.", retry_after=5) from error
    name = f"recordings/{call_id}/{recording_sid}.wav"
    storage.forget(name)  # of a try that died before it was noted
    with sound:
        kept = storage.keep(name, sound)
    step = f"kept {recording_sid}"
    fact = call_record.recorded(sid=recording_sid, file=kept)
    with journal.write(
        actor=job.author,
        action=f"{one.kind}.recorded",
        subject=call.party,
        at=job.at,
        customer_id=call.customer_id,
        changes=[audit.Change("seconds", None, one.seconds)],
    ) as write:
        write.update(
            call,
            [Call.steps.add({step}), Call.recordings.set(Call.recordings.append([fact]))],
            only_if=~Call.steps.contains(step),
        )
        write.later(
            "telephony.forget_call",
            id=f"forget-{call_id}-{recording_sid}",
            due=call_record.expiry(call.started_at),
            call_id=call_id,
            file=kept,
        )
        write.later("telephony.forget_at_twilio", recording_sid=recording_sid)
        for user_id in _listeners(call, one):
            side_effects.tell(write, user_id, "voicemail_left", locations=[call.location_id])


def _found(call_id: str, recording_sid: str) -> tuple[Call | None, Recording | None]:
    call = call_record.get(call_id)
    every = call_record.recordings(call) if call else []
    return call, next((one for one in every if one.sid == recording_sid), None)


def _listeners(call: Call, recording: Recording) -> list[str]:
    """Who hears of a voicemail: those on duty at that time, and who is in charge there."""
    if recording.kind != "voicemail":
        return []
    configuration = call_record.line_of(call).configuration
    action: Any = ivr.action_at(configuration, recording.path) or {}
    wanted = action.get("notify", {})
    told: list[str] = []
    if wanted.get("onDuty", True):
        there = on_duty.on_duty(call.location_id, call.started_at, customer_id=call.customer_id)
        told += [one.user.id for one in there if one.user.status == "active"]
    if wanted.get("managers", True):
        told += [one.id for one in users.in_charge(call.location_id, call.customer_id)]
    return list(dict.fromkeys(told))[:MOST_TOLD]


def sound(call_id: str, *, kind: str | None, actor: Actor, at: datetime) -> bytes:
    """What was recorded of a call, as WAV: the voicemail, else the conversation.

    Raises `errors.NotFound`, also while it is still being fetched.
    """
    call = call_record.seen_by(call_id, actor, at)
    every = [one for one in call_record.recordings(call) if kind in (None, one.kind)]
    every.sort(key=lambda one: KINDS.index(one.kind))
    if not every:
        raise errors.NotFound("Nothing was recorded of this call.")
    if not every[0].file:
        raise errors.NotFound("The recording is still being fetched; ask again in a moment.")
    return storage.read(every[0].file)


def forget(call_id: str, file: str) -> None:
    """Forget a recording, and the call with it, whatever of them is still there."""
    storage.forget(file)
    call = call_record.get(call_id)
    if call is not None:
        call_record.forget(call)
