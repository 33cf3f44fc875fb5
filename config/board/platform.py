"""What the platform itself adds to the board: messages of the outbox that failed for good."""

from datetime import datetime

from config import dynamodb, outbox
from config.board.sources import Findings, Problem, Source

DEAD_LETTER = "dead-letter"
MAX_DEAD_LETTERS = 200


def find_dead_letters(at: datetime) -> Findings:
    """The dead letters of the outbox, the oldest first; at most `MAX_DEAD_LETTERS`."""
    entries = dynamodb.query_records(
        outbox.OutboxMessage,
        "#shard = :dead",
        {":dead": {"S": outbox.DEAD_LETTER_SHARD}},
        IndexName="byDue",
        Limit=MAX_DEAD_LETTERS,
    )
    records = dynamodb.batch_get(dynamodb.RecordKey(outbox.OutboxMessage, str(entry.id)) for entry in entries)
    messages = [record for entry in entries if (record := records.get(outbox.OutboxMessage, str(entry.id)))]
    problems = [_to_problem(message) for message in messages if message.shard == outbox.DEAD_LETTER_SHARD]
    return Findings(problems, {DEAD_LETTER: max(1, len(problems))})


def _to_problem(message: outbox.OutboxMessage) -> Problem:
    customer_id = str(message.author["customer"])
    ids = {name: value for name, value in message.arguments.items() if isinstance(value, str) and len(value) < 64}
    return Problem(
        DEAD_LETTER,
        str(message.id),
        {"message": str(message.id), "task": str(message.task), "error": str(message.error or "")[:200], "ids": ids},
        customer_id if dynamodb.is_id("cus", customer_id) else "",
        message.due_at,
    )


SOURCES = (Source("dead letters", (DEAD_LETTER,), find_dead_letters),)
