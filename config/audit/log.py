"""The audit: one gapless, chained sequence of entries per stream.

A stream is a person (``usr_…``), an operator (``opr_…``) or a customer (``cus_…``: what concerns
nobody in particular). An entry stands in the stream of its author and in that of each person it
concerns. Sequence number 0 is the stream's head: how far it goes, and a signature of that.
``hash`` is the SHA-256 of the canonical JSON (RFC 8785) of the entry as stored, with the hash of
the one before. Personal values are sealed, so destroying a key leaves the chain whole.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from config import dynamodb
from config.dynamodb import encryption


@dataclass(frozen=True)
class Party:
    """Somebody or something an entry names. ``stream`` is where entries about it stand."""

    type: str
    id: str
    name: str
    stream: str


@dataclass(frozen=True)
class Author:
    """Who does something, and from where. `accounts.permissions.Actor` adds what they may do."""

    type: str
    id: str
    name: str
    customer_id: str
    ip: str = ""
    user_agent: str = ""
    request_id: str = ""

    @property
    def stream(self) -> str:
        """Where the entries of what they do stand."""
        return self.customer_id if self.type == "system" else self.id


@dataclass(frozen=True)
class Change:
    """One field of the subject before and after; values are JSON."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Happening:
    """What one entry tells, before it has its place in any stream."""

    id: str
    at: datetime
    action: str
    author: Author
    subject: Party
    customer_id: str
    changes: tuple[Change, ...] = ()
    attests: str = ""
    """The digest of a record that this entry vouches for; it stays readable."""
    concerns: tuple[str, ...] = ()
    """Streams of people whom it concerns beside the author and the subject."""

    @property
    def streams(self) -> list[str]:
        """The author's stream first, then the subject's and others', each once."""
        return list(dict.fromkeys([self.author.stream, self.subject.stream, *self.concerns]))


class ByCustomer(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """The first copy of each entry, by customer and time."""

    class Meta:
        index_name = "byCustomer"
        projection = AllProjection()

    listed_for = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class AuditEntry(dynamodb.Record):
    """One entry, or (``seq`` 0) the head of a stream."""

    class Meta(dynamodb.Table):
        table_name = dynamodb.table("audit")

    by_customer = ByCustomer()
    stream = UnicodeAttribute(hash_key=True)
    seq = NumberAttribute(range_key=True)
    customer_id = UnicodeAttribute()
    hash = UnicodeAttribute()
    # of an entry
    listed_for = UnicodeAttribute(null=True)
    at = UnicodeAttribute(null=True)
    action = UnicodeAttribute(null=True)
    """As in the body; here so that DynamoDB can filter by it."""
    body = dynamodb.JSON(null=True)
    prev_hash = UnicodeAttribute(null=True)
    # of a head
    last = NumberAttribute(null=True)
    seal = UnicodeAttribute(null=True)

    @property
    def content(self) -> dict[str, Any]:
        """What ``hash`` covers."""
        return {
            "stream": self.stream,
            "seq": int(self.seq),
            "customerId": self.customer_id,
            "listedFor": self.listed_for,
            "at": self.at,
            "body": self.body,
            "prevHash": self.prev_hash,
        }

    @property
    def is_as_written(self) -> bool:
        """Whether the entry fits its own hash."""
        return bool(self.hash == digest(self.content) and self.action == self.body["action"])

    @property
    def people(self) -> set[str]:
        """The streams under whose keys its values are sealed."""
        return {part["key"] for part in self.body["sealed"].values()}


def digest(content: Mapping[str, Any]) -> str:
    """The SHA-256 of canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(content))).hexdigest()


@dataclass(frozen=True)
class Position:
    """How far a stream goes: the last number and its hash."""

    last: int = 0
    hash: str = ""
    customer_id: str = ""


def head_key(stream: str) -> dynamodb.Key:
    """The key of a stream's head."""
    return dynamodb.Key(AuditEntry, stream, 0)


def position(found: dynamodb.Found, stream: str) -> Position:
    """Where the stream stands, from what was read."""
    head = found.get(AuditEntry, stream, 0)
    return Position(int(head.last), head.hash, head.customer_id) if head else Position()


def head(stream: str, at: Position) -> AuditEntry:
    """The stream's new head. A stream belongs to the customer of its first entry for good."""
    return AuditEntry(
        stream=stream,
        seq=0,
        customer_id=at.customer_id,
        last=at.last,
        hash=at.hash,
        seal=encryption.signature("audit head", _signed(stream, at)),
    )


def is_our_head(head: AuditEntry) -> bool:
    """Whether the head's signature is ours."""
    at = Position(int(head.last), head.hash, head.customer_id)
    return encryption.is_signature("audit head", _signed(head.stream, at), head.seal or "")


def _signed(stream: str, at: Position) -> str:
    return f"{stream} {at.customer_id} {at.last} {at.hash}"


def body(happening: Happening, keys: Mapping[str, bytes]) -> dict[str, Any]:
    """The entry's content with personal values sealed; a destroyed key loses its values."""
    author, subject = happening.author, happening.subject
    by = {"name": author.name, "ip": author.ip, "userAgent": author.user_agent}
    about = {"name": subject.name, "values": [[c.before, c.after] for c in happening.changes]}
    attested = {"attests": happening.attests} if happening.attests else {}
    return {
        **attested,
        "id": happening.id,
        "action": happening.action,
        "actor": {"type": author.type, "id": author.id},
        "subject": {"type": subject.type, "id": subject.id},
        "fields": [change.field for change in happening.changes],
        "requestId": author.request_id,
        "streams": happening.streams,
        "sealed": {
            "actor": _sealed(author.stream, by, happening.id + " actor", keys),
            "subject": _sealed(subject.stream, about, happening.id + " subject", keys),
        },
    }


def _sealed(
    owner: str, value: Any, context: str, keys: Mapping[str, bytes]
) -> dict[str, str | None]:
    key = keys.get(owner)
    blob = base64.b64encode(encryption.seal(key, value, context)).decode() if key else None
    return {"key": owner, "blob": blob}


def entries(
    happenings: Sequence[Happening],
    positions: Mapping[str, Position],
    keys: Mapping[str, bytes],
) -> tuple[list[AuditEntry], dict[str, Position]]:
    """All copies of the entries in their places, and where each stream then stands."""
    places = dict(positions)
    made = []
    for happening in happenings:
        content = body(happening, keys)
        for number, stream in enumerate(happening.streams):
            entry = AuditEntry(
                stream=stream,
                seq=places[stream].last + 1,
                customer_id=happening.customer_id,
                listed_for=None if number else happening.customer_id,
                at=told(happening.at),
                action=happening.action,
                body=content,
                prev_hash=places[stream].hash,
            )
            entry.hash = digest(entry.content)
            owner = places[stream].customer_id or happening.customer_id
            places[stream] = Position(int(entry.seq), entry.hash, owner)
            made.append(entry)
    return made, places


def told(at: datetime) -> str:
    """A moment as entries keep it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
