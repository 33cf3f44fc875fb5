"""Recordings of calls: moved from Twilio into our storage, announced, played and deleted."""

from contextlib import suppress
from datetime import datetime
from typing import Literal, get_args

from accounts import permissions, users
from accounts.permissions import Actor
from accounts.users import side_effects
from config import audit, errors, journal, outbox, storage
from staffing.schedules import on_duty
from telephony import line_lookup
from telephony.calls.history import own_calls, queries
from telephony.calls.rota import neighbours
from telephony.calls.state import call_creation, call_messages, call_record, unstored_calls
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallEvent, CallRecording, CallStep, step_updates
from telephony.models import Call
from telephony.twilio.recordings import delete_recording, download_recording
from telephony.twilio.voice import CallWebhook

RecordingKind = Literal["voicemail", "conversation"]
RECORDING_KINDS = get_args(RecordingKind)
_AUDIT_ACTIONS = {"voicemail": "voicemail.recorded", "conversation": "conversation.recorded"}
MAX_RECIPIENTS = 30
"""People who are notified of one voicemail: all of it is one transaction."""


def receive(webhook: CallWebhook, *, kind: RecordingKind) -> None:
    """Record that Twilio has a recording, and have it fetched; a repetition changes nothing.

    A call that could not be stored when it began is stored now. Raises `errors.InvalidRequest`,
    `errors.Unavailable`, and `errors.NotFound` if no line answers the number that was called.
    """
    sid, seconds, at = webhook.recording_sid, webhook.recording_seconds, webhook.now
    if len(sid) != 34 or not sid.startswith("RE") or not sid.isalnum() or not sid.isascii():
        raise errors.InvalidRequest("`RecordingSid` is not the id of a recording.")
    call = unstored_calls.load_or_store(webhook)
    if call is None:
        raise errors.NotFound("Call not found.")
    if _forget_if_erased(call, sid, at):
        return
    was_accepted = any(step.kind == "accept" for step in call.steps)
    if seconds < 1 or (kind == "conversation" and not was_accepted):
        return  # silence, or a mailbox that picked up and was not connected
    step = CallStep("recorded", sid=sid)
    recording = {"sid": sid, "kind": kind, "path": webhook.path, "seconds": seconds, "at": at.isoformat()}
    event = CallEvent(kind=kind, at=at.isoformat(), seconds=seconds)
    updates = step_updates(step, event, recording=recording)
    if kind == "voicemail" and call.row.outcome not in ("answered", "voicemail"):
        updates.append(Call.outcome.set("voicemail"))
    is_new = ~Call.steps.contains(str(step)) & Call.erased_at.does_not_exist()
    try:
        with journal.write_intent(permissions.system_actor(call.row.customer_id), at) as write:
            write.update(call.row, updates, only_if=is_new)
            write.enqueue("telephony.keep_recording", id=f"recording-{sid}", call_id=call.id, recording_sid=sid)
            if kind == "voicemail":  # the recording may be fetched days later
                call_messages.enqueue_follow_up(write, call)
    except errors.Conflict:  # the webhook was sent before, or the caller was erased meanwhile
        _forget_if_erased(call_record.load(call.id), sid, at)


def _forget_if_erased(call: CallRecord | None, sid: str, at: datetime) -> bool:
    """Have a recording deleted at Twilio if its caller was erased; whether that is so."""
    if call is None or not call.row.erased_at:
        return False
    with journal.write_intent(permissions.system_actor(call.row.customer_id), at) as write:
        write.enqueue("telephony.forget_at_twilio", id=f"forget-{sid}", recording_sid=sid)
    return True


@outbox.task("telephony.keep_recording", lane="files")
def store_recording(call_id: str, recording_sid: str, *, job: outbox.TaskContext) -> None:
    """Fetch a recording, store it and notify people. Raises `errors.Unavailable`."""
    call = call_record.load(call_id)
    file_name = f"recordings/{call_id}/{recording_sid}.wav"
    if call and call.row.erased_at:  # since the recording came in, perhaps while it was being fetched
        storage.delete_file(file_name)
        delete_recording(recording_sid)
        return
    recording = (
        next((recording for recording in call.recordings if recording.sid == recording_sid), None) if call else None
    )
    if call is None or recording is None or recording.file:
        return
    try:
        audio = download_recording(recording_sid)
    except errors.NotFound as error:
        raise errors.Unavailable("The recording is not available yet.", retry_after=5) from error
    storage.delete_file(file_name)  # of an attempt that crashed before it was recorded
    with audio:
        stored_file = storage.save_file(file_name, audio)
    with suppress(errors.Unavailable):  # it opens the call-back that people are told of
        outbox.run_message_now(call_messages.follow_up_id(call_id), clock=lambda: job.at)
    call = call_record.load(call_id) or call
    recipient_ids = _voicemail_recipients(call, recording)
    step = CallStep("kept", sid=recording_sid)
    with journal.write(
        job.author,
        _AUDIT_ACTIONS[recording.kind],
        call.row,
        job.at,
        changes=[audit.FieldChange("seconds", None, recording.seconds)],
    ) as write:
        updates = step_updates(step, recording={"sid": recording_sid, "file": stored_file})
        is_wanted = ~Call.steps.contains(str(step)) & Call.erased_at.does_not_exist()
        write.update(call.row, updates, only_if=is_wanted)
        write.enqueue(
            "telephony.forget_call",
            id=f"forget-{call_id}-{recording_sid}",
            due=call_creation.expiry_time(call.row.started_at),
            call_id=call_id,
            file=stored_file,
        )
        write.enqueue("telephony.forget_at_twilio", recording_sid=recording_sid)
        for user_id in recipient_ids:
            side_effects.enqueue_notification(
                write, user_id, "voicemail_left", locations=[call.row.location_id], data=_voicemail_data(call)
            )


