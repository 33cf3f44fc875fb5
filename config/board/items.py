"""The items of the board: stored by checks, read by pages, taken and released by operators."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config import dynamodb, errors
from config.board.models import BoardItem, BoardPass
from config.board.sources import Problem
from config.dynamodb import unaudited

PLATFORM = "platform"
LAST_ID = "all"
RETENTION = timedelta(days=7)
"""How long an item stays if no check comes: then the board is out of date, and says so."""
RENEWED_AFTER = timedelta(days=1)
MAX_PROBLEMS = 200
"""Items of one kind at one customer; more are not stored."""


class AlreadyTaken(errors.Conflict):
    """Another operator has taken this item."""

    code = "already_taken"


@dataclass(frozen=True)
class Page:
    """Items, the longest there first."""

    items: list[BoardItem]
    has_more: bool


def platform_scope(source_name: str) -> str:
    """The scope of what a platform source finds."""
    return f"{PLATFORM}:{source_name}"


def store(scope: str, customer_id: str, kinds: Sequence[str], problems: Iterable[Problem], at: datetime) -> None:
    """Store the present problems of these kinds in a scope, and remove those that are gone.

    One read; one write for each item that is new, has changed, or was not stored for a day.
    """
    stored = {str(item.key): item for item in _query_scope(scope) if item.kind in kinds}
    counts = dict.fromkeys(kinds, 0)
    for problem in problems:
        counts[problem.kind] += 1
        if counts[problem.kind] <= MAX_PROBLEMS:
            item = _build(scope, customer_id, problem, at)
            _store_item(item, stored.pop(str(item.key), None))
    for item in stored.values():
        unaudited.remove(item, BoardItem.last_seen_at == item.last_seen_at)


def _build(scope: str, customer_id: str, problem: Problem, at: datetime) -> BoardItem:
    return BoardItem(
        scope=scope,
        key=f"{problem.kind}#{problem.key}",
        kind=problem.kind,
        customer_id=problem.customer_id or customer_id or None,
        facts=dict(problem.facts),
        first_seen_at=problem.since or at,
        last_seen_at=at,
        expires_at=int((at + RETENTION).timestamp()),
    )


def _store_item(item: BoardItem, stored: BoardItem | None) -> None:
    if stored is None:
        unaudited.create(item)
    elif stored.facts != item.facts or item.last_seen_at - stored.last_seen_at > RENEWED_AFTER:
        changes = [
            BoardItem.facts.set(item.facts),
            BoardItem.last_seen_at.set(item.last_seen_at),
            BoardItem.expires_at.set(item.expires_at),
        ]
        unaudited.update(item, changes, BoardItem.key.exists())


def _query_scope(scope: str) -> Iterable[BoardItem]:
    return dynamodb.iter_records(BoardItem, "#scope = :scope", {":scope": {"S": scope}}, ConsistentRead=True)


def iter_items(customer_id: str) -> Iterator[BoardItem]:
    """All items about a customer."""
    values = {":of": {"S": customer_id}}
    yield from dynamodb.iter_records(BoardItem, "#customer_id = :of", values, IndexName="byCustomer")


def forget_customer(customer_id: str) -> None:
    """Remove all items about a customer."""
    unaudited.write_all(removals=list(iter_items(customer_id)))


def list_by_kind(kinds: Sequence[str], limit: int) -> dict[str, Page]:
    """Up to ``limit`` items of each kind; one round trip."""
    return dict(zip(kinds, _query_pages("byKind", "kind", kinds, limit), strict=True))


def list_of_customer(customer_id: str, limit: int) -> Page:
    """Up to ``limit`` items about a customer; one round trip."""
    (page,) = _query_pages("byCustomer", "customer_id", [customer_id], limit)
    return page


def list_of_owner(owner_id: str, limit: int) -> Page:
    """Up to ``limit`` items that an operator has taken; one round trip."""
    (page,) = _query_pages("byOwner", "owner_id", [owner_id], limit)
    return page


def _query_pages(index: str, name: str, values: Sequence[str], limit: int) -> list[Page]:
    queries = [
        dynamodb.RecordQuery(
            BoardItem, f"#{name} = :value", {":value": {"S": value}}, {"IndexName": index, "Limit": limit + 1}
        )
        for value in values
    ]
    responses = dynamodb.call_together([("Query", query.arguments) for query in queries])
    pages = [[BoardItem.from_item(item) for item in response["Items"]] for response in responses]
    return [Page(items[:limit], has_more=len(items) > limit) for items in pages]


def get_last_pass() -> BoardPass | None:
    """The last check of all customers that has ended."""
    return dynamodb.get_record(BoardPass, LAST_ID)


def take(scope: str, key: str, owner_id: str, at: datetime) -> None:
    """Make an operator the owner of an item. Raises `errors.NotFound` and `AlreadyTaken`."""
    item = get_item(scope, key)
    is_free = BoardItem.owner_id.does_not_exist() | (BoardItem.owner_id == owner_id)
    changes = [BoardItem.owner_id.set(owner_id), BoardItem.taken_at.set(at)]
    if unaudited.update(item, changes, BoardItem.key.exists() & is_free) is None:
        raise AlreadyTaken("This is assigned to somebody else, or it is gone by now.")


def release(scope: str, key: str) -> None:
    """Let nobody be the owner of an item. Raises `errors.NotFound`."""
    item = get_item(scope, key)
    unaudited.update(item, [BoardItem.owner_id.remove(), BoardItem.taken_at.remove()], BoardItem.key.exists())


def get_item(scope: str, key: str) -> BoardItem:
    """An item. Raises `errors.NotFound`."""
    item = dynamodb.get_record(BoardItem, scope, key)
    if item is None:
        raise errors.NotFound("This is no longer on the board: its cause is gone.")
    return item
