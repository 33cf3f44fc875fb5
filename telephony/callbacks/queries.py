"""Reading call-backs: single ones, and lists of a location or a customer by due time."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from accounts import locations, permissions
from accounts.permissions import Actor
from config import dynamodb, errors, journal
from config.dynamodb import pagination
from telephony import dialing_rules, lines
from telephony.callbacks import callback_record, rights
from telephony.calls.rota import neighbours
from telephony.models import Callback

if TYPE_CHECKING:
    from accounts.models import Location

WAITING = ("open", "taken")
CLOSED = ("done", "dropped")
MAX_QUERIES, BATCH_SIZE = 4, 100
"""Of the list of a customer: reads of `BATCH_SIZE` call-backs for one page."""


@dataclass(frozen=True)
class CallbackEntry:
    """A call-back with what is computed for who reads it."""

    callback: Callback
    can_call: bool
    """Whether the caller's number may be called from the location's country."""

    @property
    def version(self) -> int:
        return int(self.callback.version)


@dataclass(frozen=True)
class Criteria:
    """Which call-backs a list shows: of a location, else of a customer, with these statuses."""

    location_id: str | None = None
    customer_id: str | None = None
    statuses: Collection[str] = WAITING
    only_mine: bool = False
    """Only those that the actor holds, or has closed."""

    @property
    def key_range(self) -> tuple[str, str]:
        """The part of the queue that holds them: see `queue_key`."""
        prefixes = [number for number, status in (("1", "open"), ("2", "taken")) if status in self.statuses]
        prefixes += ["3"] if set(self.statuses) & set(CLOSED) else []
        return f"{prefixes[0]}#", f"{prefixes[-1]}#~"

    @property
    def newest_first(self) -> bool:
        """What is closed matters the less the older it is."""
        return not set(self.statuses) & set(WAITING)


def get_callback(callback_id: str, *, actor: Actor, at: datetime) -> CallbackEntry:
    """A call-back that the actor may see. Raises `errors.NotFound` and `errors.Forbidden`."""
    (entry,) = to_entries([load_visible(callback_id, actor, at)])
    return entry


def log_callback_viewed(callback: Callback, *, actor: Actor, at: datetime) -> None:
    """Write to the audit log that an operator opened a call-back, which shows who called."""
    actor.require("calls:read")
    journal.write_audit_event(actor, "callback.viewed", callback, at)


def load_visible(callback_id: str, actor: Actor, at: datetime) -> Callback:
    """The record of `get_callback`."""
    actor.require("calls:handle")
    callback = callback_record.load(callback_id)
    if callback is None or callback_record.is_expired(callback, at):
        raise rights.callback_not_found()
    rights.check_callback(callback, actor, at)
    return callback


def to_entries(callbacks: Iterable[Callback], known: Iterable["Location"] = ()) -> list[CallbackEntry]:
    """Call-backs of one customer with what depends on their locations, of which some are known."""
    callbacks, zones = list(callbacks), {location.id: str(location.time_zone) for location in known}
    missing = dict.fromkeys(str(callback.location_id) for callback in callbacks if callback.location_id not in zones)
    if missing:
        customer_id = str(callbacks[0].customer_id)
        zones |= {
            id: str(location.time_zone) for id, location in locations.load_locations(missing, customer_id).items()
        }
    return [
        CallbackEntry(callback, _can_call(callback, zones.get(str(callback.location_id)))) for callback in callbacks
    ]


def _can_call(callback: Callback, zone: str | None) -> bool:
    country = lines.allowed_country(dialing_rules.country_of_location(zone)) if zone else None
    return bool(callback.caller and country) and not dialing_rules.rejection_reason(str(callback.caller), country)


def list_callbacks(
    criteria: Criteria, *, actor: Actor, at: datetime, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[CallbackEntry]:
    """Call-backs by status and due time, what is open first; closed ones alone from the latest on.

    Without ``calls:read``, those of `rights`; of a whole customer, only the actor's. Raises
    `errors.NotFound`, `errors.Forbidden`, `rights.NotOnDuty` and `permissions.ForeignCustomer`.
    """
    actor.require("calls:handle")
    if criteria.customer_id is not None:
        with permissions.audit_denied_attempts(actor, at, values={"customerId": criteria.customer_id}):
            permissions.check_customer(actor, criteria.customer_id, pointer="?customerId")
    if criteria.location_id is None:
        return _list_of_customer(criteria, actor, at, limit, cursor)
    return _list_of_location(criteria.location_id, criteria, actor, at, limit, cursor)


def _list_of_location(
    location_id: str, criteria: Criteria, actor: Actor, at: datetime, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[CallbackEntry]:
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.", pointer="?locationId")
    records = dynamodb.batch_get([locations.location_key(location_id)])
    location = locations.get_location_from(records, location_id, actor, pointer="?locationId")
    if criteria.only_mine:
        rights.check_workplace(location_id, actor)
    else:
        rights.check_location(location_id, actor, at)
    low, high = criteria.key_range
    values: dict[str, Any] = {":of": {"S": location_id}, ":low": {"S": low}, ":high": {"S": high}}
    expression, filter_values = _to_expression(location_id, criteria, actor, at)
    page = pagination.query_filtered_page(
        Callback,
        "byLocation",
        "#location_id = :of AND #queue BETWEEN :low AND :high",
        values | filter_values,
        filter_expression=expression,
        limit=limit,
        cursor=cursor,
        newest_first=criteria.newest_first,
    )
    return pagination.CursorPage(to_entries(page.records, [location]), page.next_cursor)


def _to_expression(location_id: str, criteria: Criteria, actor: Actor, at: datetime) -> tuple[str, dict[str, Any]]:
    """The filter as an expression of DynamoDB, and its values."""
    values = {f":status{number}": {"S": status} for number, status in enumerate(criteria.statuses)}
    parts = [f"#status IN ({', '.join(values)})", "#expires_at >= :now"]
    values[":now"] = {"N": str(int(at.timestamp()))}
    if criteria.only_mine:
        parts.append("#taken_by = :actor")
        values[":actor"] = {"S": actor.id}
    elif not rights.is_in_charge(actor, location_id):
        parts.append("(#taken_by = :actor OR #status IN (:open, :taken))")
        values |= {":actor": {"S": actor.id}, ":open": {"S": "open"}, ":taken": {"S": "taken"}}
    return " AND ".join(parts), values


def _list_of_customer(
    criteria: Criteria, actor: Actor, at: datetime, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[CallbackEntry]:
    """Of the locations that the actor has access to.

    A page reads a bounded number, so it may hold fewer than ``limit`` before the last.
    """
    if not actor.has_permission("calls:read") and not criteria.only_mine:
        raise rights.NotOnDuty("Send `locationId`, a location where you are on duty now, or `mine=true`.")
    low, high = criteria.key_range
    condition = "#customer_id = :of AND #queue BETWEEN :low AND :high"
    values = {":of": {"S": actor.customer_id}, ":low": {"S": low}, ":high": {"S": high}}
    arguments = dynamodb.query_arguments(Callback, condition, values) | {"IndexName": "byCustomer"}
    matches: list[Callback] = []
    is_accessible = _access_check(criteria, actor)
    for _ in range(MAX_QUERIES):
        start = {"ExclusiveStartKey": cursor} if cursor else {}
        response = dynamodb.call(
            "Query", **arguments, Limit=BATCH_SIZE, ScanIndexForward=not criteria.newest_first, **start
        )
        keys = response["Items"]
        records = dynamodb.batch_get(dynamodb.RecordKey(Callback, key["id"]["S"]) for key in keys)
        for key in keys:
            if len(matches) == limit:
                return pagination.CursorPage(to_entries(matches), cursor)
            cursor = pagination.item_key(Callback, "byCustomer", key)
            callback = records.get(Callback, key["id"]["S"])
            if callback and _is_match(callback, criteria, actor, at, is_accessible):
                matches.append(callback)
        cursor = response.get("LastEvaluatedKey")
        if cursor is None or len(matches) == limit:
            break
    return pagination.CursorPage(to_entries(matches), cursor)


def _access_check(criteria: Criteria, actor: Actor) -> Callable[[str], bool]:
    """Whether the actor has to do with a location, by its id."""
    if not criteria.only_mine:
        return lambda location_id: actor.can_access_locations([location_id])
    return cache(lambda location_id: neighbours.find_workplace(actor, location_id) is not None)


def _is_match(
    callback: Callback, criteria: Criteria, actor: Actor, at: datetime, is_accessible: Callable[[str], bool]
) -> bool:
    return (
        callback.status in criteria.statuses
        and not callback_record.is_expired(callback, at)
        and is_accessible(str(callback.location_id))
        and (not criteria.only_mine or callback.taken_by == actor.id)
    )
