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
from config.backoffice.records.query_plan import Plan
from config.dynamodb import pagination

BUDGET = 2_000
"""Items that one page may make DynamoDB look at."""
MOST_BY_KEY = 1_000
CHUNK = 250
"""Items looked at by one call where a filter leaves some of them out."""


@dataclass(frozen=True)
class Place:
    """Where a page begins: right after an item, or right before it."""

    key: pagination.Place
    number: int
    """Which of the plan's hash keys."""
    back: bool = False

    def told(self) -> dict[str, Any]:
        """As a cursor holds it."""
        return {"key": self.key, "number": self.number, "back": self.back}


@dataclass(frozen=True)
class Page:
    """Some records in order, the places before and after them, and how many were looked at."""

    records: list[Any]
    previous: Place | None = None
    next: Place | None = None
    read: int = 0


@dataclass(frozen=True)
class Reader:
    """Reads what a plan says."""

    plan: Plan
    record: type[dynamodb.Record]
    pk: str
    key_of: Callable[[str], dynamodb.Key]
    """The item that a primary key, as Django has it, names."""
    newest_first: bool = False

    def page(self, size: int, place: Place | None = None, *, budget: int = BUDGET) -> Page:
        """One page: at most ``size`` records, having looked at ``budget`` at most."""
        if self.plan.kind == "nothing":
            return Page([])
        if self.plan.kind == "keys":
            found = self._by_key()
            return Page(found, read=len(self.plan.keys))
        return self._range(size, place, budget)

    def every(self) -> Iterator[dynamodb.Record]:
        """All records, page after page."""
        place: Place | None = None
        while True:
            page = self.page(CHUNK, place)
            yield from page.records
            place = page.next
            if place is None:
                return

    def _by_key(self) -> list[dynamodb.Record]:
        if len(self.plan.keys) > MOST_BY_KEY:
            raise query_plan.Unanswerable(f"At most {MOST_BY_KEY:,} at once.")
        keys = [self.key_of(key) for key in self.plan.keys]
        found = dynamodb.fetch(keys)
        records = [found.get(key.record, key.hash, key.range) for key in keys]
        return [one for one in records if one is not None and self._fits(one)]

    def _fits(self, one: dynamodb.Record) -> bool:
        return all(
            query_plan.holds(term, lambda name: getattr(one, name)) for term in self.plan.rest
        )

    # --- ranges -----------------------------------------------------------------------------------
    def _range(self, size: int, place: Place | None, budget: int) -> Page:
        back = bool(place and place.back)
        found: list[tuple[int, dict[str, Any]]] = []
        read, start, stopped = 0, place, None
        while True:
            limit = size + 1 - len(found)
            if self._filters is not None:
                limit = min(CHUNK, budget - read)
            number = start.number if start else (len(self._hashes) - 1 if back else 0)
            answer = self._ask(number, start.key if start else None, limit, back=back)
            read += int(answer["ScannedCount"])
            found += [(number, item) for item in answer["Items"]]
            stopped = self._after(answer, number, back=back)
            if stopped is None or len(found) > size or read >= budget:
                break
            start = stopped
        return self._cut(found, size, place, stopped, read, back=back)

    def _after(self, answer: dict[str, Any], number: int, *, back: bool) -> Place | None:
        """Where reading goes on: in the same range, or at the start of the next one."""
        if answer.get("LastEvaluatedKey"):
            return Place(answer["LastEvaluatedKey"], number, back)
        beyond = number - 1 if back else number + 1
        return Place({}, beyond, back) if 0 <= beyond < len(self._hashes) else None

    def _cut(
        self,
        found: list[tuple[int, dict[str, Any]]],
        size: int,
        place: Place | None,
        stopped: Place | None,
        read: int,
        *,
        back: bool,
    ) -> Page:
        """The page in the order of the list, with the places around it."""
        more = len(found) > size
        shown = found[:size]
        onward = self._place(*shown[-1], back=back) if more else stopped
        behind = None
        if place is not None:  # we came from the other side
            behind = self._place(*shown[0], back=not back) if shown else _turned(place)
        if back:
            shown = shown[::-1]
        records = self._whole([item for _, item in shown])
        before, after = (onward, behind) if back else (behind, onward)
        if self.plan.kind == "scan":  # a table has no way back
            before = None
        return Page(records, before, after, read)

    def _place(self, number: int, item: dict[str, Any], *, back: bool) -> Place:
        names = {attribute.attr_name for attribute in self.record.key_attributes()}
        names |= {name for name in (self.plan.hash_name, self.plan.range_name) if name}
        return Place({name: item[name] for name in sorted(names)}, number, back)

    def _whole(self, items: list[dict[str, Any]]) -> list[dynamodb.Record]:
        """The records; those of an index that has only keys are read again, strongly consistent."""
        if self.plan.index is None or query_plan.holds_all(self.record, self.plan.index):
            return [self.record.read(item) for item in items]
        keys = [self._key(item) for item in items]
        found = dynamodb.fetch(keys)
        records = [found.get(key.record, key.hash, key.range) for key in keys]
        return [one for one in records if one is not None and self._fits(one)]

    def _key(self, item: dict[str, Any]) -> dynamodb.Key:
        one = self.record.read(item)
        values = [getattr(one, a.attr_name) for a in self.record.key_attributes()]
        return dynamodb.Key(self.record, *values)

    @property
    def _hashes(self) -> Sequence[Any]:
        return self.plan.hashes or (None,)

    @property
    def _filters(self) -> Condition | None:
        """What DynamoDB leaves out of what it looks at."""
        if self.plan.index and not query_plan.holds_all(self.record, self.plan.index):
            return None
        made = [query_plan.condition(term, self.record, self.pk) for term in self.plan.rest]
        kept = [one for one in made if one is not None]
        return reduce(and_, kept) if kept else None

    def _ask(
        self, number: int, start: pagination.Place | None, limit: int, *, back: bool
    ) -> dict[str, Any]:
        arguments = self._arguments(number, back=back)
        if start:
            arguments["ExclusiveStartKey"] = start
        how = "Scan" if self.plan.kind == "scan" else "Query"
        try:
            return dynamodb.call(how, Limit=limit, **arguments)
        except VerboseClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            raise query_plan.Unanswerable("DynamoDB cannot compare with that.") from error

    def _arguments(self, number: int, *, back: bool) -> dict[str, Any]:
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        arguments: dict[str, Any] = {"TableName": self.record.table_name()}
        if self._filters is not None:
            arguments["FilterExpression"] = self._filters.serialize(names, values)
        if self.plan.kind == "range":
            attribute = self.record.get_attributes()[self.plan.hash_name]
            keys = attribute == self._hashes[number]
            if self.plan.range_condition is not None:
                keys &= self.plan.range_condition
            arguments["KeyConditionExpression"] = keys.serialize(names, values)
            arguments["ScanIndexForward"] = self.newest_first == back
            if self.plan.index:
                arguments["IndexName"] = self.plan.index
        if names:
            arguments["ExpressionAttributeNames"] = {short: name for name, short in names.items()}
        if values:
            arguments["ExpressionAttributeValues"] = values
        return arguments


def _turned(place: Place) -> Place | None:
    return Place(place.key, place.number, not place.back) if place.key else None
