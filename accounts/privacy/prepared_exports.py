"""PDFs of personal data: printed at once where that is quick, else by an outbox message.

A request prints a short document itself, as its client waits for it; nothing is stored then. A
longer one is printed by a worker: the request stores a `PreparedExport` with the message that
prints it, waits up to `EXPORT_WAIT_MILLISECONDS`, and then refers to the result: a file encrypted
under the person's key, so that it is unreadable once they are erased. It is deleted after
`LIFETIME`.

If every process dies, the message is repeated. An attempt stores its file under a name of its own
and then notes it, under the condition that nothing else was noted; files that were not noted are
deleted with the others of the export.
"""

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from pynamodb.expressions.condition import Condition

from accounts import customers, users
from accounts.models import Customer, PreparedExport, User
from accounts.permissions import Actor
from accounts.privacy import export, pdf_process, print_slots
from config import bulkhead, computing, dynamodb, errors, journal, outbox, storage
from config.dynamodb import data_keys, encryption, unaudited

MAX_SHORT_LENGTH = 35_000
"""Characters (HTML) of a document that a request prints itself: about 100 entries of the history,
and two seconds of CPU time. Without any entry it has 15,000."""
SHORT_SECONDS = 30.0
"""Wall time of a short document, so that a busy machine does not make it a long one."""
POLL_SECONDS = 0.25
LIFETIME = timedelta(hours=1)
REUSE_TIME = timedelta(minutes=10)
"""How long a repeated request gets the same document, and how long a failure lasts."""
PRINTING_SECONDS = 40.0
"""Wall time of an attempt: less than `outbox.worker.LEASE`, after which others would begin."""
MAX_FILE_AGE = timedelta(days=1)
"""After which a file is deleted that a slow attempt stored when its export was gone already."""
FOLDER = "exports"

_waiting = bulkhead.Gate(max_concurrent=2, max_waiting=0, wait_seconds=0.0, busy="", retry_after=1)
"""Waiting occupies a thread; who finds no place is referred to the result at once."""
logger = logging.getLogger("dutyline.export")


class ExportFailed(errors.Conflict):
    """The PDF could not be made; the same data is available as JSON."""

    code = "export_failed"
    title = "Export failed"
    example_detail = "The PDF could not be made; use `?format=json` for the same data."


def export_pdf(user: User, customer: Customer, *, actor: Actor, at: datetime) -> bytes | PreparedExport:
    """The PDF of the actor's own data, or what is being prepared; ``user`` must be freshly read.

    Raises `ExportFailed`, `errors.TooManyRequests` and `errors.Unavailable`.
    """
    actor.require("self:export")
    deadline = time.monotonic() + settings.EXPORT_WAIT_MILLISECONDS / 1_000
    current = _find_current(user.id, actor, at)
    return _fetch(current, at, deadline) if current else _print(user, customer, actor, at, deadline)


