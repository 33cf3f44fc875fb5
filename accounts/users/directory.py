"""Finding people of a customer by name, e-mail address, role, status, location and skill.

A search reads `DirectoryEntry` records, which are small and sorted by name: one Query reads 1 MB,
about 4,000 people, and DynamoDB filters them. The people it selects are then read themselves and
checked again, so that an outdated entry neither shows anybody nor anything.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accounts import permissions
from accounts.models import (
    ALL_LOCATIONS,
    DIRECTORY_STATUSES,
    DIRECTORY_VERSION,
    Customer,
    DirectoryEntry,
    Location,
    User,
)
from config import dynamodb, errors, folding
from config.dynamodb import pagination

MAX_RESULTS = 99
"""People on a page of a search: with the location of the filter one batch of reads."""
CHUNK_SIZE, MAX_CHUNKS = 250, 4
"""Records per query, and queries per page, where a customer's directory is incomplete."""
_MAX_WORDS = 10
"""Words that the database filters by; all others are checked afterwards."""
_SPARE = 1.25
"""How many more entries than expected the next page reads."""


@dataclass(frozen=True)
class Criteria:
    """Whom to find; an empty value finds everybody in the directory."""

    text: str = ""
    """Words that must all be part of a name or, unless ``names_only``, of the e-mail address."""
    role: str = ""
    statuses: Collection[str] = ()
    location_id: str = ""
    """Who works there, also because of access to all locations."""
    skill: str = ""
    names_only: bool = False
    descending: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.role or self.statuses or self.location_id or self.skill)

    @cached_property
    def words(self) -> list[str]:
        return list(dict.fromkeys(folding.fold_text(self.text).split()))

    def matches(self, user: User) -> bool:
        """Whether a person fulfills all criteria; `_build_filter` says the same to the database."""
        return (
            user.status in DIRECTORY_STATUSES
            and self.role in ("", user.role)
            and (not self.statuses or user.status in self.statuses)
            and (not self.location_id or bool({self.location_id, ALL_LOCATIONS} & set(user.locations)))
            and (not (self.words or self.skill) or self._matches_texts(user.directory_entry()))
        )

    def _matches_texts(self, entry: DirectoryEntry) -> bool:
        texts = [entry.names] if self.names_only else [entry.names, entry.email]
        return all(any(word in text for text in texts) for word in self.words) and (
            not self.skill or folding.fold_text(self.skill) in entry.skills
        )


EVERYBODY = Criteria()


def is_visible_to(user: User, actor: permissions.Actor) -> bool:
    """Whether the actor's lists include a person of the same customer."""
    if not actor.is_location_restricted or user.id == actor.id or ALL_LOCATIONS in user.locations:
        return True
    return bool(set(user.locations) & set(actor.locations))


