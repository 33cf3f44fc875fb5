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
from config.api.fields import Nothing
from config.api.operations import Operations, now, once, operation
from staffing.calendar import feed
from staffing.serializers.feeds import FeedGone, FeedView
from staffing.views import examples
from staffing.views.schedules import actor_of

TAG = "Calendar Feed"


class Feeds(Operations):
    """``/user/calendar-feed``."""

    @operation(
        "schedules:read",
        name="openCalendarFeed",
        tag=TAG,
        summary="A calendar feed of one's own shifts",
        description=(
            "Answers an address for a calendar program (iCalendar). Only a digest of its secret is "
            "kept: it is told once. Asking again closes the one before."
        ),
        body=Nothing,
        answers={201: FeedView},
        example=examples.FEED,
        refuses=(404,),
        cost="write",
    )
    def open(self, request: Request) -> Response:
        Nothing.of(request.data)
        actor = actor_of(request)
        opened = feed.open_new(actor=actor, at=now(), once=once(request, actor))
        return Response(FeedView(opened).data, status=201)

    @operation(
        "schedules:read",
        name="closeCalendarFeed",
        tag=TAG,
        summary="Close the calendar feed",
        description="Its address opens nothing from now on. Without one, nothing is to do.",
        answers={200: FeedGone},
        example={"status": "removed"},
        cost="write",
    )
    def close(self, request: Request) -> Response:
        feed.close(actor=actor_of(request), at=now())
        return Response(FeedGone({"status": "removed"}).data)


@require_safe
def calendar(request: HttpRequest, user_id: str, secret: str) -> HttpResponse:
    """The feed of whoever knows its secret; 304 where the program has it already."""
    try:
        throttling.limiter().spend("stranger", request.META["REMOTE_ADDR"])
        text = feed.text(user_id, secret, at=datetime.now(UTC))
        if text is None:
            raise errors.NotFound("There is no such calendar, or it was closed.")
    except errors.Refusal as refusal:
        return problem_details.respond(request, refusal)
    tag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    if tag in parse_etags(request.headers.get("If-None-Match", "")):
        answer = HttpResponse(status=304)
    else:
        answer = HttpResponse(text, content_type="text/calendar; charset=utf-8")
        answer["Content-Disposition"] = 'inline; filename="dutyline.ics"'
    answer["ETag"] = tag
    answer["Cache-Control"] = "private, no-cache"
    return answer
