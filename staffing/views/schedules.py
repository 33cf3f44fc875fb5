"""``/staffSchedule`` and who is on duty."""

from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Actor
from config.api import pagination
from config.api.operations import Operations, now, once, one, operation, versions
from staffing.recurrence.edit import Asked
from staffing.schedules import commands, listing, on_duty
from staffing.schedules.queries import Wish
from staffing.serializers.schedules import (
    DutyQuery,
    DutyView,
    NewSchedule,
    RosterPage,
    ScheduleChange,
    ScheduleGone,
    ScheduleQuery,
    ScheduleView,
    ScopeQuery,
)
from staffing.views import examples

TAG = "Staff Schedule"
_CLASH = (
    "Any overlap with another schedule of the person is 409, naming it and the first moment, "
    "however far away; `allowOverlap` overrides that, and is audited."
)


def actor_of(request: Request) -> Actor:
    """The signed-in person, with what they may do."""
    return cast(Actor, request.user)


class Schedules(Operations):
    """``/staffSchedule``."""

    @operation(
        "schedules:read",
        name="listSchedules",
        tag=TAG,
        summary="Get staff schedules",
        description=(
            "Schedules of a location or customer, perhaps of one person, that have a shift from "
            "`from` until before `to`; with `expand=occurrences` the single shifts, by start, in a "
            "window of at most 400 days. A page may hold fewer than `limit` before the list ends."
        ),
        query=ScheduleQuery,
        answers={200: RosterPage},
        example={"items": [examples.SCHEDULE], "nextCursor": None},
        refuses=(400, 404),
    )
    def page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = ScheduleQuery.of_query(request)
        limit, cursor = query.pop("limit", 1000), query.pop("cursor", None)
        expands = query.pop("expand", None) is not None
        wish = Wish(**query)
        scope = f"roster for {actor.id} {'shifts' if expands else 'schedules'} {wish}"
        place = pagination.start_of(scope, cursor)
        read = listing.shifts if expands else listing.page
        page = read(wish, actor=actor, at=now(), limit=limit, start=place)
        return pagination.answer(scope, page, RosterPage)

    @operation(
        "schedules:write",
        name="createSchedule",
        tag=TAG,
        summary="Create a new staff schedule",
        description=(
            "Plans a shift, or with `recurrencePattern` a series. Times without offset are by the "
            f"location's clock; a series keeps to it through every change. {_CLASH}"
        ),
        body=NewSchedule,
        body_example=examples.NEW,
        answers={201: ScheduleView},
        example=examples.SCHEDULE,
        refuses=(404, 409, 422),
        cost="write",
        etag=True,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        wanted = commands.Wanted(**NewSchedule.of(request.data))
        made = commands.create(wanted, actor=actor, at=now(), once=once(request, actor))
        return one(request, ScheduleView(made), int(made.version), status=201)


class OneSchedule(Operations):
    """``/staffSchedule/{id}``."""

    @operation(
        "schedules:read",
        name="getSchedule",
        tag=TAG,
        summary="One staff schedule",
        answers={200: ScheduleView},
        example=examples.SCHEDULE,
        refuses=(404,),
        etag=True,
    )
    def retrieve(self, request: Request, id: str) -> Response:
        schedule = commands.get(id, actor=actor_of(request))
        return one(request, ScheduleView(schedule), int(schedule.version))

    @operation(
        "schedules:write",
        name="updateSchedule",
        tag=TAG,
        summary="Update a staff schedule",
        description=(
            "Changes a single shift or all of a series; with `scope` and `recurrenceId` one shift "
            "of it, or one and all that follow, which become a series of their own: that is "
            "answered. `staffId` and `locationId` hand it over. What is not named stays; a new "
            "`recurrencePattern` without `exceptions` keeps those that still fit. With "
            "`recurrenceId`, times are those of that shift, and others move along. "
            f"{_CLASH}"
        ),
        body=ScheduleChange,
        query=ScopeQuery,
        body_example={"endTime": "2027-01-04T18:00:00"},
        answers={200: ScheduleView},
        example=examples.SCHEDULE,
        refuses=(404, 409),
        cost="write",
        etag=True,
    )
    def change(self, request: Request, id: str) -> Response:
        values = ScheduleChange.of(request.data)
        schedule = commands.change(
            id,
            Asked(**{name: values[name] for name in _EDITED if name in values}),
            location_id=values.get("location_id"),
            allow_overlap=values.get("allow_overlap", False),
            **ScopeQuery.of_query(request),
            actor=actor_of(request),
            at=now(),
            versions=versions(request),
        )
        return one(request, ScheduleView(schedule), int(schedule.version))

    @operation(
        "schedules:write",
        name="deleteSchedule",
        tag=TAG,
        summary="Delete a staff schedule",
        description=(
            "Removes a schedule; with `scope` and `recurrenceId` one shift of a series, or one and "
            "all that follow. Only the owner (matching customerId) can delete: 403 for others."
        ),
        query=ScopeQuery,
        answers={200: ScheduleGone},
        example={"id": examples.SCHEDULE["id"], "status": "removed", "scope": "all"},
        refuses=(400, 404),
        cost="write",
    )
    def remove(self, request: Request, id: str) -> Response:
        query = ScopeQuery.of_query(request)
        commands.remove(id, **query, actor=actor_of(request), at=now(), versions=versions(request))
        gone = {"id": id, "status": "removed", "scope": query.get("scope", "all")}
        return Response(ScheduleGone(gone).data)


_EDITED = ("start", "end", "recurring", "pattern", "staff_id")


class Duty(Operations):
    """``/location/{id}/on-duty``."""

    @operation(
        "schedules:read",
        name="getOnDuty",
        tag=TAG,
        summary="Who is on duty at a location",
        description=(
            "Who is on duty now, or at another moment, until when and why; who came first first. "
            "It is what a call to the location is answered by."
        ),
        query=DutyQuery,
        answers={200: DutyView},
        example=examples.DUTY,
        refuses=(400, 404),
    )
    def now(self, request: Request, id: str) -> Response:
        at = DutyQuery.of_query(request).get("at") or now()
        there = on_duty.asked(id, at, actor=actor_of(request))
        return Response(DutyView({"location_id": id, "at": at, "items": there}).data)
