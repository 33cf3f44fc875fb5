"""Outbox messages of restored tables: most were processed before the restore.

Tasks may be repeated: each step is done once, and vendors are asked for the present state. Only
notifications are sent twice, mostly about what is past.
"""

from collections import Counter
from collections.abc import Iterator

from config import audit, dynamodb, journal
from config.outbox import DEAD_LETTER_SHARD, OutboxMessage, tasks
from config.privacy.restoration import Finding, Restoration
from config.restore import running


def review_messages(restoration: Restoration) -> Iterator[Finding]:
    """What will run again; notifications that were due are discarded, if that is allowed."""
    due: Counter[str] = Counter()
    restored_at = running.restored_at() or restoration.at  # what was due later, perhaps nobody has sent
    notifications: Counter[str] = Counter()
    for items in dynamodb.iter_pages("Scan", TableName=OutboxMessage.table_name(), ConsistentRead=True):
        for message in map(OutboxMessage.from_item, items):
            if message.shard == DEAD_LETTER_SHARD or message.first_due_at > restored_at:
                continue
            is_notification = tasks.is_notification(message.task)
            (notifications if is_notification else due)[message.task] += 1
            if is_notification and restoration.discards_notifications:
                _discard(message, restoration)
    for task, count in sorted(notifications.items()):
        if restoration.discards_notifications:
            yield Finding(f"{count} notifications of {task} are discarded", needs_attention=False)
        else:
            yield Finding(
                f"{count} notifications of {task} were due, most are sent; --discard-notifications drops them"
            )
    for task, count in sorted(due.items()):
        yield Finding(f"{count} of {task} were due and run again when workers start", needs_attention=False)


def _discard(message: OutboxMessage, restoration: Restoration) -> None:
    customer_id = message.author["customer"]
    author = audit.Author("system", "system", "", customer_id)
    party = audit.Party("errand", message.id, message.task, customer_id, customer_id)
    with journal.write(author, "errand.given_up", party, restoration.at) as write:
        write.remove(message, only_if=OutboxMessage.task == message.task)
