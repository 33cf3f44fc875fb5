"""Runs a query plan: pages of ranges in both directions, or items by key, within a read budget."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition

from config import dynamodb
from config.backoffice.records import query_plan
from config.backoffice.records.query_plan import QueryPlan
from config.dynamodb import pagination
from config.dynamodb.pagination import Cursor, CursorPage

READ_BUDGET = 2_000
"""The most items that DynamoDB reads for one page."""
MAX_KEYS = 1_000
CHUNK_SIZE = 250
"""Items that one call with a filter reads."""


def range_cursor(key: Cursor, range_index: int, *, backward: bool) -> Cursor:
    """Where a page begins: after ``key``, or before it, in one of the ranges of a plan."""
    return {"key": key, "range": range_index, "backward": backward}


@dataclass(frozen=True)
class PlanReader:
    """Reads the records of a plan."""

    plan: QueryPlan
    model: Any
    """The projection, a `config.backoffice.records.models.Projection`."""
    newest_first: bool = False

    def page(self, size: int, start: Cursor | None = None, *, budget: int = READ_BUDGET) -> CursorPage[Any]:
        """One page: at most ``size`` records, reading at most ``budget`` items."""
        if self.plan.kind == "nothing":
            return CursorPage([])
        if self.plan.kind == "keys":
            if len(self.plan.keys) > MAX_KEYS:
                raise query_plan.UnsupportedQuery(f"at most {MAX_KEYS:,} values at once")
            return CursorPage(self._read_by_key(self.plan.keys), scanned_count=len(self.plan.keys))
        return self._read_range(size, start, budget)

    def iter_records(self) -> Iterator[dynamodb.Record]:
        """All records, page after page."""
        cursor: Cursor | None = None
        while True:
            page = self.page(CHUNK_SIZE, cursor)
            yield from page.records
            cursor = page.next_cursor
            if cursor is None:
                return

    def _read_by_key(self, pks: Iterable[str]) -> list[dynamodb.Record]:
        keys = [self.model.dynamo_key(pk) for pk in pks]
        batch = dynamodb.batch_get(keys)
        records = [batch.get(key.record_class, key.hash, key.range) for key in keys]
        return [record for record in records if record is not None and self._is_match(record)]

    def _is_match(self, record: dynamodb.Record) -> bool:
        return all(query_plan.is_match(term, lambda name: getattr(record, name)) for term in self.plan.filter_nodes)

    # --- ranges -----------------------------------------------------------------------------------
    def _collect_rows(
        self, size: int, origin: Cursor | None, budget: int, *, backward: bool
    ) -> tuple[list[tuple[int, dict[str, Any]]], Cursor | None, int]:
        """Items with the index of their range, where reading goes on, and how many were read."""
        rows: list[tuple[int, dict[str, Any]]] = []
        scanned_count, start = 0, origin
        while True:
            limit = size + 1 - len(rows)
            if self._is_filtered:
                limit = min(CHUNK_SIZE, budget - scanned_count)
            range_index = start["range"] if start else 0
            response = self._read_chunk(range_index, start["key"] if start else None, limit, backward=backward)
            scanned_count += int(response["ScannedCount"])
            rows += [(range_index, item) for item in response["Items"] if self._passes_filters(item)]
            next_start = self._next_cursor(response, range_index, backward=backward)
            if next_start is None or len(rows) > size or scanned_count >= budget:
                return rows, next_start, scanned_count
            start = next_start

    def _next_cursor(self, response: dict[str, Any], range_index: int, *, backward: bool) -> Cursor | None:
        """Where reading goes on: in the same range, or at the start of the next one."""
        if response.get("LastEvaluatedKey"):
            return range_cursor(response["LastEvaluatedKey"], range_index, backward=backward)
        next_index = range_index - 1 if backward else range_index + 1
        return range_cursor({}, next_index, backward=backward) if 0 <= next_index < len(self._hash_values) else None

    def _read_range(self, size: int, origin: Cursor | None, budget: int) -> CursorPage[Any]:
        """The page in the order of the list, with the cursors around it."""
        backward = bool(origin and origin["backward"])
        rows, next_start, scanned_count = self._collect_rows(size, origin, budget, backward=backward)
        has_more = len(rows) > size
        page_rows = rows[:size]
        cursor_ahead = self._cursor_at(*page_rows[-1], backward=backward) if has_more else next_start
        cursor_behind = None
        if origin is not None and page_rows:  # we came from the other side
            cursor_behind = self._cursor_at(*page_rows[0], backward=not backward)
        elif origin is not None and origin["key"]:
            cursor_behind = {**origin, "backward": not backward}
        if backward:
            page_rows = page_rows[::-1]
        records = self._load_records([item for _, item in page_rows])
        previous_cursor, next_cursor = (cursor_ahead, cursor_behind) if backward else (cursor_behind, cursor_ahead)
        if self.plan.kind == "scan":  # a table has no way back
            previous_cursor = None
        return CursorPage(records, next_cursor, previous_cursor, scanned_count)

    def _cursor_at(self, range_index: int, item: dict[str, Any], *, backward: bool) -> Cursor:
        key = pagination.item_key(self.model.record_class, self.plan.index, item)
        return range_cursor(key, range_index, backward=backward)

    def _load_records(self, items: list[dict[str, Any]]) -> list[dynamodb.Record]:
        """The records; those of an index that has only keys are read again, strongly consistent."""
        if query_plan.projects_all_attributes(self.model.record_class, self.plan.index):
            return [self.model.record_class.from_item(item) for item in items]
        return self._read_by_key(self.model.pk_of(self.model.record_class.from_item(item)) for item in items)

    @property
    def _hash_values(self) -> Sequence[Any]:
        return self.plan.hash_values or (None,)

    @cached_property
    def _key_names(self) -> set[str]:
        """The keys of the range, which DynamoDB does not filter by."""
        return {name for name in (self.plan.hash_name, self.plan.range_name) if name}

    @cached_property
    def _nodes_on_keys(self) -> list[Any]:
        """Filters that are applied here."""
        return [node for node in self.plan.filter_nodes if self._key_names & set(query_plan.names_in(node))]

    @property
    def _is_filtered(self) -> bool:
        return self._filter_condition is not None or bool(self._nodes_on_keys)

    def _passes_filters(self, item: dict[str, Any]) -> bool:
        """Whether an item that DynamoDB found is one of the list."""
        if not self._nodes_on_keys and not self.plan.excluded_range_values:
            return True
        record = self.model.record_class.from_item(item)
        if getattr(record, self.plan.range_name or "", None) in self.plan.excluded_range_values:
            return False
        if not query_plan.projects_all_attributes(self.model.record_class, self.plan.index):
            return True  # it is read again, and compared then
        return all(query_plan.is_match(node, lambda name: getattr(record, name)) for node in self._nodes_on_keys)

    @cached_property
    def _filter_condition(self) -> Condition | None:
        """The condition that DynamoDB applies to the items it reads."""
        if not query_plan.projects_all_attributes(self.model.record_class, self.plan.index):
            return None
        node_conditions = [
            query_plan.to_condition(term, self.model.record_class, self.model._meta.pk.attname)
            for term in self.plan.filter_nodes
            if not any(term is node for node in self._nodes_on_keys)
        ]
        conditions = [condition for condition in node_conditions if condition is not None]
        return reduce(and_, conditions) if conditions else None

    def _read_chunk(self, range_index: int, start: Cursor | None, limit: int, *, backward: bool) -> dict[str, Any]:
        try:
            arguments = self._request_arguments(range_index, backward=backward)
        except query_plan.UNFIT_VALUE_ERRORS as error:
            raise query_plan.UnsupportedQuery(query_plan.UNFIT_VALUE) from error
        if start:
            arguments["ExclusiveStartKey"] = start
        operation = "Scan" if self.plan.kind == "scan" else "Query"
        try:
            return dynamodb.call(operation, Limit=limit, **arguments)
        except dynamodb.CallRejected as error:
            if error.reason != "ValidationException":
                raise
            raise query_plan.UnsupportedQuery(query_plan.UNFIT_VALUE) from error

    def _request_arguments(self, range_index: int, *, backward: bool) -> dict[str, Any]:
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        arguments: dict[str, Any] = {"TableName": self.model.record_class.table_name()}
        if self._filter_condition is not None:
            arguments["FilterExpression"] = self._filter_condition.serialize(names, values)
        if self.plan.kind == "range":
            attribute = self.model.record_class.get_attributes()[self.plan.hash_name]
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
