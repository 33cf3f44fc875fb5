"""Cursor pagination over an index: a page costs what it returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from config import dynamodb

R = TypeVar("R", bound=dynamodb.Record)
T = TypeVar("T")
MAX_FILTERED_QUERIES = 5
"""Queries of 1 MB for one filtered page."""
Cursor = dict[str, Any]
"""The key of the last item of a page, in DynamoDB's notation."""


@dataclass(frozen=True)
class CursorPage(Generic[T]):
    """A page of records and the cursor of the next page; None after the last."""

    records: list[T]
    next_cursor: Cursor | None = None
    previous_cursor: Cursor | None = None
    """The cursor of the page before, in lists that can be read backwards; None on the first."""
    scanned_count: int = 0
    """Items that DynamoDB read for a filtered page."""


def query_page(
    record_class: type[R],
    index: str,
    condition: str,
    values: Mapping[str, Any],
    *,
    limit: int,
    cursor: Cursor | None,
    newest_first: bool = False,
) -> CursorPage[R]:
    """A page of an index; ``condition`` and ``values`` as in `dynamodb.query_records`.

    Reads one record more than ``limit`` to know whether this page is the last.
    """
    options = {"IndexName": index} | ({"ScanIndexForward": False} if newest_first else {})
    query = dynamodb.RecordQuery(record_class, condition, values, options)
    (page,) = query_pages([query], limit=limit, cursors=[cursor])
    return page


def query_pages(
    queries: Sequence[dynamodb.RecordQuery], *, limit: int, cursors: Sequence[Cursor | None]
) -> list[CursorPage[Any]]:
    """A page of several queries of indexes, each from its cursor on, in the time of one."""
    calls = [
        ("Query", {**query.arguments, "Limit": limit + 1, **({"ExclusiveStartKey": cursor} if cursor else {})})
        for query, cursor in zip(queries, cursors, strict=True)
    ]
    responses = dynamodb.call_together(calls)
    return [_to_page(query, response, limit) for query, response in zip(queries, responses, strict=True)]


def _to_page(query: dynamodb.RecordQuery, response: Mapping[str, Any], limit: int) -> CursorPage[Any]:
    records = [query.record_class.from_item(item) for item in response["Items"]]
    if len(records) <= limit:
        return CursorPage(records, response.get("LastEvaluatedKey") or None)
    return CursorPage(records[:limit], cursor_after(records[limit - 1], query.options["IndexName"]))


def query_filtered_page(
    record_class: type[R],
    index: str,
    condition: str,
    values: Mapping[str, Any],
    *,
    filter_expression: str,
    limit: int,
    cursor: Cursor | None,
    newest_first: bool = False,
    first_count: int | None = None,
) -> CursorPage[R]:
    """A page of an index whose records a filter selects; ``values`` are those of both expressions.

    Reads at most `MAX_FILTERED_QUERIES` MB: a page may hold fewer than ``limit`` before the last.
    ``first_count``: items that the first query reads, where many are small and most may match.
    """
    arguments = dynamodb.query_arguments(record_class, condition, values)
    arguments["ExpressionAttributeNames"] = dynamodb.expression_names(f"{condition} {filter_expression}")
    records: list[R] = []
    for number in range(MAX_FILTERED_QUERIES):
        start: dict[str, Any] = {"ExclusiveStartKey": cursor} if cursor else {}
        start |= {"Limit": first_count} if first_count and not number else {}
        response = dynamodb.call(
            "Query",
            **arguments,
            IndexName=index,
            FilterExpression=filter_expression,
            ScanIndexForward=not newest_first,
            **start,
        )
        records += map(record_class.from_item, response["Items"])
        cursor = response.get("LastEvaluatedKey")
        if len(records) > limit:
            return CursorPage(records[:limit], cursor_after(records[limit - 1], index))
        if cursor is None or len(records) == limit:
            break
    return CursorPage(records, cursor)


def cursor_after(record: dynamodb.Record, index: str) -> Cursor:
    """The cursor right after a record of an index."""
    names = _key_names(type(record), index)
    attributes = type(record).get_attributes()
    return {name: {attributes[name].attr_type: attributes[name].serialize(getattr(record, name))} for name in names}


def item_key(record_class: type[dynamodb.Record], index: str | None, item: Mapping[str, Any]) -> Cursor:
    """The key of an item in an index, or else in the table."""
    return {name: item[name] for name in _key_names(record_class, index)}


def _key_names(record_class: type[dynamodb.Record], index: str | None) -> list[str]:
    names = {attribute.attr_name for attribute in record_class.key_attributes()}
    if index:
        schema = record_class._indexes[index]._get_schema()["key_schema"]  # noqa: SLF001
        names |= {key_part["AttributeName"] for key_part in schema}
    return sorted(names)