def _voicemail_data(call: CallRecord) -> dict[str, str]:
    """What an app opens that is told of a voicemail."""
    data = {"locationId": str(call.row.location_id), "callId": call.id}
    return {**data, "callbackId": str(call.row.callback_id)} if call.row.callback_id else data


def _voicemail_recipients(call: CallRecord, recording: CallRecording) -> list[str]:
    """Users to notify: those on duty when the call began, and the managers of the location.

    Nobody of a caller who was blocked since. Those on duty are listed with the call first, as
    they may see what they are told of.
    """
    if recording.kind != "voicemail" or line_lookup.is_caller_blocked(call.row):
        return []
    notify = (call.action(recording.path) or {}).get("notify", {})
    location_id, customer_id = call.row.location_id, call.row.customer_id
    user_ids: list[str] = []
    if notify.get("onDuty", True):
        duty_entries = on_duty.list_on_duty(location_id, call.row.started_at, customer_id=customer_id)
        duty_locations = {entry.user.id: location_id for entry in duty_entries if entry.user.status == "active"}
        if recording.path.split("/")[0] == "open" and (near := neighbours.read_neighbours(call.configuration)):
            for entry, duty_location_id in neighbours.list_on_duty(near, call.row.started_at, customer_id=customer_id):
                if entry.user.status == "active":
                    duty_locations.setdefault(entry.user.id, duty_location_id)
        user_ids += list(duty_locations)[:MAX_RECIPIENTS]
        own_calls.add_users(
            call,
            user_ids,
            {
                id: duty_location_id
                for id, duty_location_id in duty_locations.items()
                if duty_location_id != location_id
            },
        )
    if notify.get("managers", True):
        user_ids += [manager.id for manager in users.find_location_managers(location_id, customer_id)]
    return list(dict.fromkeys(user_ids))[:MAX_RECIPIENTS]


def listen(call_id: str, *, kind: str | None, actor: Actor, at: datetime) -> storage.StoredFile:
    """A recording as `find_recording`; that a user listened is stored and audited once."""
    call = queries.get_visible_call(call_id, actor, at)
    recording = _select_recording(call, kind)
    file = storage.find_file(recording.file)
    step = CallStep("heard", actor.id)
    if str(step) not in (call.row.steps or ()):
        changes = [audit.FieldChange("recording", None, recording.kind)]
        updates = [*step_updates(step), Call.heard_by.add({f"{actor.id} {at.isoformat()}"})]
        condition = Call.id.exists() & ~Call.steps.contains(str(step))
        with suppress(errors.Conflict), journal.write(actor, "call.listened", call.row, at, changes=changes) as write:
            write.update(call.row, updates, only_if=condition)  # unless they ask for two parts of it at once
    return file


def find_recording(call_id: str, *, kind: str | None, actor: Actor, at: datetime) -> storage.StoredFile:
    """A recording of a call as a WAV file: the voicemail, else the conversation.

    Raises `errors.NotFound`, also while the recording is still being fetched.
    """
    return storage.find_file(_select_recording(queries.get_visible_call(call_id, actor, at), kind).file)


def _select_recording(call: CallRecord, kind: str | None) -> CallRecording:
    recordings = [recording for recording in call.recordings if kind in (None, recording.kind)]
    recordings.sort(key=lambda recording: RECORDING_KINDS.index(recording.kind))
    if not recordings:
        raise errors.NotFound("This call has no recording.")
    if not recordings[0].file:
        raise errors.NotFound("The recording is still being fetched; retry in a moment.")
    return recordings[0]


@outbox.task("telephony.forget_at_twilio", lane="telephone")
def delete_recording_at_twilio(recording_sid: str) -> None:
    """Delete Twilio's copy of a recording that is in our storage. Raises `errors.Unavailable`."""
    delete_recording(recording_sid)


@outbox.task("telephony.forget_call", lane="files")
def delete_recording_and_call(call_id: str, file: str) -> None:
    """Delete a recording, and the call with it, whatever of them is still there."""
    storage.delete_file(file)
    queries.delete_call(call_id)
