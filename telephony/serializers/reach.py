"""Serializers of reach: when callers would reach nobody."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from config.api.fields import OWN_CUSTOMER_HELP, TextField
from config.api.number_fields import LimitField
from config.api.record_views import RecordView
from config.api.time_queries import DateTimeRangeQuery
from telephony import reasons
from telephony.reach import queries, sweep
from telephony.reach.results import Hole, Reach
from telephony.serializers.demand import window_fields

MAX_KEY_LENGTH = 200


class ReachWindowQuery(DateTimeRangeQuery):
    """The window that is looked at."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        days, default_days = queries.MAX_WINDOW.days, queries.DEFAULT_WINDOW.days
        fields["from"].help_text += " Default: now."
        fields["to"].help_text += f" At most {days} days after `from`; default: {default_days} days after it."
        return fields


class ReachQuery(ReachWindowQuery):
    """The window, and the way through the menu."""

    key = TextField(
        required=False,
        max_length=MAX_KEY_LENGTH,
        help_text="Path of an action in the open branch, such as open/keys/1: only the ways through it. Default: all.",
    )


class ReachListQuery(ReachWindowQuery):
    """The window, and the page."""

    customerId = TextField(max_length=100, required=False, source="customer_id", help_text=OWN_CUSTOMER_HELP)
    limit = LimitField(maximum=queries.MAX_LOCATIONS, default=queries.DEFAULT_LOCATIONS)
    cursor = TextField(required=False, max_length=2000, help_text="`nextCursor` of the previous page.")


class UnreachableView(RecordView[Any]):
    """A user whom a call would not ring."""

    staffId = serializers.CharField(source="staff_id", help_text="Id of the user.")
    whyNot = serializers.ChoiceField(
        choices=list(reasons.WHY_NOT),
        source="why_not",
        help_text="Why the call does not ring them. Reasons that cannot be known of the future, such as on_a_call and "
        "minutes_used_up, do not occur here.",
    )
    until = serializers.DateTimeField(
        allow_null=True, help_text="End of the shift; null: the configuration names the user."
    )


@extend_schema_serializer(component_name="ReachHole")
class HoleView(RecordView[Hole]):
    """A time within opening hours in which callers on one way through the menu reach nobody."""

    minutes = serializers.IntegerField(help_text="Length, as time passes.")
    entrance = serializers.ChoiceField(choices=["open"], help_text="Always open: closed hours are no hole.")
    way = serializers.CharField(
        help_text="Path to which the last key leads that the caller presses before phones would ring, such as "
        "open/keys/1; open: no key."
    )
    ends = serializers.ChoiceField(choices=list(reasons.ENDS), help_text="What the caller gets instead.")
    people = UnreachableView(
        many=True,
        help_text="The users on duty, or named, whom this way would ring but for a reason, at any time of the hole: "
        f"at most {sweep.MAX_PEOPLE}. First those who can do something about it; none: nobody is on duty.",
    )
    would = serializers.ListField(
        child=serializers.CharField(),
        help_text="What would close the hole, or a part of it, as what:whom. accept:usr_…, verify:usr_…, ring:usr_…, "
        "resume:usr_…, phone:usr_… and unblock:usr_…: the user accepts the invitation, verifies the phone, turns calls "
        "on, ends the break, enters another phone, is activated. shift:nobody_on_duty: a shift of somebody; "
        "shift:other_skill and shift:other_role: of somebody with one of the skills or roles. ivr:other_skill and "
        "ivr:other_role: a change of the configuration.",
    )

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        since = serializers.DateTimeField(source="start", help_text="Start, with the offset of the location.")
        until = serializers.DateTimeField(source="end", help_text="End, exclusive.")
        return {"from": since, "to": until, **super().get_fields()}


