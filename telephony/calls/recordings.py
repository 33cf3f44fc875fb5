"""What was recorded of calls: fetched from Twilio into our own storage, told of, and forgotten."""

from datetime import datetime
from typing import Any

from accounts import permissions, users
from accounts.permissions import Actor
from accounts.users import side_effects
from config import audit, errors, journal, outbox, storage
from staffing.schedules import on_duty
from telephony import ivr, lines
from telephony.calls import call_record
from telephony.calls.call_record import CallRecording, encode_event
from telephony.models import Call
from telephony.twilio import client

RECORDING_KINDS = ("voicemail", "conversation")
MAX_RECIPIENTS = 30
"""People that hear of one voicemail: all of it is one transaction."""


def receive_recording(
    call_id: str, recording_sid: str, *, kind: str, path: str = "", number: str, caller: str, seconds: int, at: datetime
) -> None:
    """Twilio has recorded something: see to it that it is kept. What comes again changes nothing.

    A call that could not be kept when it began is kept now. Raises `errors.NotFound` where nothing
    answers ``number``.
    """
    call = call_record.get_call(call_id) or _create_missing_call(call_id, number, caller, at)
    if seconds < 1 or (kind == "conversation" and not call_record.was_answered(call)):
        return  # nothing, or a mailbox that picked up and was not put through
    step = f"recorded {recording_sid}"
    encoded_recording = call_record.encode_recording(
        sid=recording_sid, kind=kind, path=path, seconds=seconds, at=at.isoformat()
    )
    outcome = "voicemail" if kind == "voicemail" and call.outcome != "answered" else call.outcome
    updates = [
        Call.steps.add({step}),
        Call.events.set(Call.events.append([encode_event(kind, at, seconds=seconds)])),
        Call.recordings.set(Call.recordings.append([encoded_recording])),
        *([Call.outcome.set(outcome)] if outcome != call.outcome else []),
    ]
    try:
        with journal.write_intent(permissions.system_actor(call.customer_id), at) as write:
            write.update(call, updates, only_if=~Call.steps.contains(step))
            write.enqueue(
                "telephony.keep_recording",
                id=f"recording-{recording_sid}",
                call_id=call_id,
                recording_sid=recording_sid,
            )
    except errors.Conflict:
        return  # it was heard of before


def _create_missing_call(call_id: str, number: str, caller: str, at: datetime) -> Call:
    """The store was away when the call began, and a message was taken all the same."""
    line = lines.resolve_line(number)
    if line is None:
        raise errors.NotFound("There is no such call.")
    return call_record.create_call_record(call_id, line, caller=caller, entrance="open", at=at)


@outbox.task("telephony.keep_recording")
def store_recording(call_id: str, recording_sid: str, *, job: outbox.TaskContext) -> None:
    """Fetch a recording, keep it, and tell who should listen. Raises `errors.Unavailable`."""
    call, recording = _load_recording(call_id, recording_sid)
    if call is None or recording is None or recording.file:
        return
    try:
        audio = client.download_recording(recording_sid)
    except errors.NotFound as error:
        raise errors.Unavailable("The recording is not there yet.", retry_after=5) from error
    file_name = f"recordings/{call_id}/{recording_sid}.wav"
    storage.delete_file(file_name)  # of a try that died before it was noted
    with audio:
        stored_file = storage.save_file(file_name, audio)
    step = f"kept {recording_sid}"
    encoded_recording = call_record.encode_recording(sid=recording_sid, file=stored_file)
    with journal.write(
        job.author,
        f"{recording.kind}.recorded",
        call,
        job.at,
        changes=[audit.FieldChange("seconds", None, recording.seconds)],
    ) as write:
        write.update(
            call,
            [Call.steps.add({step}), Call.recordings.set(Call.recordings.append([encoded_recording]))],
            only_if=~Call.steps.contains(step),
        )
        write.enqueue(
            "telephony.forget_call",
            id=f"forget-{call_id}-{recording_sid}",
            due=call_record.expiry_time(call.started_at),
            call_id=call_id,
            file=stored_file,
        )
        write.enqueue("telephony.forget_at_twilio", recording_sid=recording_sid)
        for user_id in _voicemail_recipients(call, recording):
            side_effects.enqueue_notification(write, user_id, "voicemail_left", locations=[call.location_id])


def _load_recording(call_id: str, recording_sid: str) -> tuple[Call | None, CallRecording | None]:
    call = call_record.get_call(call_id)
    recordings = call_record.list_recordings(call) if call else []
    return call, next((recording for recording in recordings if recording.sid == recording_sid), None)


def _voicemail_recipients(call: Call, recording: CallRecording) -> list[str]:
    """Who hears of a voicemail: those on duty at that time, and who is in charge there."""
    if recording.kind != "voicemail":
        return []
    ivr_configuration = call_record.pinned_line(call).configuration
    action: Any = ivr.action_at(ivr_configuration, recording.path) or {}
    notify = action.get("notify", {})
    user_ids: list[str] = []
    if notify.get("onDuty", True):
        duty_entries = on_duty.list_on_duty(call.location_id, call.started_at, customer_id=call.customer_id)
        user_ids += [person.user.id for person in duty_entries if person.user.status == "active"]
    if notify.get("managers", True):
        user_ids += [person.id for person in users.find_location_managers(call.location_id, call.customer_id)]
    return list(dict.fromkeys(user_ids))[:MAX_RECIPIENTS]


def read_recording(call_id: str, *, kind: str | None, actor: Actor, at: datetime) -> bytes:
    """What was recorded of a call, as WAV: the voicemail, else the conversation.

    Raises `errors.NotFound`, also while it is still being fetched.
    """
    call = call_record.get_visible_call(call_id, actor, at)
    recordings = [recording for recording in call_record.list_recordings(call) if kind in (None, recording.kind)]
    recordings.sort(key=lambda recording: RECORDING_KINDS.index(recording.kind))
    if not recordings:
        raise errors.NotFound("Nothing was recorded of this call.")
    if not recordings[0].file:
        raise errors.NotFound("The recording is still being fetched; ask again in a moment.")
    return storage.read_file(recordings[0].file)


@outbox.task("telephony.forget_at_twilio")
def delete_recording_at_twilio(recording_sid: str) -> None:
    """Delete Twilio's copy of a recording that is in our storage. Raises `errors.Unavailable`."""
    client.delete_recording(recording_sid)


@outbox.task("telephony.forget_call")
def delete_recording_and_call(call_id: str, file: str) -> None:
    """Forget a recording, and the call with it, whatever of them is still there."""
    storage.delete_file(file)
    call = call_record.get_call(call_id)
    if call is not None:
        call_record.delete_call(call)
