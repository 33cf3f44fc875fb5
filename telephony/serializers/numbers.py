"""The wire shapes of numbers and of how locations answer them."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import PageQuery, StrictDateTimeField, StrictSerializer, TextField
from telephony import dialing_rules
from telephony.models import Line, PhoneNumber

_CONFIGURATION_SCHEMA_REF = {"$ref": "#/components/schemas/IvrConfiguration"}


class CountryField(TextField):
    """A country by its two letters (ISO 3166)."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).upper()
        if len(text) != 2 or not text.isascii() or not text.isalpha():
            raise serializers.ValidationError("It must be two letters, such as US.", code="invalid")
        return text


class PhoneNumberField(TextField):
    """A phone number with its country code, as E.164."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=32, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        number = dialing_rules.normalize_number(super().to_internal_value(data))
        if number is None:
            raise serializers.ValidationError(
                "It must be a phone number with its country code, such as +14155550123.", code="invalid_phone"
            )
        return number


@extend_schema_field(_CONFIGURATION_SCHEMA_REF)
class IvrConfigurationField(serializers.JSONField):
    """An IVR configuration; `telephony.ivr.configuration` checks it."""


class PhoneNumberSearch(StrictSerializer):
    """What numbers are looked for."""

    country = CountryField(max_length=2, help_text="Two letters (ISO 3166): US.")
    areaCode = TextField(
        max_length=10,
        source="area_code",
        help_text="Three digits in the US and Canada; elsewhere how numbers there begin: 020.",
    )


class NumberCapabilities(serializers.Serializer[Any]):
    """What a number can do."""

    voice = serializers.BooleanField()
    sms = serializers.BooleanField()
    mms = serializers.BooleanField()


class AvailableNumberView(serializers.Serializer[Any]):
    """A number that can be bought."""

    phoneNumber = serializers.CharField(source="number")
    friendlyName = serializers.CharField(source="friendly_name")
    locality = serializers.CharField(allow_null=True)
    region = serializers.CharField(allow_null=True)
    country = serializers.CharField()
    capabilities = NumberCapabilities()


class AvailableNumbers(serializers.Serializer[Any]):
    """Numbers that can be bought; none is no failure."""

    items = AvailableNumberView(many=True)


class NumberPurchase(StrictSerializer):
    """Which number for which location."""

    phoneNumber = PhoneNumberField(source="number")
    locationId = TextField(max_length=100, source="location_id")


class NumberWithConfigurationView(serializers.Serializer[Any]):
    """A number, and how its location answers."""

    phoneNumber = serializers.CharField(source="number.number")
    locationId = serializers.CharField(source="number.location_id")
    status = serializers.ChoiceField(choices=["buying", "active", "releasing"], source="number.status")
    ivrConfiguration = serializers.SerializerMethodField()

    @extend_schema_field({"oneOf": [_CONFIGURATION_SCHEMA_REF, {"type": "null"}]})
    def get_ivrConfiguration(self, number_with_line: Any) -> Any:  # noqa: N802 - the wire's name
        """None where the location has none any more."""
        return number_with_line.line.configuration if number_with_line.line else None


class PhoneNumberView(serializers.Serializer[PhoneNumber]):
    """A number of the customer."""

    phoneNumber = serializers.CharField(source="number")
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    status = serializers.ChoiceField(choices=["buying", "active", "releasing"])
    releaseAt = serializers.DateTimeField(
        source="release_at", allow_null=True, help_text="Until then it can be restored."
    )
    createdAt = serializers.DateTimeField(source="created_at")


class PhoneNumberPage(serializers.Serializer[Any]):
    """Numbers in order."""

    items = PhoneNumberView(many=True)
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )


class PhoneNumberQuery(PageQuery):
    """Which numbers."""


class IvrConfigurationChange(StrictSerializer):
    """How the location is to answer from the next call on."""

    configuration = IvrConfigurationField()


class LineView(serializers.Serializer[Line]):
    """How a location answers its number."""

    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(source="number", allow_null=True, help_text="null: it has none just now.")
    configuration = IvrConfigurationField()
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()


class CallPreviewQuery(StrictSerializer):
    """When."""

    at = StrictDateTimeField(required=False, help_text="The moment; now where it is not given.")

    def validate_at(self, at: datetime) -> datetime:
        """Rotas do not reach further."""
        if not 2000 <= at.year < 2100:
            raise serializers.ValidationError("It must be of this century.", code="invalid")
        return at


class PreviewCandidateView(serializers.Serializer[Any]):
    """Somebody who would ring, or why not."""

    staffId = serializers.SerializerMethodField()
    name = serializers.CharField(help_text="Of the person; or the number that is named.")
    why = serializers.ChoiceField(choices=["scheduled", "moved", "covering", "handing_over", "named"])
    until = serializers.DateTimeField(allow_null=True, help_text="When the shift ends.")
    rings = serializers.SerializerMethodField()
    whyNot = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_staffId(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """None for a number of the configuration."""
        return None if candidate.id.startswith("+") else candidate.id

    def get_rings(self, candidate: Any) -> bool:
        """Whether there is a phone to ring."""
        return bool(candidate.phone)

    @extend_schema_field(
        {
            "type": ["string", "null"],
            "enum": [
                *("no_phone", "ringing_off", "phone_not_verified", "no_number", "other_country"),
                *("kind_of_number", "blocked", "other_role", "other_skill", "too_many"),
                *("minutes_used_up", None),
            ],
        }
    )
    def get_whyNot(self, candidate: Any) -> str | None:  # noqa: N802 - the wire's name
        """Why there is none."""
        return candidate.why_not or None


class PreviewStepView(serializers.Serializer[Any]):
    """One thing that a caller meets."""

    path = serializers.CharField(help_text="Where it stands in the configuration.")
    type = serializers.ChoiceField(choices=["say", "menu", "ring", "voicemail", "hangup"], source="kind")
    text = serializers.CharField(allow_null=True, help_text="What is said, or played.")
    keys = serializers.DictField(child=serializers.CharField(), help_text="Where keys lead.")
    people = PreviewCandidateView(many=True)


class CallPreviewView(serializers.Serializer[Any]):
    """What a caller would meet, pressing no key and answered by nobody."""

    locationId = serializers.CharField(source="location_id")
    phoneNumber = serializers.CharField(source="number", allow_null=True)
    at = serializers.DateTimeField()
    entrance = serializers.ChoiceField(choices=["open", "closed", "holiday"])
    steps = PreviewStepView(many=True)
