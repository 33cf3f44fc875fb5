"""Calendar feeds: a person's shifts for their own calendar, by an address that can be revoked.

The address holds a secret of which only a digest is kept. Asking again makes a new one, and the old
one is closed.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import customers, locations, users
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import encryption, idempotency, ids, optimistic
from staffing.calendar import ical
from staffing.models import Feed, Schedule
from staffing.schedules import availability, on_duty

if TYPE_CHECKING:
    from accounts.models import User

PAST = timedelta(days=60)
"""How long ago shifts may have ended that a feed still shows."""


@dataclass(frozen=True)
class Opened:
    """A feed that was just opened, with its address."""

    url: str
    created_at: datetime


def open_new(*, actor: Actor, at: datetime, once: idempotency.Once | None = None) -> Opened:
    """A new address for one's own feed; the one before is closed.

    With an Idempotency-Key the secret follows from it: the address is the same when it is repeated.
    """
    secret = _secret(actor.id, once)
    feed = Feed(
        user_id=actor.id, customer_id=actor.customer_id, secret=_digest(secret), created_at=at
    )

    def decide() -> Feed:
        found = dynamodb.fetch([_key(actor.id), *journal.keys([actor.stream])])
        before = found.get(Feed, actor.id)
        with journal.write(
            actor=actor,
            action="feed.opened",
            subject=_party(actor),
            at=at,
            customer_id=actor.customer_id,
            changes=[audit.Change("feed", before and before.secret[:12], feed.secret[:12])],
            found=found,
        ) as write:
            users.require_open(write, actor.id)
            as_read = Feed.secret == before.secret if before else Feed.user_id.does_not_exist()
            write.put(feed, only_if=as_read, refusal=optimistic.changed())
            write.answer(once, actor.id, status=201)
        return feed

    try:
        kept = optimistic.repeated(decide)
    except idempotency.Seen:
        found = dynamodb.get(Feed, actor.id)
        if found is None or found.secret != _digest(secret):
            raise errors.NotFound("The feed that this request opened is closed.") from None
        kept = found
    return Opened(f"{settings.PUBLIC_BASE_URL}/calendar/{actor.id}/{secret}.ics", kept.created_at)


def _secret(user_id: str, once: idempotency.Once | None) -> str:
    if once is None:
        return secrets.token_urlsafe(32)
    key = encryption.house_key("calendar feed")
    return hmac.new(key, f"{user_id} {once.key}".encode(), hashlib.sha256).hexdigest()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(user_id: str) -> dynamodb.Key:
    return dynamodb.Key(Feed, user_id)


def _party(actor: Actor) -> audit.Party:
    return audit.Party("user", actor.id, actor.name, actor.id)


def close(*, actor: Actor, at: datetime) -> None:
    """Close one's own feed; without one, nothing is to do."""

    def decide() -> None:
        found = dynamodb.fetch([_key(actor.id), *journal.keys([actor.stream])])
        before = found.get(Feed, actor.id)
        if before is None:
            return
        with journal.write(
            actor=actor,
            action="feed.closed",
            subject=_party(actor),
            at=at,
            customer_id=actor.customer_id,
            changes=[audit.Change("feed", before.secret[:12], None)],
            found=found,
        ) as write:
            as_read = Feed.secret == before.secret
            write.remove(before, only_if=as_read, refusal=optimistic.changed())

    optimistic.repeated(decide)


def of_person(user: "User") -> list[Feed]:
    """The feed of a person, if there is one."""
    feed = dynamodb.get(Feed, user.id)
    return [feed] if feed else []


def text(user_id: str, secret: str, *, at: datetime) -> bytes | None:
    """The feed of whoever this secret is, as iCalendar; None: nobody's, or closed.

    It shows what ended less than `PAST` ago, and everything to come.
    """
    feed = dynamodb.get(Feed, user_id) if ids.is_id("usr", user_id) else None
    if feed is None or not hmac.compare_digest(feed.secret, _digest(secret)):
        return None
    user = users.named([user_id], feed.customer_id).get(user_id)
    if user is None or user.status not in on_duty.WORKING:
        return None
    if not customers.is_active(feed.customer_id):
        return None
    rows = availability.rows_from(user_id, at - PAST, None, consistent=False)
    found = dynamodb.fetch(dynamodb.Key(Schedule, str(row.schedule_id)) for row in rows)
    schedules = [
        one for row in rows if (one := found.get(Schedule, str(row.schedule_id))) is not None
    ]
    places = locations.named(dict.fromkeys(s.location_id for s in schedules), feed.customer_id)
    return ical.calendar(schedules, user_id, places=places, at=at)
