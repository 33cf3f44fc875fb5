"""Devices that receive push notifications. A push token belongs to whoever registered it last."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

from pynamodb.expressions.condition import Condition

from accounts import permissions, users
from accounts.clients import expo
from accounts.models import PushToken, PushTokenOwner, User
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency
from config.journal import write_set

MAX_DEVICES = 300
"""Devices of one user; one more replaces the oldest."""
BATCH_SIZE = 20
"""Devices deleted in one transaction."""


class InvalidPushToken(errors.InvalidRequest):
    """Not an Expo push token."""

    code = "invalid_push_token"
    example_detail = "Must be an Expo push token such as `ExponentPushToken[…]`."
    example_pointer = "/token"


def register_device(
    token: str, *, actor: Actor, at: datetime, idempotency_key: idempotency.IdempotencyKey | None = None
) -> PushToken:
    """Notify this device of the actor's events, and no longer of its previous owner's.

    Raises `InvalidPushToken`, or `errors.Unauthenticated` if the account was closed meanwhile.
    """
    actor.require("push:manage")
    key = _key_of(token)
    keys = [*_record_keys(actor.id, key), *journal.stream_keys([actor.stream])]
    keys += idempotency.record_keys(idempotency_key)
    new_device = PushToken(user_id=actor.id, key=key, token=token, registered_at=at)

    def decide() -> PushToken:
        records = dynamodb.batch_get(keys)
        idempotency.ensure_key_unused(idempotency_key, records, at)
        owner, own_device = records.get(PushTokenOwner, key), records.get(PushToken, actor.id, key)
        if owner and own_device and owner.user_id == actor.id:
            idempotency.save_completed(idempotency_key, actor.id, at, status=200)
            return own_device
        previous_owner = owner if owner and owner.user_id != actor.id else None
        prefetched = None if previous_owner else records
        _save_device(new_device, previous_owner, idempotency_key, actor=actor, prefetched=prefetched)
        return new_device

    try:
        return journal.retry_on_conflict(decide)
    except idempotency.DuplicateRequest:
        return new_device


def _save_device(
    new_device: PushToken,
    previous_owner: PushTokenOwner | None,
    idempotency_key: idempotency.IdempotencyKey | None,
    *,
    actor: Actor,
    prefetched: dynamodb.BatchResult | None,
) -> None:
    at, devices = new_device.registered_at, list_devices(actor.id)
    oldest = min(devices, key=attrgetter("registered_at")) if len(devices) >= MAX_DEVICES else None
    changes = [audit.FieldChange("device", None, _short_key(new_device.key))]
    changes += [audit.FieldChange("device", _short_key(oldest.key), None)] if oldest else []
    with journal.write(actor, "device.registered", actor, at, changes=changes, prefetched=prefetched) as write:
        users.require_account_open(write, actor.id)
        owner = PushTokenOwner(key=new_device.key, user_id=actor.id, customer_id=actor.customer_id)
        write.put(owner, only_if=_owner_is_unchanged(previous_owner, actor), error=journal.StaleRecord())
        write.put(new_device)
        if previous_owner:
            write.remove(PushToken(previous_owner.user_id, new_device.key))
            _audit_device_moved(write, previous_owner)
        if oldest:
            _delete_device(write, oldest)
        write.record_response(idempotency_key, actor.id, status=200)


def _owner_is_unchanged(previous_owner: PushTokenOwner | None, actor: Actor) -> Condition:
    expected_owner_id = previous_owner.user_id if previous_owner else actor.id
    is_same_owner: Condition = PushTokenOwner.user_id == expected_owner_id
    return is_same_owner if previous_owner else PushTokenOwner.key.does_not_exist() | is_same_owner


def _audit_device_moved(write: write_set.Write, previous_owner: PushTokenOwner) -> None:
    """Record that the previous owner lost the device, not to whom: perhaps another customer."""
    owner_id = previous_owner.user_id
    user = dynamodb.get_record(User, owner_id)
    write.add_audit_event(
        "device.moved_away",
        audit.Party("user", owner_id, user.name if user else "", owner_id, previous_owner.customer_id),
        changes=[audit.FieldChange("device", _short_key(previous_owner.key), None)],
        author=permissions.system_actor(previous_owner.customer_id),
    )


def unregister_device(token: str, *, actor: Actor, at: datetime) -> None:
    """Stop notifying this device. Does nothing if it is not the actor's.

    Raises `InvalidPushToken`.
    """
    actor.require("push:manage")
    key = _key_of(token)

    def decide() -> None:
        streams = journal.stream_keys([actor.stream])
        records = dynamodb.batch_get([*_record_keys(actor.id, key), *streams])
        own_device = records.get(PushToken, actor.id, key)
        if own_device:
            _delete_devices([own_device], "device.removed", actor, actor, at, records)

    journal.retry_on_conflict(decide)


def delete_stale_devices(user: User, stale_devices: Sequence[PushToken], *, at: datetime) -> None:
    """Delete devices that Expo reports as unregistered, unless they registered again since."""
    for start in range(0, len(stale_devices), BATCH_SIZE):
        batch = stale_devices[start : start + BATCH_SIZE]

        def decide(batch: Sequence[PushToken] = batch) -> None:
            records = dynamodb.batch_get(dynamodb.RecordKey(PushToken, user.id, device.key) for device in batch)
            pairs = [(device, records.get(PushToken, user.id, device.key)) for device in batch]
            unchanged = [
                current for before, current in pairs if current and current.registered_at == before.registered_at
            ]
            if unchanged:
                system_actor = permissions.system_actor(user.customer_id)
                _delete_devices(unchanged, "device.pruned", user, system_actor, at, None)

        journal.retry_on_conflict(decide)


def delete_all_devices(user: User, *, actor: audit.Author, at: datetime) -> None:
    """Delete every device of a user who is being deleted, in repeatable steps."""

    def decide() -> None:
        while batch := list_devices(user.id)[:BATCH_SIZE]:
            _delete_devices(batch, "device.removed", user, actor, at, None)

    journal.retry_on_conflict(decide)


def _delete_devices(
    devices: Sequence[PushToken],
    action: str,
    subject: audit.Subject,
    author: audit.Author,
    at: datetime,
    records: dynamodb.BatchResult | None,
) -> None:
    changes = [audit.FieldChange("device", _short_key(device.key), None) for device in devices]
    with journal.write(author, action, subject, at, changes=changes, prefetched=records) as write:
        for device in devices:
            _delete_device(write, device)


def _delete_device(write: write_set.Write, device: PushToken) -> None:
    is_unchanged = PushToken.registered_at == device.registered_at
    write.remove(device, only_if=is_unchanged, error=journal.StaleRecord())
    is_owner = PushTokenOwner.user_id == device.user_id
    write.remove(PushTokenOwner(device.key), only_if=is_owner, error=journal.StaleRecord())


def list_devices(user_id: str) -> list[PushToken]:
    """Every device of a user, ordered by key."""
    values = {":user": {"S": user_id}}
    return list(dynamodb.iter_records(PushToken, "#user_id = :user", values, ConsistentRead=True))


def _record_keys(user_id: str, key: str) -> list[dynamodb.RecordKey]:
    return [dynamodb.RecordKey(PushTokenOwner, key), dynamodb.RecordKey(PushToken, user_id, key)]


def _key_of(token: str) -> str:
    """The key of a token's records. Raises `InvalidPushToken`."""
    if not expo.is_push_token(token):
        raise InvalidPushToken("Must be an Expo push token such as `ExponentPushToken[…]`.", pointer="/token")
    return hashlib.sha256(token.encode()).hexdigest()


def _short_key(key: str) -> str:
    """Enough of a key to distinguish devices in the audit; the token itself is a secret."""
    return key[:12]
