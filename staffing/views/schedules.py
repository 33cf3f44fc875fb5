"""``/staffSchedule``."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from django.http import HttpResponse
from rest_framework.request import Request

from accounts import locations, permissions, users
from accounts.auth.authentication import actor_of, authenticated_user
from config import api, dynamodb, errors, local_time
from config.api import csv_tables, pagination
from config.api.messages import OperationRequest, Response
from config.dynamodb import idempotency
from staffing.models import Schedule
from staffing.recurrence import edit, pattern, rrule
from staffing.recurrence.series_update import SeriesUpdate
from staffing.schedules import access, availability, commands, listing, save
from staffing.schedules.expansion import Shift, get_shift
from staffing.schedules.queries import QueryTooWide, ScheduleFilter
from staffing.schedules.staff_names import load_staff_names
from staffing.serializers import shift_table
from staffing.serializers.schedules import (
    SCHEDULE_OR_OCCURRENCE,
    DeletedSchedule,
    NewSchedule,
    ScheduleChange,
    SchedulePage,
    ScheduleQuery,
    ScheduleView,
    ScopeQuery,
    ShiftView,
    find_what_is_sent_back,
    select_change_body,
)
from staffing.views import examples, pointers

_SAVE_ERRORS = (
    *(errors.NotFound, users.UserNotReady, users.UserBlocked),
    *(availability.ScheduleConflict, availability.AssignmentLimitExceeded, save.SeriesTooLarge),
    *(rrule.RecurrenceUnsupported, pattern.RecurrenceStartMismatch, pattern.RecurrenceTooRare),
)
_UPDATE_FIELDS = ("start", "end", "recurring", "pattern", "staff_id", "details")


def _context_of(request: Request, *items: Schedule | Shift) -> dict[str, Any]:
    """The context of the serializers of these."""
    return {"staff_names": load_staff_names(items, caller=authenticated_user(request).user)}


def _list_named_keys(request: Request) -> list[dynamodb.RecordKey]:
    """Of the location and the person that the query of a list names, as far as these are ids."""
    location_id, staff_id = request.query_params.get("locationId", ""), request.query_params.get("staffId", "")
    return listing.list_named_keys(
        location_id if dynamodb.is_id("loc", location_id) else None,
        staff_id if dynamodb.is_id("usr", staff_id) else None,
    )


def _list_keys_of_new(request: Request) -> list[dynamodb.RecordKey]:
    """Of what creating a schedule reads, as far as the body names it by ids.

    The version records are among it: rows of availability are read later, as they must be.
    """
    caller_id, body = cast(OperationRequest, request).caller_id, cast(OperationRequest, request).peek_body()
    if not body:
        return []
    location_id, staff_id = body.get("locationId"), body.get("staffId")
    keys = commands.list_keys([staff_id] if isinstance(staff_id, str) else [], caller_id)
    if isinstance(location_id, str) and dynamodb.is_id("loc", location_id):
        keys.append(locations.location_key(location_id))
    with suppress(errors.InvalidRequest):  # of an invalid key, which is refused in its turn
        keys += idempotency.record_keys(api.read_idempotency_key(request))
    return keys


def _list_own_key(request: Request) -> list[dynamodb.RecordKey]:
    """Of the schedule that the path names, if it is an id of one."""
    return access.schedule_keys(api.path_value(request, "id"))


def _find_shown(body: type[ScheduleChange], query: Mapping[str, Any]) -> Callable[[Schedule], Schedule | Shift]:
    """What a body sends back of a schedule: itself, or the occurrence that the query names."""
    if body is ScheduleChange:
        return lambda schedule: schedule
    return lambda schedule: get_shift(schedule, query.get("recurrence_id") or schedule.series().start)


def _is_pattern_null(values: Mapping[str, Any]) -> bool:
    return "pattern" in values and values["pattern"] is None


class Schedules(api.OperationViewSet):
    """``/staffSchedule``."""

    tag = "Staff Schedule"

    @api.operation(
        "listSchedules",
        "schedules:read",
        errors=(errors.NotFound, permissions.ForeignCustomer, QueryTooWide, local_time.TimeZoneUnknown),
    )
    @api.accepts_query(ScheduleQuery)
    @api.prefetches(_list_named_keys)
    @api.returns(SchedulePage, {"items": [examples.SCHEDULE], "nextCursor": None})
    @api.returns_csv(shift_table.COLUMNS)
    def list_page(self, request: Request) -> HttpResponse:
        """Get staff schedules.

        Schedules of a location or of the customer, optionally of one user; `locationId` or
        `customerId` is required. With `from` and `to`: only schedules with a shift in that range.
        With `expand=occurrences`, the items are single shifts, sorted by start; this requires
        `from` and `to`, at most 400 days apart. A page may hold fewer than `limit` items before the
        end of the list.

        With `expand=occurrences` and `Accept: text/csv`: the same shifts as CSV, up to 10,000 if
        there is no `limit`.
        """
        actor = actor_of(request)
        query = ScheduleQuery.parse_query(request)
        limit, cursor = query.pop("limit", None), query.pop("cursor", None)
        is_expanded = query.pop("expand", None) is not None
        schedule_filter = ScheduleFilter(**query)
        scope = f"{'shifts' if is_expanded else 'schedules'} for {actor.id} {schedule_filter}"
        customer_zone = authenticated_user(request).customer.settings.get("time_zone")
        options: dict[str, Any] = {
            "actor": actor,
            "at": datetime.now(UTC),
            "customer_zone": customer_zone,
            "known": authenticated_user(request).records,
        }
        if is_expanded and csv_tables.is_requested(request):
            fetch_page = partial(listing.list_shifts, schedule_filter, **options)
            table = shift_table.shift_table(actor, authenticated_user(request).user)
            return csv_tables.table_response(request, table, scope, fetch_page, limit=limit, cursor=cursor)
        list_items = listing.list_shifts if is_expanded else listing.list_schedules
        start_cursor = pagination.decode_cursor(scope, cursor)
        page = list_items(schedule_filter, limit=limit or 1000, cursor=start_cursor, **options)
        view, context = ShiftView if is_expanded else ScheduleView, _context_of(request, *page.records)
        return pagination.page_response(scope, page, view, context=context)

    @api.operation(
        "createSchedule",
        "schedules:write",
        rate_limit="write",
        idempotent=True,
        errors=(*_SAVE_ERRORS, permissions.ForeignCustomer),
    )
    @api.accepts(NewSchedule, examples.NEW_SCHEDULE)
    @api.prefetches(_list_keys_of_new)
    @api.returns(ScheduleView, examples.CREATED_SCHEDULE, status=201, etag=True, location="/staffSchedule/{id}")
    def create(self, request: Request) -> Response:
        """Create a new staff schedule.

        Creates a shift, or with `recurrencePattern` a series. Times without an offset are in the
        location's time zone. A series keeps its local time across clock changes.

        An overlap with another schedule of the user within 28 years is refused with 409, which
        names that schedule and the first overlapping time. `allowOverlap` permits the overlap; the
        audit log records it.
        """
        values = NewSchedule.parse(request.data)
        with pointers.point_to_sent(NewSchedule, cast(Mapping[str, Any], request.data)):
            schedule = commands.create_schedule(
                commands.ScheduleDraft(**values, is_pattern_null=_is_pattern_null(values)),
                actor=actor_of(request),
                at=datetime.now(UTC),
                idempotency_key=api.read_idempotency_key(request),
                known=authenticated_user(request).records,
            )
        view = ScheduleView(schedule, context=_context_of(request, schedule))
        return api.versioned_response(request, view, status=201)


class ScheduleDetail(api.OperationViewSet):
    """``/staffSchedule/{id}``."""

    tag = "Staff Schedule"

    @api.operation("getSchedule", "schedules:read", errors=(errors.NotFound,))
    @api.prefetches(_list_own_key)
    @api.returns(ScheduleView, examples.SCHEDULE, etag=True)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get a staff schedule."""
        schedule = access.get_schedule(id, actor=actor_of(request), known=authenticated_user(request).records)
        return api.versioned_response(request, ScheduleView(schedule, context=_context_of(request, schedule)))

    @api.operation(
        "updateSchedule",
        "schedules:write",
        rate_limit="write",
        errors=(*_SAVE_ERRORS, permissions.ForeignCustomer, edit.OccurrenceNotFound, edit.ExceptionsLost),
    )
    @api.prefetches(_list_own_key)
    @api.accepts_query(ScopeQuery)
    @api.accepts(ScheduleChange, {"endTime": "2027-01-04T18:00:00"})
    @api.returns(SCHEDULE_OR_OCCURRENCE, examples.UPDATED_SCHEDULE, etag=True)
    def update(self, request: Request, id: str) -> Response:
        """Update a staff schedule.

        Without `scope`, or with `scope=all`: updates a single shift or a whole series. With
        `scope=occurrence` and `recurrenceId`: updates one occurrence of a series; the response is
        the occurrence, with the ETag of its series. With
        `scope=following` and `recurrenceId`: updates that occurrence and all later ones, which
        become a new series; the response is the new series.

        Fields that are not sent keep their values: with `startTime` alone, `endTime` stays.
        `staffId` and `locationId` reassign the schedule. With `scope=all` and `recurrenceId`, the
        times are the new times of that occurrence; all other occurrences move by the same amount. A
        new `recurrencePattern` without `exceptions` keeps the exceptions that still match.

        An overlap with another schedule of the user within 28 years is refused with 409, which
        names that schedule and the first overlapping time. `allowOverlap` permits the overlap; the
        audit log records it.

        The schedule or occurrence may be sent back as it was read: with `kind`: occurrence, other
        fields are those of the occurrence. With `scope`, values count as not sent that are as read:
        with `kind`, those of the schedule or occurrence; without it, the `startTime`, `endTime` and
        `recurrencePattern` of the series, unless only times are sent.
        """
        body, query = select_change_body(request.data), ScopeQuery.parse_query(request)
        values = body.parse(request.data)
        data = cast(Mapping[str, Any], request.data)
        update = SeriesUpdate(
            **{name: values[name] for name in _UPDATE_FIELDS if name in values},
            is_pattern_null=_is_pattern_null(values),
            sent_back=find_what_is_sent_back(data),
        )
        with pointers.point_to_sent(body, data):
            schedule = commands.update_schedule(
                id,
                update,
                location_id=values.get("location_id"),
                allow_overlap=values.get("allow_overlap", False),
                **query,
                actor=actor_of(request),
                at=datetime.now(UTC),
                known=authenticated_user(request).records,
                precondition=api.read_precondition(request, body=body, show=_find_shown(body, query)),
            )
        if query.get("scope") == "occurrence":
            shift = get_shift(schedule, query["recurrence_id"])
            return api.versioned_response(request, ShiftView(shift, context=_context_of(request, shift)))
        return api.versioned_response(request, ScheduleView(schedule, context=_context_of(request, schedule)))

    @api.operation(
        "deleteSchedule",
        "schedules:write",
        rate_limit="write",
        errors=(
            *(errors.NotFound, access.ForeignSchedule, edit.OccurrenceNotFound),
            availability.AssignmentLimitExceeded,
        ),
        if_match=True,
    )
    @api.prefetches(_list_own_key)
    @api.accepts_query(ScopeQuery)
    @api.returns(DeletedSchedule, {"id": examples.SCHEDULE["id"], "status": "removed", "scope": "all"})
    def delete(self, request: Request, id: str) -> Response:
        """Delete a staff schedule.

        Deletes a single shift or a whole series. With `scope=occurrence` and `recurrenceId`:
        deletes one occurrence of a series; with `scope=following`, that occurrence and all later
        ones. 403 if the schedule belongs to another customer.
        """
        query = ScopeQuery.parse_query(request)
        commands.delete_schedule(
            id,
            **query,
            actor=actor_of(request),
            at=datetime.now(UTC),
            known=authenticated_user(request).records,
            precondition=api.read_precondition(request),
        )
        deleted = {"id": id, "status": "removed", "scope": query.get("scope", "all")}
        return Response(DeletedSchedule(deleted).data)