def search(
    criteria: Criteria, *, actor: permissions.Actor, customer: Customer, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[User]:
    """People of the actor's customer by name, as far as the actor may see them.

    Takes two round trips; a page may hold fewer than ``limit`` before the list ends. Raises
    `errors.Forbidden` or `errors.NotFound` for a location that is not the actor's.
    """
    if criteria.location_id and not actor.can_access_locations([criteria.location_id]):
        raise errors.Forbidden("You have no access to this location.", pointer="?locationId")
    limit = min(limit, MAX_RESULTS)
    if customer.directory_version != DIRECTORY_VERSION:
        return _search_records(criteria, actor, limit=limit, cursor=cursor)
    name_keys, next_cursor = _query_entries(criteria, actor, limit=limit, cursor=cursor)
    keys = [dynamodb.RecordKey(User, id) for id in name_keys.values()]
    records = dynamodb.batch_get([*keys, *_location_keys(criteria)]) if keys or criteria.location_id else None
    if records is None:
        return pagination.CursorPage([], next_cursor)
    _check_location(criteria, records, actor)
    users = [user for key, id in name_keys.items() if (user := records.get(User, id)) and user.name_key == key]
    return pagination.CursorPage([user for user in users if _is_result(user, criteria, actor)], next_cursor)


def _is_result(user: User, criteria: Criteria, actor: permissions.Actor) -> bool:
    return user.customer_id == actor.customer_id and is_visible_to(user, actor) and criteria.matches(user)


def _location_keys(criteria: Criteria) -> list[dynamodb.RecordKey]:
    is_location_id = dynamodb.is_id("loc", criteria.location_id)
    return [dynamodb.RecordKey(Location, criteria.location_id)] if is_location_id else []


def _check_location(criteria: Criteria, records: dynamodb.BatchResult, actor: permissions.Actor) -> None:
    if criteria.location_id:
        location = records.get(Location, criteria.location_id)
        if location is None or location.customer_id != actor.customer_id:
            raise errors.NotFound("Location not found.", pointer="?locationId")


def _query_entries(
    criteria: Criteria, actor: permissions.Actor, *, limit: int, cursor: pagination.Cursor | None
) -> tuple[dict[str, str], pagination.Cursor | None]:
    """The ids of matching people by name key, in order, and the cursor of the next page."""
    condition, values = "#customer_id = :customer", {":customer": {"S": actor.customer_id}}
    filters, filter_values = _build_filter(criteria, actor)
    options: dict[str, Any] = {"FilterExpression": " AND ".join(filters)} if filters else {}
    projection = "#key, #id"
    arguments = dynamodb.query_arguments(DirectoryEntry, condition, {**values, **filter_values})
    names = dynamodb.expression_names(" ".join([condition, projection, *filters]))
    if cursor:
        options["ExclusiveStartKey"] = {"customer_id": {"S": actor.customer_id}, "key": cursor["name_key"]}
        options |= {"Limit": int(cursor["step"]["N"])} if "step" in cursor else {}
    response = dynamodb.call(
        "Query",
        **{**arguments, "ExpressionAttributeNames": names},
        ProjectionExpression=projection,
        ScanIndexForward=not criteria.descending,
        **options,
    )
    items = response["Items"][:limit]
    last_key = items[-1] if len(response["Items"]) > limit else response.get("LastEvaluatedKey")
    next_cursor = _build_cursor(actor, last_key["key"]["S"]) if last_key else None
    if next_cursor and response["Items"]:
        step = limit * response["ScannedCount"] / len(response["Items"]) * _SPARE
        next_cursor["step"] = {"N": str(math.ceil(step) + 1)}
    return {item["key"]["S"]: item["id"]["S"] for item in items}, next_cursor


def _build_cursor(actor: permissions.Actor, name_key: str) -> pagination.Cursor:
    """The cursor after a person, for this search and for the list of all people."""
    id = name_key.rpartition("#")[2]
    return {"customer_id": {"S": actor.customer_id}, "name_key": {"S": name_key}, "id": {"S": id}}


def _build_filter(criteria: Criteria, actor: permissions.Actor) -> tuple[list[str], dict[str, Any]]:
    """What entries must fulfill: conditions, and their values."""
    values: dict[str, Any] = {}

    def add_value(text: str) -> str:
        name = f":v{len(values)}"
        values[name] = {"S": text}
        return name

    def contains(*attributes: str, texts: Collection[str]) -> str:
        names = [add_value(text) for text in texts]
        return "(" + " OR ".join(f"contains(#{item}, {name})" for item in attributes for name in names) + ")"

    text_attributes = ("names",) if criteria.names_only else ("names", "email")
    filters = [contains(*text_attributes, texts=[word]) for word in criteria.words[:_MAX_WORDS]]
    if criteria.role:
        filters.append(f"#role = {add_value(criteria.role)}")
    if criteria.statuses:
        filters.append(f"#status IN ({', '.join(map(add_value, criteria.statuses))})")
    if criteria.location_id:
        filters.append(contains("locations", texts=[criteria.location_id, ALL_LOCATIONS]))
    if criteria.skill:
        filters.append(contains("skills", texts=[folding.fold_text(criteria.skill)]))
    if actor.is_location_restricted:
        shares_location = contains("locations", texts=[*actor.locations, ALL_LOCATIONS])
        filters.append(f"({shares_location} OR #id = {add_value(actor.id)})")
    return filters, values


def _search_records(
    criteria: Criteria, actor: permissions.Actor, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[User]:
    """A page of a customer whose directory is incomplete, from the records themselves."""
    if criteria.location_id:
        _check_location(criteria, dynamodb.batch_get(_location_keys(criteria)), actor)
    condition, values = "#customer_id = :customer", {":customer": {"S": actor.customer_id}}
    cursor = {name: value for name, value in cursor.items() if name != "step"} if cursor else None
    users: list[User] = []
    for _ in range(MAX_CHUNKS):
        page = pagination.query_page(
            User, "byCustomer", condition, values, limit=CHUNK_SIZE, cursor=cursor, newest_first=criteria.descending
        )
        users += [user for user in page.records if _is_result(user, criteria, actor)]
        cursor = page.next_cursor
        if len(users) > limit:
            users = users[:limit]
            cursor = pagination.cursor_after(users[-1], "byCustomer")
        if cursor is None or len(users) == limit:
            break
    return pagination.CursorPage(users, cursor)
