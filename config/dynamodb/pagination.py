"""Pages of an index: lists that cost what they return."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from config import dynamodb

R = TypeVar("R", bound=dynamodb.Record)
T = TypeVar("T")
Place = dict[str, Any]
"""Where a list goes on, in DynamoDB's own notation."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some records in order, and where the list goes on; None at its end."""

    records: list[T]
    next: Place | None


def page(
    record: type[R],
    index: str,
    condition: str,
    values: Mapping[str, Any],
    *,
    limit: int,
    start: Place | None,
    newest_first: bool = False,
) -> Page[R]:
    """One page of an index; ``condition`` and ``values`` as in `dynamo.query`.

    One record more than asked for is read, so that the last page knows it is the last.
    """
    arguments = dynamodb.key_range(record, condition, values)
    more: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
    more |= {"ScanIndexForward": False} if newest_first else {}
    answer = dynamodb.call("Query", **arguments, IndexName=index, Limit=limit + 1, **more)
    found = [record.read(item) for item in answer["Items"]]
    if len(found) <= limit:
        return Page(found, answer.get("LastEvaluatedKey") or None)
    return Page(found[:limit], place_of(found[limit - 1], index))


def place_of(record: dynamodb.Record, index: str) -> Place:
    """The place right after a record."""
    schema = record._indexes[index]._get_schema()["key_schema"]  # noqa: SLF001
    names = {part["AttributeName"] for part in schema}
    names |= {attribute.attr_name for attribute in record.key_attributes()}
    item = record.serialize()
    return {name: item[name] for name in sorted(names)}
