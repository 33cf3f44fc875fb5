"""Carrying out a plan: pages of a range both ways, items by key, each within a budget of reads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.exceptions import VerboseClientError
from pynamodb.expressions.condition import Condition

from config import dynamodb
from config.backoffice.records import query_plan
from config.backoffice.records.query_plan import QueryPlan
from config.dynamodb import pagination

READ_BUDGET = 2_000
"""Items that one page may make DynamoDB look at."""
MAX_KEYS = 1_000
CHUNK_SIZE = 250
"""Items looked at by one call where a filter leaves some of them out."""


@dataclass(frozen=True)
class RangeCursor:
    """Where a page begins: right after an item, or right before it."""

    key: pagination.Cursor
    range_index: int
    """Which of the plan's hash keys."""
    backward: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As a cursor holds it."""
        return vars(self)


@dataclass(frozen=True)
class RecordPage:
    """Some records in order, the places before and after them, and how many were looked at."""

    records: list[Any]
    previous: RangeCursor | None = None
    next: RangeCursor | None = None
    scanned_count: int = 0


@dataclass(frozen=True)
class PlanReader:
    """Reads what a plan says."""

    plan: QueryPlan
    record_class: type[dynamodb.Record]
    pk: str
    dynamo_key: Callable[[str], dynamodb.RecordKey]
    """The item that a primary key, as Django has it, names."""
    newest_first: bool = False

    def page(self, size: int, start: RangeCursor | None = None, *, budget: int = READ_BUDGET) -> RecordPage:
        """One page: at most ``size`` records, having looked at ``budget`` at most."""
        if self.plan.kind == "nothing":
            return RecordPage([])
        if self.plan.kind == "keys":
            records = self._read_by_key()
            return RecordPage(records, scanned_count=len(self.plan.keys))
        return self._read_range(size, start, budget)

    def iter_records(self) -> Iterator[dynamodb.Record]:
        """All records, page after page."""
        position: RangeCursor | None = None
        while True:
            page = self.page(CHUNK_SIZE, position)
            yield from page.records
            position = page.next
            if position is None:
                return

    def _read_by_key(self) -> list[dynamodb.Record]:
        if len(self.plan.keys) > MAX_KEYS:
            raise query_plan.UnsupportedQuery(f"At most {MAX_KEYS:,} at once.")
        keys = [self.dynamo_key(key) for key in self.plan.keys]
        batch = dynamodb.batch_get(keys)
        records = [batch.get(key.record_class, key.hash, key.range) for key in keys]
        return [record for record in records if record is not None and self._is_match(record)]

    def _is_match(self, record: dynamodb.Record) -> bool:
        return all(query_plan.is_match(term, lambda name: getattr(record, name)) for term in self.plan.filter_nodes)

    # --- ranges -----------------------------------------------------------------------------------
    def _read_range(self, size: int, origin: RangeCursor | None, budget: int) -> RecordPage:
        backward = bool(origin and origin.backward)
        rows: list[tuple[int, dict[str, Any]]] = []
        scanned_count, start, next_start = 0, origin, None
        while True:
            limit = size + 1 - len(rows)
            if self._filter_condition is not None:
                limit = min(CHUNK_SIZE, budget - scanned_count)
            range_index = start.range_index if start else (len(self._hash_values) - 1 if backward else 0)
            response = self._read_chunk(range_index, start.key if start else None, limit, backward=backward)
            scanned_count += int(response["ScannedCount"])
            rows += [(range_index, item) for item in response["Items"]]
            next_start = self._next_cursor(response, range_index, backward=backward)
            if next_start is None or len(rows) > size or scanned_count >= budget:
                break
            start = next_start
        return self._build_page(rows, size, origin, next_start, scanned_count, backward=backward)

    def _next_cursor(self, response: dict[str, Any], range_index: int, *, backward: bool) -> RangeCursor | None:
        """Where reading goes on: in the same range, or at the start of the next one."""
        if response.get("LastEvaluatedKey"):
            return RangeCursor(response["LastEvaluatedKey"], range_index, backward)
        next_index = range_index - 1 if backward else range_index + 1
        return RangeCursor({}, next_index, backward) if 0 <= next_index < len(self._hash_values) else None

    def _build_page(
        self,
        rows: list[tuple[int, dict[str, Any]]],
        size: int,
        origin: RangeCursor | None,
        next_start: RangeCursor | None,
        scanned_count: int,
        *,
        backward: bool,
    ) -> RecordPage:
        """The page in the order of the list, with the places around it."""
        has_more = len(rows) > size
        page_rows = rows[:size]
        cursor_ahead = self._cursor_at(*page_rows[-1], backward=backward) if has_more else next_start
        cursor_behind = None
        if origin is not None:  # we came from the other side
            cursor_behind = (
                self._cursor_at(*page_rows[0], backward=not backward) if page_rows else _reverse_cursor(origin)
            )
        if backward:
            page_rows = page_rows[::-1]
        records = self._load_records([item for _, item in page_rows])
        previous_cursor, next_cursor = (cursor_ahead, cursor_behind) if backward else (cursor_behind, cursor_ahead)
        if self.plan.kind == "scan":  # a table has no way back
            previous_cursor = None
        return RecordPage(records, previous_cursor, next_cursor, scanned_count)

    def _cursor_at(self, range_index: int, item: dict[str, Any], *, backward: bool) -> RangeCursor:
        names = {attribute.attr_name for attribute in self.record_class.key_attributes()}
        names |= {name for name in (self.plan.hash_name, self.plan.range_name) if name}
        return RangeCursor({name: item[name] for name in sorted(names)}, range_index, backward)

    def _load_records(self, items: list[dict[str, Any]]) -> list[dynamodb.Record]:
        """The records; those of an index that has only keys are read again, strongly consistent."""
        if self.plan.index is None or query_plan.projects_all_attributes(self.record_class, self.plan.index):
            return [self.record_class.from_item(item) for item in items]
        keys = [self._record_key(item) for item in items]
        batch = dynamodb.batch_get(keys)
        records = [batch.get(key.record_class, key.hash, key.range) for key in keys]
        return [record for record in records if record is not None and self._is_match(record)]

    def _record_key(self, item: dict[str, Any]) -> dynamodb.RecordKey:
        record = self.record_class.from_item(item)
        values = [getattr(record, attribute.attr_name) for attribute in self.record_class.key_attributes()]
        return dynamodb.RecordKey(self.record_class, *values)

    @property
    def _hash_values(self) -> Sequence[Any]:
        return self.plan.hash_values or (None,)

    @property
    def _filter_condition(self) -> Condition | None:
        """What DynamoDB leaves out of what it looks at."""
        if self.plan.index and not query_plan.projects_all_attributes(self.record_class, self.plan.index):
            return None
        node_conditions = [query_plan.to_condition(term, self.record_class, self.pk) for term in self.plan.filter_nodes]
        conditions = [condition for condition in node_conditions if condition is not None]
        return reduce(and_, conditions) if conditions else None

    def _read_chunk(
        self, range_index: int, start: pagination.Cursor | None, limit: int, *, backward: bool
    ) -> dict[str, Any]:
        arguments = self._request_arguments(range_index, backward=backward)
        if start:
            arguments["ExclusiveStartKey"] = start
        operation = "Scan" if self.plan.kind == "scan" else "Query"
        try:
            return dynamodb.call(operation, Limit=limit, **arguments)
        except VerboseClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            raise query_plan.UnsupportedQuery("DynamoDB cannot compare with that.") from error

    def _request_arguments(self, range_index: int, *, backward: bool) -> dict[str, Any]:
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        arguments: dict[str, Any] = {"TableName": self.record_class.table_name()}
        if self._filter_condition is not None:
            arguments["FilterExpression"] = self._filter_condition.serialize(names, values)
        if self.plan.kind == "range":
            attribute = self.record_class.get_attributes()[self.plan.hash_name]
            key_condition = attribute == self._hash_values[range_index]
            if self.plan.range_condition is not None:
                key_condition &= self.plan.range_condition
            arguments["KeyConditionExpression"] = key_condition.serialize(names, values)
            arguments["ScanIndexForward"] = self.newest_first == backward
            if self.plan.index:
                arguments["IndexName"] = self.plan.index
        if names:
            arguments["ExpressionAttributeNames"] = {short: name for name, short in names.items()}
        if values:
            arguments["ExpressionAttributeValues"] = values
        return arguments


def _reverse_cursor(range_cursor: RangeCursor) -> RangeCursor | None:
    return (
        RangeCursor(range_cursor.key, range_cursor.range_index, not range_cursor.backward) if range_cursor.key else None
    )
