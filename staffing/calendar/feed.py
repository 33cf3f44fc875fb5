"""Calendar feeds: a secret URL at which calendar apps read a person's shifts.

Only a digest of the secret is stored. Opening a feed again replaces the previous URL. The secret is
that of who held the account then, so a handover (`accounts.users.handover`) ends it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import customers, locations, permissions, users
from accounts.permissions import Actor
from config import audit, bulkhead, dynamodb, errors, journal, zone_rules
from config.dynamodb import encryption, idempotency
from staffing.calendar import parts
from staffing.models import Feed
from staffing.schedules import availability, queries

if TYPE_CHECKING:
    from accounts.models import User

FORMAT_VERSION = 3
"""Of the calendar's text; another version means that calendar apps load it again."""
HISTORY_PERIOD = parts.PAST_PERIOD
"""A feed shows shifts that ended at most this long ago."""


_rendering = bulkhead.Gate(
    max_concurrent=2, max_waiting=4, wait_seconds=2.0, busy="Many calendars are being written; retry.", retry_after=30
)


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
    secret, *earlier_secrets = _create_secrets(actor.id, idempotency_key)
    feed = Feed(user_id=actor.id, customer_id=actor.customer_id, secret=_hash_secret(secret), created_at=at)
    keys = [dynamodb.RecordKey(Feed, actor.id), users.user_key(actor.id), *journal.stream_keys([actor.stream])]

    def decide() -> Feed:
        records = dynamodb.batch_get(keys)
        before = records.get(Feed, actor.id)
        feed.handover_id = users.get_user_from(records, actor.id, actor.customer_id, pointer="").handover_id
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
        stored_hash = existing_feed.secret if existing_feed else ""
        matching = [value for value in (secret, *earlier_secrets) if _hash_secret(value) == stored_hash]
        if existing_feed is None or not matching:
            raise errors.NotFound("The feed that this request opened is closed.") from None
        secret, stored_feed = matching[0], existing_feed
    return OpenedFeed(f"{settings.PUBLIC_BASE_URL}/calendar/{actor.id}/{secret}.ics", stored_feed.created_at)


def _create_secrets(user_id: str, idempotency_key: idempotency.IdempotencyKey | None) -> list[str]:
    """A new secret; with an idempotency key also those that earlier data keys gave the request."""
    if idempotency_key is None:
        return [secrets.token_urlsafe(32)]
    message = f"{user_id} {idempotency_key.key}".encode()
    keys = encryption.application_keys("calendar feed")
    return [hmac.new(key, message, hashlib.sha256).hexdigest() for key in keys]


def _hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def close_feed(*, actor: Actor, at: datetime) -> None:
    """Close the actor's feed, if there is one."""
    _close(actor, actor, at)


def list_of_user(user: "User") -> list[Feed]:
    """The feed of a person, if there is one."""
    record = dynamodb.get_record(Feed, user.id)
    return [record] if record else []


def close_of_user(user: "User", *, actor: audit.Author, at: datetime) -> None:
    """Close the feed of a person who is deleted."""
    _close(user, actor, at)


def _close(subject: "Actor | User", actor: audit.Author, at: datetime) -> None:
    user_id = subject.id

    def decide() -> None:
        records = dynamodb.batch_get([dynamodb.RecordKey(Feed, user_id), *journal.stream_keys([actor.stream])])
        before = records.get(Feed, user_id)
        if before is None:
            return
        with journal.write(
            actor,
            "feed.closed",
            subject,
            at,
            changes=[audit.FieldChange("feed", before.secret[:12], None)],
            prefetched=records,
        ) as write:
            condition = Feed.secret == before.secret
            write.remove(before, only_if=condition, error=journal.StaleRecord())

    journal.retry_on_conflict(decide)


# --- reading --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ReadableFeed:
    """A feed that may be read, before anything of it is."""

    user_id: str
    customer_id: str
    day: datetime
    """The day (UTC) that the feed is of: it counts its periods from here."""
    version: tuple[str | int, ...]
    """What the text depends on. The same version means the same shifts."""
    records: dynamodb.BatchResult


def find_feed(user_id: str, secret: str, *, at: datetime) -> ReadableFeed | None:
    """A person's feed, in two round trips; None if the secret is wrong or they may not read it.

    They must have `schedules:read` and an open account, as for the API. A feed ends when the
    account is handed over.
    """
    if not dynamodb.is_id("usr", user_id):
        return None
    version_keys = availability.version_record_keys([user_id])
    records = dynamodb.batch_get([dynamodb.RecordKey(Feed, user_id), users.user_key(user_id), *version_keys])
    feed = records.get(Feed, user_id)
    if feed is None or not hmac.compare_digest(feed.secret, _hash_secret(secret)):
        return None
    try:
        user = users.get_user_from(records, user_id, feed.customer_id, pointer="")
    except errors.NotFound:
        return None
    if not user.can_sign_in or feed.handover_id != user.handover_id:
        return None
    if not permissions.user_actor(user).has_permission("schedules:read"):
        return None
    head_key = audit.stream_head_key(feed.customer_id)
    customer_records = dynamodb.batch_get([customers.customer_key(feed.customer_id), head_key])
    if not customers.is_active_in(customer_records, feed.customer_id):
        return None
    # Names and addresses of locations are in the feed; each change is in the customer's stream.
    customer_changes = audit.stream_position(customer_records, feed.customer_id).last
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    shift_changes = availability.count_changes(user_id, records)
    code_version = (settings.VERSION, FORMAT_VERSION, zone_rules.VERSION)
    version = (*code_version, day.date().isoformat(), user_id, shift_changes, customer_changes)
    return ReadableFeed(user_id, feed.customer_id, day, version, records)


def render_feed(feed: ReadableFeed) -> bytes:
    """The feed as iCalendar: shifts that ended less than `HISTORY_PERIOD` ago, and future ones.

    At most `parts.MAX_EVENTS` events. Raises `errors.Unavailable` while others are rendered.
    """
    with _rendering.slot():
        rows = journal.retry_on_conflict(
            lambda: availability.fetch_row_keys(feed.user_id, feed.day - HISTORY_PERIOD, feed.records)
        )
        nearest, others = rows[: parts.MAX_EVENTS], rows[parts.MAX_EVENTS :]
        rows = [*nearest, *others[-availability.MAX_SERIES_PER_PERSON :]]  # endless series end last
        schedules = [schedule for _, schedule in queries.join_schedules(rows)]
        location_ids = dict.fromkeys(schedule.location_id for schedule in schedules)
        locations_by_id = locations.load_locations(location_ids, feed.customer_id)
        from staffing.calendar import ical  # icalendar: a tenth of what a process imports at its start

        return ical.render_calendar(schedules, feed.user_id, locations_by_id=locations_by_id, at=feed.day)
