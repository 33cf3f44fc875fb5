"""Serializers of phone numbers, IVR configurations and call previews."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from config import errors
from config.api.fields import PhoneTextField, StrictChoiceField, StrictQuery, StrictSerializer, TextField
from config.api.record_views import RecordView
from config.api.time_queries import LOCAL_TIMES_HELP, QueryTimeField
from telephony import dialing_rules, reasons
from telephony.callers import MAX_LENGTH
from telephony.models import NUMBER_STATUSES, Line, PhoneNumber

NUMBER_TYPE_HELP = "Type of number. Default: local. Toll-free numbers are free for callers and cost you more."
_CONFIGURATION_SCHEMA_REF = {"$ref": "#/components/schemas/IvrConfiguration"}


class CountryField(TextField):
    """A country code (ISO 3166-1 alpha-2)."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).upper()
        if len(text) != 2 or not text.isascii() or not text.isalpha():
            raise serializers.ValidationError("Must be a two-letter country code, such as US.", code="invalid")
        return text


class PhoneNumberField(PhoneTextField):
    """A phone number with country code, normalized to E.164."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=32, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        number = dialing_rules.normalize_number(super().to_internal_value(data))
        if number is None:
            raise serializers.ValidationError(
                "Must be a phone number with country code and without extension, such as +14155550123.",
                code=errors.INVALID_PHONE,
            )
        return number


@extend_schema_field({"type": ["string", "integer"]})
class AreaCodeField(TextField):
    """An area code, as text or as a number."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        is_number = isinstance(data, int) and not isinstance(data, bool)
        return super().run_validation(str(data) if is_number else data)


@extend_schema_field(_CONFIGURATION_SCHEMA_REF)
class IvrConfigurationField(serializers.JSONField):
    """An IVR configuration; `telephony.ivr.configuration` validates it."""


class PhoneNumberSearch(StrictSerializer):
    """The numbers to search for."""

    country = CountryField(max_length=2, help_text="Two-letter country code (ISO 3166-1), such as US.")
    areaCode = AreaCodeField(
        max_length=10,
        source="area_code",
        help_text="Three digits in the US and Canada; elsewhere the first digits, such as 020.",
    )
    type = StrictChoiceField(
        choices=list(dialing_rules.NUMBER_TYPES), source="number_type", required=False, help_text=NUMBER_TYPE_HELP
    )


class NumberCapabilities(serializers.Serializer[Any]):
    """The capabilities of a number."""

    voice = serializers.BooleanField(help_text="Whether it can receive calls.")
    sms = serializers.BooleanField(help_text="Whether it can receive text messages.")
    mms = serializers.BooleanField(help_text="Whether it can receive multimedia messages.")


class AvailableNumberView(RecordView[Any]):
    """A number that can be purchased."""

    phoneNumber = serializers.CharField(source="number")
    friendlyName = serializers.CharField(source="friendly_name", help_text="The number in national format.")
    locality = serializers.CharField(allow_null=True, help_text="City.")
    region = serializers.CharField(allow_null=True, help_text="State or province.")
    country = serializers.CharField(help_text="Two-letter country code (ISO 3166-1).")
    addressRequirement = serializers.ChoiceField(
        choices=["none", "any", "local", "foreign"],
        source="address_requirement",
        help_text="Where the address must be that a purchase needs: none is needed, anywhere, in the country or "
        "city, abroad. See `GET /numberRequirement` for all that is needed.",
    )
    capabilities = NumberCapabilities()


class AvailableNumbers(serializers.Serializer[Any]):
    """Numbers that can be purchased; may be empty."""

    items = AvailableNumberView(many=True)


class NumberPurchase(StrictSerializer):
    """The number to purchase, and its location."""

    phoneNumber = PhoneNumberField(source="number")
    locationId = TextField(max_length=100, source="location_id")
    type = StrictChoiceField(
        choices=list(dialing_rules.NUMBER_TYPES),
        source="number_type",
        required=False,
        help_text="tollFree to purchase a toll-free number. Default: local, which includes mobile numbers.",
    )


class NumberWithConfigurationView(RecordView[Any]):
    """A number, and the IVR configuration of its location."""

    phoneNumber = serializers.CharField(source="number.number")
    locationId = serializers.CharField(source="number.location_id")
    status = serializers.ChoiceField(choices=list(NUMBER_STATUSES), source="number.status")
    ivrConfiguration = serializers.SerializerMethodField(help_text="null if the location no longer has one.")

    @extend_schema_field({"oneOf": [_CONFIGURATION_SCHEMA_REF, {"type": "null"}]})
    def get_ivrConfiguration(self, number_with_line: Any) -> Any:  # noqa: N802 - the wire's name
        """null if the location no longer has one."""
        return number_with_line.line.configuration if number_with_line.line else None


class PhoneNumberView(RecordView[PhoneNumber]):
    """A phone number of the customer."""

    phoneNumber = serializers.CharField(source="number")
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    status = serializers.ChoiceField(choices=list(NUMBER_STATUSES))
    releaseAt = serializers.DateTimeField(
        source="release_at",
        allow_null=True,
        help_text="When the number is released; it can be restored until then. null: no release is scheduled.",
    )
    createdAt = serializers.DateTimeField(source="created_at")


