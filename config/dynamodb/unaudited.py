"""Unaudited writes of technical state: leases, idempotency keys, usage, progress of calls.

Only the tables in ``settings.UNAUDITED_TABLES`` can be written, except by
`replace_protected_value`.
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
    hash_key = record.key_attributes()[0]  # an item has it if it exists, also under a range key
    arguments = record.get_save_kwargs_from_instance(condition=hash_key.does_not_exist())
    return _call_conditionally("PutItem", arguments) is not None


def replace_protected_value(record: dynamodb.Record, attribute: str, value: Any) -> bool:
    """Replace a value by the same one, encrypted or signed under another data key.

    For any table, as the content stays the same; returns whether the value was still as read.
    """
    member = type(record).get_attributes()[attribute]
    is_unchanged = member == getattr(record, attribute)
    arguments = record.get_update_kwargs_from_instance([member.set(value)], condition=is_unchanged)
    return _call_conditionally("UpdateItem", arguments) is not None


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
