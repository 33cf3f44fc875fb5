"""Serializers of calls and of phone verification."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.choice_lists import ChoiceListField
from config.api.fields import (
    OWN_CUSTOMER_HELP,
    PageQuery,
    PhoneTextField,
    StrictChoiceField,
    StrictQuery,
    StrictSerializer,
    TextField,
)
from config.api.number_fields import StrictIntegerField
from config.api.record_views import RecordView
from config.api.time_queries import DateTimeRangeQuery
from telephony import phone_pauses, reasons
from telephony.callers import MAX_LENGTH
from telephony.calls import recordings
from telephony.calls.history import own_calls
from telephony.calls.state.call_record import CallRecord
from telephony.models import CALL_OUTCOMES, EVENT_KINDS, Call


class CallQuery(PageQuery, DateTimeRangeQuery):
    """Filters of calls."""

    locationId = TextField(
        max_length=100, required=False, source="location_id", help_text="Only the calls to, or from, this location."
    )
    customerId = TextField(max_length=100, required=False, source="customer_id", help_text=OWN_CUSTOMER_HELP)
    caller = PhoneTextField(
        required=False,
        max_length=MAX_LENGTH,
        help_text="Only calls from this number, in any form: +1 555 010 1234, (555) 010-1234 with the country of the "
        "location, tel:+15550101234; from numbers that contain these digits, at least three; from an address such as "
        "sip:ann@example.com; or, with `anonymous`, from withheld numbers.",
    )
    outcome = ChoiceListField(choices=CALL_OUTCOMES, required=False, help_text="Only calls that ended so.")
    answeredBy = PhoneTextField(
        max_length=100,
        required=False,
        source="answered_by",
        help_text="Only calls that this user answered, or this phone number of the configuration, with country code.",
    )
    direction = ChoiceListField(
        choices=("in", "out"),
        required=False,
        help_text="Only calls to a location (in), or those that called a caller back (out). Default: in.",
    )


class RecordingQuery(StrictQuery):
    """The recording to return."""

    kind = StrictChoiceField(
        choices=recordings.RECORDING_KINDS, required=False, help_text="Default: the voicemail if there is one."
    )


class CallCandidateView(RecordView[Any]):
    """A user or number that was considered for a call."""

    staffId = serializers.SerializerMethodField()
    phoneNumber = serializers.SerializerMethodField()
    why = serializers.ChoiceField(choices=list(reasons.WHY), help_text="Why they were considered.")
    locationId = serializers.CharField(
        source="location_id", allow_null=True, help_text="With neighbour: the location at which they are on duty."
    )
    lastSpoken = serializers.BooleanField(
        source="has_spoken_last", help_text="Whether they come first, as they talked last with this caller."
    )
    whyNot = serializers.SerializerMethodField()

    @extend_schema_field(
        {"type": ["string", "null"], "description": "Id of a user; null for a phone number of the configuration."}
    )
    def get_staffId(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Null for a phone number of the configuration."""
        return None if candidate.id.startswith("+") else candidate.id

    @extend_schema_field(
        {"type": ["string", "null"], "description": "A phone number of the configuration; null for a user."}
    )
    def get_phoneNumber(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Users' own numbers are not shown."""
        return candidate.id if candidate.id.startswith("+") else None

    @extend_schema_field(
        serializers.ChoiceField(
            choices=list(reasons.WHY_NOT),
            allow_null=True,
            help_text="Why they could not be called; null if they could.",
        )
    )
    def get_whyNot(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Null if there is no reason."""
        return candidate.why_not or None


class RecordingView(RecordView[Any]):
    """A recording of a call."""

    kind = serializers.ChoiceField(choices=recordings.RECORDING_KINDS)
    seconds = serializers.IntegerField(help_text="Length of the recording.")
    ready = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    def get_ready(self, recording: Any) -> bool:
        """Whether the recording can be downloaded."""
        return bool(recording.file)

    @extend_schema_field(
        {"type": ["string", "null"], "description": "Path of `GET /call/{id}/recording`; null until it is ready."}
    )
    def get_url(self, recording: Any) -> str | None:
        """Null until the recording is ready."""
        return f"/call/{self.context['call_id']}/recording?kind={recording.kind}" if recording.file else None


class CallEventView(RecordView[Any]):
    """An event in a call. `kind` says what happened, and which other members there are."""

    kind = serializers.ChoiceField(choices=list(EVENT_KINDS))
    at = serializers.DateTimeField(help_text="When it happened.")
    who = serializers.CharField(
        required=False,
        help_text="With rung, accepted, not_taken and called_back: id of the user, or phone number of the "
        "configuration.",
    )
    why = serializers.ChoiceField(
        choices=list(reasons.WHY), required=False, help_text="With rung: why they were called."
    )
    how = serializers.ChoiceField(
        choices=list(reasons.NOT_TAKEN), required=False, help_text="With not_taken and not_reached: why."
    )
    where = serializers.ChoiceField(
        choices=["open", "closed", "holiday"], required=False, help_text="With entered: where the call began."
    )
    holiday = serializers.CharField(
        required=False, help_text="With entered, if it was a holiday: its name, or the date if it has none."
    )
    key = serializers.CharField(
        required=False, allow_null=True, help_text="With key: the key that the caller pressed; null: none."
    )
    path = serializers.CharField(required=False, help_text="Path of the action in the configuration.")
    leg = serializers.IntegerField(required=False, help_text="Number of the phone among those that rang at once.")
    seconds = serializers.IntegerField(
        required=False, help_text="With voicemail and conversation: length of the recording."
    )
    due = serializers.DateTimeField(required=False, help_text="With callback: when the caller was promised a call.")


class ListenerView(RecordView[Any]):
    """A user who listened to a recording."""

    staffId = serializers.SerializerMethodField(help_text="Id of the user.")
    at = serializers.SerializerMethodField(help_text="When they did for the first time.")

    def get_staffId(self, listener: tuple[str, datetime]) -> str:  # noqa: N802 - the wire's name
        """Id of the user."""
        return listener[0]

    def get_at(self, listener: tuple[str, datetime]) -> datetime:
        """When they did for the first time."""
        return listener[1]


class CallView(RecordView[Call]):
    """A call to a location."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(
        source="number", help_text="The number of the location: that was called or, with out, that the caller saw."
    )
    caller = serializers.CharField(
        help_text="Number of the caller or, with out, of whoever was called back, or address such as "
        "sip:ann@example.com; empty if withheld or erased."
    )
    callerErasedAt = serializers.DateTimeField(
        source="erased_at",
        allow_null=True,
        help_text="When the caller's number and recordings were erased, at the caller's request; null: they were not.",
    )
    startedAt = serializers.DateTimeField(source="started_at", help_text="When the call began.")
    endedAt = serializers.DateTimeField(
        source="ended_at", allow_null=True, help_text="When the call ended; null until then."
    )
    seconds = serializers.IntegerField(allow_null=True, help_text="Length of the call; null until it ends.")
    direction = serializers.ChoiceField(
        choices=["in", "out"], help_text="in: a caller called the location; out: a user called a caller back."
    )
    outcome = serializers.ChoiceField(
        choices=list(CALL_OUTCOMES),
        help_text="How the call ended. With out: answered if the user and the caller talked; missed if the user did "
        "not accept, or the caller did not answer; else ringing.",
    )
    callbackId = serializers.CharField(
        source="callback_id",
        allow_null=True,
        help_text="The call-back that it opened, joined or closed, or that it makes; null if there is none.",
    )
    answeredBy = serializers.CharField(
        source="answered_by",
        allow_null=True,
        help_text="Id of the user, or phone number of the configuration, who talked with the caller; with out, of the "
        "user who called back, if they talked.",
    )
    people = serializers.SerializerMethodField(
        help_text="The users on duty and numbers of the configuration, and why they were not called."
    )
    recordings = serializers.SerializerMethodField(help_text="The recordings of the call.")
    heardBy = serializers.SerializerMethodField(help_text="The users who listened to a recording, in that order.")
    events = serializers.SerializerMethodField(help_text="What happened, in order.")

    @extend_schema_field(CallCandidateView(many=True))
    def get_people(self, call: Call) -> Any:
        """The users on duty and numbers of the configuration, and why they were not called."""
        return CallCandidateView(CallRecord(call).candidates, many=True).data

    @extend_schema_field(RecordingView(many=True))
    def get_recordings(self, call: Call) -> Any:
        """The recordings of the call."""
        return RecordingView(CallRecord(call).recordings, many=True, context={"call_id": call.id}).data

    @extend_schema_field(ListenerView(many=True))
    def get_heardBy(self, call: Call) -> Any:  # noqa: N802 - the wire's name
        """The users who listened to a recording."""
        return ListenerView(own_calls.list_listeners(call), many=True).data

    @extend_schema_field(CallEventView(many=True))
    def get_events(self, call: Call) -> Any:
        """In order."""
        times = ("at", "due")
        return [
            {name: datetime.fromisoformat(str(value)) if name in times else value for name, value in event.items()}
            for event in CallRecord(call).events
        ]


class PhoneVerificationCode(StrictSerializer):
    """The code from the verification call."""

    code = TextField(max_length=12, help_text="The digits that the call said.")


class BreakBody(StrictSerializer):
    """How long calls do not ring the user's phone."""

    minutes = StrictIntegerField(
        min_value=phone_pauses.MIN_MINUTES,
        max_value=phone_pauses.MAX_MINUTES,
        help_text="Minutes from now on, 5 to 480.",
    )


class PhoneView(RecordView[Any]):
    """The phone of the signed-in user."""

    phone = serializers.CharField(allow_null=True, help_text="Set by `PATCH /user`.")
    verified = serializers.BooleanField(source="is_verified")
    verifiedAt = serializers.DateTimeField(
        source="verified_at", allow_null=True, help_text="When the user confirmed the phone; null: not yet."
    )
    rings = serializers.BooleanField(
        help_text="Whether calls ring it while the user is on duty: it is verified, and `ringing` is on."
    )
    breakUntil = serializers.DateTimeField(
        source="paused_until",
        allow_null=True,
        help_text="When the user's break ends, until which calls do not ring the phone; null: no break.",
    )


class BreakView(PhoneView):
    """The phone of the signed-in user in a break."""

    aloneAt = serializers.ListField(
        child=serializers.CharField(),
        source="alone_at",
        help_text="Ids of the locations with a phone number where the user is on duty now and no other phone of "
        "somebody on duty would ring: calls there reach nobody on duty during the break.",
    )
