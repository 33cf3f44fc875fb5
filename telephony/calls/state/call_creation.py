"""Calls that begin, not stored yet."""

from datetime import datetime, timedelta

import orjson
from django.conf import settings

from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallEvent, CallStep
from telephony.lines import ResolvedLine
from telephony.models import Call


def new_call(
    call_id: str,
    line: ResolvedLine,
    *,
    caller: str,
    entrance: str,
    at: datetime,
    holiday: str | None = None,
    is_rota_unknown: bool = False,
) -> CallRecord:
    """A call that begins at ``entrance`` (open, closed or holiday); not stored yet.

    With ``is_rota_unknown`` its events say that the rota decides where, but could not be read.
    """
    events = [CallEvent(kind="entered", at=at.isoformat(), where=entrance)]
    if holiday:
        events[0]["holiday"] = holiday
    if is_rota_unknown:
        events.append(CallEvent(kind="lookup_failed", at=at.isoformat()))
    return CallRecord(
        Call(
            id=call_id,
            customer_id=line.customer_id,
            location_id=line.location_id,
            number=line.number,
            caller=caller,
            caller_key=caller or None,
            started_at=at,
            pinned={
                "configuration": line.configuration,
                "location": line.location_name,
                "zone": line.time_zone,
                "entrance": entrance,
            },
            events=[orjson.dumps(event).decode() for event in events],
            has_people=True,
            # after the outbox deletes the recordings and the call with them
            expires_at=int((expiry_time(at) + timedelta(days=7)).timestamp()),
        ),
        is_new=True,
    )


def blocked_call(call_id: str, line: ResolvedLine, *, caller: str, at: datetime) -> CallRecord:
    """The call of a blocked caller, not stored yet: it is rejected, and does not count."""
    call = new_call(call_id, line, caller=caller, entrance="open", at=at)
    call.row.pinned = {**call.row.pinned, "configuration": {}}
    call.row.outcome, call.row.steps = "blocked", {str(CallStep("refused"))}
    call.row.events = [orjson.dumps(CallEvent(kind="blocked", at=at.isoformat())).decode()]
    return call


def expiry_time(started_at: datetime) -> datetime:
    """When a call and its recordings are deleted."""
    return started_at + timedelta(days=settings.TELEPHONY["kept_days"])
