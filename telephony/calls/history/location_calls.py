"""The newest incoming calls of a location in a window, for numbers about many of them."""

from datetime import datetime, timedelta

from config.dynamodb import pagination
from telephony.calls.history import listing
from telephony.models import Call

MAX_CALLS = 2_000
"""The most calls that are read: the newest."""
CALLS_PER_READ, MAX_READS = 1_000, 8
"""A read ends after 1 MB, too: calls with long configurations may need more of them."""


def list_incoming_calls(location_id: str, since: datetime, until: datetime) -> tuple[list[Call], bool]:
    """The incoming calls that began in a window, newest first, but those of blocked callers.

    At most `MAX_CALLS` calls are read, in one round trip for each 1 MB; the second value says
    whether there are more.
    """
    condition, values = listing.query_between("location_id", location_id, since, until - timedelta(microseconds=1))
    calls: list[Call] = []
    cursor = None
    for _ in range(MAX_READS):
        limit = min(CALLS_PER_READ, MAX_CALLS - len(calls))
        page = pagination.query_page(
            Call, "byLocation", condition, values, limit=limit, cursor=cursor, newest_first=True
        )
        calls += page.records
        cursor = page.next_cursor
        if cursor is None or len(calls) >= MAX_CALLS:
            break
    return [call for call in calls if call.direction == "in" and call.outcome != "blocked"], cursor is not None
