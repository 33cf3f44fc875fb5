"""Lists of calls: to a location, or of a customer; all of them, or those of a user."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from accounts import locations, permissions
from accounts.permissions import Actor
from config import dynamodb, errors, local_time
from config.dynamodb import pagination
from telephony.calls.history import own_calls
from telephony.calls.history.call_filter import CallCriteria, CallFilter, parse_answerer, parse_caller_search
from telephony.models import Call

CALLS_OF_CUSTOMER = 200
"""Most calls of a page of a customer's: they are read one by one, where those of a location are one
query."""
FIRST_COUNT = 2 * CALLS_OF_CUSTOMER
"""Entries of the index that the first query of a filtered page reads."""
MAX_NAMED_LOCATIONS = 500
"""Locations that fit into an expression of DynamoDB."""


def list_calls(
    criteria: CallCriteria,
    *,
    actor: Actor,
    at: datetime,
    customer_zone: str | None = None,
    limit: int,
    cursor: pagination.Cursor | None,
) -> pagination.CursorPage[Call]:
    """The calls to a location, or of a customer at the actor's locations, newest first.

    Without ``calls:read``, those that the actor was considered for or told of. Naive times, and
    numbers without country code, are local at the location, or in ``customer_zone``. A page may
    hold fewer than ``limit`` before the last. Raises `errors.InvalidRequest`, `errors.NotFound`,
    `errors.Forbidden`, `permissions.ForeignCustomer`, and as `local_time.resolve_range` does.
    """
    actor.require("calls:handle")
    zone = _resolve_place(criteria, actor, at, customer_zone)
    call_filter = _to_filter(criteria, zone, at)
    if call_filter.earliest > call_filter.latest:
        return pagination.CursorPage([], None)
    if not actor.has_permission("calls:read"):
        return own_calls.list_calls(actor, criteria.location_id, call_filter, limit=limit, cursor=cursor)
    if criteria.location_id is None:
        return _list_of_customer(actor, call_filter, limit=min(limit, CALLS_OF_CUSTOMER), cursor=cursor)
    condition, values = query_between("location_id", criteria.location_id, call_filter.earliest, call_filter.latest)
    return _query(call_filter, "byLocation", condition, values, limit=limit, cursor=cursor)


def _resolve_place(criteria: CallCriteria, actor: Actor, at: datetime, customer_zone: str | None) -> str | None:
    """The time zone of the place whose calls are listed, if the actor may see them."""
    location_id, customer_id = criteria.location_id, criteria.customer_id
    if customer_id is not None:
        with permissions.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id, pointer="?customerId")
    if location_id is None:
        return customer_zone
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.", pointer="?locationId")
    records = dynamodb.batch_get([locations.location_key(location_id)])
    location = locations.get_location_from(records, location_id, actor, pointer="?locationId")
    locations.check_access(actor, location_id)
    return str(location.time_zone)


def _to_filter(criteria: CallCriteria, zone: str | None, at: datetime) -> CallFilter:
    since, until = local_time.resolve_range(criteria.since, criteria.until, zone)
    oldest = at - timedelta(days=settings.TELEPHONY["kept_days"])
    return CallFilter(
        earliest=max(since, oldest) if since else oldest,
        latest=(until or at + timedelta(days=1)) - timedelta(microseconds=1),
        caller=parse_caller_search(criteria.caller, zone or "") if criteria.caller else None,
        outcomes=criteria.outcome,
        answered_by=parse_answerer(criteria.answered_by) if criteria.answered_by else "",
        direction=criteria.direction[0] if len(criteria.direction) == 1 else None,
    )


def query_between(attribute: str, id: str, earliest: datetime, latest: datetime) -> tuple[str, dict[str, Any]]:
    """The condition and values of a query of calls in a period, by location or customer."""
    low, high = dynamodb.format_timestamp(earliest), dynamodb.format_timestamp(latest)
    values = {":of": {"S": id}, ":low": {"S": low}, ":high": {"S": high}}
    return f"#{attribute} = :of AND #started_at BETWEEN :low AND :high", values


def _list_of_customer(
    actor: Actor, call_filter: CallFilter, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Call]:
    """The calls of a customer at the actor's locations: found in the index, then read."""
    location_ids = [] if not actor.is_location_restricted else list(actor.locations)
    if actor.is_location_restricted and not location_ids:
        return pagination.CursorPage([], None)
    condition, values = query_between("customer_id", actor.customer_id, call_filter.earliest, call_filter.latest)
    named = location_ids if len(location_ids) <= MAX_NAMED_LOCATIONS else []
    page = _query(call_filter, "byCustomer", condition, values, named, limit=limit, cursor=cursor)
    accessible = [row for row in page.records if actor.can_access_locations([row.location_id])]
    records = dynamodb.batch_get(dynamodb.RecordKey(Call, row.id) for row in accessible)
    calls = [call for row in accessible if (call := records.get(Call, row.id))]
    return pagination.CursorPage(calls, page.next_cursor)


def _query(
    call_filter: CallFilter,
    index: str,
    condition: str,
    values: dict[str, Any],
    location_ids: Sequence[str] = (),
    *,
    limit: int,
    cursor: pagination.Cursor | None,
) -> pagination.CursorPage[Call]:
    expression, filter_values = call_filter.to_expression(location_ids)
    if not expression:
        return pagination.query_page(Call, index, condition, values, limit=limit, cursor=cursor, newest_first=True)
    return pagination.query_filtered_page(
        Call,
        index,
        condition,
        values | filter_values,
        filter_expression=expression,
        limit=limit,
        cursor=cursor,
        newest_first=True,
        first_count=_first_count(call_filter, index, limit),
    )


def _first_count(call_filter: CallFilter, index: str, limit: int) -> int | None:
    """How many items the first query of a filtered page reads; None: 1 MB of them."""
    if call_filter.selects_most:
        return min(FIRST_COUNT, 2 * limit)
    return FIRST_COUNT if index == "byCustomer" else None
