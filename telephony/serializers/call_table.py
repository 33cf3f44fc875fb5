"""Calls as CSV."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from accounts import locations, users
from accounts.permissions import Actor
from config.api.csv_tables import Table, list_cell, local_time_cell, phone_cell
from telephony.calls.state.call_record import CallRecord
from telephony.models import Call

COLUMNS = (
    *("Started", "Ended", "Time zone", "Caller", "Number called", "Location", "Outcome", "Answered by"),
    *("Seconds", "Recordings", "Call id", "Location id", "Answered by id"),
)


def call_table(actor: Actor) -> Table[Call]:
    """The table of calls; times are on the clock of the location. Deleted people have no name."""
    return Table("calls", COLUMNS, partial(_build_rows, actor))


def _build_rows(actor: Actor, calls: Sequence[Call]) -> Iterator[Sequence[Any]]:
    answerer_ids = dict.fromkeys(call.answered_by for call in calls if (call.answered_by or "").startswith("usr_"))
    users_by_id = users.load_users([str(id) for id in answerer_ids], actor.customer_id)
    answerer_names = {id: users.display_name(user) for id, user in users_by_id.items() if user.status != "deleting"}
    location_names = locations.load_accessible_names((str(call.location_id) for call in calls), actor)
    for call in calls:
        record, answerer_id = CallRecord(call), call.answered_by or ""
        zone = record.line.time_zone
        yield (
            *(local_time_cell(call.started_at, zone), local_time_cell(call.ended_at, zone), zone),
            *(phone_cell(call.caller), phone_cell(call.number), location_names.get(call.location_id), call.outcome),
            answerer_names.get(answerer_id, phone_cell(answerer_id)),
            *(call.seconds, list_cell(recording.kind for recording in record.recordings)),
            *(call.id, call.location_id, answerer_id),
        )
