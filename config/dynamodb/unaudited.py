"""Unaudited writes of technical state: leases, idempotency keys, usage, progress of calls.

Only the tables in ``settings.UNAUDITED_TABLES`` can be written, except by
`replace_protected_value` and `replace_derived_values`.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from pynamodb.exceptions import VerboseClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import dynamodb, errors
from config.dynamodb import record_writing

BATCH_SIZE, CONCURRENT_BATCHES = 25, 8
BUDGET_SECONDS, MAX_ATTEMPTS = 4.0, 12
"""Of one batch of `write_all`, whose parts DynamoDB may leave undone."""


def update(record: dynamodb.Record, changes: Sequence[Action], only_if: Condition) -> dict[str, Any] | None:
    """Change attributes under a condition; returns the new item, or None if it failed."""
    _require_unaudited_table(record)
    arguments = record_writing.update_arguments(record, changes, only_if)
    return _call_conditionally("UpdateItem", {**arguments, "ReturnValues": "ALL_NEW"})


def create(record: dynamodb.Record) -> bool:
    """Store a record unless its key exists; returns whether it was stored."""
    _require_unaudited_table(record)
    hash_key = record.key_attributes()[0]  # an item has it if it exists, also under a range key
    arguments = record_writing.put_arguments(record, hash_key.does_not_exist())
    return _call_conditionally("PutItem", arguments) is not None


def replace_protected_value(record: dynamodb.Record, attribute: str, value: Any) -> bool:
    """Replace a value by the same one, encrypted or signed under another data key.

    For any table, as the content stays the same; returns whether the value was still as read.
    """
    member = type(record).get_attributes()[attribute]
    is_unchanged = member == getattr(record, attribute)
    arguments = record_writing.update_arguments(record, [member.set(value)], is_unchanged)
    return _call_conditionally("UpdateItem", arguments) is not None


def replace_derived_values(record: dynamodb.Record, values: Mapping[str, Any], only_if: Condition) -> bool:
    """Replace values that follow from others of the record, such as sort keys, under a condition.

    For any table, as the content stays the same; returns whether the condition held.
    """
    attributes = type(record).get_attributes()
    actions: list[Action] = [attributes[name].set(value) for name, value in values.items()]
    arguments = record_writing.update_arguments(record, actions, only_if)
    return _call_conditionally("UpdateItem", arguments) is not None


def remove(record: dynamodb.Record, only_if: Condition) -> bool:
    """Remove a record under a condition; returns whether the condition held."""
    _require_unaudited_table(record)
    arguments = record_writing.key_arguments(type(record), record.key_values(), only_if)
    return _call_conditionally("DeleteItem", arguments) is not None


def write_all(*, puts: Iterable[dynamodb.Record] = (), removals: Iterable[dynamodb.Record] = ()) -> None:
    """Store and remove whole records without conditions, many at once; not all or nothing.

    Raises `errors.Unavailable`, after which some may be written.
    """
    requests = [(record, {"PutRequest": {"Item": record.serialize()}}) for record in puts]
    requests += [
        (record, {"DeleteRequest": {"Key": record.to_dynamodb_key(*record.key_values())}}) for record in removals
    ]
    for record, _ in requests:
        _require_unaudited_table(record)
    batches = [requests[start : start + BATCH_SIZE] for start in range(0, len(requests), BATCH_SIZE)]
    for start in range(0, len(batches), CONCURRENT_BATCHES):
        dynamodb.gather(*(partial(_write_batch, batch) for batch in batches[start : start + CONCURRENT_BATCHES]))


def _write_batch(requests: Sequence[tuple[dynamodb.Record, dict[str, Any]]]) -> None:
    pending: dict[str, list[dict[str, Any]]] = {}
    for record, request in requests:
        pending.setdefault(record.table_name(), []).append(request)
    deadline = time.monotonic() + BUDGET_SECONDS
    for attempt in range(MAX_ATTEMPTS):
        pending = dynamodb.call("BatchWriteItem", RequestItems=pending).get("UnprocessedItems") or {}
        if not pending:
            return
        if not dynamodb.back_off(attempt, deadline=deadline):
            break
    raise errors.Unavailable("The database is overloaded; retry.", retry_after=2)


def _call_conditionally(operation: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return dict(dynamodb.call(operation, **arguments).get("Attributes", {}))
    except VerboseClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return None
        raise


def _require_unaudited_table(record: dynamodb.Record) -> None:
    if record.table_name() not in {dynamodb.full_table_name(name) for name in settings.UNAUDITED_TABLES}:
        raise TypeError(f"{record.table_name()} is written with config.journal only.")
