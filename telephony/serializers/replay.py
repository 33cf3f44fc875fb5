"""Serializers of past calls against a changed rota."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from config import dynamodb
from config.api.fields import StrictBooleanField, StrictChoiceField, StrictSerializer, TextField
from config.api.record_views import RecordView
from config.api.time_queries import QueryTimeField
from staffing.recurrence.series_update import SeriesUpdate
from staffing.schedules.changed_rota import CHANGE_ACTIONS, MAX_CHANGES, RotaChange
from staffing.serializers.patterns import RecurrencePatternField
from staffing.serializers.schedules import SCOPES
from staffing.serializers.times import TIME_EXAMPLES, RecurrenceIdField, ShiftTimeField
from telephony.calls.history.location_calls import MAX_CALLS
from telephony.models import CALL_OUTCOMES
from telephony.serializers.demand import HourOfWeekView, window_fields

_LOCAL_TIMES_HELP = (
    "A date-time with an offset; or a local time without one, or a date (its midnight), in the location's time zone."
)
_CHANGED = {
    "startTime": "start",
    "endTime": "end",
    "recurring": "recurring",
    "recurrencePattern": "pattern",
    "staffId": "staff_id",
}
"""The fields that say what a shift becomes, by their names in `SeriesUpdate`."""
_TARGET = ("scheduleId", "scope", "recurrenceId")
"""The fields that say which shifts are meant."""


@extend_schema_serializer(component_name="RotaChange")
class RotaChangeBody(StrictSerializer):
    """A shift or series to add, change or remove, as the operations of `/staffSchedule` would."""

    action = StrictChoiceField(
        choices=CHANGE_ACTIONS,
        help_text="add: a new shift or series, by `staffId`, `startTime`, `endTime` and, if it recurs, "
        "`recurrencePattern`. change: the fields that are sent, of `scheduleId`. remove: `scheduleId`.",
    )
    scheduleId = TextField(
        max_length=100, required=False, help_text="Schedule of this location to change or remove; not with `add`."
    )
    scope = StrictChoiceField(choices=SCOPES, required=False, help_text="Which occurrences of a series; default: all.")
    recurrenceId = RecurrenceIdField(
        required=False, help_text="Original start of the occurrence; required with `scope` occurrence or following."
    )
    staffId = TextField(max_length=100, required=False, help_text="Id of a user.")
    startTime = ShiftTimeField(required=False, help_text=f"Start of the shift, {TIME_EXAMPLES}.")
    endTime = ShiftTimeField(required=False, help_text="At most 31 days after `startTime`.")
    recurring = StrictBooleanField(required=False, help_text="false: makes a series a single shift.")
    recurrencePattern = RecurrencePatternField(
        required=False, allow_null=True, help_text="How it recurs, also before today; null: it does not."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require the fields of the action, and no others."""
        action = attrs["action"]
        required = ("staffId", "startTime", "endTime") if action == "add" else ("scheduleId",)
        refused = {"add": _TARGET, "remove": tuple(_CHANGED), "change": ()}[action]
        field_errors = {name: ["Required with this action."] for name in required if attrs.get(name) is None}
        field_errors |= {name: ["Not with this action."] for name in refused if name in attrs}
        if attrs.get("scope", "all") != "all" and "recurrenceId" not in attrs:
            field_errors["recurrenceId"] = ["Required with this scope."]
        if "recurrenceId" in attrs and "scope" not in attrs and action != "add":
            field_errors["scope"] = ["Required with `recurrenceId`."]
        if action == "change" and not attrs.keys() & _CHANGED.keys():
            field_errors["action"] = ["No fields to change."]
        if field_errors:
            raise serializers.ValidationError(field_errors)
        return attrs


class ReplayBody(StrictSerializer):
    """The window of past calls, and the changes of the rota."""

    changes: Any = serializers.ListSerializer(
        child=RotaChangeBody(),
        max_length=MAX_CHANGES,
        required=False,
        help_text=f"At most {MAX_CHANGES}, applied one after the other. Default: none.",
    )

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        since = QueryTimeField(source="since", help_text=f"Start of the window, inclusive. {_LOCAL_TIMES_HELP}")
        until = QueryTimeField(source="until", help_text="End of the window, exclusive; in the past.")
        return {"from": since, "to": until, **super().get_fields()}

    @staticmethod
    def to_changes(values: list[dict[str, Any]]) -> list[RotaChange]:
        """The changes of a validated body."""
        return [
            RotaChange(
                action=item["action"],
                schedule_id=item.get("scheduleId", ""),
                scope=item.get("scope", "all"),
                recurrence_id=item.get("recurrenceId"),
                update=SeriesUpdate(
                    **{name: item[wire_name] for wire_name, name in _CHANGED.items() if wire_name in item},
                    is_pattern_null="recurrencePattern" in item and item["recurrencePattern"] is None,
                ),
            )
            for item in values
        ]


class MetView(RecordView[Any]):
    """Calls that were, or would be, met."""

    then = serializers.IntegerField(help_text="Calls that were answered.")
    now = serializers.IntegerField(help_text="Calls that somebody could have answered with the changed rota.")


class ReplayedPersonView(RecordView[Any]):
    """A user, or a number of the configuration, whose phone would ring."""

    staffId = serializers.SerializerMethodField()
    phoneNumber = serializers.SerializerMethodField()
    rangThen = serializers.BooleanField(
        source="rang_then", help_text="Whether it rang in this call, too, and was not answered; then it does not count."
    )

    def get_staffId(self, instance: Any) -> str | None:  # noqa: N802 - the field's name
        """The user's id; null for a number."""
        return instance.id if dynamodb.is_id("usr", instance.id) else None

    def get_phoneNumber(self, instance: Any) -> str | None:  # noqa: N802 - the field's name
        """The number; null for a user."""
        return None if dynamodb.is_id("usr", instance.id) else str(instance.id)


class ReplayedCallView(RecordView[Any]):
    """A call that was not met, or would not be."""

    callId = serializers.CharField(source="call_id")
    startedAt = serializers.DateTimeField(source="started_at", help_text="When the call began.")
    was = serializers.ChoiceField(choices=list(CALL_OUTCOMES), help_text="How the call ended.")
    isMet = serializers.BooleanField(source="is_met", help_text="Whether the changed rota would have met it.")
    wouldRing = ReplayedPersonView(
        many=True, source="would_ring", help_text="Whom it would ring with the changed rota, in order; may be empty."
    )


class ReplayHourView(HourOfWeekView):
    """The calls in an hour of the week, over the whole window."""

    calls = serializers.IntegerField(help_text="Calls that began in this hour.")
    met = MetView()


@extend_schema_serializer(component_name="Replay")
class ReplayView(RecordView[Any]):
    """Past calls against a changed rota."""

    locationId = serializers.CharField(source="location_id")
    timeZone = serializers.CharField(source="time_zone", help_text="IANA time zone of the location.")
    calls = serializers.IntegerField(source="call_count", help_text="Calls that were judged.")
    isCut = serializers.BooleanField(
        source="is_cut", help_text=f"Whether there were more calls: the newest {MAX_CALLS:,} are judged."
    )
    met = MetView()
    unmet = ReplayedCallView(many=True, help_text="The calls that were not met, or would not be; newest first.")
    perHour = ReplayHourView(many=True, source="hours", help_text="168 hours, from Monday 0:00 on.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        return {**super().get_fields(), **window_fields()}