@extend_schema_serializer(component_name="PhoneLine")
class LineView(RecordView[Line]):
    """The phone line of a location."""

    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(
        source="number", allow_null=True, help_text="null if the location has no number."
    )
    configuration = IvrConfigurationField()
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()


class IvrConfigurationChange(StrictSerializer):
    """The IVR configuration to use from the next call on.

    Other fields of the line may be sent back unchanged.
    """

    record_view = LineView
    configuration = IvrConfigurationField()


class CallPreviewQuery(StrictQuery):
    """The call to preview."""

    caller = PhoneTextField(
        required=False,
        max_length=MAX_LENGTH,
        help_text="Who calls, in any form: with `first` last_spoken, who talked last with them comes first.",
    )
    at = QueryTimeField(required=False, help_text=f"Default: now. {LOCAL_TIMES_HELP}")

    def validate_at(self, at: datetime) -> datetime:
        """Refuse years outside of all schedules."""
        if not 2000 <= at.year < 2100:
            raise serializers.ValidationError("Must be from 2000 to 2099.", code="invalid")
        return at


class PreviewCandidateView(RecordView[Any]):
    """A user or number that is considered for a call."""

    staffId = serializers.SerializerMethodField()
    name = serializers.CharField(help_text="Name of the user, or the phone number.")
    why = serializers.ChoiceField(choices=list(reasons.WHY), help_text="Why they are considered.")
    locationId = serializers.CharField(
        source="location_id", allow_null=True, help_text="With neighbour: the location at which they are on duty."
    )
    lastSpoken = serializers.BooleanField(
        source="has_spoken_last", help_text="Whether they come first, as they talked last with this caller."
    )
    until = serializers.DateTimeField(allow_null=True, help_text="End of the shift; null for why=named.")
    rings = serializers.SerializerMethodField()
    whyNot = serializers.SerializerMethodField()
    breakUntil = serializers.DateTimeField(
        source="paused_until", allow_null=True, help_text="With whyNot=on_a_break: when the user's break ends."
    )

    @extend_schema_field(
        {"type": ["string", "null"], "description": "Id of a user; null for a phone number of the configuration."}
    )
    def get_staffId(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Null for a phone number of the configuration."""
        return None if candidate.id.startswith("+") else candidate.id

    def get_rings(self, candidate: Any) -> bool:
        """Whether a phone would ring."""
        return bool(candidate.phone)

    @extend_schema_field(
        serializers.ChoiceField(
            choices=list(reasons.WHY_NOT), allow_null=True, help_text="Why no phone would ring; null if one would."
        )
    )
    def get_whyNot(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Null if a phone would ring."""
        return candidate.why_not or None


class PreviewStepView(RecordView[Any]):
    """A step of a call."""

    path = serializers.CharField(help_text="Path of the action in the configuration, such as open/otherwise.")
    type = serializers.ChoiceField(
        choices=["say", "menu", "ring", "voicemail", "callback", "hangup"],
        source="kind",
        help_text="The kind of action.",
    )
    text = serializers.CharField(allow_null=True, help_text="Text that is spoken, or URL of the audio that is played.")
    language = serializers.CharField(allow_null=True, help_text="Language of a spoken text; null: none is spoken.")
    keys = serializers.DictField(child=serializers.CharField(), help_text="For a menu: path of the action by key.")
    people = PreviewCandidateView(many=True, help_text="For a ring action: who is considered, in order.")
    maxRingSeconds = serializers.IntegerField(
        source="max_ring_seconds",
        allow_null=True,
        help_text="For a ring action: after how many seconds ringing ends, even if some phones have not rung by then.",
    )
    callerId = serializers.ChoiceField(
        source="caller_id",
        choices=["line", "caller"],
        allow_null=True,
        help_text="For a ring action: the number that the phones show. With `callerId` caller in the configuration: "
        "line where the phones ring all at once, and in calls without a phone number.",
    )


class CallPreviewView(RecordView[Any]):
    """A simulated call in which the caller presses no key and nobody answers."""

    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(source="number", allow_null=True)
    at = serializers.DateTimeField(help_text="The time of the simulated call.")
    entrance = serializers.ChoiceField(
        choices=["open", "closed", "holiday"],
        source="entrance.name",
        help_text="The action with which the call begins.",
    )
    reason = serializers.CharField(source="entrance.reason", help_text="Why the call begins there, as a sentence.")
    holiday = serializers.CharField(
        source="entrance.holiday", allow_null=True, help_text="Name of the holiday, or its date; null: it is none."
    )
    nextOpening = serializers.DateTimeField(
        source="next_opening",
        allow_null=True,
        help_text="When a caller would be answered: the time of the simulated call if somebody could be rung then, "
        "else the next such moment, with the offset of the location; null: not within 31 days. `{nextOpening}` in "
        "texts is this time in words.",
    )
    steps = PreviewStepView(many=True, help_text="The steps of the call, in order.")
