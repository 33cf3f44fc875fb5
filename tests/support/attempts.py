"""Denied attempts in tests: each should be the first of its hour."""

from accounts.models import AttemptCounter
from config import dynamodb
from config.dynamodb import unaudited


def forget_denied_attempts(actor: str) -> None:
    """Let the next denied attempt of an actor be the first of the hour again.

    ``actor`` is an id, or the beginning of several, such as ``opr_``.
    """
    unaudited.write_all(removals=[counter for counter in list_counters() if counter.key.startswith(actor)])


def list_counters() -> list[AttemptCounter]:
    """All counters of denied attempts."""
    pages = dynamodb.iter_pages("Scan", TableName=AttemptCounter.table_name(), ConsistentRead=True)
    return [AttemptCounter.from_item(item) for page in pages for item in page]
