"""Switching public hours on and off, renewing their address, and finding them by it."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import customers, locations, permissions
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox
from telephony import lines
from telephony.lines import ResolvedLine
from telephony.models import Line, PhoneNumber, PublicHours

if TYPE_CHECKING:
    from accounts.models import Location

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_LENGTH, _SECRET_LENGTH = 26, 26
PUBLIC_ID_PATTERN = "^pub_[0-9A-HJKMNP-TV-Z]{52}$"
_PUBLIC_ID = re.compile(rf"pub_([{_ALPHABET}]{{{_ID_LENGTH}}})([{_ALPHABET}]{{{_SECRET_LENGTH}}})", re.ASCII)


def get_settings(location_id: str, *, actor: Actor) -> PublicHours:
    """Whether the hours of a location's line are public; one that never were has version 0.

    Raises `errors.NotFound` and `errors.Forbidden`.
    """
    actor.require("calls:read")
    return _read(location_id, actor)[0]


def update_settings(
    location_id: str,
    *,
    is_public: bool,
    renews: bool = False,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> PublicHours:
    """Switch public hours on or off. ``renews``: at a new address; the previous one ends.

    Who switches them off and on again gets a new address, too. Raises `errors.NotFound`,
    `errors.Forbidden` and `errors.PreconditionFailed`.
    """
    actor.require("ivr:update")

    def decide() -> PublicHours:
        before, location, records = _read(location_id, actor)
        precondition.check(before)
        if before.is_public == is_public and not (is_public and renews):
            return before
        action = "hours.renewed" if before.is_public and is_public else "hours.published"
        secret = _create_secret() if is_public else None
        after = before.with_changes(secret=secret, updated_at=at)
        changes = [audit.FieldChange("publicHours", _describe(before), _describe(after))]
        with journal.write(
            actor, action if is_public else "hours.withdrawn", location, at, changes=changes, prefetched=records
        ) as write:
            if before.version:
                write.save(before, after)
            else:
                write.put(after, only_if=PublicHours.location_id.does_not_exist(), error=journal.StaleRecord())
        return after

    return journal.retry_on_conflict(decide)


@outbox.task("telephony.clear_public_hours")
def clear_location(location_id: str, *, job: outbox.TaskContext) -> None:
    """Remove the public hours of a removed location."""
    customer_id = job.author.customer_id
    record = dynamodb.get_record(PublicHours, location_id)
    if record is None or record.customer_id != customer_id or locations.load_locations([location_id], customer_id):
        return
    with journal.write(permissions.system_actor(customer_id), "hours.withdrawn", record, job.at) as write:
        write.remove(record)


LOCATION_GUARD = locations.LocationGuard(
    find_blocker=lambda location_id, at: None, cleanup_task="telephony.clear_public_hours"
)


def _describe(record: PublicHours) -> str | None:
    """The beginning of the secret, so that the audit tells addresses apart."""
    return record.secret[:6] if record.secret else None


def _create_secret() -> str:
    """130 random bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))


def _read(location_id: str, actor: Actor) -> "tuple[PublicHours, Location, dynamodb.BatchResult]":
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    records = dynamodb.batch_get(
        [
            locations.location_key(location_id),
            dynamodb.RecordKey(Line, location_id),
            dynamodb.RecordKey(PublicHours, location_id),
            *journal.stream_keys([actor.stream, actor.customer_id]),
        ]
    )
    location = locations.get_location_from(records, location_id, actor)
    locations.check_access(actor, location_id)
    lines.require_configured_line(records, location_id)
    record = records.get(PublicHours, location_id)
    return record or PublicHours(location_id, customer_id=actor.customer_id, version=0), location, records


def build_url(record: PublicHours) -> str | None:
    """The public address; None if the hours are not public."""
    return f"{settings.PUBLIC_BASE_URL}/public/{record.public_id}/hours" if record.public_id else None


# --- reading --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class PublishedLine:
    """A line whose hours anybody may read."""

    line: ResolvedLine
    updated_at: datetime
    """When its configuration or their publication was last changed."""


def find_published_line(public_id: str) -> PublishedLine | None:
    """The line of a public id, in two round trips; None for all that is not public.

    Its number must be active, and its customer not suspended.
    """
    match = _PUBLIC_ID.fullmatch(public_id)
    if match is None:
        return None
    location_id, secret = f"loc_{match[1]}", match[2]
    records = dynamodb.batch_get(
        [
            dynamodb.RecordKey(PublicHours, location_id),
            dynamodb.RecordKey(Line, location_id),
            locations.location_key(location_id),
        ]
    )
    publication, line = records.get(PublicHours, location_id), records.get(Line, location_id)
    if publication is None or not publication.secret or not hmac.compare_digest(publication.secret, secret):
        return None
    location = locations.find_location_in(records, location_id, publication.customer_id)
    if location is None or line is None or not line.number or not line.configuration:
        return None
    number_key = dynamodb.RecordKey(PhoneNumber, str(line.number))
    owner_records = dynamodb.batch_get([customers.customer_key(publication.customer_id), number_key])
    number = owner_records.get(PhoneNumber, str(line.number))
    if not customers.is_active_in(owner_records, publication.customer_id):
        return None
    if number is None or number.status != "active" or number.location_id != location_id:
        return None
    return PublishedLine(
        lines.to_resolved_line(line, location), max(line.updated_at, publication.updated_at or line.updated_at)
    )
