"""Who may see a call without `calls:read`: those considered for it, or told of it on duty."""

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter

from config import dynamodb
from config.dynamodb import pagination, unaudited
from telephony.callers import CallerFilter
from telephony.calls.call_record import CallRecord
from telephony.models import Call, CallOfUser

PAGE_SIZE, MAX_PAGES = 100, 10
"""Calls of one read, and reads of one page of a list."""


def is_call_of(user_id: str, call: CallRecord) -> bool:
    """Whether a user was considered for a call or told of it; one read at most."""
    if user_id in {candidate.id for candidate in call.candidates}:
        return True
    (row,) = call.row.list_users([user_id])
    return dynamodb.get_record(CallOfUser, user_id, str(row.key)) is not None


def add_users(call: CallRecord, user_ids: Iterable[str]) -> None:
    """List users with a call of which they are about to be told."""
    considered = {candidate.id for candidate in call.candidates}
    unaudited.write_all(puts=call.row.list_users(id for id in user_ids if id not in considered))


def list_listeners(call: Call) -> list[tuple[str, datetime]]:
    """The users who listened to a recording, and when for the first time, in that order."""
    listeners = (text.split(" ") for text in call.heard_by or ())
    return sorted(((user_id, datetime.fromisoformat(at)) for user_id, at in listeners), key=itemgetter(1))


def list_calls(
    user_id: str,
    location_id: str,
    earliest: datetime,
    latest: datetime,
    *,
    caller_filter: CallerFilter | None,
    limit: int,
    cursor: pagination.Cursor | None,
) -> pagination.CursorPage[Call]:
    """The calls of a user to a location, newest first.

    A page reads at most `MAX_PAGES` times `PAGE_SIZE` calls, so it may hold fewer than ``limit``
    before the last.
    """
    calls: list[tuple[Call, CallOfUser]] = []
    for _ in range(MAX_PAGES):
        rows, cursor = _read_rows(user_id, earliest, latest, cursor)
        records = dynamodb.batch_get(dynamodb.RecordKey(Call, str(row.call_id)) for row in rows)
        for row in rows:
            call = records.get(Call, str(row.call_id))
            is_match = call is not None and call.location_id == location_id
            if call and is_match and (caller_filter is None or caller_filter.matches(str(call.caller))):
                calls.append((call, row))
        if len(calls) > limit:
            calls = calls[:limit]
            cursor = pagination.item_key(CallOfUser, None, calls[-1][1].serialize())
        if cursor is None or len(calls) == limit:
            break
    return pagination.CursorPage([call for call, _ in calls], cursor)


def _read_rows(
    user_id: str, earliest: datetime, latest: datetime, cursor: pagination.Cursor | None
) -> tuple[list[CallOfUser], pagination.Cursor | None]:
    values = {
        ":user": {"S": user_id},
        ":low": {"S": dynamodb.format_timestamp(earliest)},
        ":high": {"S": f"{dynamodb.format_timestamp(latest)}#~"},
    }
    condition = "#user_id = :user AND #key BETWEEN :low AND :high"
    arguments = dynamodb.query_arguments(CallOfUser, condition, values)
    start = {"ExclusiveStartKey": cursor} if cursor else {}
    response = dynamodb.call("Query", **arguments, ScanIndexForward=False, Limit=PAGE_SIZE, **start)
    return [CallOfUser.from_item(item) for item in response["Items"]], response.get("LastEvaluatedKey")
