"""Calls of DynamoDB: reads of records, retries within a time budget, typed failures.

Every call goes through `call`. Records are written only through `config.journal`.
"""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

from pynamodb.exceptions import VerboseClientError

from config import computing, costs, errors, observation
from config.dynamodb.connection import CONNECTION_ERRORS, CREDENTIAL_ERRORS, get_transport
from config.dynamodb.outage import Outage
from config.dynamodb.records import Record
from config.dynamodb.rejections import to_rejection
from config.dynamodb.waiting import READ_TIMEOUT, first_read_timeout

BUDGET_SECONDS = 4.0
"""Seconds that one call may take, retries included.

While the database does not answer, they are those of a whole request, from its arrival on.
"""
MAX_ATTEMPTS = 12
MAX_CALLS_TOGETHER = 32
_RETRYABLE_CODES = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "TransactionConflictException",  # a single write met a transaction: AWS only
}
_NO_CREDENTIALS = "No AWS credentials for DynamoDB."
_EXPECTED_CODES = {"ConditionalCheckFailedException", "TransactionCanceledException"}
"""Errors that callers of `call` handle."""
MAX_HASH_KEY_BYTES, MAX_RANGE_KEY_BYTES = 2_048, 1_024
MAX_BYTES_PER_CHARACTER = 4
MAX_SURE_CHARACTERS = MAX_HASH_KEY_BYTES // MAX_BYTES_PER_CHARACTER
"""Hash keys with no more of them are never too long."""


R = TypeVar("R", bound=Record)
_outage = Outage()


def call(operation: str, **arguments: Any) -> dict[str, Any]:
    """Make one DynamoDB call; retry it within the budget if it was throttled or unanswered.

    Retries are safe because all writes are idempotent: conditional, or a transaction with a token.
    Raises `errors.Unavailable` if the budget is spent, and `CallRejected`, which is `CallForbidden`
    if an operator can mend it. Failed conditions and
    cancelled transactions pass through as `VerboseClientError`.
    """
    return _call(operation, arguments, time.monotonic() + BUDGET_SECONDS)


