"""``/location/{id}/days``: public holidays and notes."""

from datetime import UTC, datetime, timedelta

from rest_framework.request import Request

from accounts.auth.authentication import actor_of
from config import api, errors
from config.api.messages import Response
from staffing.schedules import days
from staffing.serializers.days import (
    DayNoteChange,
    DaysQuery,
    DeletedDayNote,
    LocationDays,
    LocationDayView,
    parse_path_date,
)
from staffing.views import examples


class LocationDayList(api.OperationViewSet):
    """``/location/{id}/days``."""

    tag = "Staff Schedule"

    @api.operation("listLocationDays", "schedules:read", errors=(errors.NotFound,))
    @api.accepts_query(DaysQuery)
    @api.returns(LocationDays, {"items": [examples.LOCATION_DAY]})
    def list_days(self, request: Request, id: str) -> Response:
        """List the public holidays and notes of a location.

        The days from `from` to `to` that have a holiday or a note, sorted by date. The holidays
        are those that the location's number observes; if its configuration names no country,
        those of the country of the location's time zone, too.
        """
        query = DaysQuery.parse_query(request)
        items = days.list_days(id, query["since"], query["last_day"] + timedelta(days=1), actor=actor_of(request))
        return Response(LocationDays({"items": items}).data)


class LocationDayDetail(api.OperationViewSet):
    """``/location/{id}/days/{date}``."""

    tag = "Staff Schedule"

    @api.operation("putDayNote", "schedules:write", rate_limit="write", errors=(errors.NotFound,))
    @api.accepts(DayNoteChange, {"note": examples.LOCATION_DAY["note"]})
    @api.returns(LocationDayView, examples.LOCATION_DAY, etag=True)
    def update(self, request: Request, id: str, date: str) -> Response:
        """Set the note of a day.

        Creates or replaces the note of a location for a date, such as 2026-12-24. Everybody who
        may read the schedules of the location can read it. If-Match takes the `version` of the
        note.
        """
        day = parse_path_date(date)
        changed = days.put_note(
            id,
            day,
            DayNoteChange.parse(request.data)["note"],
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request, show=lambda note: days.LocationDay(day, (), note)),
        )
        return api.versioned_response(request, LocationDayView(changed))

    @api.operation("deleteDayNote", "schedules:write", rate_limit="write", errors=(errors.NotFound,), if_match=True)
    @api.returns(DeletedDayNote, {"date": examples.LOCATION_DAY["date"], "status": "removed"})
    def delete(self, request: Request, id: str, date: str) -> Response:
        """Delete the note of a day.

        404 if the day has none. Public holidays stay.
        """
        day = parse_path_date(date)
        days.delete_note(
            id, day, actor=actor_of(request), at=datetime.now(UTC), precondition=api.read_precondition(request)
        )
        return Response(DeletedDayNote({"date": day, "status": "removed"}).data)
