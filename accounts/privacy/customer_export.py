"""Everything of a customer in one file: prepared in the background, then downloaded as a zip.

Apps declare what there is (`config.privacy.customer_data`). The outbox reads it page by page; each
page becomes a part, a stored file that is encrypted under the customer's key. `CustomerExport` says
how far it is, so a process that dies or runs out of time goes on where it stopped, and a repeated
step replaces its own part. The download joins the parts with the recordings, which are read where
they are. All of it is deleted after `LIFETIME`.
"""

import csv
import io
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
from cryptography.exceptions import InvalidTag
from pynamodb.expressions.condition import Condition

from accounts import customers
from accounts.models import CustomerExport
from accounts.permissions import Actor
from config import bulkhead, dynamodb, errors, journal, outbox, spreadsheets, storage, strict_json
from config.dynamodb import data_keys, encryption, unaudited
from config.privacy import customer_data
from config.privacy.customer_data import ExportSource
from config.privacy.data_map import ExportRow

LIFETIME = timedelta(days=3)
PASS_SECONDS = 20.0
"""Of one pass of the outbox: less than the lease of its message, with room for a slow page."""
MAX_PARTS = 20_000
FOLDER = "customer-exports"
README = """Everything that Dutyline stores for this customer.

*.json            one kind of records each; of many records, several numbered files
*.csv             the same for spreadsheets
personal-data/    of each person, what they get when they export their own data
recordings/       voicemail and recorded conversations, named in calls.json
audit.json        every change, with names as far as the people are not erased; audit.csv says it in
                  sentences

Times are in UTC unless a time zone is beside them.
"""

_downloads = bulkhead.Gate(
    max_concurrent=2, max_waiting=2, wait_seconds=1.0, busy="Other exports are being downloaded; retry.", retry_after=60
)


class ExportNotReady(errors.Conflict):
    """The export is still being prepared, or was never asked for."""

    code = "export_not_ready"
    example_detail = "The export is not ready yet."


def request_export(customer_id: str, *, actor: Actor, at: datetime) -> CustomerExport:
    """Have everything of the actor's customer prepared, unless that is under way; audited.

    A new export replaces an older one. Raises `errors.NotFound` and `errors.Forbidden`.
    """
    actor.require("customers:suspend")
    customer = customers.get_customer(customer_id)
    if customer.status == "erasing":
        raise errors.NotFound("This customer is being erased.")

    def decide() -> CustomerExport:
        before = dynamodb.get_record(CustomerExport, customer_id)
        if before and not before.completed_at and before.expires_at > at.timestamp():
            return before
        record = CustomerExport(
            customer_id=customer_id,
            id=dynamodb.new_id("exp", at),
            requested_at=at,
            expires_at=int((at + LIFETIME).timestamp()),
        )
        is_unchanged = CustomerExport.id == before.id if before else CustomerExport.id.does_not_exist()
        with journal.write(actor, "customer.export_requested", customer, at) as write:
            write.put(record, only_if=is_unchanged, error=journal.StaleRecord())
            arguments: dict[str, Any] = {"customer_id": customer_id, "export_id": record.id}
            write.enqueue("accounts.prepare_customer_export", id=f"prepare-{record.id}", **arguments)
            write.enqueue("accounts.forget_customer_export", id=f"forget-{record.id}", due=at + LIFETIME, **arguments)
            if before:
                write.enqueue("accounts.forget_customer_export", customer_id=customer_id, export_id=before.id)
        return record

    return journal.retry_on_conflict(decide)


def find_export(customer_id: str, *, actor: Actor, at: datetime) -> CustomerExport | None:
    """The last export of the actor's customer, unless it is deleted already."""
    actor.require("customers:suspend")
    record = dynamodb.get_record(CustomerExport, customer_id)
    return record if record and record.expires_at > at.timestamp() else None


# --- preparing ------------------------------------------------------------------------------------
@outbox.task("accounts.prepare_customer_export", lane="files")
def prepare(customer_id: str, export_id: str, *, job: outbox.TaskContext) -> None:
    """Prepare parts for `PASS_SECONDS`; the rest at the next pass.

    Raises `outbox.MustWait` while something is left, and `errors.Unavailable`.
    """
    deadline = time.monotonic() + PASS_SECONDS
    sources = customer_data.load_sources()
    while record := _load_unfinished(customer_id, export_id):
        if not _prepare_part(record, sources, job.at):
            return
        if time.monotonic() > deadline:
            raise outbox.MustWait("The rest is prepared next.", retry_after=1)


def _load_unfinished(customer_id: str, export_id: str) -> CustomerExport | None:
    record = dynamodb.get_record(CustomerExport, customer_id)
    is_wanted = record and record.id == export_id and not record.completed_at
    return record if is_wanted else None


def _prepare_part(record: CustomerExport, sources: Sequence[ExportSource], at: datetime) -> bool:
    """Store the next part and note it; False if another attempt did."""
    number, parts = int(record.sources_done), int(record.parts)
    if number >= len(sources) or parts >= MAX_PARTS:
        return _note(record, [CustomerExport.completed_at.set(at)])
    source = sources[number]
    page = source.read_page(str(record.customer_id), record.cursor)
    part = _build_part(source, page.records, 0 if page.next_cursor is None and not record.cursor else parts + 1)
    if not parts:
        part["members"]["README.txt"] = README
    _save_part(record, parts, orjson.dumps(part))
    return _note(
        record,
        [
            CustomerExport.parts.set(parts + 1),
            CustomerExport.rows.set(int(record.rows) + len(page.records)),
            CustomerExport.cursor.set(page.next_cursor) if page.next_cursor else CustomerExport.cursor.remove(),
            CustomerExport.sources_done.set(number + (page.next_cursor is None)),
        ],
    )


