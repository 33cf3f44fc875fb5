"""Serializers of schedule templates."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from config.api.fields import PageQuery, StrictQuery, StrictSerializer, TextField
from config.api.record_bodies import NewRecordBody
from staffing.serializers.details import DetailsView, TemplateDetails
from staffing.serializers.patterns import RecurrencePatternField, RecurrencePatternView
from staffing.serializers.times import TimeOfDayField

_LOCATION_HELP = "Id of the location; null: any location."
_END_TIME_HELP = "Time of day; on the next day unless it is after `startTime`."


@extend_schema_serializer(component_name="ScheduleTemplate")
class TemplateView(DetailsView):
    """A reusable schedule."""

    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    name = serializers.CharField()
    locationId = serializers.CharField(source="location_id", allow_null=True, help_text=_LOCATION_HELP)
    startTime = serializers.CharField(source="start", help_text="Time of day.")
    endTime = serializers.CharField(source="end", help_text=_END_TIME_HELP)
    recurrencePattern = RecurrencePatternView(source="pattern", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()


@extend_schema_serializer(component_name="NewScheduleTemplate")
class NewTemplate(TemplateDetails, NewRecordBody):
    """A new schedule template."""

    record_view = TemplateView
    customerId = TextField(max_length=100, required=False, source="customer_id")
    name = TextField(max_length=200)
    locationId = TextField(
        max_length=100, required=False, allow_null=True, source="location_id", help_text=_LOCATION_HELP
    )
    startTime = TimeOfDayField(source="start", help_text="Time of day, such as 09:00.")
    endTime = TimeOfDayField(source="end", help_text=_END_TIME_HELP)
    recurrencePattern = RecurrencePatternField(required=False, allow_null=True, source="pattern")


@extend_schema_serializer(component_name="ScheduleTemplateChange")
class TemplateChange(TemplateDetails):
    """The fields to update; all but `id` are optional.

    Other fields of the template may be sent back unchanged.
    """

    record_view = TemplateView
    id = TextField(max_length=100)
    name = TextField(max_length=200, required=False)
    locationId = TextField(
        max_length=100, required=False, allow_null=True, source="location_id", help_text=_LOCATION_HELP
    )
    startTime = TimeOfDayField(required=False, source="start")
    endTime = TimeOfDayField(required=False, source="end", help_text=_END_TIME_HELP)
    recurrencePattern = RecurrencePatternField(required=False, allow_null=True, source="pattern")


@extend_schema_serializer(component_name="ScheduleTemplateReference")
class TemplateReference(StrictSerializer):
    """The schedule template to delete. Its other fields may be sent, as they were read."""

    record_view = TemplateView
    id = TextField(max_length=100)


class TemplateReferenceQuery(StrictQuery):
    """The schedule template to delete, for clients that cannot send a body with DELETE."""

    id = TextField(max_length=100, required=False, help_text="Instead of `id` in the body.")


class TemplateQuery(PageQuery):
    """Filters of schedule templates."""

    locationId = TextField(
        max_length=100,
        required=False,
        source="location_id",
        help_text="Only templates of this location, and templates for any location.",
    )
