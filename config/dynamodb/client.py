"""Calls of DynamoDB: reads of records, retries within a time budget, typed failures.

Every call goes through `call`. Records are written only through `config.journal`.
"""

import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from botocore.exceptions import CredentialRetrievalError, NoCredentialsError, PartialCredentialsError
from pynamodb.exceptions import VerboseClientError

from config import costs, errors
from config.dynamodb.connection import CONNECTION_ERRORS, READ_TIMEOUT, get_transport
from config.dynamodb.outage import Outage
from config.dynamodb.records import Record, RecordKey

BUDGET_SECONDS = 4.0
"""Seconds that one call may take, retries included.

While the database does not answer, they are those of a whole request, from its arrival on.
"""
MAX_ATTEMPTS = 12
_RETRYABLE_CODES = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "TransactionConflictException",  # a single write met a transaction: AWS only
}
_EXPECTED_CODES = {"ConditionalCheckFailedException", "TransactionCanceledException"}
"""Errors that callers of `call` handle."""
MAX_HASH_KEY_BYTES, MAX_RANGE_KEY_BYTES = 2_048, 1_024


R = TypeVar("R", bound=Record)
_outage = Outage()


class CallRejected(Exception):
    """DynamoDB rejects a call for good: a defect, an item that is too large, missing rights.

    Repeating the call would not help. Holds no values: DynamoDB's own messages may quote them.
    """

    def __init__(self, operation: str, table: str, reason: str) -> None:
        super().__init__(operation, table, reason)  # the arguments, so that workers can pickle it
        self.operation, self.table, self.reason = operation, table, reason

    def __str__(self) -> str:
        return f"{self.operation} of {self.table}: {self.reason}"

    @property
    def log_fields(self) -> dict[str, str]:
        """What log lines say about it."""
        return {"operation": self.operation, "table": self.table, "reason": self.reason}


