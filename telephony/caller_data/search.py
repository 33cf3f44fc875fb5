"""What a customer's records hold about a caller.

Calls are read by index: for commands, tasks and rare requests of operators.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from accounts import locations, permissions
from config import audit, dynamodb, errors
from config.audit.log import format_instant
from config.dynamodb import pagination
from telephony import callers
from telephony.callbacks.bridge import outbound_call
from telephony.callers import CallerFilter
from telephony.calls.limits import usage
from telephony.calls.state.call_record import CallRecord
from telephony.models import BlockedCaller, Call, Callback, LastConversation, OpenCallback, Usage
from telephony.models.callbacks import caller_key

SUBJECT_TYPE = "caller"
USAGE_DAYS = 3
"""Days of which counters may still be stored."""
MAX_ROWS, ROWS_PER_READ = 10_000, 2_500
"""Calls of the index that are looked through at once, and in one read."""
Cursor = Mapping[str, Any]
"""Where to go on in the index."""


@dataclass(frozen=True)
class CallerData:
    """What one customer's records hold about a caller; all that matches any form of the number."""

    customer_id: str
    calls: list[Call]
    callbacks: list[Callback]
    open_callbacks: list[OpenCallback] = field(default_factory=list)
    """What keeps a caller from having two open call-backs at a location."""
    counters: list[tuple[Usage, str]] = field(default_factory=list)
    """A customer's day, and the caller's pseudonym in it."""
    blocks: list[BlockedCaller] = field(default_factory=list)
    conversations: list[LastConversation] = field(default_factory=list)
    """Who last talked with the caller, by location."""

    @property
    def callers(self) -> set[str]:
        """The forms of the number in the records."""
        return {str(call.caller) for call in self.calls} | {str(record.caller) for record in self.callbacks}

    @property
    def location_ids(self) -> set[str]:
        """The locations that were called."""
        return {str(call.location_id) for call in self.calls} | {str(record.location_id) for record in self.callbacks}

    @property
    def recordings(self) -> int:
        """How many recordings the calls have."""
        return sum(len(CallRecord(call).recordings) for call in self.calls)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return not (
            self.calls or self.callbacks or self.open_callbacks or self.counters or self.blocks or self.conversations
        )

    @property
    def counts(self) -> dict[str, int]:
        """What there is, in words of an operator."""
        return {
            "calls": len(self.calls),
            "recordings": self.recordings,
            "call-backs": len(self.callbacks),
            "blocks": len(self.blocks),
            "counters": len(self.counters),
        }


def parse_caller(text: str) -> CallerFilter:
    """The filter for a caller: a number with country code, in any form, or an address.

    Digits without country code find callers who were stored as exactly these. Raises
    `errors.InvalidRequest`.
    """
    caller = callers.normalize_caller(text)
    if not caller:
        raise errors.InvalidRequest("Must be a phone number with + and country code, or an address such as sip:….")
    try:
        caller_filter = callers.parse_search(caller, None)
    except ValueError:
        caller_filter = CallerFilter()
    if not caller_filter.exact:
        caller_filter = CallerFilter(exact=(caller,))
    return replace(caller_filter, number=caller) if callers.is_phone_number(caller) else caller_filter


def party_of(caller: str, customer_id: str) -> audit.Party:
    """A caller in the audit log: the last four digits only."""
    digits = "".join(character for character in caller if character.isdigit())
    return audit.Party(SUBJECT_TYPE, f"…{digits[-4:]}", "", customer_id, customer_id)


def find(caller_filter: CallerFilter, customer_id: str, *, at: datetime, deadline: float | None = None) -> CallerData:
    """Everything about a caller; ``deadline`` in monotonic seconds.

    Raises `errors.Unavailable`, also after the deadline.
    """
    calls: list[Call] = []
    cursor: Cursor | None = None
    while True:
        part, cursor = find_calls(caller_filter, customer_id, at=at, cursor=cursor)
        calls += part
        if cursor is None:
            break
        if deadline and time.monotonic() > deadline:
            raise errors.Unavailable(
                "This customer has too many calls to be read here; use the command.", retry_after=60
            )
    return find_rest(caller_filter, customer_id, calls, at=at)


def find_rest(caller_filter: CallerFilter, customer_id: str, calls: list[Call], *, at: datetime) -> CallerData:
    """What is stored about a caller besides calls, of which these are known."""
    callbacks = [record for record in _iter_callbacks(customer_id) if caller_filter.matches(str(record.caller))]
    places = {(str(call.location_id), str(call.caller)) for call in calls}
    places |= {(str(record.location_id), str(record.caller)) for record in callbacks}
    location_ids = [*_location_ids(customer_id), *_removed_location_ids(customer_id, at)]
    places |= {(location_id, form) for location_id in location_ids for form in caller_filter.exact if form}
    keys = [caller_key(*place) for place in sorted(places)]
    records = dynamodb.batch_get(
        dynamodb.RecordKey(kind, key) for kind in (OpenCallback, LastConversation) for key in keys
    )
    numbers = {*caller_filter.exact, *(caller for _, caller in places)}
    return CallerData(
        customer_id,
        calls,
        callbacks,
        [guard for key in keys if (guard := records.get(OpenCallback, key))],
        list(_find_counters(numbers, customer_id, at)),
        [block for block in _iter_blocks(customer_id) if caller_filter.matches(str(block.number))],
        [conversation for key in keys if (conversation := records.get(LastConversation, key))],
    )


