"""Calls as CSV."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from accounts import locations, users
from config.api.csv_tables import Table, list_cell, local_time_cell, phone_cell
from telephony.calls.call_record import CallRecord
from telephony.models import Call

COLUMNS = (
    *("Started", "Ended", "Time zone", "Caller", "Number called", "Location", "Outcome", "Answered by"),
    *("Seconds", "Recordings", "Call id", "Location id", "Answered by id"),
)


def call_table(customer_id: str) -> Table[Call]:
    """The table of a customer's calls; times are on the clock of the location."""
    return Table("calls", COLUMNS, partial(_build_rows, customer_id))


def _build_rows(customer_id: str, calls: Sequence[Call]) -> Iterator[Sequence[Any]]:
    answerer_ids = dict.fromkeys(call.answered_by for call in calls if (call.answered_by or "").startswith("usr_"))
    users_by_id = users.load_users([str(id) for id in answerer_ids], customer_id)
    location_ids = dict.fromkeys(str(call.location_id) for call in calls)
    locations_by_id = locations.load_locations(list(location_ids), customer_id)
    for call in calls:
        record, answerer_id = CallRecord(call), call.answered_by or ""
        zone, location = record.line.time_zone, locations_by_id.get(call.location_id)
        answerer = users_by_id.get(answerer_id)
        yield (
            *(local_time_cell(call.started_at, zone), local_time_cell(call.ended_at, zone), zone),
            *(phone_cell(call.caller), phone_cell(call.number), location.name if location else None, call.outcome),
            answerer.name if answerer else phone_cell(answerer_id),
            *(call.seconds, list_cell(recording.kind for recording in record.recordings)),
            *(call.id, call.location_id, answerer_id),
        )