def call(operation: str, **arguments: Any) -> dict[str, Any]:
    """Make one DynamoDB call; retry it within the budget if it was throttled or unanswered.

    Retries are safe because all writes are idempotent: conditional, or a transaction with a token.
    Raises `errors.Unavailable` if the budget is spent, and `CallRejected`. Failed conditions and
    cancelled transactions pass through as `VerboseClientError`.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    cause: BaseException | None = None
    for attempt in range(MAX_ATTEMPTS):
        if _outage.forbids_call(latest_start=BUDGET_SECONDS - READ_TIMEOUT):
            break
        try:
            return _call_once(operation, arguments)
        except _CallFailed as error:
            cause = error.__cause__
        if not back_off(attempt, deadline=deadline - READ_TIMEOUT):
            break
    raise errors.Unavailable("The database does not respond; retry.", retry_after=2) from cause


class _CallFailed(Exception):
    """A call was throttled or not answered; it can be repeated."""


def _call_once(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    costs.count_round_trip()
    try:
        response = get_transport().call(operation, arguments)
    except VerboseClientError as error:
        _outage.note_answer()
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _EXPECTED_CODES:
            raise
        if not _is_retryable(code):
            raise CallRejected(operation, _table_names(arguments), code) from error
        raise _CallFailed from error
    except CONNECTION_ERRORS as error:
        _outage.note_failure()
        raise _CallFailed from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise errors.Unavailable("No AWS credentials for DynamoDB.") from error
    _outage.note_answer()
    return response


def back_off(attempt: int, *, deadline: float) -> bool:
    """Sleep with full jitter before a retry; False if the retry would start after the deadline."""
    seconds = random.uniform(0, min(1.0, 0.05 * 2**attempt))  # noqa: S311 - jitter, no secret
    if time.monotonic() + seconds > deadline:
        return False
    time.sleep(seconds)
    return True


def _is_retryable(code: str) -> bool:
    return code in _RETRYABLE_CODES or (code.isdigit() and int(code) >= 500)


def _table_names(arguments: Mapping[str, Any]) -> str:
    """The tables of a call, for logs."""
    names = {str(arguments["TableName"])} if "TableName" in arguments else set(arguments.get("RequestItems", ()))
    for action in arguments.get("TransactItems", ()):
        names |= {str(part["TableName"]) for part in action.values()}
    return ", ".join(sorted(names)) or "no table"


def is_storable_key(hash_key: str, range_key: int | str | None = None) -> bool:
    """Whether DynamoDB could store this key; it rejects reads of any other."""
    sizes = [len(key.encode("utf-8", "surrogatepass")) for key in (hash_key, range_key) if isinstance(key, str)]
    limits = (MAX_HASH_KEY_BYTES, MAX_RANGE_KEY_BYTES)
    return all(0 < size <= limit for size, limit in zip(sizes, limits, strict=False))


def get_record(record_class: type[R], hash_key: str, range_key: int | str | None = None) -> R | None:
    """One record, strongly consistent; None if it does not exist."""
    if not is_storable_key(hash_key, range_key):
        return None
    response = call(
        "GetItem",
        TableName=record_class.table_name(),
        Key=record_class.to_dynamodb_key(hash_key, range_key),
        ConsistentRead=True,
    )
    return record_class.from_item(response["Item"]) if response.get("Item") else None


class BatchResult:
    """The records of one batch of reads."""

    def __init__(self, items: dict[RecordKey, Record]) -> None:
        self._items = items

    def get(self, record_class: type[R], hash_key: str, range_key: int | str | None = None) -> R | None:
        item = self._items.get(RecordKey(record_class, hash_key, range_key))
        return item if isinstance(item, record_class) else None


def batch_get(keys: Iterable[RecordKey]) -> BatchResult:
    """All of these records, strongly consistent; one round trip per 100."""
    unique_keys = [key for key in dict.fromkeys(keys) if is_storable_key(key.hash, key.range)]
    items: dict[RecordKey, Record] = {}
    for start in range(0, len(unique_keys), 100):
        items |= _batch_get_chunk(unique_keys[start : start + 100])
    return BatchResult(items)


def _batch_get_chunk(keys: list[RecordKey]) -> dict[RecordKey, Record]:
    record_classes = {key.record_class.table_name(): key.record_class for key in keys}
    pending: dict[str, Any] = {name: {"Keys": [], "ConsistentRead": True} for name in record_classes}
    for record_class, hash_key, range_key in keys:
        pending[record_class.table_name()]["Keys"].append(record_class.to_dynamodb_key(hash_key, range_key))
    items: dict[RecordKey, Record] = {}
    deadline = time.monotonic() + BUDGET_SECONDS
    for attempt in range(MAX_ATTEMPTS):
        response = call("BatchGetItem", RequestItems=pending)
        for name, rows in response["Responses"].items():
            for record in map(record_classes[name].from_item, rows):
                items[record.record_key] = record
        pending = response.get("UnprocessedKeys") or {}
        if not pending:
            return items
        if not back_off(attempt, deadline=deadline):
            break
    raise errors.Unavailable("The database is overloaded; retry.", retry_after=2)


def query_records(record_class: type[R], condition: str, values: Mapping[str, Any], **options: Any) -> list[R]:
    """One page of a query, as records.

    ``condition`` refers to attributes as ``#name`` (many names are reserved); ``values`` are in
    DynamoDB's notation.
    """
    response = call("Query", **query_arguments(record_class, condition, values), **options)
    return [record_class.from_item(item) for item in response["Items"]]


def iter_records(record_class: type[R], condition: str, values: Mapping[str, Any], **options: Any) -> Iterator[R]:
    """All pages of a query, as records; ``condition`` and ``values`` as in `query_records`."""
    for items in iter_pages("Query", **query_arguments(record_class, condition, values), **options):
        yield from map(record_class.from_item, items)


def iter_pages(operation: str, **arguments: Any) -> Iterator[list[dict[str, Any]]]:
    """All pages of a Query or Scan, as items in DynamoDB's notation."""
    continuation: dict[str, Any] = {}
    while True:
        response = call(operation, **arguments, **continuation)
        yield response["Items"]
        if not response.get("LastEvaluatedKey"):
            return
        continuation = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def expression_names(expression: str) -> dict[str, str]:
    """The names that an expression refers to as ``#name``."""
    return {f"#{name}": name for name in re.findall(r"#(\w+)", expression)}


def query_arguments(record_class: type[Record], condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Query for ``condition``."""
    return {
        "TableName": record_class.table_name(),
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": expression_names(condition),
        "ExpressionAttributeValues": dict(values),
    }


def scan_values(record_class: type[Record], attribute: str) -> set[str]:
    """All values of a text attribute; a Scan, so only for commands."""
    item_pages = iter_pages(
        "Scan",
        TableName=record_class.table_name(),
        ProjectionExpression="#name",
        ExpressionAttributeNames={"#name": attribute},
        ConsistentRead=True,
    )
    return {str(item[attribute]["S"]) for items in item_pages for item in items}
