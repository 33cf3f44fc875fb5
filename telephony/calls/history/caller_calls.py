"""The latest calls of a caller at all customers: for support, who have only the caller's number."""

from itertools import chain

from config import dynamodb
from telephony import callers
from telephony.models import Call

COUNTRIES = ("US", "GB", "IE", "DE", "AT", "CH", "FR", "ES", "IT", "NL", "BE", "AU", "NZ")
"""Whose numbers are found without a country code."""
MAX_CALLS = 20
"""Calls of each form of a number."""


def find_calls_of_caller(text: str) -> list[Call]:
    """The latest calls from or to a whole number in any form, or an address; newest first.

    Two round trips. Raises `errors.Unavailable`.
    """
    keys = list_caller_keys(text)
    if not keys:
        return []
    responses = dynamodb.call_together([("Query", _arguments(key)) for key in keys])
    ids = [item["id"]["S"] for response in responses for item in response["Items"]]
    records = dynamodb.batch_get(dynamodb.RecordKey(Call, id) for id in dict.fromkeys(ids))
    calls = [call for id in dict.fromkeys(ids) if (call := records.get(Call, id)) and call.caller in keys]
    return sorted(calls, key=lambda call: call.started_at, reverse=True)[:MAX_CALLS]


def list_caller_keys(text: str) -> list[str]:
    """Whom calls may be of that a text finds; empty for a part of a number, or another text."""
    filters = []
    for country in (None,) if text.lstrip().startswith("+") else COUNTRIES:
        try:
            filters.append(callers.parse_search(text[: callers.MAX_LENGTH], country))
        except ValueError:
            return []
    numbers = chain.from_iterable(caller_filter.exact[:1] for caller_filter in filters)
    return [number for number in dict.fromkeys(numbers) if number]


def _arguments(caller_key: str) -> dict[str, object]:
    values = {":caller": {"S": caller_key}}
    arguments = dynamodb.query_arguments(Call, "#caller_key = :caller", values)
    return {**arguments, "IndexName": "byCaller", "ScanIndexForward": False, "Limit": MAX_CALLS}
