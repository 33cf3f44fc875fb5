"""Erasing a caller on request.

`begin` stores an outbox message; its task erases in parts, each in one transaction, and may be
interrupted and repeated at any point. Calls stay as calls without a caller; their recordings, here
and at Twilio, and what else is stored about the caller, are removed. Whoever calls again after the
request is a new caller. The log outside the tables keeps a restore from undoing an erasure.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from accounts import permissions
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox, storage
from config.dynamodb import encryption, unaudited
from config.journal.write_set import Write
from telephony import blocked_callers
from telephony.caller_data import log, search
from telephony.caller_data.search import CallerData
from telephony.calls.call_record import CallRecord
from telephony.models import Call, Callback, LastConversation, OpenCallback, Usage
from telephony.twilio.recordings import delete_recording

TASK = "telephony.erase_caller"
KEY_NAME = "calls"
MAX_CALLS, MAX_CALLBACKS = 25, 10
"""Of one part: all of it is one transaction, and must be done within the lease of a message."""
MAX_CALL_TIME = timedelta(hours=6)
"""After which a call counts as over whose end was never reported."""
RETRY_TIME = timedelta(minutes=10)
"""After which calls that are under way are looked at again."""


def begin(caller: str, *, actor: Actor, at: datetime, until: datetime | None = None) -> str:
    """Have a caller erased from the records of the actor's customer; the id of the message.

    What came in after ``until`` (now, if None) stays. The same request may be made again. Raises
    `errors.InvalidRequest`.
    """
    actor.require("calls:read")
    actor.require("users:delete")
    search.parse_caller(caller)
    erasure_id = dynamodb.new_id("era", at)
    message_id = _message_id(erasure_id, 1)
    sealed = encryption.encrypt_application_json(KEY_NAME, caller, erasure_id)
    subject = search.party_of(caller, actor.customer_id)
    with journal.write(actor, "caller.erasure_begun", subject, at) as write:
        write.enqueue(
            TASK,
            id=message_id,
            customer_id=actor.customer_id,
            erasure_id=erasure_id,
            sealed=sealed.hex(),
            begun_at=(until or at).isoformat(),
        )
    return message_id


@outbox.task(TASK)
def erase_part(
    customer_id: str,
    erasure_id: str,
    sealed: str,
    begun_at: str,
    *,
    job: outbox.TaskContext,
    part: int = 1,
    calls: int = 0,
    recordings: int = 0,
    callbacks: int = 0,
) -> None:
    """Erase the next calls, or else the rest, and go on with another message if there is more.

    The numbers are those that earlier parts have erased. Raises `errors.Unavailable`, and
    `errors.Conflict` if a record changed meanwhile.
    """
    caller = str(encryption.decrypt_application_json(KEY_NAME, bytes.fromhex(sealed), erasure_id))
    begun = datetime.fromisoformat(begun_at)
    data = _until(begun, search.find(search.parse_caller(caller), customer_id, at=job.at))
    if part == 1:
        log.log_erasure(erasure_id, customer_id, _names(data, caller), begun)
    settled = (call for call in data.calls if not is_under_way(call, job.at))
    chosen = list(islice(settled, MAX_CALLS))
    ended = data.callbacks[:MAX_CALLBACKS]
    for call in chosen:
        _delete_recordings(call)
    _remove_what_follows(data, job.at)
    done = {
        "calls": calls + len(chosen),
        "recordings": recordings + sum(len(CallRecord(call).recordings) for call in chosen),
        "callbacks": callbacks + len(ended),
    }
    left = len(data.calls) - len(chosen), len(data.callbacks) - len(ended)
    if not any(left):
        changes = [audit.FieldChange(name, None, number) for name, number in done.items()]
        subject = search.party_of(caller, customer_id)
        with journal.write(job.author, "caller.erased", subject, job.at, changes=changes) as write:
            _erase(write, chosen, ended, data.open_callbacks)
            write.replace(job.id, job.claim)
        return
    has_progress = bool(chosen or ended)
    with journal.write_intent(job.author, job.at) as write:
        _erase(write, chosen, ended, data.open_callbacks)
        write.replace(job.id, job.claim)
        write.enqueue(
            TASK,
            id=_message_id(erasure_id, part + 1),
            due=job.at if has_progress else job.at + RETRY_TIME,
            customer_id=customer_id,
            erasure_id=erasure_id,
            sealed=sealed,
            begun_at=begun_at,
            part=part + 1,
            **done,
        )


def is_under_way(call: Call, at: datetime) -> bool:
    """Whether a call is not over, or a recording of it is still being fetched."""
    is_fetching = any(not recording.file for recording in CallRecord(call).recordings)
    return (not call.ended_at or is_fetching) and at - call.started_at < MAX_CALL_TIME


def _until(begun: datetime, data: CallerData) -> CallerData:
    """What was stored when the erasure was requested: who calls again later is a new caller."""
    calls = [call for call in data.calls if call.started_at <= begun]
    callbacks = [record for record in data.callbacks if record.last_call_at <= begun]
    ids = {str(record.id) for record in callbacks}
    guards = [guard for guard in data.open_callbacks if guard.callback_id in ids]
    blocks = [block for block in data.blocks if block.created_at <= begun]
    conversations = [conversation for conversation in data.conversations if conversation.at <= begun]
    return CallerData(data.customer_id, calls, callbacks, guards, data.counters, blocks, conversations)


def _names(data: CallerData, caller: str) -> set[str]:
    """Every form of the number in the records, and those under which it is searched."""
    return data.callers | set(search.parse_caller(caller).exact)


def _delete_recordings(call: Call) -> None:
    for recording in CallRecord(call).recordings:
        if recording.file:
            storage.delete_file(recording.file)
        delete_recording(recording.sid)


def _erase(write: Write, calls: list[Call], callbacks: list[Callback], guards: list[OpenCallback]) -> None:
    """Nothing of it happens if a call got a recording, or a call-back another call, meanwhile."""
    for call in calls:
        changes = [
            Call.caller.set(""),
            Call.recordings.set([]),
            Call.callback_id.remove(),
            Call.erased_at.set(write.at),
        ]
        is_unchanged = Call.id.exists() & (Call.recordings == list(call.recordings or ()))
        write.update(call, changes, only_if=is_unchanged, error=errors.Conflict("The call changed meanwhile."))
    ids = {str(record.id) for record in callbacks}
    for record in callbacks:
        write.remove_unchanged(record)
    for guard in guards:
        if guard.callback_id in ids:
            write.remove(guard, only_if=OpenCallback.callback_id == guard.callback_id)


def _remove_what_follows(data: CallerData, at: datetime) -> None:
    """What is kept beside calls and call-backs: pseudonyms, who talked last, blocks."""
    for row, pseudonym in data.counters:
        unaudited.update(row, [Usage.callers[pseudonym].remove()], Usage.key.exists())
    for conversation in data.conversations:
        unaudited.remove(conversation, LastConversation.at == conversation.at)
    for block in data.blocks:
        with suppress(errors.NotFound):  # an operator was faster
            blocked_callers.remove(str(block.id), actor=permissions.system_actor(data.customer_id), at=at)


def _message_id(erasure_id: str, part: int) -> str:
    return f"erase-{erasure_id}-{part}"
