"""Copies of tables, for engines without point-in-time recovery.

A copy has the state of one moment only if nothing writes meanwhile.
"""

import time
from collections.abc import Sequence
from typing import Any

from config import dynamodb, errors

BATCH_SIZE, BATCHES_TOGETHER = 25, 8
BUDGET_SECONDS, MAX_ATTEMPTS = 60.0, 40
"""Of the batches that are written together, parts of which DynamoDB may leave undone."""


def copy_items(source: str, target: str) -> int:
    """Copy all items of a table; how many. Raises `errors.Unavailable`; it may be repeated."""
    copied = 0
    for items in dynamodb.iter_pages("Scan", TableName=source, ConsistentRead=True):
        requests = [{"PutRequest": {"Item": item}} for item in items]
        for start in range(0, len(requests), BATCH_SIZE * BATCHES_TOGETHER):
            _write(target, requests[start : start + BATCH_SIZE * BATCHES_TOGETHER])
        copied += len(items)
    return copied


def _write(table: str, requests: Sequence[dict[str, Any]]) -> None:
    deadline = time.monotonic() + BUDGET_SECONDS
    pending = list(requests)
    for attempt in range(MAX_ATTEMPTS):
        batches = [pending[start : start + BATCH_SIZE] for start in range(0, len(pending), BATCH_SIZE)]
        calls = [("BatchWriteItem", {"RequestItems": {table: batch}}) for batch in batches]
        responses = dynamodb.call_together(calls)
        pending = [
            request for response in responses for request in (response.get("UnprocessedItems") or {}).get(table, ())
        ]
        if not pending:
            return
        if not dynamodb.back_off(attempt, deadline=deadline):
            break
    raise errors.Unavailable("The database is overloaded; retry.", retry_after=2)


def count_items(table: str) -> int:
    """The items of a table, read one by one: DynamoDB's own count is up to six hours old."""
    arguments = {"TableName": table, "Select": "COUNT", "ConsistentRead": True}
    return sum(int(response["Count"]) for response in dynamodb.iter_responses("Scan", **arguments))
