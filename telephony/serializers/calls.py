"""The wire shapes of calls and of proving one's phone."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import DateTimeRangeQuery, PageQuery, StrictChoiceField, StrictSerializer, TextField
from telephony.calls import recordings
from telephony.calls.call_record import CallRecord
from telephony.models import Call


class CallQuery(PageQuery, DateTimeRangeQuery):
    """Which calls."""

    locationId = TextField(max_length=100, source="location_id")


class RecordingQuery(StrictSerializer):
    """Which recording."""

    kind = StrictChoiceField(
        choices=recordings.RECORDING_KINDS, required=False, help_text="The voicemail where there is one."
    )


class CallCandidateView(serializers.Serializer[Any]):
    """Somebody who was considered for a call."""

    staffId = serializers.SerializerMethodField()
    phoneNumber = serializers.SerializerMethodField()
    why = serializers.CharField(help_text="As in the preview.")
    whyNot = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_staffId(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """None for a number of the configuration."""
        return None if candidate.id.startswith("+") else candidate.id

    @extend_schema_field({"type": ["string", "null"]})
    def get_phoneNumber(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Of the configuration; people's own are not told."""
        return candidate.id if candidate.id.startswith("+") else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_whyNot(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Why they were not rung; None: they were, or it did not come to it."""
        return candidate.why_not or None


class RecordingView(serializers.Serializer[Any]):
    """What was recorded."""

    kind = serializers.ChoiceField(choices=recordings.RECORDING_KINDS)
    seconds = serializers.IntegerField()
    ready = serializers.SerializerMethodField()

    def get_ready(self, recording: Any) -> bool:
        """Whether it can be listened to already."""
        return bool(recording.file)


class CallView(serializers.Serializer[Call]):
    """A call to a location."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(source="number")
    caller = serializers.CharField(help_text="Empty where the number was withheld.")
    startedAt = serializers.DateTimeField(source="started_at")
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)
    seconds = serializers.IntegerField(allow_null=True)
    outcome = serializers.ChoiceField(choices=["ringing", "answered", "voicemail", "missed", "closed"])
    answeredBy = serializers.CharField(source="answered_by", allow_null=True, help_text="A user's id, or a number.")
    people = serializers.SerializerMethodField()
    recordings = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()

    @extend_schema_field(CallCandidateView(many=True))
    def get_people(self, call: Call) -> Any:
        """Who was on duty or named, and why they were not rung."""
        return CallCandidateView(CallRecord(call).candidates, many=True).data

    @extend_schema_field(RecordingView(many=True))
    def get_recordings(self, call: Call) -> Any:
        """What there is to listen to."""
        return RecordingView(CallRecord(call).recordings, many=True).data

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_events(self, call: Call) -> Any:
        """What happened, in order: kind, at, and who or what."""
        return CallRecord(call).events


class CallPage(serializers.Serializer[Any]):
    """Calls, newest first."""

    items = CallView(many=True)
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )


class PhoneVerificationCode(StrictSerializer):
    """The code that one's phone was told."""

    code = TextField(max_length=12)


class PhoneView(serializers.Serializer[Any]):
    """One's own phone."""

    phone = serializers.CharField(allow_null=True, help_text="As PATCH /user sets it.")
    verified = serializers.BooleanField(source="is_verified")
    verifiedAt = serializers.DateTimeField(source="verified_at", allow_null=True)
    rings = serializers.BooleanField(
        help_text="Whether calls to where one is on duty ring it: verified, and `ringing` is on."
    )
