"""How this house talks to DynamoDB: records, reads, and how failures are read.

Records are PynamoDB models; they are only written through `config.journal.commit`. Every call goes
through `call`, which repeats what is safe to repeat within a budget and then refuses.
"""

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Self, TypeVar

import orjson
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from django.conf import settings
from pynamodb.attributes import Attribute, JSONAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import VerboseClientError
from pynamodb.models import Model

from config import errors

BUDGET = 4.0
"""Seconds that one call may take in all, repeating itself included."""
CONNECT_TIMEOUT, READ_TIMEOUT = 1.0, 1.5

TRIES = 12
_WORTH_REPEATING = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "TransactionConflictException",  # a single write met a transaction: AWS only
}
_UNREACHABLE = (
    EndpointConnectionError,
    ConnectTimeoutError,
    ReadTimeoutError,
    ConnectionClosedError,
    HTTPClientError,
)


class Table:
    """Base of every record's ``Meta``: where our tables are."""

    host = settings.DYNAMODB["endpoint"] or None
    region = settings.DYNAMODB["region"]
    billing_mode = "PAY_PER_REQUEST"
    ttl: ClassVar[str | None] = None
    """The attribute that holds the expiry (epoch seconds), where items expire."""


def table(name: str) -> str:
    """The full name of one of our tables."""
    return f"{settings.DYNAMODB['prefix']}-{name}"


class UTCTime(Attribute[datetime]):
    """A moment, kept as ``2026-11-23T09:00:00.000000Z``: readable, and sorts as text."""

    attr_type = "S"

    def serialize(self, value: datetime) -> str:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def deserialize(self, value: str) -> datetime:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


class JSON(JSONAttribute):
    """A JSON value, kept without the spaces that others put in: what is small costs less."""

    def serialize(self, value: Any) -> str:
        return orjson.dumps(value).decode()


class Key(NamedTuple):
    """Names one item: its record class, hash key and range key."""

    record: "type[Record]"
    hash: str
    range: int | str | None = None