def _note(record: CustomerExport, changes: list[Any]) -> bool:
    is_unchanged: Condition = (CustomerExport.id == record.id) & (CustomerExport.parts == record.parts)
    return unaudited.update(record, changes, is_unchanged & CustomerExport.completed_at.does_not_exist()) is not None


def _build_part(source: ExportSource, records: Sequence[Any], part_number: int) -> dict[str, dict[str, str]]:
    """The files of one page by name, and the stored files that belong to it."""
    rows = [source.to_row(record) for record in records]
    files = {name: stored for record in records for name, stored in source.files(record).items()}
    if source.file_name:
        members = {source.file_name(row): _to_json(row["data"]) for row in rows}
        return {"members": members, "files": files}
    name = f"{source.name}-{part_number:05}" if part_number else source.name
    members = {f"{name}.json": _to_json(rows)}
    if rows:
        members[f"{name}.csv"] = _to_csv(source.to_csv_rows(records) if source.to_csv_rows else rows)
    return {"members": members, "files": files}


def _to_json(value: Any) -> str:
    return strict_json.dumps(value, default=_to_plain_value).decode()


def _to_plain_value(value: Any) -> Any:
    """Converts what orjson does not know: PynamoDB's own maps and lists, and sets."""
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(value) if isinstance(value, set | frozenset) else list(value)


def _to_csv(rows: Sequence[ExportRow]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(rows[0])
    writer.writerows([_to_cell(value) for value in row.values()] for row in rows)
    return spreadsheets.BYTE_ORDER_MARK + text.getvalue()


def _to_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        value = _to_json(value)
    return spreadsheets.neutralize(value)


def _save_part(record: CustomerExport, number: int, content: bytes) -> None:
    """Store a part under its own name, in place of one that a crashed attempt stored."""
    name = _part_name(record, number)
    encrypted = data_keys.encrypt_with(_load_key(record), content, f"{record.id} {number}")
    storage.delete_file(name)
    storage.save_file(name, io.BytesIO(encrypted))


def _load_key(record: CustomerExport) -> bytes:
    key = dynamodb.get_record(encryption.PersonKey, str(record.customer_id))
    if key is None:
        raise errors.NotFound("This customer is erased.")
    return bytes(key.unwrap())


def _part_name(record: CustomerExport, number: int) -> str:
    return f"{_folder_of(str(record.customer_id), str(record.id))}/{number:05}"


def _folder_of(customer_id: str, export_id: str) -> str:
    return f"{FOLDER}/{customer_id}/{export_id}"


# --- downloading ----------------------------------------------------------------------------------
def download(customer_id: str, *, actor: Actor, at: datetime) -> Iterator[bytes]:
    """The zip of the last export, chunk by chunk; audited before the first one.

    Raises `ExportNotReady`, and while it is read `errors.Unavailable`.
    """
    record = find_export(customer_id, actor=actor, at=at)
    if record is None or not record.completed_at:
        raise ExportNotReady(ExportNotReady.example_detail)
    key = _load_key(record)
    journal.write_audit_event(actor, "customer.exported", customers.get_customer(customer_id), at)
    return _iter_zip(record, key)


def _iter_zip(record: CustomerExport, key: bytes) -> Iterator[bytes]:
    with _downloads.slot():
        sink = _Chunks()
        with zipfile.ZipFile(cast(Any, sink), "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(int(record.parts)):
                part = _open_part(record, number, key)
                for name, text in part["members"].items():
                    archive.writestr(name, text)
                    yield sink.take()
                for name, stored_name in part["files"].items():
                    yield from _write_stored_file(archive, sink, name, stored_name)
        yield sink.take()


def _open_part(record: CustomerExport, number: int, key: bytes) -> dict[str, dict[str, str]]:
    try:
        content = data_keys.decrypt_with(key, storage.read_file(_part_name(record, number)), f"{record.id} {number}")
    except InvalidTag as error:
        raise errors.NotFound("This export cannot be opened any more; prepare another one.") from error
    return cast(dict[str, dict[str, str]], orjson.loads(content))


def _write_stored_file(archive: zipfile.ZipFile, sink: "_Chunks", name: str, stored_name: str) -> Iterator[bytes]:
    """One recording; without those that were deleted meanwhile, when their time was over."""
    try:
        file = storage.find_file(stored_name)
    except errors.NotFound:
        return
    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:  # not compressed
        for chunk in file.read_chunks(0, file.size):
            member.write(chunk)
            yield sink.take()


class _Chunks(io.RawIOBase):
    """What a zip file writes, until it is taken; it cannot seek, so nothing is written twice."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def take(self) -> bytes:
        """All that was written since."""
        taken, self._chunks = b"".join(self._chunks), []
        return taken


@outbox.task("accounts.forget_customer_export", lane="files")
def forget(customer_id: str, export_id: str) -> None:
    """Delete an export and its parts; repeatable. Raises `errors.Unavailable`."""
    unaudited.remove(CustomerExport(customer_id), CustomerExport.id == export_id)
    folder = _folder_of(customer_id, export_id)
    for name in storage.list_files(folder):
        storage.delete_file(f"{folder}/{name}")
