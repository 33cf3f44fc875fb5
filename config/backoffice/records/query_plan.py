"""How DynamoDB answers what Django asks: the tree of a parsed query becomes keys and conditions.

Pure. A plan reads items by their keys, or one range of a table or index; a query that neither can
answer is refused rather than answered by reading everything.
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


class Unanswerable(NotSupportedError):
    """Only reading everything would answer this."""


class NeedsKey(Unanswerable):
    """The list needs to know whose it is."""


Test = Callable[[Any, Any], bool]
LOOKUPS: Mapping[str, tuple[Callable[[Any, Any], Condition], Test]] = {
    "exact": (lambda a, v: a == v, lambda x, v: bool(x == v)),
    "gt": (lambda a, v: a > v, lambda x, v: x is not None and bool(x > v)),
    "gte": (lambda a, v: a >= v, lambda x, v: x is not None and bool(x >= v)),
    "lt": (lambda a, v: a < v, lambda x, v: x is not None and bool(x < v)),
    "lte": (lambda a, v: a <= v, lambda x, v: x is not None and bool(x <= v)),
    "range": (lambda a, v: a.between(*v), lambda x, v: x is not None and bool(v[0] <= x <= v[1])),
    "startswith": (lambda a, v: a.startswith(v), lambda x, v: (x or "").startswith(v)),
    "contains": (lambda a, v: a.contains(v), lambda x, v: v in (x or ())),
    "in": (lambda a, v: a.is_in(*v), lambda x, v: x in v),
    "isnull": (
        lambda a, v: a.does_not_exist() if v else a.exists(),
        lambda x, v: (x is None) == v,
    ),
}
"""Of each lookup: DynamoDB's condition, and the same test of a plain value."""
MOST_RANGES = 10
"""Hash keys of one query: each is a range of its own."""
OF_KEYS = frozenset({"exact", "gt", "gte", "lt", "lte", "range", "startswith"})


@dataclass(frozen=True)
class Leaf:
    """One comparison."""

    name: str
    lookup: str
    value: Any


@dataclass(frozen=True)
class Plan:
    """How a query is answered."""

    kind: str
    """``keys``, ``range``, ``scan`` or ``nothing``"""
    keys: tuple[str, ...] = ()
    """Of ``keys``: the primary keys, as Django has them."""
    index: str | None = None
    """Of ``range``: an index's name; None: the table."""
    hash_name: str = ""
    hashes: tuple[Any, ...] = ()
    """Read one after another."""
    range_name: str | None = None
    range_condition: Condition | None = None
    rest: tuple[Any, ...] = field(default=(), compare=False)
    """What the keys do not decide: parts of the tree."""

    def __str__(self) -> str:
        how = {"keys": f"{len(self.keys)} by key", "range": f"a range of {self.index or 'keys'}"}
        return how.get(self.kind, self.kind)


@dataclass(frozen=True)
class Source:
    """A table or an index, with the names of its keys."""

    index: str | None
    hash_name: str
    range_name: str | None


def sources(record: type[dynamodb.Record]) -> list[Source]:
    """Where items of a record can be read by key."""
    keys = {bool(a.is_hash_key): a.attr_name for a in record.key_attributes()}
    found = [Source(None, keys[True], keys.get(False))]
    for index in record._indexes.values():
        names = {part["KeyType"]: part["AttributeName"] for part in _schema(index)}
        found.append(Source(index.Meta.index_name, names["HASH"], names.get("RANGE")))
    return found


def holds_all(record: type[dynamodb.Record], index: str) -> bool:
    """Whether an index has whole items."""
    projection = record._indexes[index].Meta.projection
    return bool(projection.projection_type == "ALL")


def _schema(index: Any) -> list[dict[str, str]]:
    return list(index._get_schema()["key_schema"])


def leaf(lookup: Any) -> Leaf:
    """One comparison of the tree. Raises `Unanswerable`."""
    if isinstance(lookup.lhs, ColPairs) and len(lookup.lhs.targets) == 1:  # prefetch asks so
        return Leaf(lookup.lhs.targets[0].attname, "in", [value for (value,) in lookup.rhs])
    target = getattr(lookup.lhs, "target", None)
    if target is None or lookup.lookup_name not in LOOKUPS:
        raise Unanswerable(f"DynamoDB does not know {lookup.lookup_name} of this.")
    value = lookup.rhs
    if lookup.lookup_name == "in":
        value = [getattr(one, "pk", one) for one in value]
    return Leaf(target.attname, lookup.lookup_name, value)


