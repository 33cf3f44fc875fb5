"""Dead letters of the outbox: operators retry or discard them."""

from datetime import datetime

from config import audit, dynamodb, errors, journal, outbox
from config.outbox import DEAD_LETTER_SHARD, OutboxMessage


class NotDeadLetter(errors.Conflict):
    """The message is no dead letter, or no longer exists."""

    code = "not_dead"

    def __init__(self) -> None:
        super().__init__("This message is no longer a dead letter.")


def retry_dead_letter(message_id: str, *, author: audit.Author, at: datetime) -> OutboxMessage:
    """Retry a message from its beginning, at once. Raises `NotDeadLetter`."""
    message = _get_dead_letter(message_id)
    shard = outbox.shard_for(message_id, message.task, message.arguments)
    changes = [audit.FieldChange("error", message.error, None)]
    with journal.write(author, "errand.revived", _message_party(message), at, changes=changes) as write:
        write.update(
            message,
            [
                OutboxMessage.shard.set(shard),
                OutboxMessage.due_at.set(at),
                OutboxMessage.first_due_at.set(at),
                OutboxMessage.attempts.set(0),
                OutboxMessage.deferrals.set(0),
                OutboxMessage.claim.remove(),
                OutboxMessage.deferred.remove(),
            ],
            only_if=OutboxMessage.shard == DEAD_LETTER_SHARD,
            error=NotDeadLetter(),
        )
    outbox.notify_worker([shard])
    return message


def discard_dead_letter(message_id: str, *, author: audit.Author, at: datetime) -> OutboxMessage:
    """Delete a message, so that its task never runs. Raises `NotDeadLetter`."""
    message = _get_dead_letter(message_id)
    changes = [audit.FieldChange("error", message.error, None)]
    with journal.write(author, "errand.given_up", _message_party(message), at, changes=changes) as write:
        write.remove(message, only_if=OutboxMessage.shard == DEAD_LETTER_SHARD, error=NotDeadLetter())
    return message


def _get_dead_letter(message_id: str) -> OutboxMessage:
    message = dynamodb.get_record(OutboxMessage, message_id)
    if message is None or message.shard != DEAD_LETTER_SHARD:
        raise NotDeadLetter()
    return message


def _message_party(message: OutboxMessage) -> audit.Party:
    customer_id = message.author["customer"]
    return audit.Party("errand", message.id, message.task, customer_id, customer_id)
