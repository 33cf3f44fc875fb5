"""Plans how DynamoDB answers a Django query: its parsed tree becomes keys and conditions.

Pure. A plan reads items by their keys, or a range of a table or index. A query that would need to
read the whole table is refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db import NotSupportedError
from django.db.models.expressions import ColPairs
from django.db.models.sql.where import OR, NothingNode, WhereNode
from pynamodb.expressions.condition import Condition

from config import dynamodb
from config.backoffice.records import key_bounds


class UnsupportedQuery(NotSupportedError):
    """The query would need to read the whole table."""


class KeyRequired(UnsupportedQuery):
    """The query names no hash key."""


ValueTest = Callable[[Any, Any], bool]
LOOKUPS: Mapping[str, tuple[Callable[[Any, Any], Condition], ValueTest]] = {
    "exact": (lambda a, v: a == v, lambda x, v: bool(x == v)),
    "gt": (lambda a, v: a > v, lambda x, v: x is not None and bool(x > v)),
    "gte": (lambda a, v: a >= v, lambda x, v: x is not None and bool(x >= v)),
    "lt": (lambda a, v: a < v, lambda x, v: x is not None and bool(x < v)),
    "lte": (lambda a, v: a <= v, lambda x, v: x is not None and bool(x <= v)),
    "range": (lambda a, v: a.between(*v), lambda x, v: x is not None and bool(v[0] <= x <= v[1])),
    "startswith": (lambda a, v: a.startswith(v), lambda x, v: (x or "").startswith(v)),
    "contains": (lambda a, v: a.contains(v), lambda x, v: v in (x or ())),
    "in": (lambda a, v: a.is_in(*v), lambda x, v: x in v),
    "isnull": (lambda a, v: a.does_not_exist() if v else a.exists(), lambda x, v: (x is None) == v),
}
"""DynamoDB's condition for each lookup, and the same test of a plain value."""
MAX_RANGES = 10
"""The most hash keys of a query; each is a range."""
UNFIT_VALUE = "this value does not fit the field"
UNFIT_VALUE_ERRORS = (TypeError, ValueError, AttributeError, ArithmeticError)
"""What PynamoDB raises of values that an attribute cannot have."""
HASH_LOOKUPS = frozenset({"exact", "in"})
RANGE_LOOKUPS = frozenset({"exact", "gt", "gte", "lt", "lte", "range", "startswith"})


@dataclass(frozen=True)
class Comparison:
    """One comparison; ``node`` is its part of the tree."""

    node: Any
    name: str
    lookup: str
    value: Any

    @property
    def values(self) -> list[Any]:
        """The values of ``exact`` or ``in``."""
        return [self.value] if self.lookup == "exact" else self.value


@dataclass(frozen=True)
class QueryPlan:
    """How DynamoDB answers a query."""

    kind: str
    """``keys``, ``range``, ``scan`` or ``nothing``"""
    keys: tuple[str, ...] = ()
    """Of ``keys``: the primary keys, as Django has them."""
    index: str | None = None
    """Of ``range``: an index's name; None: the table."""
    hash_name: str = ""
    hash_values: tuple[Any, ...] = ()
    """Read one after another."""
    range_name: str | None = None
    range_condition: Condition | None = None
    excluded_range_values: frozenset[Any] = frozenset()
    """Values of the sort key that the condition includes and the query does not."""
    filter_nodes: tuple[Any, ...] = field(default=(), compare=False)
    """Parts of the tree that the keys do not decide."""

    def __str__(self) -> str:
        descriptions = {
            "keys": "primary keys",
            "range": f"index {self.index}" if self.index else "table",
            "scan": "table scan",
        }
        return descriptions.get(self.kind, self.kind)


@dataclass(frozen=True)
class KeySource:
    """A table or an index, with the names of its keys."""

    index: str | None
    hash_name: str
    range_name: str | None


