"""``/staffSchedule`` and who is on duty."""

from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Actor
from config.api import pagination
from config.api.operations import (
    OperationViewSet,
    operation,
    read_idempotency_key,
    read_if_match_versions,
    utc_now,
    versioned_response,
)
from staffing.recurrence.edit import SeriesUpdate
from staffing.schedules import commands, listing, on_duty
from staffing.schedules.queries import ScheduleFilter
from staffing.serializers.schedules import (
    DeletedSchedule,
    LocationOnDutyView,
    NewSchedule,
    OnDutyQuery,
    ScheduleChange,
    SchedulePage,
    ScheduleQuery,
    ScheduleView,
    ScopeQuery,
)
from staffing.views import examples

TAG = "Staff Schedule"
_CONFLICT_RULE = (
    "Any overlap with another schedule of the person is 409, naming it and the first moment, "
    "within 28 years; `allowOverlap` overrides that, and is audited."
)


def actor_of(request: Request) -> Actor:
    """The signed-in person, with what they may do."""
    return cast(Actor, request.user)


class Schedules(OperationViewSet):
    """``/staffSchedule``."""

    @operation(
        "schedules:read",
        operation_id="listSchedules",
        tag=TAG,
        summary="Get staff schedules",
        description=(
            "Schedules of a location or customer, perhaps of one person, that have a shift from "
            "`from` until before `to`; with `expand=occurrences` the single shifts, by start, in a "
            "window of at most 400 days. A page may hold fewer than `limit` before the list ends."
        ),
        query=ScheduleQuery,
        responses={200: SchedulePage},
        example={"items": [examples.SCHEDULE], "nextCursor": None},
        error_statuses=(400, 404),
    )
    def list_page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = ScheduleQuery.parse_query(request)
        limit, cursor = query.pop("limit", 1000), query.pop("cursor", None)
        is_expanded = query.pop("expand", None) is not None
        schedule_filter = ScheduleFilter(**query)
        scope = f"roster for {actor.id} {'shifts' if is_expanded else 'schedules'} {schedule_filter}"
        start_cursor = pagination.decode_cursor(scope, cursor)
        list_items = listing.list_shifts if is_expanded else listing.list_schedules
        page = list_items(schedule_filter, actor=actor, at=utc_now(), limit=limit, cursor=start_cursor)
        return pagination.page_response(scope, page, SchedulePage)

    @operation(
        "schedules:write",
        operation_id="createSchedule",
        tag=TAG,
        summary="Create a new staff schedule",
        description=(
            "Plans a shift, or with `recurrencePattern` a series. Times without offset are by the "
            f"location's clock; a series keeps to it through every change. {_CONFLICT_RULE}"
        ),
        body=NewSchedule,
        body_example=examples.NEW_SCHEDULE,
        responses={201: ScheduleView},
        example=examples.SCHEDULE,
        error_statuses=(404, 409, 422),
        rate_limit="write",
        etag=True,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        draft = commands.ScheduleDraft(**NewSchedule.parse(request.data))
        schedule = commands.create_schedule(
            draft, actor=actor, at=utc_now(), idempotency_key=read_idempotency_key(request, actor)
        )
        return versioned_response(request, ScheduleView(schedule), int(schedule.version), status=201)


class ScheduleDetail(OperationViewSet):
    """``/staffSchedule/{id}``."""

    @operation(
        "schedules:read",
        operation_id="getSchedule",
        tag=TAG,
        summary="One staff schedule",
        responses={200: ScheduleView},
        example=examples.SCHEDULE,
        error_statuses=(404,),
        etag=True,
    )
    def retrieve(self, request: Request, id: str) -> Response:
        schedule = commands.get_schedule(id, actor=actor_of(request))
        return versioned_response(request, ScheduleView(schedule), int(schedule.version))

    @operation(
        "schedules:write",
        operation_id="updateSchedule",
        tag=TAG,
        summary="Update a staff schedule",
        description=(
            "Changes a single shift or all of a series; with `scope` and `recurrenceId` one shift "
            "of it, or one and all that follow, which become a series of their own: that is "
            "answered. `staffId` and `locationId` hand it over. What is not named stays; a new "
            "`recurrencePattern` without `exceptions` keeps those that still fit. With "
            "`recurrenceId`, times are those of that shift, and others move along. "
            f"{_CONFLICT_RULE}"
        ),
        body=ScheduleChange,
        query=ScopeQuery,
        body_example={"endTime": "2027-01-04T18:00:00"},
        responses={200: ScheduleView},
        example=examples.SCHEDULE,
        error_statuses=(404, 409),
        rate_limit="write",
        etag=True,
    )
    def update(self, request: Request, id: str) -> Response:
        values = ScheduleChange.parse(request.data)
        schedule = commands.update_schedule(
            id,
            SeriesUpdate(**{name: values[name] for name in _UPDATE_FIELDS if name in values}),
            location_id=values.get("location_id"),
            allow_overlap=values.get("allow_overlap", False),
            **ScopeQuery.parse_query(request),
            actor=actor_of(request),
            at=utc_now(),
            versions=read_if_match_versions(request),
        )
        return versioned_response(request, ScheduleView(schedule), int(schedule.version))

    @operation(
        "schedules:write",
        operation_id="deleteSchedule",
        tag=TAG,
        summary="Delete a staff schedule",
        description=(
            "Removes a schedule; with `scope` and `recurrenceId` one shift of a series, or one and "
            "all that follow. Only the owner (matching customerId) can delete: 403 for others."
        ),
        query=ScopeQuery,
        responses={200: DeletedSchedule},
        example={"id": examples.SCHEDULE["id"], "status": "removed", "scope": "all"},
        error_statuses=(400, 404),
        rate_limit="write",
    )
    def delete(self, request: Request, id: str) -> Response:
        query = ScopeQuery.parse_query(request)
        commands.delete_schedule(
            id, **query, actor=actor_of(request), at=utc_now(), versions=read_if_match_versions(request)
        )
        deleted = {"id": id, "status": "removed", "scope": query.get("scope", "all")}
        return Response(DeletedSchedule(deleted).data)


_UPDATE_FIELDS = ("start", "end", "recurring", "pattern", "staff_id")


class LocationOnDuty(OperationViewSet):
    """``/location/{id}/on-duty``."""

    @operation(
        "schedules:read",
        operation_id="getOnDuty",
        tag=TAG,
        summary="Who is on duty at a location",
        description=(
            "Who is on duty now, or at another moment, until when and why; who came first first. "
            "It is what a call to the location is answered by."
        ),
        query=OnDutyQuery,
        responses={200: LocationOnDutyView},
        example=examples.ON_DUTY,
        error_statuses=(400, 404),
    )
    def retrieve(self, request: Request, id: str) -> Response:
        at = OnDutyQuery.parse_query(request).get("at") or utc_now()
        entries = on_duty.list_on_duty_for_actor(id, at, actor=actor_of(request))
        return Response(LocationOnDutyView({"location_id": id, "at": at, "items": entries}).data)
