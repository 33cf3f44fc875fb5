"""Who may see a call without `calls:read`: those considered for it, or told of it on duty."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType

from accounts.permissions import Actor
from config import dynamodb
from config.dynamodb import pagination, unaudited
from telephony.calls.history.call_filter import CallFilter
from telephony.calls.state.call_record import CallRecord
from telephony.models import Call, CallOfUser

FEW_ROWS, MANY_ROWS = 100, 1_000
"""Rows of `CallOfUser` that the first query of a page reads, and each later one."""
MAX_QUERIES = 4
MAX_CALLS = 100
"""Calls that a page reads beyond its ``limit``: a search has to, and rows without location."""
UNCERTAIN_CALLS, BATCH_SIZE = 25, 100
"""Calls that are read at once, at least where some may not count, and at most."""


def is_call_of(user_id: str, call: CallRecord) -> bool:
    """Whether a user was considered for a call or told of it; one read at most."""
    if user_id in {candidate.id for candidate in call.candidates}:
        return True
    return find_row(user_id, call) is not None


def find_row(user_id: str, call: CallRecord) -> CallOfUser | None:
    """What lists a user with a call, if they are; operators and others are with none."""
    return next(
        (dynamodb.get_record(CallOfUser, user_id, str(row.key)) for row in call.row.list_users([user_id])), None
    )


def can_access(actor: Actor, call: Call, row: CallOfUser | None) -> bool:
    """Whether a user of a call works where it came in, or where they were on duty when it did."""
    duty_location_id = row.duty_location_id if row else None
    return actor.can_access_locations([call.location_id]) or bool(
        duty_location_id and actor.can_access_locations([duty_location_id])
    )


def add_users(
    call: CallRecord, user_ids: Iterable[str], duty_locations: Mapping[str, str] = MappingProxyType({})
) -> None:
    """List users with a call of which they are about to be told.

    ``duty_locations``: of those who are on duty at another location, that one.
    """
    listed = {candidate.id for candidate in call.candidates if candidate.id not in duty_locations}
    unaudited.write_all(puts=call.row.list_users((id for id in user_ids if id not in listed), duty_locations))


def list_listeners(call: Call) -> list[tuple[str, datetime]]:
    """The users who listened to a recording, and when for the first time, in that order."""
    listeners = (text.split(" ") for text in call.heard_by or ())
    return sorted(((user_id, datetime.fromisoformat(at)) for user_id, at in listeners), key=itemgetter(1))


def list_calls(
    actor: Actor, location_id: str | None, call_filter: CallFilter, *, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[Call]:
    """The calls of a user to a location, or to all that they can access, newest first.

    A page reads a bounded number of rows, and of calls little more than it shows, so it may hold
    fewer than ``limit`` before the last.
    """
    calls: list[Call] = []
    calls_left = limit + MAX_CALLS
    for number in range(MAX_QUERIES):
        row_limit = MANY_ROWS if number else max(FEW_ROWS, limit + 1)
        rows, next_cursor = _read_rows(actor.id, location_id, call_filter, cursor, row_limit)
        while rows and len(calls) < limit and calls_left > 0:
            chunk_size = _chunk_size(rows, limit - len(calls), has_filter=not call_filter.selects_most)
            chunk = rows[: min(chunk_size, calls_left)]
            records = dynamodb.batch_get(dynamodb.RecordKey(Call, str(row.call_id)) for row in chunk)
            calls_left -= len(chunk)
            for row in chunk:
                call = records.get(Call, str(row.call_id))
                is_there = call and location_id in (None, call.location_id) and can_access(actor, call, row)
                if call and is_there and call_filter.matches(call):
                    calls.append(call)
                rows, cursor = rows[1:], pagination.item_key(CallOfUser, None, row.serialize())
                if len(calls) == limit:
                    break
        if rows:
            return pagination.CursorPage(calls, cursor)
        cursor = next_cursor
        if cursor is None or len(calls) == limit:
            break
    return pagination.CursorPage(calls, cursor)


def _chunk_size(rows: list[CallOfUser], count: int, *, has_filter: bool) -> int:
    """How many calls to read at once: those that are wanted, more where some may not count."""
    is_certain = not has_filter and all(row.location_id for row in rows[:count])
    return min(count if is_certain else max(count, UNCERTAIN_CALLS), BATCH_SIZE)


def _read_rows(
    user_id: str, location_id: str | None, call_filter: CallFilter, cursor: pagination.Cursor | None, limit: int
) -> tuple[list[CallOfUser], pagination.Cursor | None]:
    """Rows of a user's calls, as far as they may be at a location, of at most ``limit``."""
    condition = "#user_id = :user AND #key BETWEEN :low AND :high"
    values = {
        ":user": {"S": user_id},
        ":low": {"S": dynamodb.format_timestamp(call_filter.earliest)},
        ":high": {"S": f"{dynamodb.format_timestamp(call_filter.latest)}#~"},
    }
    arguments = dynamodb.query_arguments(CallOfUser, condition, values)
    if location_id:
        expression = "#location_id = :location OR attribute_not_exists(#location_id)"
        arguments["FilterExpression"] = expression
        arguments["ExpressionAttributeNames"] |= dynamodb.expression_names(expression)
        arguments["ExpressionAttributeValues"][":location"] = {"S": location_id}
    start = {"ExclusiveStartKey": cursor} if cursor else {}
    response = dynamodb.call("Query", **arguments, ScanIndexForward=False, Limit=limit, **start)
    return [CallOfUser.from_item(item) for item in response["Items"]], response.get("LastEvaluatedKey")