def _location_ids(customer_id: str) -> Iterator[str]:
    actor, cursor = permissions.system_actor(customer_id), None
    while True:
        page = locations.list_accessible_locations(actor, limit=200, cursor=cursor)
        yield from (str(location.id) for location in page.records)
        if (cursor := page.next_cursor) is None:
            return


def _removed_location_ids(customer_id: str, at: datetime) -> list[str]:
    """Locations that were removed while their calls are still stored: the audit log knows them."""
    earliest = format_instant(at - _retention_time())
    condition = "#listed_for = :of AND #at >= :since"
    values = {":of": {"S": customer_id}, ":since": {"S": earliest}, ":action": {"S": "location.removed"}}
    arguments = dynamodb.query_arguments(audit.AuditEntry, condition, values)
    expression = "#action = :action"
    arguments["ExpressionAttributeNames"] = dynamodb.expression_names(f"{condition} {expression}")
    pages = dynamodb.iter_pages("Query", **arguments, IndexName="byCustomer", FilterExpression=expression)
    entries = (audit.AuditEntry.from_item(item) for items in pages for item in items)
    return sorted({str(entry.body["subject"]["id"]) for entry in entries})


def iter_callers(customer_id: str, at: datetime) -> Iterator[tuple[str, datetime]]:
    """The callers of a customer, as stored, and when they called; some more than once."""
    rows = dynamodb.iter_records(Call, *_calls_since(customer_id, at), IndexName="byCustomer")
    yield from ((str(row.caller), row.started_at) for row in rows if row.caller)
    yield from ((str(record.caller), record.created_at) for record in _iter_callbacks(customer_id))
    yield from ((str(block.number), block.created_at) for block in _iter_blocks(customer_id))


def find_calls(
    caller_filter: CallerFilter, customer_id: str, *, at: datetime, cursor: Cursor | None, limit: int = MAX_ROWS
) -> tuple[list[Call], Cursor | None]:
    """The next calls of a caller by time, at most ``limit``, and where to go on; None: at the end.

    Reads at most `MAX_ROWS` of the index, which has the caller, and whole calls only of this one.
    """
    arguments = dynamodb.query_arguments(Call, *_calls_since(customer_id, at)) | {"IndexName": "byCustomer"}
    ids: list[str] = []
    rows_left = MAX_ROWS
    while rows_left > 0 and len(ids) < limit:
        start = {"ExclusiveStartKey": cursor} if cursor else {}
        response = dynamodb.call("Query", **arguments, **start, Limit=min(rows_left, ROWS_PER_READ))
        rows_left -= len(response["Items"])
        cursor = response.get("LastEvaluatedKey")
        for item in response["Items"]:
            caller = item["caller"]["S"] if "caller" in item else ""
            if caller and caller_filter.matches(caller):
                ids.append(item["id"]["S"])
                if len(ids) == limit:
                    cursor = pagination.item_key(Call, "byCustomer", item)
                    break
        if cursor is None:
            break
    records = dynamodb.batch_get(dynamodb.RecordKey(Call, id) for id in ids)
    return [call for id in ids if (call := records.get(Call, id)) and call.caller], cursor


def _calls_since(customer_id: str, at: datetime) -> tuple[str, dict[str, Any]]:
    """The condition of the calls of a customer that may be stored, and its values."""
    earliest = dynamodb.format_timestamp(at - _retention_time())
    return "#customer_id = :of AND #started_at >= :since", {":of": {"S": customer_id}, ":since": {"S": earliest}}


def _iter_callbacks(customer_id: str) -> Iterator[Callback]:
    values = {":of": {"S": customer_id}}
    keys = list(dynamodb.iter_records(Callback, "#customer_id = :of", values, IndexName="byCustomer"))
    records = dynamodb.batch_get(dynamodb.RecordKey(Callback, str(key.id)) for key in keys)
    records_in_order = (records.get(Callback, str(key.id)) for key in keys)
    yield from (record for record in records_in_order if record and record.caller)


def _iter_blocks(customer_id: str) -> Iterator[BlockedCaller]:
    values = {":of": {"S": customer_id}}
    return dynamodb.iter_records(BlockedCaller, "#customer_id = :of", values, IndexName="byCustomer")


def _find_counters(numbers: Iterable[str], customer_id: str, at: datetime) -> Iterator[tuple[Usage, str]]:
    counted = {form for number in numbers if number for form in (number, outbound_call.counted_as(number))}
    pseudonyms = {usage.pseudonym_of(form) for form in counted}
    keys = [usage.key(customer_id, at - timedelta(days=days)) for days in range(USAGE_DAYS)]
    records = dynamodb.batch_get(dynamodb.RecordKey(Usage, key) for key in keys)
    for row in filter(None, (records.get(Usage, key) for key in keys)):
        yield from ((row, name) for name in sorted(pseudonyms & set(row.callers)))


def _retention_time() -> timedelta:
    """How long calls may be stored: a week longer than promised, see `call_creation.new_call`."""
    return timedelta(days=settings.TELEPHONY["kept_days"] + 8)
