"""The data map of this floor: the audit, its keys, the outbox, remembered requests."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from config import audit, dynamodb, outbox
from config.audit import reader
from config.dynamodb import encryption, idempotency, ids
from config.privacy.data_map import AppDataMap, DataMapAttribute, Erasure, ExportChapter, ExportRow, TableDataMap

_CUSTOMER_LIFETIME = "for as long as the customer exists"
_audit_attribute = partial(
    DataMapAttribute,
    category="history",
    purpose="to show who did what, and that the record of it is whole",
    retention=_CUSTOMER_LIFETIME,
)
_position_attribute = partial(
    _audit_attribute, erasure=Erasure.EVIDENCE, withheld="where an entry stands, not what it says"
)
_outbox_attribute = partial(
    DataMapAttribute,
    category="technical",
    purpose="to carry out what was asked, even after a crash",
    retention="until it is done, at most 72 hours; failed for good: until an operator looks",
    withheld="passes by itself",
)
_idempotency_attribute = partial(
    DataMapAttribute,
    category="technical",
    purpose="to answer a repeated request alike",
    retention="24 hours",
    erasure=Erasure.EXPIRES,
    withheld="digests and ids that pass by themselves",
)


def export_history(person: Any) -> Iterator[ExportRow]:
    """What was done by and to a person, newest first, without the data of anybody else.

    Only their own key and their customer's are used: what is sealed for others stays closed.
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
    is_other = isinstance(value, str) and ids.is_id("usr", value) and value != person_id
    return "another person" if is_other else value


def _party_label(party: dict[str, str | None], person_id: str) -> str:
    if party["id"] == person_id:
        return "you"
    if party["type"] == "user":
        return "another person"
    if party["type"] == "operator":
        return "Dutyline's support"
    return party["name"] or f"a {party['type']}"


_TABLE_MAPS = [
    TableDataMap(
        audit.AuditEntry,
        (
            _audit_attribute("body", erasure=Erasure.UNREADABLE),
            _audit_attribute("at", erasure=Erasure.EVIDENCE),
            _audit_attribute("action", erasure=Erasure.EVIDENCE),
            *(
                _position_attribute(name)
                for name in (*("stream", "seq", "customer_id", "hash", "prev_hash"), *("listed_for", "last", "seal"))
            ),
        ),
        records_to_export=export_history,
    ),
    TableDataMap(
        encryption.PersonKey,
        tuple(
            DataMapAttribute(
                name,
                category="technical",
                purpose="to seal a person's values in the audit",
                retention="until the account is deleted",
                erasure=Erasure.REMOVED,
                withheld="a secret that would lay open the audit",
            )
            for name in ("person", "sealed", "created_at")
        ),
        records_to_erase=lambda person: [encryption.PersonKey(person.id)],
    ),
    TableDataMap(
        outbox.OutboxMessage,
        (
            _outbox_attribute("author", erasure=Erasure.UNREADABLE),
            _outbox_attribute("arguments", erasure=Erasure.UNREADABLE),
            *(
                _outbox_attribute(name, erasure=Erasure.EXPIRES)
                for name in (
                    *("id", "shard", "due_at", "task", "first_due_at", "progress"),
                    *("attempts", "deferrals", "claim", "error"),
                )
            ),
        ),
    ),
    TableDataMap(
        idempotency.IdempotencyRecord,
        tuple(
            _idempotency_attribute(name)
            for name in (
                *("key", "request_hash", "state", "status", "code"),
                *("resource_id", "running_until", "expires_at"),
            )
        ),
    ),
]

MAP = AppDataMap(
    table_maps=_TABLE_MAPS,
    chapters=[
        ExportChapter(
            "history",
            "What was done by you and about you",
            "Every change that you made, and every one that concerned you, the newest first. Names "
            "and data of other people are left out.",
            ("history",),
            {
                "When": ("at",),
                "What": ("action",),
                "By": ("by",),
                "About": ("about",),
                "Changes": ("changes",),
                "From": ("ip", "userAgent"),
            },
        )
    ],
)
