"""Calendar feeds: a secret URL at which calendar apps read a person's shifts.

Only a digest of the secret is stored. Opening a feed again replaces the previous URL.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from accounts import customers, locations, users
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import encryption, idempotency
from staffing.calendar import ical
from staffing.models import Feed
from staffing.schedules import availability, on_duty, queries

HISTORY_PERIOD = timedelta(days=60)
"""A feed shows shifts that ended at most this long ago."""


@dataclass(frozen=True)
class OpenedFeed:
    """A feed that was just opened, with its URL."""

    url: str
    created_at: datetime


def open_feed(*, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None) -> OpenedFeed:
    """Open the actor's feed at a new URL; the previous URL stops working.

    With an idempotency key the secret is derived from it, so a repeated request gets the same URL.
    Raises `errors.NotFound` if the feed of a repeated request was closed since.
    """
    secret = _create_secret(actor.id, idempotency_key)
    feed = Feed(user_id=actor.id, customer_id=actor.customer_id, secret=_hash_secret(secret), created_at=at)

    def decide() -> Feed:
        records = dynamodb.batch_get([dynamodb.RecordKey(Feed, actor.id), *journal.stream_keys([actor.stream])])
        before = records.get(Feed, actor.id)
        with journal.write(
            actor,
            "feed.opened",
            actor,
            at,
            changes=[audit.FieldChange("feed", before and before.secret[:12], feed.secret[:12])],
            prefetched=records,
        ) as write:
            users.require_account_open(write, actor.id)
            condition = Feed.secret == before.secret if before else Feed.user_id.does_not_exist()
            write.put(feed, only_if=condition, error=journal.StaleRecord())
            write.record_response(idempotency_key, actor.id, status=201)
        return feed

    try:
        stored_feed = journal.retry_on_conflict(decide)
    except idempotency.DuplicateRequest:
        existing_feed = dynamodb.get_record(Feed, actor.id)
        if existing_feed is None or existing_feed.secret != _hash_secret(secret):
            raise errors.NotFound("The feed that this request opened is closed.") from None
        stored_feed = existing_feed
    return OpenedFeed(f"{settings.PUBLIC_BASE_URL}/calendar/{actor.id}/{secret}.ics", stored_feed.created_at)


def _create_secret(user_id: str, idempotency_key: idempotency.IdempotencyKey | None) -> str:
    if idempotency_key is None:
        return secrets.token_urlsafe(32)
    key = encryption.application_key("calendar feed")
    return hmac.new(key, f"{user_id} {idempotency_key.key}".encode(), hashlib.sha256).hexdigest()


def _hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def close_feed(*, actor: Actor, at: datetime) -> None:
    """Close the actor's feed, if there is one."""

    def decide() -> None:
        records = dynamodb.batch_get([dynamodb.RecordKey(Feed, actor.id), *journal.stream_keys([actor.stream])])
        before = records.get(Feed, actor.id)
        if before is None:
            return
        with journal.write(
            actor,
            "feed.closed",
            actor,
            at,
            changes=[audit.FieldChange("feed", before.secret[:12], None)],
            prefetched=records,
        ) as write:
            condition = Feed.secret == before.secret
            write.remove(before, only_if=condition, error=journal.StaleRecord())

    journal.retry_on_conflict(decide)


def render_feed(user_id: str, secret: str, *, at: datetime) -> bytes | None:
    """A person's feed as iCalendar; None if the secret is wrong or the account is not active.

    It contains shifts that ended less than `HISTORY_PERIOD` ago, and all future ones.
    """
    feed = dynamodb.get_record(Feed, user_id) if dynamodb.is_id("usr", user_id) else None
    if feed is None or not hmac.compare_digest(feed.secret, _hash_secret(secret)):
        return None
    user = users.load_users([user_id], feed.customer_id).get(user_id)
    if user is None or user.status not in on_duty.WORKING_STATUSES:
        return None
    if not customers.is_active(feed.customer_id):
        return None
    rows = availability.fetch_rows(user_id, at - HISTORY_PERIOD, None, consistent=False)
    schedules = [schedule for _, schedule in queries.join_schedules(rows)]
    locations_by_id = locations.load_locations(dict.fromkeys(item.location_id for item in schedules), feed.customer_id)
    return ical.render_calendar(schedules, user_id, locations_by_id=locations_by_id, at=at)
