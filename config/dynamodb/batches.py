"""Reads of many records by their keys."""

import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TypeVar

from config import errors
from config.dynamodb import record_writing
from config.dynamodb.client import BUDGET_SECONDS, MAX_ATTEMPTS, back_off, call, expression_names, is_storable_key
from config.dynamodb.records import Record, RecordKey

R = TypeVar("R", bound=Record)


class BatchResult:
    """The records of one batch of reads; ``keys`` are those that were read."""

    def __init__(self, items: dict[RecordKey, Record], keys: Iterable[RecordKey] = ()) -> None:
        self._items, self.keys = items, frozenset(keys)

    def __or__(self, other: "BatchResult") -> "BatchResult":
        return BatchResult(self._items | other._items, self.keys | other.keys)

    def get(self, record_class: type[R], hash_key: str, range_key: int | str | None = None) -> R | None:
        item = self._items.get((record_class, hash_key, range_key))  # type: ignore[call-overload] # equal, made faster
        return item if isinstance(item, record_class) else None


NOTHING_READ = BatchResult({})


def batch_get(keys: Iterable[RecordKey], known: BatchResult = NOTHING_READ) -> BatchResult:
    """All of these records, strongly consistent; one round trip per 100.

    What is among the ``known`` is not read again.
    """
    unread_keys = [key for key in dict.fromkeys(keys) if key not in known.keys]
    if not unread_keys:
        return known
    unique_keys = [key for key in unread_keys if is_storable_key(key.hash, key.range)]
    items: dict[RecordKey, Record] = {}
    for start in range(0, len(unique_keys), 100):
        items |= _batch_get_chunk(unique_keys[start : start + 100])
    result = BatchResult(items, unread_keys)
    return known | result if known.keys else result


def batch_get_items(record_class: type[Record], hash_keys: Iterable[str], attributes: Iterable[str]) -> list[Any]:
    """Some attributes of these items, strongly consistent; one round trip per 100."""
    ids = [hash_key for hash_key in dict.fromkeys(hash_keys) if is_storable_key(hash_key)]
    projection = ", ".join(f"#{name}" for name in attributes)
    request = {
        "ConsistentRead": True,
        "ProjectionExpression": projection,
        "ExpressionAttributeNames": expression_names(projection),
    }
    items: list[Any] = []
    for start in range(0, len(ids), 100):
        keys = [record_class.to_dynamodb_key(id) for id in ids[start : start + 100]]
        for rows in _iter_batch({record_class.table_name(): {**request, "Keys": keys}}):
            items += chain.from_iterable(rows.values())
    return items


def _batch_get_chunk(keys: list[RecordKey]) -> dict[RecordKey, Record]:
    record_classes: dict[str, type[Record]] = {}
    requests: dict[str, Any] = {}
    for record_class, hash_key, range_key in keys:
        name = record_class.Meta.table_name
        if name not in requests:
            record_classes[name], requests[name] = record_class, {"Keys": [], "ConsistentRead": True}
        requests[name]["Keys"].append(record_writing.to_key(record_class, (hash_key, range_key)))
    items: dict[Any, Record] = {}  # by tuples, which equal the keys and are made faster
    for responses in _iter_batch(requests):
        for name, rows in responses.items():
            record_class = record_classes[name]
            hash_name, range_name = record_writing.key_names(record_class)
            for record in map(record_class.from_item, rows):
                values = vars(record)
                items[record_class, values[hash_name], values[range_name] if range_name else None] = record
    return items


def _iter_batch(pending: dict[str, Any]) -> Iterator[dict[str, list[Any]]]:
    """Items by table until all are read. Raises `errors.Unavailable`."""
    deadline = time.monotonic() + BUDGET_SECONDS
    for attempt in range(MAX_ATTEMPTS):
        response = call("BatchGetItem", RequestItems=pending)
        yield response["Responses"]
        pending = response.get("UnprocessedKeys") or {}
        if not pending:
            return
        if not back_off(attempt, deadline=deadline):
            break
    raise errors.Unavailable("The database is overloaded; retry.", retry_after=2)
