"""Reads of the audit log: pages of a stream, and decryption. `config.audit.search` filters."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config import dynamodb
from config.audit.log import AuditEntry
from config.dynamodb import encryption


@dataclass(frozen=True)
class DecryptedEntry:
    """A decrypted entry; erased names and values are None."""

    id: str
    seq: int
    at: datetime
    action: str
    actor: dict[str, str | None]
    subject: dict[str, str | None]
    customer_id: str
    changes: list[dict[str, Any]]
    ip: str | None
    user_agent: str | None
    request_id: str
    hash: str
    prev_hash: str


def read_page(stream: str, *, last: int, offset: int, limit: int) -> list[AuditEntry]:
    """Entries newest first, after ``offset``; any offset costs the same, one range of keys."""
    newest_seq = last - offset
    if newest_seq < 1:
        return []
    values = {
        ":stream": {"S": stream},
        ":low": {"N": str(max(1, newest_seq - limit + 1))},
        ":high": {"N": str(newest_seq)},
    }
    condition = "#stream = :stream AND #seq BETWEEN :low AND :high"
    return list(dynamodb.iter_records(AuditEntry, condition, values, ScanIndexForward=False, ConsistentRead=True))


def read_entries(stream: str, seqs: Sequence[int]) -> list[AuditEntry]:
    """The entries with these numbers, in this order; those that follow each other by one range."""
    if seqs and list(seqs) == list(range(seqs[0], seqs[0] - len(seqs), -1)):
        return read_page(stream, last=seqs[0], offset=0, limit=len(seqs))
    batch = dynamodb.batch_get(dynamodb.RecordKey(AuditEntry, stream, seq) for seq in seqs)
    return [entry for seq in seqs if (entry := batch.get(AuditEntry, stream, seq))]


def iter_stream(stream: str, *, newest_first: bool = False) -> Iterator[AuditEntry]:
    """The head and all entries of a stream; newest first, the head comes last."""
    values = {":stream": {"S": stream}}
    options = {"ScanIndexForward": not newest_first, "ConsistentRead": True}
    return dynamodb.iter_records(AuditEntry, "#stream = :stream", values, **options)


def list_streams() -> set[str]:
    """The names of all streams; scans the table, so never for a request."""
    return dynamodb.scan_values(AuditEntry, "stream")


def decrypt_entries(entries: Iterable[AuditEntry], keys: Mapping[str, bytes]) -> list[DecryptedEntry]:
    """Decrypt entries, as far as their keys exist."""
    return [_decrypt_entry(entry, keys) for entry in entries]


def _decrypt_entry(entry: AuditEntry, keys: Mapping[str, bytes]) -> DecryptedEntry:
    body = entry.body
    actor_data = _decrypt_part(body, "actor", keys) or {}
    subject_data = _decrypt_part(body, "subject", keys)
    values = subject_data["values"] if subject_data else [[None, None]] * len(body["fields"])
    return DecryptedEntry(
        id=body["id"],
        seq=int(entry.seq),
        at=datetime.fromisoformat(entry.at),
        action=body["action"],
        actor={**body["actor"], "name": actor_data.get("name")},
        subject={**body["subject"], "name": subject_data["name"] if subject_data else None},
        customer_id=entry.customer_id,
        changes=[
            {"field": name, "before": before, "after": after}
            for name, (before, after) in zip(body["fields"], values, strict=True)
        ],
        ip=actor_data.get("ip"),
        user_agent=actor_data.get("userAgent"),
        request_id=body["requestId"],
        hash=entry.hash,
        prev_hash=entry.prev_hash,
    )


def _decrypt_part(body: Mapping[str, Any], part: str, keys: Mapping[str, bytes]) -> Any:
    encrypted = body["sealed"][part]
    key = keys.get(encrypted["key"])
    if key is None or encrypted["blob"] is None:
        return None
    return encryption.decrypt_json(key, base64.b64decode(encrypted["blob"]), f"{body['id']} {part}")
