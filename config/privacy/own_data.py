"""Erasure and export of a person's audit history and encryption key."""

from collections.abc import Iterator
from typing import Any

from config import (
    dynamodb,
    zone_rules,  # noqa: F401 - defines a record of the data map
)
from config.audit import AuditEntry, reader
from config.board import models  # noqa: F401 - defines records of the data map
from config.bulk import models as bulk_models  # noqa: F401 - likewise
from config.dynamodb import (
    encryption,
    key_checks,  # noqa: F401 - defines a record of the data map
)
from config.privacy.data_map import AppDataMap, ExportChapter, ExportRow


def export_history(person: Any) -> Iterator[ExportRow]:
    """The audit entries by and about a person, newest first, without the data of anybody else.

    Only the keys of the person and of their customer are used: values of others stay encrypted.
    """
    key_owners = (person.id, person.customer_id)
    batch = dynamodb.batch_get(dynamodb.RecordKey(encryption.PersonKey, key_owner) for key_owner in key_owners)
    keys = encryption.unwrap_keys(batch, key_owners)
    for entry in reader.iter_stream(person.id, newest_first=True):
        if entry.seq:
            (decrypted,) = reader.decrypt_entries([entry], keys)
            yield _to_export_row(decrypted, person.id)


def _to_export_row(entry: reader.DecryptedEntry, person_id: str) -> ExportRow:
    is_own = entry.actor["id"] == person_id
    return {
        "id": entry.id,
        "at": entry.at,
        "action": entry.action,
        "by": _party_label(entry.actor, person_id),
        "about": _party_label(entry.subject, person_id),
        "changes": [
            {
                "field": change["field"],
                **{name: _redact_other_people(change[name], person_id) for name in ("before", "after")},
            }
            for change in entry.changes
            if entry.subject["name"] is not None
        ],
        "ip": entry.ip if is_own else None,
        "userAgent": entry.user_agent if is_own else None,
        "requestId": entry.request_id if is_own else None,
    }


def _redact_other_people(value: Any, person_id: str) -> Any:
    """A value without the ids of other people."""
    if isinstance(value, dict):
        return {name: _redact_other_people(item, person_id) for name, item in value.items()}
    if isinstance(value, list):
        return [_redact_other_people(item, person_id) for item in value]
    is_other = isinstance(value, str) and dynamodb.is_id("usr", value) and value != person_id
    return "another person" if is_other else value


def _party_label(party: dict[str, str | None], person_id: str) -> str:
    if party["id"] == person_id:
        return "you"
    if party["type"] == "user":
        return "another person"
    if party["type"] == "operator":
        return "Dutyline's support"
    return party["name"] or f"a {party['type']}"


HISTORY = ExportChapter(
    "history",
    "Changes by you and about you",
    "Every change that you made, and every change that affected you, newest first. Names and data of other people are "
    "left out.",
    AuditEntry,
    ("history",),
    read=export_history,
    columns={
        "When": ("at",),
        "What": ("action",),
        "By": ("by",),
        "About": ("about",),
        "Changes": ("changes",),
        "Sent from": ("ip", "userAgent"),
    },
    is_newest_first=True,
)

MAP = AppDataMap(
    chapters=[HISTORY], records_to_erase={encryption.PersonKey: lambda person: [encryption.PersonKey(person.id)]}
)
