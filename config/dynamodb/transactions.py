"""DynamoDB transactions: all writes or none, with one cancellation reason per write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pynamodb.exceptions import CancellationReason, VerboseClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import dynamodb
from config.dynamodb import record_writing

_TEMPORARY_REASONS = {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", "InternalServerError"}
_CONDITION_FAILED = "ConditionalCheckFailed"


class TransactionCancelled(Exception):
    """DynamoDB cancelled the transaction; ``reasons`` has one item per action, in call order.

    Either a condition failed, or all reasons are temporary.
    """

    def __init__(self, reasons: Sequence[CancellationReason | None]) -> None:
        super().__init__("transaction cancelled")
        self.reasons = reasons


@dataclass
class Transaction:
    """Actions in call order, so that ``reasons[i]`` of a cancellation belongs to ``actions[i]``.

    PynamoDB's ``TransactWrite`` regroups actions by kind, which loses that. Methods that add an
    action return its index.
    """

    actions: list[dict[str, Any]] = field(default_factory=list)

    def put(self, record: dynamodb.Record, only_if: Condition | None = None) -> int:
        """Store a whole record."""
        return self._add("Put", record_writing.put_arguments(record, only_if), only_if)

    def update(self, record: dynamodb.Record, changes: Sequence[Action], only_if: Condition | None = None) -> int:
        """Change some attributes."""
        arguments = record_writing.update_arguments(record, changes, only_if)
        return self._add("Update", arguments, only_if)

    def save(self, before: dynamodb.Record, after: dynamodb.Record, only_if: Condition) -> int:
        """Change the attributes in which two versions of a record differ."""
        arguments = record_writing.difference_arguments(before, before.serialize(), after.serialize(), only_if)
        return self._add("Update", arguments, only_if)

    def remove(self, record: dynamodb.Record, only_if: Condition | None = None) -> int:
        """Remove a record."""
        arguments = record_writing.key_arguments(type(record), record.key_values(), only_if)
        return self._add("Delete", arguments, only_if)

    def check_condition(self, key: dynamodb.RecordKey, condition: Condition) -> int:
        """Make the transaction depend on a condition of a record that it does not change."""
        arguments = record_writing.key_arguments(key.record_class, (key.hash, key.range), condition)
        return self._add("ConditionCheck", arguments, condition)

    def _add(self, kind: str, arguments: dict[str, Any], condition: Condition | None) -> int:
        if condition is not None:
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        self.actions.append({kind: arguments})
        return len(self.actions) - 1

    def commit(self, token: str) -> None:
        """Send the transaction; repeating it with the same token has no effect.

        Raises `TransactionCancelled`, or `dynamodb.CallRejected` if repeating it would not help.
        """
        try:
            dynamodb.call("TransactWriteItems", TransactItems=self.actions, ClientRequestToken=token)
        except VerboseClientError as error:
            if not error.cancellation_reasons:
                raise
            reasons = list(error.cancellation_reasons)
            if rejection := self._find_rejection(reasons):
                raise rejection from error
            raise TransactionCancelled(reasons) from error

    def _find_rejection(self, reasons: Sequence[CancellationReason | None]) -> dynamodb.CallRejected | None:
        """The first reason that never passes, unless a condition failed as well."""
        codes = [reason.code if reason else "" for reason in reasons]
        if _CONDITION_FAILED in codes:
            return None
        for action, code in zip(self.actions, codes, strict=False):
            if code and code not in _TEMPORARY_REASONS:
                (kind, arguments), *_ = action.items()
                return dynamodb.CallRejected(f"TransactWriteItems ({kind})", str(arguments["TableName"]), code)
        return None
