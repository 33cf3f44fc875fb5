"""Unaudited writes of technical state: leases, idempotency keys, usage, progress of calls.

Only the tables in ``settings.UNAUDITED_TABLES`` can be written.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from pynamodb.exceptions import VerboseClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import dynamodb


def update(record: dynamodb.Record, changes: Sequence[Action], only_if: Condition) -> dict[str, Any] | None:
    """Change attributes under a condition; returns the new item, or None if it failed."""
    _require_unaudited_table(record)
    arguments = record.get_update_kwargs_from_instance(list(changes), condition=only_if)
    return _call_conditionally("UpdateItem", {**arguments, "ReturnValues": "ALL_NEW"})


def create(record: dynamodb.Record) -> bool:
    """Store a record unless its key exists; returns whether it was stored."""
    _require_unaudited_table(record)
    hash_key = record.key_attributes()[0]
    arguments = record.get_save_kwargs_from_instance(condition=hash_key.does_not_exist())
    return _call_conditionally("PutItem", arguments) is not None


def remove(record: dynamodb.Record, only_if: Condition) -> bool:
    """Remove a record under a condition; returns whether the condition held."""
    _require_unaudited_table(record)
    arguments = record.get_delete_kwargs_from_instance(condition=only_if)
    return _call_conditionally("DeleteItem", arguments) is not None


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
