"""Versioned records: only changed fields are written, stale writes are rejected."""

import pytest

from accounts import locations
from accounts.models import Location
from accounts.permissions import Actor
from config import dynamodb, errors, journal
from config.dynamodb import idempotency
from tests.support.users import UserFixtures, now


def create_location(actor: Actor, key: idempotency.IdempotencyKey | None = None) -> Location:
    return locations.create_location(
        actor=actor, name="Depot", time_zone="Europe/Berlin", address="Dock 1", at=now(), idempotency_key=key
    )


def test_save_keeps_a_counter_that_changed_meanwhile(test_users: UserFixtures) -> None:
    actor = test_users.ann.actor
    before = create_location(actor)
    with journal.write(actor, "test.counted", before, now()) as write:
        write.update(before, [Location.people.add(1)])

    with journal.write(actor, "test.saved", before, now()) as write:
        write.save(before, before.with_changes(name="Harbour", updated_at=None))

    stored = dynamodb.get_record(Location, before.id)
    assert stored
    assert (stored.name, stored.address, int(stored.people), int(stored.version)) == ("Harbour", "Dock 1", 1, 2)
    assert stored.updated_at is None


def test_stale_save_is_retried_from_a_fresh_read(test_users: UserFixtures) -> None:
    actor = test_users.ann.actor
    first = create_location(actor)
    locations.update_location(first.id, {"name": "Harbour"}, actor=actor, at=now())
    reads: list[int] = []

    def decide(known: Location | None = None) -> Location:
        before = known or dynamodb.get_record(Location, first.id)
        assert before
        reads.append(int(before.version))
        after = before.with_changes(address="Dock 2")
        return journal.update_record(actor, "test.saved", before, after, now(), audited=["address"])

    after = journal.retry_on_conflict(decide, first)

    assert reads == [1, 2]
    assert (after.name, after.address, int(after.version)) == ("Harbour", "Dock 2", 3)
    with pytest.raises(journal.StaleRecord):
        decide(first)


def test_repeated_creation_returns_the_first_record_until_it_is_removed(test_users: UserFixtures) -> None:
    actor = test_users.ann.actor
    key = idempotency.IdempotencyKey("test-create-once", "digest")
    location = create_location(actor, key)

    assert create_location(actor, key).id == location.id

    locations.delete_location(location.id, actor=actor, at=now())
    with pytest.raises(errors.NotFound, match="no longer exists"):
        create_location(actor, key)
