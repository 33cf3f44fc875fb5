"""Serializers of calls and of phone verification."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import DateTimeRangeQuery, PageQuery, StrictChoiceField, StrictSerializer, TextField
from telephony.calls import recordings
from telephony.calls.call_record import CallRecord
from telephony.models import Call

_OUTCOMES = (
    "ringing: in progress; answered: a user or number took the call; voicemail: the caller left a message; "
    "missed: ended without either; closed: the same, outside opening hours."
)
_EVENTS = (
    "In order, each with `kind` and `at`. Kinds: entered (`where`: open, closed or holiday), planned, nobody_to_ring, "
    "lookup_failed, rung (`who`, `why`), accepted (`who`), not_taken (`who`, `how`), key (`key`), voicemail "
    "and conversation (`seconds`), ended."
)


class CallQuery(PageQuery, DateTimeRangeQuery):
    """Filters of calls."""

    locationId = TextField(max_length=100, source="location_id", help_text="Only calls to this location.")


class RecordingQuery(StrictSerializer):
    """The recording to return."""

    kind = StrictChoiceField(
        choices=recordings.RECORDING_KINDS, required=False, help_text="Default: the voicemail if there is one."
    )


class CallCandidateView(serializers.Serializer[Any]):
    """A user or number that was considered for a call."""

    staffId = serializers.SerializerMethodField()
    phoneNumber = serializers.SerializerMethodField()
    why = serializers.CharField(help_text="Reason, as in `PreviewCandidateView`.")
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
        {
            "type": ["string", "null"],
            "description": "Why they could not be called, as in `PreviewCandidateView`; null if they could.",
        }
    )
    def get_whyNot(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Null if there is no reason."""
        return candidate.why_not or None


class RecordingView(serializers.Serializer[Any]):
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


class CallView(serializers.Serializer[Call]):
    """A call to a location."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(source="number", help_text="The number that was called.")
    caller = serializers.CharField(help_text="Number of the caller; empty if withheld.")
    startedAt = serializers.DateTimeField(source="started_at")
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)
    seconds = serializers.IntegerField(allow_null=True, help_text="Length of the call; null until it ends.")
    outcome = serializers.ChoiceField(
        choices=["ringing", "answered", "voicemail", "missed", "closed"], help_text=_OUTCOMES
    )
    answeredBy = serializers.CharField(
        source="answered_by", allow_null=True, help_text="Id of the user, or phone number of the configuration."
    )
    people = serializers.SerializerMethodField()
    recordings = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()

    @extend_schema_field(CallCandidateView(many=True))
    def get_people(self, call: Call) -> Any:
        """The users on duty and numbers of the configuration, and why they were not called."""
        return CallCandidateView(CallRecord(call).candidates, many=True).data

    @extend_schema_field(RecordingView(many=True))
    def get_recordings(self, call: Call) -> Any:
        """The recordings of the call."""
        return RecordingView(CallRecord(call).recordings, many=True, context={"call_id": call.id}).data

    @extend_schema_field({"type": "array", "items": {"type": "object"}, "description": _EVENTS})
    def get_events(self, call: Call) -> Any:
        """In order."""
        return [{**event, "at": datetime.fromisoformat(event["at"])} for event in CallRecord(call).events]


class PhoneVerificationCode(StrictSerializer):
    """The code from the verification call."""

    code = TextField(max_length=12)


class PhoneView(serializers.Serializer[Any]):
    """The phone of the signed-in user."""

    phone = serializers.CharField(allow_null=True, help_text="Set by `PATCH /user`.")
    verified = serializers.BooleanField(source="is_verified")
    verifiedAt = serializers.DateTimeField(source="verified_at", allow_null=True)
    rings = serializers.BooleanField(
        help_text="Whether calls ring it while the user is on duty: it is verified, and `ringing` is on."
    )
