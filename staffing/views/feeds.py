"""``/user/calendar-feed``, and the feed itself, for calendar programs."""

import hashlib
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response

from config import errors
from config.api import problem_details, throttling
from config.api.fields import EmptyBody
from config.api.operations import OperationViewSet, operation, read_idempotency_key, utc_now
from staffing.calendar import feed
from staffing.serializers.schedules import DeletedFeed, FeedView
from staffing.views import examples
from staffing.views.schedules import actor_of

TAG = "Calendar Feed"


class CalendarFeeds(OperationViewSet):
    """``/user/calendar-feed``."""

    @operation(
        "schedules:read",
        operation_id="openCalendarFeed",
        tag=TAG,
        summary="A calendar feed of one's own shifts",
        description=(
            "Answers an address for a calendar program (iCalendar). Only a digest of its secret is "
            "kept: it is told once. Asking again closes the one before."
        ),
        body=EmptyBody,
        responses={201: FeedView},
        example=examples.FEED,
        error_statuses=(404,),
        rate_limit="write",
    )
    def open(self, request: Request) -> Response:
        EmptyBody.parse(request.data)
        actor = actor_of(request)
        opened_feed = feed.open_feed(actor=actor, at=utc_now(), idempotency_key=read_idempotency_key(request, actor))
        return Response(FeedView(opened_feed).data, status=201)

    @operation(
        "schedules:read",
        operation_id="closeCalendarFeed",
        tag=TAG,
        summary="Close the calendar feed",
        description="Its address opens nothing from now on. Without one, nothing is to do.",
        responses={200: DeletedFeed},
        example={"status": "removed"},
        rate_limit="write",
    )
    def close(self, request: Request) -> Response:
        feed.close_feed(actor=actor_of(request), at=utc_now())
        return Response(DeletedFeed({"status": "removed"}).data)


@require_safe
def serve_calendar_feed(request: HttpRequest, user_id: str, secret: str) -> HttpResponse:
    """The feed of whoever knows its secret; 304 where the program has it already."""
    try:
        throttling.get_limiter().count_request("stranger", request.META["REMOTE_ADDR"])
        content = feed.render_feed(user_id, secret, at=datetime.now(UTC))
        if content is None:
            raise errors.NotFound("There is no such calendar, or it was closed.")
    except errors.DomainError as refusal:
        return problem_details.problem_response(request, refusal)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
        response["Content-Disposition"] = 'inline; filename="dutyline.ics"'
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response
