"""Erasure and export of verified phones and calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from accounts import locations, permissions
from config import dynamodb, outbox
from config.privacy.data_map import AppDataMap, ExportChapter, ExportRow
from telephony.calls.history import queries
from telephony.calls.rota import ongoing
from telephony.models import Call, Callback, CallOfUser, OngoingCall, PhonePause, PhoneVerification

if TYPE_CHECKING:
    from accounts.models import User


def _calls_of(user: "User") -> Iterator[ExportRow]:
    """The calls that a person was considered for or told of, without the callers."""
    at = outbox.utc_now()
    system_actor = permissions.system_actor(user.customer_id)
    customer_locations = locations.list_accessible_locations(system_actor, limit=1000, cursor=None).records
    for call in queries.iter_calls_of_user(user.id, [location.id for location in customer_locations], at):
        candidate = next((candidate for candidate in call.candidates if candidate.id == user.id), None)
        yield {
            "id": call.id,
            "startedAt": call.row.started_at,
            "locationId": call.row.location_id,
            "plans": candidate.reason if candidate else "told of the call, or took its call-back",
            "answeredBy": user.id if call.row.answered_by == user.id else None,
        }


def _callbacks_of(user: "User") -> Iterator[ExportRow]:
    """The call-backs that a person holds, or has closed: each is of one of their calls."""
    calls = queries.iter_calls_of_user(user.id, [], outbox.utc_now())
    ids = dict.fromkeys(str(call.row.callback_id) for call in calls if call.row.callback_id)
    records = dynamodb.batch_get(dynamodb.RecordKey(Callback, id) for id in ids)
    for id in ids:
        callback = records.get(Callback, id)
        if callback and callback.taken_by == user.id:
            yield CALLBACKS.to_row(callback)


PHONE = ExportChapter(
    "phone",
    "Your phone",
    "The number that you verified; calls ring only this number.",
    PhoneVerification,
    ("verified phone",),
)
PAUSE = ExportChapter(
    "phoneBreak",
    "Your break from calls",
    "Until when calls do not ring your phone, because you asked for it.",
    PhonePause,
    ("break from calls",),
)
CALLS = ExportChapter(
    "calls",
    "Calls that rang your phone",
    "Calls to your locations that rang your phone or could have, and the reason.",
    Call,
    ("calls",),
    read=_calls_of,
    columns={
        "When": ("startedAt",),
        "Location": ("locationId",),
        "Reason": ("plans",),
        "Answered by you": ("answeredBy",),
        "Id": ("id",),
    },
)

CALLBACKS = ExportChapter(
    "callBacks",
    "Call-backs that you took or closed",
    "Callers whom you were to call back or have called back, without the callers.",
    Callback,
    ("call-backs",),
    read=_callbacks_of,
    columns={
        "Last call": ("lastCallAt",),
        "Location": ("locationId",),
        "Status": ("status",),
        "Outcome": ("outcome",),
        "Id": ("id",),
    },
)

MAP = AppDataMap(
    chapters=[PHONE, PAUSE, CALLS, CALLBACKS],
    records_to_erase={
        PhoneVerification: lambda user: [PhoneVerification(user_id=user.id)],
        PhonePause: lambda user: [PhonePause(user_id=user.id)],
    },
    erase_afterwards={CallOfUser: queries.delete_calls_of_user, OngoingCall: ongoing.forget},
    recipients={"Twilio": "connects the calls"},
)
