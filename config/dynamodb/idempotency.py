"""Remembers what a request with an Idempotency-Key led to, for 24 hours.

Only a digest of the request, a status and the id of the resource are kept; the answer is rendered
anew, so that no copies of personal data lie about.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from config import dynamodb, errors
from config.dynamodb import unaudited

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=20)
"""How long a request counts as still being worked on."""


class Request(dynamodb.Record):
    """One request that carried a key."""

    class Meta(dynamodb.Table):
        table_name = dynamodb.table("idempotency")
        ttl = "expires_at"

    key = UnicodeAttribute(hash_key=True)
    request_hash = UnicodeAttribute()
    state = UnicodeAttribute()
    """running or done"""
    status = NumberAttribute(null=True)
    code = UnicodeAttribute(null=True)
    resource_id = UnicodeAttribute()
    running_until = NumberAttribute(default=0)
    expires_at = NumberAttribute()


@dataclass(frozen=True)
class Once:
    """The identity of a request: digest of actor, method, path and key; digest of the body."""

    key: str
    request_hash: str


class Seen(Exception):
    """This request was made before; ``record`` says how far it got."""

    def __init__(self, record: Request) -> None:
        super().__init__("seen before")
        self.resource_id = str(record.resource_id)
        self.running = record.state == "running"
        self.running_until = int(record.running_until)
        self.status = int(record.status or 0)
        self.code = record.code


def running(once: Once, resource_id: str, at: datetime) -> Request:
    """The record of a request that has begun."""
    until = int((at + LEASE).timestamp())
    return _record(once, resource_id, at, state="running", running_until=until)


def done(
    once: Once, resource_id: str, at: datetime, *, status: int, code: str | None = None
) -> Request:
    """The record of a request that has its answer."""
    return _record(once, resource_id, at, state="done", status=status, code=code)


def _record(once: Once, resource_id: str, at: datetime, **more: Any) -> Request:
    return Request(
        key=once.key,
        request_hash=once.request_hash,
        resource_id=resource_id,
        expires_at=int((at + KEPT).timestamp()),
        **more,
    )


def unseen(at: datetime) -> Condition:
    """Holds where the key was not used within its time (expired items may linger)."""
    expired: Condition = Request.expires_at < int(at.timestamp())
    unseen: Condition = Request.key.does_not_exist() | expired
    return unseen


def check(once: Once, found: Request, at: datetime) -> Seen:
    """What a second request with the key is told; raises unless it is resumed or shown."""
    if found.request_hash != once.request_hash:
        raise errors.KeyReused("This Idempotency-Key was used for a request with another body.")
    if found.state == "running" and found.running_until > at.timestamp():
        raise errors.Conflict(
            "The first request with this Idempotency-Key is still being worked on."
        )
    return Seen(found)


def check_unseen(once: Once | None, found: dynamodb.Found, at: datetime) -> None:
    """Raise `Seen` or a refusal where the key was used already; saves the rest of the work."""
    record = found.get(Request, once.key) if once else None
    if once and record and record.expires_at >= at.timestamp():
        raise check(once, record, at)


def remember(once: Once | None, resource_id: str, at: datetime, *, status: int) -> None:
    """Note a request that had nothing to change. Raises `Seen` or a refusal if it was known."""
    if once is None:
        return
    made = done(once, resource_id, at, status=status)
    values = [
        Request.request_hash.set(made.request_hash),
        Request.state.set(made.state),
        Request.status.set(made.status),
        Request.resource_id.set(made.resource_id),
        Request.running_until.set(0),
        Request.expires_at.set(made.expires_at),
    ]
    if unaudited.update(Request(once.key), values, unseen(at)) is None:
        record = dynamodb.get(Request, once.key)
        if record:
            raise check(once, record, at)


def take_over(once: Once, seen: Seen, at: datetime) -> None:
    """Go on with a request that was left unfinished; only one hand at a time may."""
    taken = unaudited.update(
        Request(once.key),
        [Request.running_until.set(int((at + LEASE).timestamp()))],
        (Request.state == "running") & (Request.running_until == seen.running_until),
    )
    if taken is None:
        raise _in_flight()


def _in_flight() -> errors.Conflict:
    return errors.Conflict("The first request with this key is still being worked on.")


def release(once: Once) -> None:
    """Let the next request with the key resume at once: this one gave up, in good order."""
    unaudited.update(
        Request(once.key),
        [Request.running_until.set(0)],
        (Request.state == "running") & (Request.request_hash == once.request_hash),
    )
