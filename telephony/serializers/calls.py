"""The wire shapes of calls and of proving one's phone."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import Body, Choice, PageQuery, Span, Text
from telephony.calls import call_record, recordings
from telephony.models import Call


class CallQuery(PageQuery, Span):
    """Which calls."""

    locationId = Text(max_length=100, source="location_id")


class RecordingQuery(Body):
    """Which recording."""

    kind = Choice(
        choices=recordings.KINDS, required=False, help_text="The voicemail where there is one."
    )


class PersonView(serializers.Serializer[Any]):
    """Somebody who was considered for a call."""

    staffId = serializers.SerializerMethodField()
    phoneNumber = serializers.SerializerMethodField()
    why = serializers.CharField(help_text="As in the preview.")
    whyNot = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_staffId(self, one: Any) -> str | None:  # noqa: N802 - the wire's name
        """None for a number of the configuration."""
        return None if one.id.startswith("+") else one.id

    @extend_schema_field({"type": ["string", "null"]})
    def get_phoneNumber(self, one: Any) -> str | None:  # noqa: N802 - the wire's name
        """Of the configuration; people's own are not told."""
        return one.id if one.id.startswith("+") else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_whyNot(self, one: Any) -> str | None:  # noqa: N802 - the wire's name
        """Why they were not rung; None: they were, or it did not come to it."""
        return one.why_not or None


class RecordingView(serializers.Serializer[Any]):
    """What was recorded."""

    kind = serializers.ChoiceField(choices=recordings.KINDS)
    seconds = serializers.IntegerField()
    ready = serializers.SerializerMethodField()

    def get_ready(self, one: Any) -> bool:
        """Whether it can be listened to already."""
        return bool(one.file)


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
    outcome = serializers.ChoiceField(
        choices=["ringing", "answered", "voicemail", "missed", "closed"]
    )
    answeredBy = serializers.CharField(
        source="answered_by", allow_null=True, help_text="A user's id, or a number."
    )
    people = serializers.SerializerMethodField()
    recordings = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()

    @extend_schema_field(PersonView(many=True))
    def get_people(self, call: Call) -> Any:
        """Who was on duty or named, and why they were not rung."""
        return PersonView(call_record.people_of(call), many=True).data

    @extend_schema_field(RecordingView(many=True))
    def get_recordings(self, call: Call) -> Any:
        """What there is to listen to."""
        return RecordingView(call_record.recordings(call), many=True).data

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_events(self, call: Call) -> Any:
        """What happened, in order: kind, at, and who or what."""
        return call_record.events(call)


class CallPage(serializers.Serializer[Any]):
    """Calls, newest first."""

    items = CallView(many=True)
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )


class Code(Body):
    """The code that one's phone was told."""

    code = Text(max_length=12)


class PhoneView(serializers.Serializer[Any]):
    """One's own phone."""

    phone = serializers.CharField(allow_null=True, help_text="As PATCH /user sets it.")
    verified = serializers.BooleanField(source="is_verified")
    verifiedAt = serializers.DateTimeField(source="verified_at", allow_null=True)
    rings = serializers.BooleanField(
        help_text="Whether calls to where one is on duty ring it: verified, and `ringing` is on."
    )
