"""Erasing a caller on request.

`begin` stores an outbox message; its task erases in parts, each in one transaction, and may be
interrupted and repeated at any point. Calls stay as calls without a caller; their recordings, here
and at Twilio, and what else is stored about the caller, are removed. Whoever calls again after the
request is a new caller. The log outside the tables keeps a restore from undoing an erasure.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from accounts import permissions
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox, storage
from config.dynamodb import encryption, unaudited
from config.journal.write_set import Write
from config.outbox import OutboxMessage
from telephony import blocked_callers
from telephony.callbacks.bridge import outbound_call
from telephony.caller_data import log, search
from telephony.caller_data.search import CallerData
from telephony.calls.state.call_record import CallRecord
from telephony.models import Call, Callback, LastConversation, OpenCallback, Usage

TASK = "telephony.erase_caller"
KEY_NAME = "calls"
MAX_CALLS, MAX_CALLBACKS = 25, 10
"""Of one part: all of it is one transaction, and must be done within the lease of a message."""
MAX_MESSAGES = 50
"""In one transaction."""
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


@outbox.task(TASK, lane="files")
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
    cursor: search.Cursor | None = None,
    is_waiting: bool = False,
) -> None:
    """Erase the next call-backs and calls, and go on with another message if there may be more.

    The numbers are those that earlier parts have erased. ``cursor``: where the search of calls goes
    on, and ``is_waiting``: whether it has passed calls that are under way. Call-backs are erased
    first, so that nobody calls back any more. Raises `errors.Unavailable`, and `errors.Conflict` if
    a record changed meanwhile.
    """
    caller = str(encryption.decrypt_application_json(KEY_NAME, bytes.fromhex(sealed), erasure_id))
    begun, caller_filter = datetime.fromisoformat(begun_at), search.parse_caller(caller)
    rest = _until(begun, search.find_rest(caller_filter, customer_id, [], at=job.at)) if cursor is None else None
    ended = rest.callbacks[:MAX_CALLBACKS] if rest else []
    has_more = rest is not None and len(ended) < len(rest.callbacks)
    stored: list[Call] = []
    if not has_more:
        stored, cursor = search.find_calls(caller_filter, customer_id, at=job.at, cursor=cursor, limit=MAX_CALLS)
    matching = [call for call in stored if _is_before(begun, call)]
    chosen = [call for call in matching if not is_under_way(call, job.at)]
    is_waiting = is_waiting or len(chosen) < len(matching)
    is_searched = not has_more and cursor is None
    _log(erasure_id, part, customer_id, caller, [*matching, *ended], begun)
    delete_recordings(chosen, author=job.author, at=job.at)
    if is_searched or rest:
        last = search.find_rest(caller_filter, customer_id, matching, at=job.at)
        _remove_what_follows(_until(begun, last), job.at)
    done = {
        "calls": calls + len(chosen),
        "recordings": recordings + sum(len(CallRecord(call).recordings) for call in chosen),
        "callbacks": callbacks + len(ended),
    }
    guards = rest.open_callbacks if rest else []
    if is_searched and not is_waiting:
        changes = [audit.FieldChange(name, None, number) for name, number in done.items()]
        subject = search.party_of(caller, customer_id)
        with journal.write(job.author, "caller.erased", subject, job.at, changes=changes) as write:
            _erase(write, chosen, ended, guards)
            write.replace(job.id, job.claim)
        return
    with journal.write_intent(job.author, job.at) as write:
        _erase(write, chosen, ended, guards)
        write.replace(job.id, job.claim)
        write.enqueue(
            TASK,
            id=_message_id(erasure_id, part + 1),
            due=job.at + RETRY_TIME if is_searched else job.at,
            customer_id=customer_id,
            erasure_id=erasure_id,
            sealed=sealed,
            begun_at=begun_at,
            part=part + 1,
            cursor=cursor,
            is_waiting=is_waiting and not is_searched,
            **done,
        )


def run_now(message_id: str, *, clock: outbox.Clock) -> None:
    """Erase what can be erased at once, part by part; the worker does what is left.

    Raises `errors.Unavailable`.
    """
    erasure_id, _, part = message_id.removeprefix("erase-").rpartition("-")
    number = int(part)
    while message := dynamodb.get_record(OutboxMessage, _message_id(erasure_id, number)):
        if number > int(part) and (message.claim or message.due_at > clock()):
            return  # the worker has it, or calls are under way
        outbox.run_message_now(str(message.id), clock=clock)
        number += 1


def is_under_way(call: Call, at: datetime) -> bool:
    """Whether a call is not over, or a recording of it is still being fetched."""
    is_fetching = any(not recording.file for recording in CallRecord(call).recordings)
    return (not call.ended_at or is_fetching) and at - call.started_at < MAX_CALL_TIME


def _until(begun: datetime, data: CallerData) -> CallerData:
    """What was stored when the erasure was requested: who calls again later is a new caller."""
    calls = [call for call in data.calls if _is_before(begun, call)]
    callbacks = [record for record in data.callbacks if record.last_call_at <= begun]
    ids = {str(record.id) for record in callbacks}
    guards = [guard for guard in data.open_callbacks if guard.callback_id in ids]
    blocks = [block for block in data.blocks if block.created_at <= begun]
    conversations = [conversation for conversation in data.conversations if conversation.at <= begun]
    return CallerData(data.customer_id, calls, callbacks, guards, data.counters, blocks, conversations)


def _is_before(begun: datetime, call: Call) -> bool:
    """Whether a call came before the request, or calls back one that did."""
    started_at = outbound_call.called_at(CallRecord(call)) if call.direction == "out" else call.started_at
    return bool(started_at <= begun)


def _log(
    erasure_id: str, part: int, customer_id: str, caller: str, records: Iterable[Call | Callback], begun: datetime
) -> None:
    """Log the forms of the number in these records, and at first those by which it is searched."""
    names = {str(record.caller) for record in records}
    names = names | set(search.parse_caller(caller).exact) if part == 1 else names
    if names:
        log.log_erasure(erasure_id if part == 1 else f"{erasure_id}-{part}", customer_id, names, begun)


def delete_recordings(calls: Iterable[Call], *, author: audit.Author, at: datetime) -> None:
    """Delete our recordings, and have those at Twilio deleted."""
    recordings = [recording for call in calls for recording in CallRecord(call).recordings]
    for start in range(0, len(recordings), MAX_MESSAGES):
        with journal.write_intent(author, at) as write:
            for recording in recordings[start : start + MAX_MESSAGES]:
                sid = recording.sid
                write.enqueue("telephony.forget_at_twilio", id=f"forget-{sid}", recording_sid=sid)
    for recording in recordings:
        if recording.file:
            storage.delete_file(recording.file)


def _erase(write: Write, calls: list[Call], callbacks: list[Callback], guards: list[OpenCallback]) -> None:
    """Nothing of it happens if a call got a recording, or a call-back another call, meanwhile."""
    for call in calls:
        changes = [
            Call.caller.set(""),
            Call.caller_key.remove(),
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
    """What is stored beside calls and call-backs: pseudonyms, who talked last, blocks."""
    for row, pseudonym in data.counters:
        unaudited.update(row, [Usage.callers[pseudonym].remove()], Usage.key.exists())
    for conversation in data.conversations:
        unaudited.remove(conversation, LastConversation.at == conversation.at)
    for block in data.blocks:
        with suppress(errors.NotFound):  # an operator was faster
            blocked_callers.remove(str(block.id), actor=permissions.system_actor(data.customer_id), at=at)


def _message_id(erasure_id: str, part: int) -> str:
    return f"erase-{erasure_id}-{part}"
