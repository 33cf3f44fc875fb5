"""The audit log: a hash chain of entries without gaps per stream.

A stream belongs to a user (``usr_…``), an operator (``opr_…``) or a customer (``cus_…``: what
concerns no single person). An entry is in the stream of its author and of each person it concerns.
Sequence number 0 is the stream head: the last number and hash, signed. ``hash`` is the SHA-256 of
the canonical JSON (RFC 8785) of the stored entry, which includes the hash of the entry before.
Personal values are encrypted, so destroying a key does not break the chain.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag

from config import canonical_json, dynamodb
from config.dynamodb import data_keys, encryption
from config.dynamodb.attributes import Erasure, Json, Number, PersonalData, Text
from config.dynamodb.key_rotation import ProtectedAttribute

HISTORY = PersonalData(
    "history",
    "show who did what, and prove that the log is complete",
    "as evidence, without end; unreadable once the customer is erased",
    Erasure.EVIDENCE,
)
CONTENT = replace(HISTORY, erasure=Erasure.UNREADABLE)
PLATFORM_STREAM = "house"
"""The stream of what concerns no customer."""
HEAD_PURPOSE = "audit head"
"""The purpose of the keys that sign stream heads."""
POSITION = HISTORY.withheld("the position in the log, not content")


class Subject(Protocol):
    """What an entry can be about: a record or an author with a `party`, or a `Party` itself."""

    @property
    def party(self) -> "Party": ...


@dataclass(frozen=True)
class Party:
    """A person or thing that an entry names; ``stream`` holds the entries about it."""

    type: str
    id: str
    name: str
    stream: str
    customer_id: str

    @property
    def party(self) -> "Party":
        return self


@dataclass(frozen=True)
class Author:
    """Who acts, and from where. `accounts.permissions.Actor` adds permissions."""

    type: str
    id: str
    name: str
    customer_id: str
    ip: str = ""
    user_agent: str = ""
    request_id: str = ""

    @property
    def stream(self) -> str:
        """The stream of this author's entries."""
        return self.customer_id if self.type == "system" else self.id

    @property
    def party(self) -> Party:
        return Party(self.type, self.id, self.name, self.stream, self.customer_id)


@dataclass(frozen=True)
class FieldChange:
    """A field of the subject before and after; values are JSON."""

    field: str
    before: Any
    after: Any


def diff_records(
    before: dynamodb.Record | None, after: dynamodb.Record, attributes: Iterable[str]
) -> list[FieldChange]:
    """The attributes that differ; for a new record (``before`` None) those that are not empty."""
    changes = [FieldChange(name, getattr(before, name, None), getattr(after, name)) for name in attributes]
    return [change for change in changes if (change.before != change.after if before else change.after)]


@dataclass(frozen=True)
class AuditEvent:
    """The content of an entry, before it has a position in its streams."""

    id: str
    at: datetime
    action: str
    author: Author
    subject: Party
    changes: tuple[FieldChange, ...] = ()
    attests: str = ""
    """The digest of a record that this entry proves; never encrypted."""
    related_streams: tuple[str, ...] = ()
    """Streams of other people that the entry concerns."""

    @property
    def streams(self) -> list[str]:
        """The streams of author, subject and others, without duplicates."""
        return list(dict.fromkeys([self.author.stream, self.subject.stream, *self.related_streams]))


class AuditEntry(dynamodb.Record):
    """An audit entry, or (``seq`` 0) the head of a stream."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("audit")

    by_customer = dynamodb.index("byCustomer", "listed_for", "at")
    by_request = dynamodb.index("byRequest", "request_id", "at", keys_only=True)
    stream = Text(POSITION, hash_key=True)
    seq = Number(POSITION, range_key=True)
    customer_id = Text(POSITION)
    hash = Text(POSITION)
    # of an entry
    listed_for = Text(POSITION, null=True)
    at = Text(HISTORY, null=True)
    action = Text(HISTORY, null=True)
    """A copy of the body's, so that DynamoDB can filter by it."""
    request_id = Text(POSITION, null=True)
    """A copy of the body's in the first stream, so that support finds what a request did."""
    body = Json(CONTENT, null=True)
    prev_hash = Text(POSITION, null=True)
    # of a head
    last = Number(POSITION, null=True)
    seal = Text(POSITION, null=True)

    @property
    def content(self) -> dict[str, Any]:
        """The content that ``hash`` covers."""
        values = vars(self)  # fewer steps than seven attributes
        return {
            "stream": values["stream"],
            "seq": int(values["seq"]),
            "customerId": values["customer_id"],
            "listedFor": values.get("listed_for"),
            "at": values.get("at"),
            "body": values.get("body"),
            "prevHash": values.get("prev_hash"),
        }

    @property
    def is_intact(self) -> bool:
        """Whether the entry matches its hash."""
        return bool(self.hash == digest(self.content) and self.action == self.body["action"])

    @property
    def key_owners(self) -> set[str]:
        """The streams whose keys encrypt its values."""
        return {part["key"] for part in self.body["sealed"].values()}


