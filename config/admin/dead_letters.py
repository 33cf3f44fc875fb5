"""Dead entries of the outbox: operators let them try again, or give them up."""

from datetime import datetime

from config import audit, dynamodb, errors, journal, outbox
from config.outbox.models import DEAD, OutboxEntry


class NotDead(errors.Conflict):
    """The entry is not dead, or not there, any more."""

    code = "not_dead"


def revive(id: str, *, author: audit.Author, at: datetime) -> OutboxEntry:
    """Let an entry try again from its beginning, at once. Raises `NotDead`."""
    entry = _dead(id)
    shard = outbox.shard_of(id)
    with journal.write(
        actor=author,
        action="errand.revived",
        subject=_party(entry),
        at=at,
        customer_id=entry.author["customer"],
        changes=[audit.Change("error", entry.error, None)],
    ) as write:
        write.update(
            entry,
            [
                OutboxEntry.shard.set(shard),
                OutboxEntry.due_at.set(at),
                OutboxEntry.first_due_at.set(at),
                OutboxEntry.attempts.set(0),
                OutboxEntry.deferrals.set(0),
                OutboxEntry.claim.remove(),
            ],
            only_if=OutboxEntry.shard == DEAD,
            refusal=_not_dead(),
        )
    outbox.ring([shard])
    return entry


def give_up(id: str, *, author: audit.Author, at: datetime) -> OutboxEntry:
    """Forget an entry: what it was for does not happen. Raises `NotDead`."""
    entry = _dead(id)
    with journal.write(
        actor=author,
        action="errand.given_up",
        subject=_party(entry),
        at=at,
        customer_id=entry.author["customer"],
        changes=[audit.Change("error", entry.error, None)],
    ) as write:
        write.remove(entry, only_if=OutboxEntry.shard == DEAD, refusal=_not_dead())
    return entry


def _dead(id: str) -> OutboxEntry:
    entry = dynamodb.get(OutboxEntry, id)
    if entry is None or entry.shard != DEAD:
        raise _not_dead()
    return entry


def _party(entry: OutboxEntry) -> audit.Party:
    return audit.Party("errand", entry.id, entry.task, entry.author["customer"])


def _not_dead() -> NotDead:
    return NotDead("This entry is not dead any more.")