def call_together(calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Make several calls in the time of one: all are sent before the first answer is read.

    Retries and raises as `call` does, the first error. Threads would take three times the CPU time.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    if len(calls) == 1 or _outage.forbids_call(latest_start=BUDGET_SECONDS - READ_TIMEOUT):
        return [_call(operation, arguments, deadline) for operation, arguments in calls]
    responses = []
    for start in range(0, len(calls), MAX_CALLS_TOGETHER):
        part = calls[start : start + MAX_CALLS_TOGETHER]
        for (operation, arguments), finish in zip(part, _start_calls(part), strict=True):
            try:
                responses.append(_finish_call(finish, operation, arguments))
            except _CallFailed as error:
                responses.append(_call(operation, arguments, deadline, failed=error))
    return responses


class _CallFailed(Exception):
    """A call was throttled or not answered; it can be repeated."""


def _call(
    operation: str, arguments: Mapping[str, Any], deadline: float, *, failed: _CallFailed | None = None
) -> dict[str, Any]:
    """Make a call, which may have ``failed`` once; retry it until the deadline."""
    for attempt in range(MAX_ATTEMPTS):
        if failed and not back_off(attempt - 1, deadline=deadline - READ_TIMEOUT):
            break
        if _outage.forbids_call(latest_start=BUDGET_SECONDS - READ_TIMEOUT):
            break
        if failed:
            observation.count("dynamodb_retry", operation)
        read_timeout = READ_TIMEOUT if failed else first_read_timeout()
        attempt_call = partial(_call_once, operation, arguments, read_timeout)
        try:
            return _finish_call(attempt_call, operation, arguments)
        except _CallFailed as error:
            failed = error
    cause = failed.__cause__ if failed else None
    detail = "The database does not respond; retry."
    raise errors.Unavailable(detail, retry_after=2, cause=f"database: {_failure_code(cause)}") from cause


def _call_once(operation: str, arguments: Mapping[str, Any], read_timeout: float) -> dict[str, Any]:
    return get_transport().call(operation, arguments, read_timeout=read_timeout)


def _start_calls(calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Callable[[], dict[str, Any]]]:
    """Send calls, which are signed now: only credentials can fail before the answers are read."""
    try:
        return get_transport().start(calls, read_timeout=first_read_timeout())
    except CREDENTIAL_ERRORS as error:
        raise errors.Unavailable(_NO_CREDENTIALS, cause="database: no_credentials") from error


def _finish_call(
    get_response: Callable[[], dict[str, Any]], operation: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The response of one attempt, its failures in our terms."""
    costs.count_round_trip()
    with observation.observe("dynamodb", operation) as seen:
        try:
            response = get_response()
        except VerboseClientError as error:
            _outage.note_answer()
            seen.outcome = code = _error_code(error)
            if code in _EXPECTED_CODES:
                raise
            if not _is_retryable(code):
                raise to_rejection(operation, _table_names(arguments), code) from error
            raise _CallFailed from error
        except CONNECTION_ERRORS as error:
            seen.outcome = "no_answer"
            _outage.note_failure()
            raise _CallFailed from error
        except CREDENTIAL_ERRORS as error:
            seen.outcome = "no_credentials"
            raise errors.Unavailable(_NO_CREDENTIALS, cause="database: no_credentials") from error
    _outage.note_answer()
    return response


def _failure_code(cause: BaseException | None) -> str:
    """AWS's code of an error after which a call was repeated."""
    return _error_code(cause) if isinstance(cause, VerboseClientError) else "no_answer"


def _error_code(error: VerboseClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def back_off(attempt: int, *, deadline: float) -> bool:
    """Sleep with full jitter before a retry; False if the retry would start after the deadline."""
    seconds = random.uniform(0, min(1.0, 0.05 * 2**attempt))  # noqa: S311 - jitter, no secret
    if time.monotonic() + seconds > deadline:
        return False
    with computing.waiting():
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
    is_short = 0 < len(hash_key) <= MAX_SURE_CHARACTERS
    return (is_short or _fits(hash_key, MAX_HASH_KEY_BYTES)) and (
        not isinstance(range_key, str) or _fits(range_key, MAX_RANGE_KEY_BYTES)
    )


def _fits(key: str, max_bytes: int) -> bool:
    """Whether a key is neither empty nor longer; of short ones no bytes are counted."""
    return 0 < len(key) <= max_bytes // MAX_BYTES_PER_CHARACTER or (
        0 < len(key) <= max_bytes and len(key.encode("utf-8", "surrogatepass")) <= max_bytes
    )


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
    for response in iter_responses(operation, **arguments):
        yield response["Items"]


def iter_responses(operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """The responses of all pages of a Query or Scan."""
    while True:
        response = call(operation, **arguments)
        yield response
        if not response.get("LastEvaluatedKey"):
            return
        arguments["ExclusiveStartKey"] = response["LastEvaluatedKey"]


class RecordQuery(NamedTuple):
    """A query of records, as `query_records` takes it."""

    record_class: type[Record]
    condition: str
    values: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        return {**query_arguments(self.record_class, self.condition, self.values), **self.options}


def iter_records_together(queries: Sequence[RecordQuery]) -> list[Iterator[Any]]:
    """The records of several queries, whose first pages are read in the time of one."""
    items_by_query = iter_items_together(queries)
    return [map(query.record_class.from_item, items) for query, items in zip(queries, items_by_query, strict=True)]


def iter_items_together(queries: Sequence[RecordQuery]) -> list[Iterator[dict[str, Any]]]:
    """The same in DynamoDB's notation."""
    responses = call_together([("Query", query.arguments) for query in queries])
    return [_iter_from(query, response) for query, response in zip(queries, responses, strict=True)]


def _iter_from(query: RecordQuery, response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The items of a query whose first page was read."""
    yield from response["Items"]
    if last_key := response.get("LastEvaluatedKey"):
        for items in iter_pages("Query", **{**query.arguments, "ExclusiveStartKey": last_key}):
            yield from items


def expression_names(expression: str) -> dict[str, str]:
    """The names that an expression refers to as ``#name``."""
    return {f"#{name}": name for name in _find_names(expression)}


@lru_cache(maxsize=512)
def _find_names(expression: str) -> tuple[str, ...]:
    return tuple(re.findall(r"#(\w+)", expression))


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
