"""The audit log of a customer in the export of everything: readable, as far as keys exist."""

from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb
from config.audit import AuditEntry, reader
from config.dynamodb import encryption, pagination
from config.privacy.customer_data import ExportSource, read_by_index
from config.privacy.data_map import ExportRow

_read_entries = read_by_index(AuditEntry, attribute="listed_for")


def _read_page(customer_id: str, cursor: pagination.Cursor | None) -> pagination.CursorPage[Any]:
    page = _read_entries(customer_id, cursor)
    owners = sorted({owner for entry in page.records for owner in entry.key_owners})
    batch = dynamodb.batch_get(dynamodb.RecordKey(encryption.PersonKey, owner) for owner in owners)
    keys = encryption.unwrap_keys(batch, owners)
    return pagination.CursorPage(reader.decrypt_entries(page.records, keys), page.next_cursor)


def _to_row(entry: reader.DecryptedEntry) -> ExportRow:
    return {
        "id": entry.id,
        "at": entry.at,
        "action": entry.action,
        "actor": entry.actor,
        "subject": entry.subject,
        "changes": entry.changes,
        "ip": entry.ip,
        "userAgent": entry.user_agent,
        "requestId": entry.request_id,
    }


def _to_sentences(entries: Sequence[reader.DecryptedEntry]) -> Sequence[ExportRow]:
    describe: Callable[[Sequence[reader.DecryptedEntry]], Sequence[ExportRow]] = import_string(settings.AUDIT_SENTENCES)
    return describe(entries)


SOURCES = (ExportSource("audit", _read_page, _to_row, to_csv_rows=_to_sentences),)
