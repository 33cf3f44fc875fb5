"""Public hours: whether a line has them, and what anybody reads."""

from typing import Any

from rest_framework import serializers

from config.api.fields import StrictBooleanField, StrictChoiceField, StrictQuery, StrictSerializer
from config.api.record_views import RecordView
from telephony.models import PublicHours
from telephony.public_hours import publication

FORMATS = ("json", "ics")


class PublicHoursSettingsView(RecordView[PublicHours]):
    """Whether anybody may read when a line is open, and where."""

    locationId = serializers.CharField(source="location_id")
    enabled = serializers.BooleanField(source="is_public", help_text="Whether the hours are public.")
    url = serializers.SerializerMethodField()
    calendarUrl = serializers.SerializerMethodField()
    updatedAt = serializers.DateTimeField(
        source="updated_at", allow_null=True, help_text="When this was last changed; null: never."
    )
    version = serializers.IntegerField()

    def get_url(self, record: PublicHours) -> str | None:
        """Where anybody reads the hours as JSON-LD; null if they are not public."""
        return publication.build_url(record)

    def get_calendarUrl(self, record: PublicHours) -> str | None:  # noqa: N802 - the wire's name
        """The same as iCalendar, for calendar applications."""
        url = publication.build_url(record)
        return f"{url}.ics" if url else None


class PublicHoursChange(StrictSerializer):
    """Whether the hours of a line are public. What was read may be sent back with it."""

    record_view = PublicHoursSettingsView
    enabled = StrictBooleanField(source="is_public", help_text="Whether anybody may read the hours.")
    renew = StrictBooleanField(
        source="renews",
        required=False,
        help_text="true: at a new address; the previous one stops working. Default: false.",
    )


class PublicHoursQuery(StrictQuery):
    """How the hours are written."""

    format = StrictChoiceField(
        choices=list(FORMATS),
        required=False,
        help_text="json or ics (iCalendar). Default: as the header Accept prefers, JSON if it does not matter.",
    )


class _LinkedData(serializers.Serializer[Any]):
    """JSON-LD, whose members have names that are none in Python."""

    def get_fields(self) -> dict[str, Any]:
        """Begin with the type."""
        return {
            "@type": serializers.CharField(help_text="Type in the vocabulary of schema.org."),
            **super().get_fields(),
        }


class OpeningHoursSpecificationView(_LinkedData):
    """Opening hours on weekdays, or on days of the calendar, by the clock of the location.

    Days of the calendar override weekdays. A day from 00:00 to 23:59 is open all day, one from
    00:00 to 00:00 is closed. What closes before it opens, closes on the next day.
    """

    dayOfWeek = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Days of each week, such as https://schema.org/Monday."
    )
    name = serializers.CharField(required=False, help_text="Name of the holiday, if it is one.")
    validFrom = serializers.DateField(required=False, help_text="First day of the calendar.")
    validThrough = serializers.DateField(required=False, help_text="Last day of the calendar.")
    opens = serializers.CharField(help_text="Time HH:MM.")
    closes = serializers.CharField(help_text="Time HH:MM.")


class PublishedHoursView(_LinkedData):
    """When a line is open, as JSON-LD of schema.org."""

    name = serializers.CharField(help_text="Name of the location.")
    telephone = serializers.CharField(help_text="Number of the line (E.164).")
    openingHoursSpecification = OpeningHoursSpecificationView(many=True, help_text="The hours of the next weeks.")

    def get_fields(self) -> dict[str, Any]:
        """Begin with the context."""
        return {"@context": serializers.CharField(help_text="https://schema.org"), **super().get_fields()}
