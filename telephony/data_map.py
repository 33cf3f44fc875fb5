"""Erasure and export of verified phones and calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from config import dynamodb, outbox
from config.privacy.data_map import AppDataMap, ExportChapter, ExportRow
from telephony.calls.history import queries
from telephony.calls.rota import ongoing
from telephony.models import Call, Callback, CallOfUser, OngoingCall, PhonePause, PhoneVerification

if TYPE_CHECKING:
    from accounts.models import User


class CallHistory:
    """The calls of a person, which two chapters show: each is read once."""

    def __init__(self, user: "User") -> None:
        self._user = user
        self._callback_ids: dict[str, None] = {}
        self._calls = queries.iter_calls_of_user(user.id, user.customer_id, outbox.utc_now())

    def calls(self) -> Iterator[ExportRow]:
        """The calls that the person was considered for or told of, without the callers."""
        user_id = self._user.id
        for call in self._calls:
            if call.row.callback_id:
                self._callback_ids[str(call.row.callback_id)] = None
            candidate = next((candidate for candidate in call.candidates if candidate.id == user_id), None)
            yield {
                "id": call.id,
                "startedAt": call.row.started_at,
                "locationId": call.row.location_id,
                "plans": candidate.reason if candidate else "told of the call, or took its call-back",
                "answeredBy": user_id if call.row.answered_by == user_id else None,
            }

    def callbacks(self) -> Iterator[ExportRow]:
        """The call-backs that the person holds, or has closed: each is of one of their calls.

        Those of the calls that were read so far: the chapter of the calls comes first.
        """
        records = dynamodb.batch_get(dynamodb.RecordKey(Callback, id) for id in self._callback_ids)
        for id in self._callback_ids:
            callback = records.get(Callback, id)
            if callback and callback.taken_by == self._user.id:
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
    source=CallHistory,
    read=CallHistory.calls,
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
    source=CallHistory,
    read=CallHistory.callbacks,
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