def conjunction(node: Any) -> Iterator[Any]:
    """The parts of a tree that must all hold."""
    is_and = isinstance(node, WhereNode) and not node.negated
    if is_and and (node.connector != OR or len(node.children) == 1):
        for child in node.children:
            yield from conjunction(child)
    else:
        yield node


def condition(node: Any, record: type[dynamodb.Record], pk: str) -> Condition | None:
    """A part of the tree as DynamoDB's condition; None where it says nothing."""
    if isinstance(node, WhereNode):
        made = [condition(child, record, pk) for child in node.children]
        parts = [one for one in made if one is not None]
        if not parts:
            return None
        joined = reduce(or_ if node.connector == OR else and_, parts)
        return ~joined if node.negated else joined
    one = leaf(node)
    attributes = record.get_attributes()
    if one.name not in attributes:
        raise Unanswerable(f"{pk} can only be asked for exactly.")
    if one.lookup == "exact" and one.value is None:
        return attributes[one.name].does_not_exist()
    return LOOKUPS[one.lookup][0](attributes[one.name], one.value)


def holds(node: Any, value_of: Callable[[str], Any]) -> bool:
    """Whether a part of the tree holds of an item."""
    if isinstance(node, NothingNode):
        return False
    if isinstance(node, WhereNode):
        test = any if node.connector == OR else all
        met = not node.children or test(holds(child, value_of) for child in node.children)
        return bool(met != node.negated)
    one = leaf(node)
    return LOOKUPS[one.lookup][1](value_of(one.name), one.value)


def plan(
    where: Any,
    record: type[dynamodb.Record],
    *,
    pk: str,
    order: Sequence[str] = (),
    may_scan: bool = False,
    widest: str = "",
) -> Plan:
    """How to answer a tree. Raises `NeedsKey` where no key is given, and `Unanswerable`."""
    terms = list(conjunction(where))
    if any(isinstance(term, NothingNode) for term in terms):
        return Plan("nothing")
    leaves = {id(term): leaf(term) for term in terms if not isinstance(term, WhereNode)}
    for number, one in leaves.items():
        if one.name == pk and one.lookup in ("exact", "in"):
            keys = [one.value] if one.lookup == "exact" else one.value
            rest = tuple(term for term in terms if id(term) != number)
            wanted = tuple(dict.fromkeys(str(key) for key in keys))
            return Plan("keys", keys=wanted, rest=rest) if wanted else Plan("nothing")
    found = [made for source in sources(record) if (made := _ranged(source, terms, leaves, record))]
    if found:
        wanted_order = order[0].lstrip("-") if order else ""
        narrower = [one for one in found if one.hash_name != widest] or found
        return max(narrower, key=lambda one: _worth(one, wanted_order))
    if may_scan:
        return Plan("scan", rest=tuple(terms))
    raise NeedsKey("Say whose.")


def _worth(one: Plan, order: str) -> int:
    ranged = 4 if one.range_condition is not None else 0
    return ranged + (2 if order and one.range_name == order else 0) + (one.index is None)


def _ranged(
    source: Source, terms: Sequence[Any], leaves: Mapping[int, Leaf], record: type[dynamodb.Record]
) -> Plan | None:
    by_hash = _first(leaves, source.hash_name, frozenset({"exact", "in"}))
    if by_hash is None or leaves[by_hash].value is None:
        return None
    hashed = leaves[by_hash]
    by_range = _first(leaves, source.range_name, OF_KEYS) if source.range_name else None
    limits = None
    if by_range is not None:
        ranged = leaves[by_range]
        attribute = record.get_attributes()[ranged.name]
        limits = LOOKUPS[ranged.lookup][0](attribute, ranged.value)
    hashes = [hashed.value] if hashed.lookup == "exact" else hashed.value
    if len(hashes) > MOST_RANGES:
        raise Unanswerable(f"At most {MOST_RANGES} at once.")
    return Plan(
        "range",
        index=source.index,
        hash_name=source.hash_name,
        hashes=tuple(hashes),
        range_name=source.range_name,
        range_condition=limits,
        rest=tuple(term for term in terms if id(term) not in (by_hash, by_range)),
    )


def _first(leaves: Mapping[int, Leaf], name: str | None, lookups: frozenset[str]) -> int | None:
    return next((n for n, o in leaves.items() if o.name == name and o.lookup in lookups), None)
