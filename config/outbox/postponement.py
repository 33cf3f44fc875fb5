"""What becomes of an outbox message whose task could not do its work.

An unavailable dependency does not count as an attempt: the message is deferred, for up to
`MAX_DEFERRAL_TIME`; so is a message of a newer release, whose task this process does not know.
Crashes and defects count: after `MAX_ATTEMPTS` the message is a dead letter, and at once if
DynamoDB rejects a call for good. Each function returns the outcome, as metrics and reports name it.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from config import observation
from config.dynamodb import unaudited
from config.outbox.models import DEAD_LETTER_SHARD, OutboxMessage, base_shard

MAX_ATTEMPTS = 5
MAX_DEFERRAL_TIME = timedelta(hours=72)

logger = logging.getLogger("dutyline.outbox")


def defer(message: OutboxMessage, at: datetime, reason: str, retry_after: int = 0) -> str:
    """Let a message wait for what its task needs, each time longer; warn of each new reason."""
    if at - message.first_due_at > MAX_DEFERRAL_TIME:
        return move_to_dead_letters(message, at, f"{reason} for {MAX_DEFERRAL_TIME}")
    seconds = max(min(30 * 2**message.deferrals, 900), retry_after)
    level = logging.INFO if message.error == reason else logging.WARNING
    _reschedule(
        message,
        at + timedelta(seconds=seconds),
        attempts=int(message.attempts) - 1,
        deferrals=int(message.deferrals) + 1,
        error=reason,
    )
    logger.log(level, "task deferred", extra={**log_fields(message), "reason": reason, "seconds": seconds})
    observation.count("deferral", message.task, reason.partition(":")[0])
    return "deferred"


def let_others_pass(message: OutboxMessage, at: datetime, seconds: int) -> str:
    """Let a message wait for others, as often as it takes; it does not count among the deferred."""
    if at - message.first_due_at > MAX_DEFERRAL_TIME:
        return move_to_dead_letters(message, at, f"others in front for {MAX_DEFERRAL_TIME}")
    unaudited.update(
        message,
        [
            OutboxMessage.due_at.set(at + timedelta(seconds=seconds)),
            OutboxMessage.claim.remove(),
            OutboxMessage.attempts.set(int(message.attempts) - 1),
        ],
        OutboxMessage.claim == message.claim,
    )
    fields = {**log_fields(message), "reason": "others in front", "seconds": seconds}
    logger.info("task deferred", extra=fields)
    return "deferred"


def fail(message: OutboxMessage, at: datetime, reason: str) -> str:
    """Let a message whose task has failed wait, each time longer; after `MAX_ATTEMPTS` no more."""
    if message.attempts >= MAX_ATTEMPTS:
        return move_to_dead_letters(message, at, reason)
    seconds = min(30 * 2 ** (message.attempts - 1), 900)
    deferrals = int(message.deferrals) + 1
    due_at, attempts = at + timedelta(seconds=seconds), int(message.attempts)
    _reschedule(message, due_at, attempts=attempts, deferrals=deferrals, error=reason)
    fields = {**log_fields(message), "reason": reason, "seconds": seconds, "attempts": attempts}
    logger.warning("failed task is repeated", extra=fields)
    return "failed"


def _reschedule(message: OutboxMessage, due_at: datetime, *, attempts: int, deferrals: int, error: str) -> None:
    unaudited.update(
        message,
        [
            OutboxMessage.due_at.set(due_at),
            OutboxMessage.claim.remove(),
            OutboxMessage.attempts.set(attempts),
            OutboxMessage.deferrals.set(deferrals),
            OutboxMessage.error.set(error),
            OutboxMessage.deferred.set(base_shard(message.id)),
        ],
        OutboxMessage.claim == message.claim,
    )


def move_to_dead_letters(message: OutboxMessage, at: datetime, reason: str) -> str:
    """Stop trying a message until somebody retries or deletes it."""
    unaudited.update(
        message,
        [
            OutboxMessage.shard.set(DEAD_LETTER_SHARD),
            OutboxMessage.due_at.set(at),
            OutboxMessage.error.set(reason),
            OutboxMessage.deferred.set(DEAD_LETTER_SHARD),
        ],
        OutboxMessage.claim == message.claim,
    )
    seconds = (at - message.first_due_at).total_seconds()
    fields = {**log_fields(message), "reason": reason, "seconds": seconds, "attempts": int(message.attempts)}
    logger.error("message moved to dead letters", extra=fields)
    observation.count("dead_letter", message.task)
    return "dead"


def log_fields(message: OutboxMessage) -> dict[str, Any]:
    """What each log line about a message says."""
    return {"message_id": message.id, "task": message.task, "request_id": message.author["request"]}
