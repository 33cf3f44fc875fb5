"""The wire shapes of templates."""

from typing import Any

from rest_framework import serializers

from config.api.fields import Body, PageQuery, Text
from staffing.models import Template
from staffing.serializers.patterns import Pattern, PatternView
from staffing.serializers.times import Clock

_WHERE = "The location it is for; null: any."
_END = "A time of day; not after startTime: of the next day."


class NewTemplate(Body):
    """A new template."""

    customerId = Text(max_length=100, required=False, source="customer_id")
    name = Text(max_length=200)
    locationId = Text(
        max_length=100, required=False, allow_null=True, source="location_id", help_text=_WHERE
    )
    startTime = Clock(source="start", help_text="A time of day: 09:00.")
    endTime = Clock(source="end", help_text=_END)
    recurrencePattern = Pattern(required=False, allow_null=True, source="pattern")


class TemplateChange(Body):
    """What is to be changed; what is not named stays."""

    id = Text(max_length=100)
    name = Text(max_length=200, required=False)
    locationId = Text(
        max_length=100, required=False, allow_null=True, source="location_id", help_text=_WHERE
    )
    startTime = Clock(required=False, source="start")
    endTime = Clock(required=False, source="end", help_text=_END)
    recurrencePattern = Pattern(required=False, allow_null=True, source="pattern")


class WhichTemplate(Body):
    """A template."""

    id = Text(max_length=100)


class TemplateQuery(PageQuery):
    """Which templates."""

    locationId = Text(max_length=100, required=False, source="location_id")


class TemplateView(serializers.Serializer[Template]):
    """A reusable shape of a schedule."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    name = serializers.CharField()
    locationId = serializers.CharField(source="location_id", allow_null=True)
    startTime = serializers.CharField(source="start")
    endTime = serializers.CharField(source="end")
    recurrencePattern = PatternView(source="pattern", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()


class TemplatePage(serializers.Serializer[Any]):
    """Templates by name."""

    items = TemplateView(many=True)
    nextCursor = serializers.CharField(
        allow_null=True, help_text="Send it as `cursor` for the next page; null at the end."
    )


class TemplateGone(serializers.Serializer[Any]):
    """What was removed."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["removed"])