def digest(content: dict[str, Any]) -> str:
    """The SHA-256 of canonical JSON (RFC 8785)."""
    return hashlib.sha256(canonical_json.dumps(content)).hexdigest()


@dataclass(frozen=True)
class StreamPosition:
    """The end of a stream: the last number and its hash."""

    last: int = 0
    hash: str = ""
    customer_id: str = ""


def stream_head_key(stream: str) -> dynamodb.RecordKey:
    """The record key of a stream head."""
    return dynamodb.RecordKey(AuditEntry, stream, 0)


def stream_position(batch: dynamodb.BatchResult, stream: str) -> StreamPosition:
    """The end of a stream, from records that were read."""
    head = batch.get(AuditEntry, stream, 0)
    return StreamPosition(int(head.last), head.hash, head.customer_id) if head else StreamPosition()


def build_stream_head(stream: str, position: StreamPosition) -> AuditEntry:
    """A signed stream head. A stream belongs to the customer of its first entry."""
    head = AuditEntry(stream=stream, seq=0, customer_id=position.customer_id, last=position.last, hash=position.hash)
    head.seal = data_keys.sign(HEAD_PURPOSE, _head_signing_input(head))
    return head


def has_valid_head_signature(stream_head: AuditEntry) -> bool:
    """Whether the head's signature is valid."""
    return data_keys.is_valid_signature(HEAD_PURPOSE, _head_signing_input(stream_head), stream_head.seal or "")


def _renew_head_signature(head: AuditEntry) -> str:
    if not has_valid_head_signature(head):
        raise InvalidTag
    return data_keys.sign(HEAD_PURPOSE, _head_signing_input(head))


STREAM_HEADS = ProtectedAttribute(
    "stream heads",
    AuditEntry,
    "seal",
    get_key_id=lambda head: data_keys.signer_of(head.seal or ""),
    renew=_renew_head_signature,
    scan_filter={
        "FilterExpression": "#seq = :zero",
        "ExpressionAttributeNames": {"#seq": "seq"},
        "ExpressionAttributeValues": {":zero": {"N": "0"}},
    },
)


def _head_signing_input(head: AuditEntry) -> str:
    values = vars(head)
    return f"{values['stream']} {values['customer_id']} {int(values['last'])} {values['hash']}"


def build_entry_body(event: AuditEvent, keys: Mapping[str, bytes]) -> dict[str, Any]:
    """The body with personal values encrypted; values without a key are dropped."""
    author, subject = event.author, event.subject
    actor_data = {"name": author.name, "ip": author.ip, "userAgent": author.user_agent}
    subject_data = {"name": subject.name, "values": [[c.before, c.after] for c in event.changes]}
    attestation = {"attests": event.attests} if event.attests else {}
    return {
        **attestation,
        "id": event.id,
        "action": event.action,
        "actor": {"type": author.type, "id": author.id},
        "subject": {"type": subject.type, "id": subject.id},
        "fields": [change.field for change in event.changes],
        "requestId": author.request_id,
        "streams": event.streams,
        "sealed": {
            "actor": _encrypt_part(author.stream, actor_data, event.id + " actor", keys),
            "subject": _encrypt_part(subject.stream, subject_data, event.id + " subject", keys),
        },
    }


def _encrypt_part(key_owner: str, value: Any, context: str, keys: Mapping[str, bytes]) -> dict[str, str | None]:
    key = keys.get(key_owner)
    ciphertext = base64.b64encode(encryption.encrypt_json(key, value, context)).decode() if key else None
    return {"key": key_owner, "blob": ciphertext}


def build_entries(
    events: Sequence[AuditEvent], positions: Mapping[str, StreamPosition], keys: Mapping[str, bytes]
) -> tuple[list[AuditEntry], dict[str, StreamPosition]]:
    """The entries of all streams, and the new end of each stream."""
    end_positions = dict(positions)
    new_entries = []
    for event in events:
        entry_body, at = build_entry_body(event, keys), format_instant(event.at)
        prepared_body = canonical_json.prepare(entry_body)
        for index, stream in enumerate(entry_body["streams"]):
            entry = AuditEntry(
                stream=stream,
                seq=end_positions[stream].last + 1,
                customer_id=event.subject.customer_id,
                listed_for=None if index else event.subject.customer_id,
                at=at,
                action=event.action,
                request_id=None if index else event.author.request_id or None,
                body=entry_body,
                prev_hash=end_positions[stream].hash,
            )
            entry.hash = digest(entry.content | {"body": prepared_body})
            owner_customer_id = end_positions[stream].customer_id or event.subject.customer_id
            end_positions[stream] = StreamPosition(int(entry.seq), entry.hash, owner_customer_id)
            new_entries.append(entry)
    return new_entries, end_positions


def format_instant(at: datetime) -> str:
    """An instant as entries store it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