class ReachWarningView(RecordView[Any]):
    """Somebody who is rung by the lines of two locations, so that one call takes them from both."""

    code = serializers.SerializerMethodField()
    staffId = serializers.CharField(source="staff_id", help_text="Id of the user.")
    locationId = serializers.CharField(source="location_id", help_text="The other location, at which they are on duty.")
    minutes = serializers.IntegerField(help_text="For how long, within the window and the opening hours.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        since = serializers.DateTimeField(source="start", help_text="When both lines ring them for the first time.")
        return {**super().get_fields(), "from": since}

    @extend_schema_field(
        serializers.ChoiceField(choices=["shared"], help_text="shared: two locations ring the same user.")
    )
    def get_code(self, person: Any) -> str:
        """The only warning there is."""
        return "shared"


class ReachBasisView(RecordView[Reach]):
    """What the answer rests on, apart from people and their phones."""

    line = serializers.IntegerField(
        source="line_version",
        allow_null=True,
        help_text="Version of the IVR configuration; null: the location has never had a phone number.",
    )
    rota = serializers.CharField(source="rota_version", help_text="Changes with the schedules in the window.")


@extend_schema_serializer(component_name="Reach")
class ReachView(RecordView[Reach]):
    """When callers of a location would reach nobody."""

    locationId = serializers.CharField(source="location_id")
    timeZone = serializers.CharField(source="time_zone", help_text="IANA time zone of the location.")
    computedAt = serializers.SerializerMethodField(help_text="When this was found out: nothing is cached.")
    rests = serializers.SerializerMethodField(help_text="What the answer rests on.")
    openMinutes = serializers.IntegerField(source="open_minutes", help_text="Minutes in which the line is open.")
    reachedMinutes = serializers.IntegerField(
        source="reached_minutes",
        help_text="Of these, minutes in which each way through the menu that rings anybody would ring somebody.",
    )
    holeMinutes = serializers.IntegerField(
        source="hole_minutes", help_text="The others: on at least one way, callers reach nobody."
    )
    closedByRotaMinutes = serializers.IntegerField(
        source="closed_by_rota_minutes",
        help_text="Of a line with `mode` schedule: minutes in which it is closed as nobody is on duty. They are no "
        "hole.",
    )
    assumedMinutes = serializers.IntegerField(
        source="assumed_minutes",
        help_text="Open minutes in which a way rings nothing but phone numbers of the configuration, which are assumed "
        "to answer.",
    )
    suspended = serializers.BooleanField(
        source="is_suspended",
        help_text="Whether the customer is suspended: all calls are refused, so there are no opening hours, and no "
        "holes.",
    )
    ways = serializers.ListField(
        child=serializers.CharField(),
        help_text="The ways through the menu that were looked at; none: the configuration rings nobody.",
    )
    holes = HoleView(many=True, help_text=f"By start: the first {sweep.MAX_HOLES:,}, each way by itself.")
    isCut = serializers.BooleanField(
        source="is_cut", help_text="Whether there are more holes; the minutes count all of them."
    )
    warnings = ReachWarningView(source="shared", many=True, help_text="What is no hole, but may become one.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of a class attribute."""
        return {**super().get_fields(), **window_fields()}

    @extend_schema_field(serializers.DateTimeField(help_text="When this was found out: nothing is cached."))
    def get_computedAt(self, reach: Reach) -> Any:  # noqa: N802 - the wire's name
        """When this was found out."""
        return self.context["at"]

    @extend_schema_field(ReachBasisView)
    def get_rests(self, reach: Reach) -> Any:
        """What the answer rests on."""
        return ReachBasisView(reach).data


@extend_schema_serializer(component_name="ReachSummary")
class ReachSummaryView(RecordView[Reach]):
    """How well the callers of a location are answered in a window."""

    locationId = serializers.CharField(source="location_id")
    openMinutes = serializers.IntegerField(source="open_minutes", help_text="Minutes in which the line is open.")
    holes = serializers.SerializerMethodField()
    holeMinutes = serializers.IntegerField(
        source="hole_minutes", help_text="Open minutes in which callers on at least one way reach nobody."
    )
    firstHole = serializers.SerializerMethodField()

    @extend_schema_field(
        serializers.IntegerField(help_text="Periods in which callers on at least one way reach nobody.")
    )
    def get_holes(self, reach: Reach) -> int:
        """Periods of the window."""
        return len(reach.hole_periods)

    @extend_schema_field(HoleView(allow_null=True, help_text="The earliest hole; null: there is none."))
    def get_firstHole(self, reach: Reach) -> Any:  # noqa: N802 - the wire's name
        """The earliest."""
        return HoleView(reach.holes[0]).data if reach.holes else None