def export_for_operator(user_id: str, *, actor: Actor, at: datetime) -> bytes | PreparedExport:
    """The PDF of a user of the actor's customer, for an operator; audited each time they get it.

    Raises `ExportFailed`, `errors.NotFound` and `errors.Unavailable`.
    """
    actor.require("users:update")
    deadline = time.monotonic() + settings.EXPORT_WAIT_MILLISECONDS / 1_000
    user, records = users.load_target(user_id, actor, customers.customer_key(actor.customer_id))
    customer = records.get(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("Customer not found.")
    current = _find_current(user.id, actor, at)
    result = _fetch(current, at, deadline) if current else _print(user, customer, actor, at, deadline)
    if isinstance(result, bytes):
        journal.write_audit_event(actor, "user.exported", user, at)
    return result


def get_prepared(export_id: str, *, actor: Actor, at: datetime) -> bytes | PreparedExport:
    """An export that the actor has asked for: the PDF, or what is being prepared.

    Raises `errors.NotFound`, also for one of somebody else and after `LIFETIME`, `ExportFailed` and
    `errors.Unavailable`.
    """
    actor.require("self:export")
    record = dynamodb.get_record(PreparedExport, actor.id, actor.id)
    if record is None or record.id != export_id or at.timestamp() >= record.expires_at:
        raise errors.NotFound("Export not found; it may have expired.")
    return _open(record, at)


def _find_current(user_id: str, actor: Actor, at: datetime) -> PreparedExport | None:
    """The export that a repeated request is about."""
    record = dynamodb.get_record(PreparedExport, user_id, actor.id)
    return record if record and _is_current(record, at) else None


def _is_current(record: PreparedExport, at: datetime) -> bool:
    if at.timestamp() >= record.expires_at:
        return False
    is_preparing = record.state(at) == "preparing"
    return is_preparing or at - (record.completed_at or record.requested_at) < REUSE_TIME


def _fetch(record: PreparedExport, at: datetime, deadline: float) -> bytes | PreparedExport:
    """The PDF, or what is still being prepared at the deadline; waits for it if there is room."""
    with suppress(errors.Unavailable), _waiting.slot():
        while record.state(at) == "preparing" and time.monotonic() + POLL_SECONDS < deadline:
            with computing.waiting():
                time.sleep(POLL_SECONDS)
            latest = dynamodb.get_record(PreparedExport, str(record.user_id), str(record.requester_id))
            if latest is None or latest.id != record.id:
                raise errors.NotFound("Export not found.")
            record = latest
    return _open(record, at)


def _open(record: PreparedExport, at: datetime) -> bytes | PreparedExport:
    state = record.state(at)
    if state == "failed":
        raise ExportFailed(ExportFailed.example_detail)
    if state == "preparing":
        return record
    key = dynamodb.get_record(encryption.PersonKey, str(record.user_id))
    try:
        if key:
            return data_keys.decrypt_with(key.unwrap(), storage.read_file(str(record.file)), str(record.id))
    except InvalidTag:
        logger.exception("a prepared export cannot be decrypted")
    raise errors.NotFound("Export not found; it may have expired.")


def _print(user: User, customer: Customer, actor: Actor, at: datetime, deadline: float) -> bytes | PreparedExport:
    """Print a short document; have a worker print one that is long, or could not be printed."""
    with suppress(pdf_process.NotRendered), pdf_process.export_slot() as collection_deadline:
        document = export.build_document(user, customer, at=at, deadline=collection_deadline)
        if document.length <= MAX_SHORT_LENGTH:
            return pdf_process.render_pdf(document.html, document.json, seconds=SHORT_SECONDS)
    return _fetch(_request(user, actor, at), at, deadline)


def _request(user: User, actor: Actor, at: datetime) -> PreparedExport:
    """Store that a worker is to print an export, unless one is under way.

    Raises `errors.TooManyRequests` if too many of the customer's wait.
    """

    def decide() -> PreparedExport:
        own_key = dynamodb.RecordKey(PreparedExport, user.id, actor.id)
        records = dynamodb.batch_get([own_key, *print_slots.record_keys(user.customer_id)])
        previous = records.get(PreparedExport, user.id, actor.id)
        if previous and _is_current(previous, at):  # also one of another request at this moment
            return previous
        record = PreparedExport(
            user_id=user.id,
            requester_id=actor.id,
            id=dynamodb.new_id("exp", at),
            requested_at=at,
            expires_at=int((at + LIFETIME).timestamp()),
        )
        names: dict[str, Any] = {"user_id": user.id, "requester_id": actor.id, "export_id": record.id}
        is_unchanged = PreparedExport.id == previous.id if previous else PreparedExport.id.does_not_exist()
        with journal.write_intent(actor, at) as write:
            write.put(record, only_if=is_unchanged, error=journal.StaleRecord())
            slot = print_slots.take(write, records, user.customer_id, record.id)
            arguments = {**names, "customer_id": user.customer_id, "slot": slot}
            write.enqueue("accounts.print_export", id=f"print-{record.id}", **arguments)
            write.enqueue("accounts.forget_export", id=f"forget-{record.id}", due=at + LIFETIME, **names)
        return record

    return journal.retry_on_conflict(decide)


@outbox.task("accounts.print_export", lane="files")
def print_export(
    user_id: str, requester_id: str, export_id: str, customer_id: str, slot: str, job: outbox.TaskContext
) -> None:
    """Print an export and store it, and leave its slot.

    Raises `outbox.MustWait` while another is printed, `errors.Unavailable`, and
    `pdf_process.NotRendered` where another attempt may succeed.
    """
    _print_and_store(user_id, requester_id, export_id, job)
    print_slots.leave(customer_id, slot, export_id)


def _print_and_store(user_id: str, requester_id: str, export_id: str, job: outbox.TaskContext) -> None:
    record = dynamodb.get_record(PreparedExport, user_id, requester_id)
    if record is None or record.id != export_id or record.state(job.at) != "preparing":
        return
    user = dynamodb.get_record(User, user_id)
    customer = dynamodb.get_record(Customer, user.customer_id) if user else None
    if user is None or customer is None or user.status == "deleting":
        return
    try:
        pdf = _render(record, user, customer)
    except pdf_process.NotRendered as error:
        if error.is_late:
            raise errors.Unavailable("The machine is too busy to print the export.") from error
        if not error.is_final and not job.is_last_attempt:
            raise
        unaudited.update(record, [PreparedExport.is_impossible.set(True)], _is_pending(record))
        return
    _store(record, pdf, job)


def _render(record: PreparedExport, user: User, customer: Customer) -> bytes:
    with _only_print_here():
        started = time.monotonic()
        document = export.build_document(
            user, customer, at=record.requested_at, deadline=started + pdf_process.COLLECTION_TIME_LIMIT
        )
        seconds = PRINTING_SECONDS - (time.monotonic() - started)
        return pdf_process.render_pdf(document.html, document.json, seconds=seconds)


def _store(record: PreparedExport, pdf: bytes, job: outbox.TaskContext) -> None:
    """Store a PDF and note it, unless another attempt did or the person was erased."""
    user_id, requester_id, export_id = str(record.user_id), str(record.requester_id), str(record.id)
    key = dynamodb.get_record(encryption.PersonKey, user_id)
    if key is None:
        return
    file_name = _save(record, data_keys.encrypt_with(key.unwrap(), pdf, export_id), job.claim)
    changes = [PreparedExport.file.set(file_name), PreparedExport.completed_at.set(job.at)]
    if unaudited.update(record, changes, _is_pending(record)) is None:
        stored = dynamodb.get_record(PreparedExport, user_id, requester_id)
        if stored is None or stored.file != file_name:
            storage.delete_file(file_name)


def _is_pending(record: PreparedExport) -> Condition:
    condition: Condition = (PreparedExport.id == record.id) & PreparedExport.file.does_not_exist()
    return condition


def _save(record: PreparedExport, content: bytes, attempt: str) -> str:
    """Store a file under a name of this attempt; returns the name."""
    name = f"{_folder_of(str(record.user_id))}/{record.id}-{attempt}.pdf"
    return storage.save_file(name, io.BytesIO(content))


@outbox.task("accounts.forget_export", lane="files")
def forget_export(user_id: str, requester_id: str, export_id: str) -> None:
    """Delete an export with the files of all attempts; repeatable. Raises `errors.Unavailable`."""
    unaudited.remove(PreparedExport(user_id=user_id, requester_id=requester_id), PreparedExport.id == export_id)
    folder = _folder_of(user_id)
    for name in storage.list_files(folder):
        if name.startswith(f"{export_id}-"):
            storage.delete_file(f"{folder}/{name}")


def forget_exports_of(user_id: str) -> None:
    """Delete all exports of an erased person; their files are unreadable already."""
    condition, values = "#user_id = :user", {":user": {"S": user_id}}
    for record in dynamodb.iter_records(PreparedExport, condition, values, ConsistentRead=True):
        unaudited.remove(record, PreparedExport.id.exists())
    folder = _folder_of(user_id)
    for name in storage.list_files(folder):
        storage.delete_file(f"{folder}/{name}")


def delete_old_files(at: datetime) -> None:
    """Delete what is older than `MAX_FILE_AGE`; the daily task. Raises `errors.Unavailable`."""
    for user_id in storage.list_folders(FOLDER):
        folder = _folder_of(user_id)
        for name in storage.list_files(folder):
            with suppress(errors.NotFound):  # deleted meanwhile
                if storage.modified_at(f"{folder}/{name}") < at - MAX_FILE_AGE:
                    storage.delete_file(f"{folder}/{name}")


def _folder_of(user_id: str) -> str:
    return f"{FOLDER}/{user_id}"


@contextmanager
def _only_print_here() -> Iterator[None]:
    """Hold the only place on this machine, so that other messages never wait for documents.

    An abstract socket is the lock: the kernel frees it however the process ends. Raises
    `outbox.MustWait`, which defers the message.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0dutyline-printing-{settings.DYNAMODB['prefix']}-{settings.DYNAMODB['endpoint'] or ''}"[:100])
        except OSError as error:
            raise outbox.MustWait("Another export is being printed.", retry_after=15) from error
        yield