def key_sources(record_class: type[dynamodb.Record]) -> list[KeySource]:
    """The table and the indexes of a record."""
    keys = {bool(attribute.is_hash_key): attribute.attr_name for attribute in record_class.key_attributes()}
    available = [KeySource(None, keys[True], keys.get(False))]
    for index in record_class._indexes.values():
        key_names = {part["KeyType"]: part["AttributeName"] for part in index._get_schema()["key_schema"]}
        available.append(KeySource(index.Meta.index_name, key_names["HASH"], key_names.get("RANGE")))
    return available


def projects_all_attributes(record_class: type[dynamodb.Record], index: str | None) -> bool:
    """Whether an index holds all attributes, as the table (None) does."""
    return index is None or bool(record_class._indexes[index].Meta.projection.projection_type == "ALL")


def to_comparison(lookup: Any) -> Comparison:
    """A comparison of the tree. Raises `UnsupportedQuery`."""
    if isinstance(lookup.lhs, ColPairs) and len(lookup.lhs.targets) == 1:  # prefetch asks so
        return Comparison(lookup, lookup.lhs.targets[0].attname, "in", [value for (value,) in lookup.rhs])
    target = getattr(lookup.lhs, "target", None)
    if target is None or lookup.lookup_name not in LOOKUPS:
        raise UnsupportedQuery(f"lists cannot be filtered by {lookup.lookup_name}")
    value = lookup.rhs
    if lookup.lookup_name == "in":
        value = [getattr(item, "pk", item) for item in value]
    return Comparison(lookup, target.attname, lookup.lookup_name, value)


def split_conjunction(node: Any) -> Iterator[Any]:
    """The parts of a tree that are joined by AND."""
    is_and = isinstance(node, WhereNode) and not node.negated
    if is_and and (node.connector != OR or len(node.children) == 1):
        for child in node.children:
            yield from split_conjunction(child)
    else:
        yield node


def to_condition(node: Any, record_class: type[dynamodb.Record], pk: str) -> Condition | None:
    """A part of the tree as DynamoDB's condition; None if it is empty."""
    if isinstance(node, WhereNode):
        child_conditions = [to_condition(child, record_class, pk) for child in node.children]
        conditions = [comparison for comparison in child_conditions if comparison is not None]
        if not conditions:
            return None
        joined = reduce(or_ if node.connector == OR else and_, conditions)
        return ~joined if node.negated else joined
    comparison = to_comparison(node)
    attributes = record_class.get_attributes()
    if comparison.name not in attributes:
        raise UnsupportedQuery(f"{pk} must be given exactly")
    if comparison.lookup == "exact" and comparison.value is None:
        return attributes[comparison.name].does_not_exist()
    return _build_condition(attributes[comparison.name], comparison)


def _build_condition(attribute: Any, *comparisons: Comparison) -> Condition:
    """DynamoDB's condition of an attribute. Raises `UnsupportedQuery`."""
    try:
        if len(comparisons) == 1:
            return LOOKUPS[comparisons[0].lookup][0](attribute, comparisons[0].value)
        return _combine(comparisons).to_condition(attribute)
    except UNFIT_VALUE_ERRORS as error:
        raise UnsupportedQuery(UNFIT_VALUE) from error


def _combine(comparisons: Sequence[Comparison]) -> key_bounds.KeyBounds:
    try:
        return key_bounds.combine((comparison.lookup, comparison.value) for comparison in comparisons)
    except UNFIT_VALUE_ERRORS as error:
        raise UnsupportedQuery(UNFIT_VALUE) from error


def is_match(node: Any, value_of: Callable[[str], Any]) -> bool:
    """Whether an item matches a part of the tree."""
    if isinstance(node, NothingNode):
        return False
    if isinstance(node, WhereNode):
        combine = any if node.connector == OR else all
        is_satisfied = not node.children or combine(is_match(child, value_of) for child in node.children)
        return bool(is_satisfied != node.negated)
    comparison = to_comparison(node)
    try:
        return LOOKUPS[comparison.lookup][1](value_of(comparison.name), comparison.value)
    except TypeError as error:
        raise UnsupportedQuery(UNFIT_VALUE) from error