class Record(Model):
    """A thing we keep. Written only through `config.journal.commit`, which also keeps the audit."""

    if TYPE_CHECKING:
        version: Any  # of those that have versions

    def save(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("Records are written with config.journal.write().")

    update = delete = save

    @classmethod
    def table_name(cls) -> str:
        return str(cls.Meta.table_name)

    @classmethod
    def wire_key(cls, hash_key: str, range_key: int | str | None = None) -> dict[str, Any]:
        """The item's key as DynamoDB writes it."""
        hash_value, range_value = cls._serialize_keys(hash_key, range_key)
        values = (hash_value, range_value)
        return {
            attribute.attr_name: {attribute.attr_type: value}
            for attribute, value in zip(cls.key_attributes(), values, strict=False)
        }

    @classmethod
    def key_attributes(cls) -> list[Attribute[Any]]:
        """The hash key's attribute and, where there is one, the range key's."""
        every = cls.get_attributes().values()
        return sorted((a for a in every if a.is_hash_key or a.is_range_key), key=_hash_first)

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> Self:
        """A record from an item as DynamoDB writes it."""
        return cls.from_raw_data(dict(item))

    def changed(self, **values: Any) -> Self:
        """A copy of a record that has versions: with other values, and the next version."""
        after = self.read(self.serialize())
        for name, value in {**values, "version": int(self.version) + 1}.items():
            setattr(after, name, value)
        return after


R = TypeVar("R", bound=Record)


def records() -> list[type[Record]]:
    """Every record class of the installed apps, by table name."""
    return sorted(Record.__subclasses__(), key=lambda record: record.table_name())


def _hash_first(attribute: Attribute[Any]) -> bool:
    return not attribute.is_hash_key


@cache
def connection() -> Connection:
    """The connection of this process; made at the first call."""
    made = Connection(
        region=settings.DYNAMODB["region"],
        host=settings.DYNAMODB["endpoint"] or None,
        connect_timeout_seconds=CONNECT_TIMEOUT,
        read_timeout_seconds=READ_TIMEOUT,
        max_retry_attempts=0,
        max_pool_connections=64,
    )
    made.client.meta.events.register("before-parse.dynamodb", _refuse_nonsense)
    return made


class Nonsense(Exception):
    """DynamoDB answered 200 with something that is not its JSON."""


def _refuse_nonsense(response_dict: Mapping[str, Any], **_: Any) -> None:
    """botocore reads a body that is not JSON as an empty answer: no such item. That is a lie."""
    if response_dict["status_code"] == 200:
        try:
            orjson.loads(response_dict["body"])
        except orjson.JSONDecodeError as error:
            raise Nonsense from error


def call(operation: str, **arguments: Any) -> dict[str, Any]:
    """Make one DynamoDB call, again if it was throttled or unheard, until the budget is spent.

    Safe because all our writes may be repeated: conditional, or a transaction with a token.
    Raises `errors.Unavailable` at the end; other refusals of DynamoDB pass through.
    """
    end = time.monotonic() + BUDGET
    for attempt in range(TRIES):
        try:
            # dispatch() would add a parameter that table operations do not know.
            return dict(connection()._make_api_call(operation, arguments))  # noqa: SLF001
        except VerboseClientError as error:
            if not _may_repeat(error):
                raise
            cause: Exception = error
        except _UNREACHABLE as error:
            cause = error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise errors.Unavailable("There are no AWS credentials to reach DynamoDB.") from error
        if not pause(attempt, before=end - READ_TIMEOUT):
            break
    raise errors.Unavailable("The store does not answer just now.", retry_after=2) from cause


def pause(attempt: int, *, before: float) -> bool:
    """Sleep with full jitter before another try; False where it would not begin in time."""
    seconds = random.uniform(0, min(1.0, 0.05 * 2**attempt))  # noqa: S311 - jitter, no secret
    if time.monotonic() + seconds > before:
        return False
    time.sleep(seconds)
    return True


def _may_repeat(error: ClientError) -> bool:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code in _WORTH_REPEATING or (code.isdigit() and int(code) >= 500)


def get(record: type[R], hash_key: str, range_key: int | str | None = None) -> R | None:
    """One record, strongly consistent; None where there is none."""
    answer = call(
        "GetItem",
        TableName=record.table_name(),
        Key=record.wire_key(hash_key, range_key),
        ConsistentRead=True,
    )
    return record.read(answer["Item"]) if answer.get("Item") else None


class Found:
    """What one batch of reads found."""

    def __init__(self, items: dict[Key, Record]) -> None:
        self._items = items

    def get(self, record: type[R], hash_key: str, range_key: int | str | None = None) -> R | None:
        found = self._items.get(Key(record, hash_key, range_key))
        return found if isinstance(found, record) else None


def fetch(keys: Iterable[Key]) -> Found:
    """All of these records, strongly consistent; one round trip per 100."""
    wanted = list(dict.fromkeys(keys))
    items: dict[Key, Record] = {}
    for start in range(0, len(wanted), 100):
        items |= _batch(wanted[start : start + 100])
    return Found(items)


def _batch(keys: list[Key]) -> dict[Key, Record]:
    by_wire = {_identity(k.record, k.record.wire_key(k.hash, k.range)): k for k in keys}
    tables = {key.record.table_name(): key.record for key in keys}
    pending: dict[str, Any] = {}
    for key in keys:
        group = pending.setdefault(key.record.table_name(), {"Keys": [], "ConsistentRead": True})
        group["Keys"].append(key.record.wire_key(key.hash, key.range))
    items: dict[Key, Record] = {}
    end = time.monotonic() + BUDGET
    for attempt in range(TRIES):
        answer = call("BatchGetItem", RequestItems=pending)
        for name, rows in answer["Responses"].items():
            for row in rows:
                wire = {a.attr_name: row[a.attr_name] for a in tables[name].key_attributes()}
                items[by_wire[_identity(tables[name], wire)]] = tables[name].read(row)
        pending = answer.get("UnprocessedKeys") or {}
        if not pending:
            return items
        if not pause(attempt, before=end):
            break
    raise errors.Unavailable("The store is too busy just now.", retry_after=2)


def _identity(record: type[Record], wire: Mapping[str, Any]) -> tuple[Any, ...]:
    return record, *sorted((name, *value.items()) for name, value in wire.items())


def query(record: type[R], condition: str, values: Mapping[str, Any], **more: Any) -> list[R]:
    """One page of a query, as records.

    ``condition`` writes attributes as ``#name`` (many names are reserved); ``values`` are in
    DynamoDB's own notation.
    """
    answer = call("Query", **key_range(record, condition, values), **more)
    return [record.read(item) for item in answer["Items"]]


def pages(operation: str, **arguments: Any) -> Iterator[list[dict[str, Any]]]:
    """All pages of a Query or Scan, as DynamoDB writes the items."""
    start: dict[str, Any] = {}
    while True:
        answer = call(operation, **arguments, **start)
        yield answer["Items"]
        if not answer.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(32, thread_name_prefix="dynamo")


def together(*asks: Callable[[], Any]) -> list[Any]:
    """Ask several things at once: as long as one round trip. Raises what the first raised."""
    first, *rest = asks
    waiting = [_pool().submit(ask) for ask in rest]
    return [first(), *(one.result() for one in waiting)]


def names_in(expression: str) -> dict[str, str]:
    """The names that an expression writes as ``#name``."""
    return {f"#{name}": name for name in re.findall(r"#(\w+)", expression)}


def key_range(record: type[Record], condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Query for ``condition``."""
    return {
        "TableName": record.table_name(),
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names_in(condition),
        "ExpressionAttributeValues": dict(values),
    }


def every(record: type[Record], attribute: str) -> set[str]:
    """All values of a text attribute; a Scan, so for the command line only."""
    found = pages(
        "Scan",
        TableName=record.table_name(),
        ProjectionExpression="#name",
        ExpressionAttributeNames={"#name": attribute},
        ConsistentRead=True,
    )
    return {str(item[attribute]["S"]) for items in found for item in items}
