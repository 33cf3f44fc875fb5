"""The wire shapes of templates."""

from typing import Any

from rest_framework import serializers

from config.api.fields import PageQuery, StrictSerializer, TextField
from staffing.models import Template
from staffing.serializers.patterns import RecurrencePatternField, RecurrencePatternView
from staffing.serializers.times import TimeOfDayField

_LOCATION_HELP = "The location it is for; null: any."
_END_TIME_HELP = "A time of day; not after startTime: of the next day."


class NewTemplate(StrictSerializer):
    """A new template."""

    customerId = TextField(max_length=100, required=False, source="customer_id")
    name = TextField(max_length=200)
    locationId = TextField(
        max_length=100, required=False, allow_null=True, source="location_id", help_text=_LOCATION_HELP
    )
    startTime = TimeOfDayField(source="start", help_text="A time of day: 09:00.")
    endTime = TimeOfDayField(source="end", help_text=_END_TIME_HELP)
    recurrencePattern = RecurrencePatternField(required=False, allow_null=True, source="pattern")


class TemplateChange(StrictSerializer):
    """What is to be changed; what is not named stays."""

    id = TextField(max_length=100)
    name = TextField(max_length=200, required=False)
    locationId = TextField(
        max_length=100, required=False, allow_null=True, source="location_id", help_text=_LOCATION_HELP
    )
    startTime = TimeOfDayField(required=False, source="start")
    endTime = TimeOfDayField(required=False, source="end", help_text=_END_TIME_HELP)
    recurrencePattern = RecurrencePatternField(required=False, allow_null=True, source="pattern")


class TemplateReference(StrictSerializer):
    """A template."""

    id = TextField(max_length=100)


class TemplateQuery(PageQuery):
    """Which templates."""

    locationId = TextField(max_length=100, required=False, source="location_id")


class TemplateView(serializers.Serializer[Template]):
    """A reusable shape of a schedule."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    name = serializers.CharField()
    locationId = serializers.CharField(source="location_id", allow_null=True)
    startTime = serializers.CharField(source="start")
    endTime = serializers.CharField(source="end")
    recurrencePattern = RecurrencePatternView(source="pattern", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()


class TemplatePage(serializers.Serializer[Any]):
    """Templates by name."""

    items = TemplateView(many=True)
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )


class DeletedTemplate(serializers.Serializer[Any]):
    """What was removed."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["removed"])