def names_in(node: Any) -> Iterator[str]:
    """The attributes that a part of the tree compares."""
    if isinstance(node, WhereNode):
        for child in node.children:
            yield from names_in(child)
    elif not isinstance(node, NothingNode):
        yield to_comparison(node).name


def plan_query(
    where: Any,
    record_class: type[dynamodb.Record],
    *,
    pk: str,
    order: Sequence[str] = (),
    may_scan: bool = False,
    least_selective_key: str = "",
) -> QueryPlan:
    """The plan for a tree. Raises `KeyRequired` without a hash key, and `UnsupportedQuery`."""
    terms = list(split_conjunction(where))
    if any(isinstance(term, NothingNode) for term in terms):
        return QueryPlan("nothing")
    comparisons = [to_comparison(term) for term in terms if not isinstance(term, WhereNode)]
    if key_comparison := _find_comparison(comparisons, pk, HASH_LOOKUPS):
        pks = tuple(dict.fromkeys(str(key) for key in key_comparison.values))
        filter_nodes = _without(terms, key_comparison)
        return QueryPlan("keys", keys=pks, filter_nodes=filter_nodes) if pks else QueryPlan("nothing")
    candidates = [_plan_range(source, terms, comparisons, record_class) for source in key_sources(record_class)]
    if range_plans := [candidate for candidate in candidates if candidate]:
        order_name = order[0].lstrip("-") if order else ""
        selective_plans = [plan for plan in range_plans if plan.hash_name != least_selective_key]
        return max(selective_plans or range_plans, key=lambda plan: _score(plan, order_name))
    if may_scan:
        return QueryPlan("scan", filter_nodes=tuple(terms))
    raise KeyRequired("choose a customer first")


def _score(range_plan: QueryPlan, order: str) -> int:
    range_score = 4 if range_plan.range_condition is not None else 0
    return range_score + (2 if order and range_plan.range_name == order else 0) + (range_plan.index is None)


def _plan_range(
    source: KeySource, terms: Sequence[Any], comparisons: Sequence[Comparison], record_class: type[dynamodb.Record]
) -> QueryPlan | None:
    on_hash = _find_comparison(comparisons, source.hash_name, HASH_LOOKUPS)
    if on_hash is None or on_hash.value is None:
        return None
    on_range = [item for item in comparisons if item.name == source.range_name and item.lookup in RANGE_LOOKUPS]
    on_range = [item for item in on_range if item.value is not None]
    if len(on_hash.values) > MAX_RANGES:
        raise UnsupportedQuery(f"at most {MAX_RANGES} values at once")
    hash_values = tuple(value for value in on_hash.values if _may_be_stored(value))
    if not hash_values:
        return QueryPlan("nothing")
    bounds = _combine(on_range) if len(on_range) > 1 else key_bounds.KeyBounds()
    if bounds.is_empty:
        return QueryPlan("nothing")
    range_condition = None
    if on_range:
        range_condition = _build_condition(record_class.get_attributes()[on_range[0].name], *on_range)
    return QueryPlan(
        "range",
        index=source.index,
        hash_name=source.hash_name,
        hash_values=hash_values,
        range_name=source.range_name,
        range_condition=range_condition,
        excluded_range_values=bounds.excluded,
        filter_nodes=_without(terms, on_hash, *on_range),
    )


def _may_be_stored(hash_value: Any) -> bool:
    """Whether a record could have this key: DynamoDB refuses to look for any other."""
    return not isinstance(hash_value, str) or dynamodb.is_storable_key(hash_value)


def _find_comparison(comparisons: Sequence[Comparison], name: str | None, lookups: frozenset[str]) -> Comparison | None:
    matches = (comparison for comparison in comparisons if comparison.name == name and comparison.lookup in lookups)
    return next(matches, None)


def _without(terms: Sequence[Any], *comparisons: Comparison | None) -> tuple[Any, ...]:
    """The terms that these comparisons do not decide."""
    decided_ids = {id(comparison.node) for comparison in comparisons if comparison}
    return tuple(term for term in terms if id(term) not in decided_ids)
