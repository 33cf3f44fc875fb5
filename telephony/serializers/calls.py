"""Serializers of calls and of phone verification."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import (
    DateTimeRangeQuery,
    NextCursorField,
    PageQuery,
    StrictChoiceField,
    StrictSerializer,
    TextField,
)
from telephony.calls import recordings
from telephony.calls.call_record import CallRecord
from telephony.models import Call


class CallQuery(PageQuery, DateTimeRangeQuery):
    """Filters of calls."""

    locationId = TextField(max_length=100, source="location_id")


class RecordingQuery(StrictSerializer):
    """The recording to return."""

    kind = StrictChoiceField(
        choices=recordings.RECORDING_KINDS, required=False, help_text="Default: the voicemail if there is one."
    )


class CallCandidateView(serializers.Serializer[Any]):
    """A user or number that was considered for a call."""

    staffId = serializers.SerializerMethodField()
    phoneNumber = serializers.SerializerMethodField()
    why = serializers.CharField(help_text="As in the preview.")
    whyNot = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_staffId(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """null for a phone number of the configuration."""
        return None if candidate.id.startswith("+") else candidate.id

    @extend_schema_field({"type": ["string", "null"]})
    def get_phoneNumber(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """A phone number of the configuration; users' own numbers are not shown."""
        return candidate.id if candidate.id.startswith("+") else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_whyNot(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Why they were not called; null: called, or not reached in order."""
        return candidate.why_not or None


class RecordingView(serializers.Serializer[Any]):
    """A recording of a call."""

    kind = serializers.ChoiceField(choices=recordings.RECORDING_KINDS)
    seconds = serializers.IntegerField()
    ready = serializers.SerializerMethodField()

    def get_ready(self, recording: Any) -> bool:
        """Whether the recording can be downloaded."""
        return bool(recording.file)


class CallView(serializers.Serializer[Call]):
    """A call to a location."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(source="number")
    caller = serializers.CharField(help_text="Empty if the number was withheld.")
    startedAt = serializers.DateTimeField(source="started_at")
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)
    seconds = serializers.IntegerField(allow_null=True)
    outcome = serializers.ChoiceField(choices=["ringing", "answered", "voicemail", "missed", "closed"])
    answeredBy = serializers.CharField(
        source="answered_by", allow_null=True, help_text="Id of a user, or a phone number."
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
        return RecordingView(CallRecord(call).recordings, many=True).data

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_events(self, call: Call) -> Any:
        """The events of the call in order: kind, at, and who or what."""
        return CallRecord(call).events


class CallPage(serializers.Serializer[Any]):
    """A page of calls, newest first."""

    items = CallView(many=True)
    nextCursor = NextCursorField()


class PhoneVerificationCode(StrictSerializer):
    """The code from the verification call."""

    code = TextField(max_length=12)


class PhoneView(serializers.Serializer[Any]):
    """The phone of the signed-in user."""

    phone = serializers.CharField(allow_null=True, help_text="Set by `PATCH /user`.")
    verified = serializers.BooleanField(source="is_verified")
    verifiedAt = serializers.DateTimeField(source="verified_at", allow_null=True)
    rings = serializers.BooleanField(
        help_text="Whether calls ring it while on duty: it is verified, and `ringing` is on."
    )
