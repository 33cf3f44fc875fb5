"""Serializers of the demand of a location: calls against people on duty."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from config.api.fields import StrictQuery
from config.api.number_fields import QueryIntegerField
from config.api.record_views import RecordView
from staffing.serializers.patterns import WEEKDAYS
from telephony.calls import demand
from telephony.calls.history.location_calls import MAX_CALLS


class DemandQuery(StrictQuery):
    """How far back calls are counted."""

    weeks = QueryIntegerField(
        min_value=1,
        max_value=demand.MAX_WEEKS,
        required=False,
        help_text=f"Whole weeks until yesterday, 1 to {demand.MAX_WEEKS}. Default {demand.WEEKS}.",
    )


class AnswerTimesView(RecordView[Any]):
    """Seconds from the start of a call until somebody answered it."""

    p50 = serializers.IntegerField(
        allow_null=True, help_text="Half of the answered calls waited at most so long; null: none was answered."
    )
    p90 = serializers.IntegerField(
        allow_null=True, help_text="Nine in ten answered calls waited at most so long; null: none was answered."
    )


class HourOfWeekView(RecordView[Any]):
    """An hour of the week."""

    day = serializers.ChoiceField(choices=WEEKDAYS)
    hour = serializers.IntegerField(help_text="0 to 23, by the clock of the location.")


class DemandHourView(HourOfWeekView):
    """The calls and the people on duty in an hour of the week, over all weeks."""

    calls = serializers.IntegerField(help_text="Incoming calls that began in this hour, whatever their outcome.")
    answered = serializers.IntegerField(help_text="Of these, those that a user or number took.")
    missed = serializers.IntegerField(help_text="Those that ended without an answer or a message while open.")
    voicemail = serializers.IntegerField(help_text="Those in which the caller left a message.")
    secondsToAnswer = AnswerTimesView(source="seconds_to_answer")
    onDuty = serializers.FloatField(source="on_duty", help_text="Users on duty, on average.")


@extend_schema_serializer(component_name="Demand")
class DemandView(RecordView[Any]):
    """The calls and the people on duty of some weeks, by hour of the week."""

    locationId = serializers.CharField(source="location_id")
    timeZone = serializers.CharField(source="time_zone", help_text="IANA time zone of the location.")
    calls = serializers.IntegerField(source="call_count", help_text="Calls that are counted.")
    isCut = serializers.BooleanField(
        source="is_cut",
        help_text=f"Whether there were more calls, or shifts, than are counted: the newest {MAX_CALLS:,} calls.",
    )
    hours = DemandHourView(many=True, help_text="168 hours, from Monday 0:00 on.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        return {**super().get_fields(), **window_fields()}


def window_fields() -> dict[str, Any]:
    """What an answer about a window of time says of it."""
    since = serializers.DateTimeField(source="since", help_text="Start of the window, inclusive.")
    until = serializers.DateTimeField(source="until", help_text="End of the window, exclusive.")
    return {"from": since, "to": until}
