"""``/public/{line}/hours`` for anybody, and what switches it on for a line."""

from datetime import UTC, datetime
from typing import cast

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from accounts.auth.authentication import actor_of
from config import api, content_negotiation, errors
from config.api import throttling
from config.api.messages import Response
from telephony.public_hours import publication, rendering
from telephony.serializers.public_hours import (
    PublicHoursChange,
    PublicHoursQuery,
    PublicHoursSettingsView,
    PublishedHoursView,
)
from telephony.views import examples

LINKED_DATA, CALENDAR = "application/ld+json", "text/calendar"
CACHE_CONTROL = "public, max-age=300"
"""A change of the hours shows within five minutes."""


class PublicHoursSettings(api.OperationViewSet):
    """``/ivrConfiguration/{locationId}/publicHours``."""

    tag = "IVR"

    @api.operation("getPublicHoursSettings", "calls:read", errors=(errors.NotFound,))
    @api.returns(PublicHoursSettingsView, examples.PUBLIC_HOURS_SETTINGS, etag=True)
    def retrieve(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        """Get the settings of public hours of a location.

        Whether anybody may read when its line is open, and at which URL.
        """
        record = publication.get_settings(locationId, actor=actor_of(request))
        return api.versioned_response(request, PublicHoursSettingsView(record))

    @api.operation("updatePublicHoursSettings", "ivr:update", rate_limit="write", errors=(errors.NotFound,))
    @api.accepts(PublicHoursChange, {"enabled": True})
    @api.returns(PublicHoursSettingsView, examples.PUBLIC_HOURS_SETTINGS, etag=True)
    def update(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        """Update the settings of public hours of a location.

        Anybody who knows the URL can then read when the line is open, for example on your web page.
        The URL cannot be guessed; it changes when you renew it, and when you switch it off and on.
        """
        record = publication.update_settings(
            locationId,
            **PublicHoursChange.parse(request.data),
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, PublicHoursSettingsView(record))


class PublishedHours(api.OperationViewSet):
    """``/public/{line}/hours``."""

    tag = "Public Hours"

    @api.public_operation("getPublicHours", errors=(errors.NotFound,))
    @api.accepts_query(PublicHoursQuery)
    @api.returns(PublishedHoursView, examples.PUBLISHED_HOURS, media_type=LINKED_DATA)
    @api.returns_text(CALENDAR, examples.HOURS_CALENDAR)
    def retrieve(self, request: Request, line: str, file_format: str = "") -> HttpResponse:
        """Get the public opening hours of a phone line.

        Needs no token. `line` is part of the URL of the public hours, which the business gives out.
        Returns the hours of the next eight weeks as JSON-LD of schema.org, for web pages and search
        engines, or as iCalendar, for calendar applications: by the header Accept or `format`, and
        always at the path with `.ics` at its end. Holidays are included. Of lines that the rota
        opens, the hours are those at which somebody is on duty; nobody is named.
        """
        file_format = PublicHoursQuery.parse_query(request).get("format") or file_format
        published = publication.find_published_line(line)
        if published is None:
            raise errors.NotFound("These hours are not public.")
        _charge(request, published.line.location_id)
        hours = rendering.load_hours(published, datetime.now(UTC))
        headers = {"Cache-Control": CACHE_CONTROL}
        offered = [LINKED_DATA, "application/json", CALENDAR]
        if file_format == "ics" or (
            not file_format and content_negotiation.select_media_type(request, offered) == CALENDAR
        ):
            headers["Content-Disposition"] = 'inline; filename="hours.ics"'
            content = rendering.to_calendar(published, hours, line)
            return HttpResponse(content, f"{CALENDAR}; charset=utf-8", headers=headers)
        return HttpResponse(rendering.to_linked_data(published, hours), LINKED_DATA, headers=headers)


def _charge(request: Request, location_id: str) -> None:
    """Let the readers of one line pay together for what they cost: a budget beside the customer's.

    Raises `errors.TooManyRequests` once it is used up.
    """
    payers = (location_id, f"readers of {location_id}")
    throttling.set_payer(cast(HttpRequest, request), *payers)
    throttling.get_limiter().check_costs(*payers)
