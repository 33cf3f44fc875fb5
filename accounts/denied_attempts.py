"""Attempts to exceed one's permissions: audited, but not without end.

The first attempt of an actor with one error code in an hour is an audit entry with all its values.
Later ones are counted, and when the hour is over, one entry says how many there were, in the logs
of those at whom they aimed too. The entry, the counter and the message that closes the hour are one
transaction, so a crash loses neither. Above `settings.DENIED_ATTEMPTS_PER_MINUTE` nothing is
counted any more.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings

from accounts.models import AttemptCounter
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import unaudited

MAX_NOTIFIED_STREAMS = 20
"""People in whose logs the entry with the count appears."""
CLOSING_DELAY = timedelta(minutes=1)
"""For attempts that are written at the very end of an hour."""
COUNTERS_RETENTION = timedelta(days=7)
"""Longer than the outbox waits."""


def audit_attempt(
    actor: audit.Author,
    action: str,
    code: str,
    subject: audit.Subject,
    at: datetime,
    *,
    changes: Sequence[audit.FieldChange],
) -> None:
    """Audit or count an attempt that was refused with this code.

    Raises `errors.TooManyRequests` if the actor makes too many in a minute.
    """
    _count_in_minute(actor.id, at)
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    counter = AttemptCounter(key=f"{actor.id} {code} {hour:%Y-%m-%dT%H}")
    increments = [AttemptCounter.attempts.add(1), AttemptCounter.subjects.add({subject.party.id})]

    def decide() -> None:
        if unaudited.update(counter, increments, AttemptCounter.key.exists()) is not None:
            return
        with journal.write(actor, action, subject, at, changes=changes) as write:
            first = AttemptCounter(key=counter.key, attempts=1, subjects={subject.party.id}, expires_at=_expiry(hour))
            write.put(first, only_if=AttemptCounter.key.does_not_exist(), error=journal.StaleRecord())
            write.enqueue(
                "accounts.close_attempts",
                id=f"attempts-{actor.id}-{code}-{hour:%Y%m%d%H}",
                due=hour + timedelta(hours=1) + CLOSING_DELAY,
                key=counter.key,
                action=action,
                code=code,
            )

    journal.retry_on_conflict(decide)


def _count_in_minute(actor_id: str, at: datetime) -> None:
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    limit = settings.DENIED_ATTEMPTS_PER_MINUTE
    counter = AttemptCounter(key=f"{actor_id} {minute:%Y-%m-%dT%H:%M}")
    changes = [AttemptCounter.attempts.add(1), AttemptCounter.expires_at.set(_expiry(minute))]
    is_below_limit = AttemptCounter.key.does_not_exist() | (AttemptCounter.attempts < limit)
    if unaudited.update(counter, changes, is_below_limit) is None:
        seconds_left = 60 - (at - minute).seconds
        raise errors.TooManyRequests(
            f"At most {limit} attempts per minute to do what you may not do.", retry_after=max(1, seconds_left)
        )


def _expiry(at: datetime) -> int:
    return int((at + COUNTERS_RETENTION).timestamp())


@outbox.task("accounts.close_attempts")
def close_attempts(key: str, action: str, code: str, *, job: outbox.TaskContext) -> None:
    """Audit how many attempts there were in an hour, if there was more than the first."""

    def decide() -> None:
        counter = dynamodb.get_record(AttemptCounter, key)
        if counter is None or counter.attempts < 2:
            return
        customer_id, subjects = job.author.customer_id, sorted(counter.subjects or ())
        with journal.write(
            job.author,
            action,
            audit.Party("customer", customer_id, "", customer_id, customer_id),
            job.at,
            changes=[
                audit.FieldChange("attempts", None, int(counter.attempts)),
                audit.FieldChange("targets", None, len(subjects)),
                audit.FieldChange("reason", None, code),
            ],
            related_streams=[id for id in subjects if dynamodb.is_id("usr", id)][:MAX_NOTIFIED_STREAMS],
        ) as write:
            is_unchanged = AttemptCounter.attempts == counter.attempts
            write.remove(counter, only_if=is_unchanged, error=journal.StaleRecord())

    journal.retry_on_conflict(decide)
