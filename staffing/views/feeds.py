"""``/user/calendar-feed``, and the feed itself for calendar applications."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from rest_framework.request import Request

from accounts.auth.authentication import actor_of
from config import api, errors
from config.api import conditional, problem_details, throttling
from config.api.fields import EmptyBody
from config.api.messages import Response
from staffing.calendar import feed
from staffing.serializers.schedules import DeletedFeed, FeedView
from staffing.views import examples


class CalendarFeeds(api.OperationViewSet):
    """``/user/calendar-feed``."""

    tag = "Calendar Feed"

    @api.operation("openCalendarFeed", "schedules:read", rate_limit="write", errors=(errors.NotFound,), idempotent=True)
    @api.accepts(EmptyBody)
    @api.returns(FeedView, examples.FEED, status=201, location="/user/calendar-feed")
    def open(self, request: Request) -> Response:
        """Open a calendar feed of the signed-in user's shifts.

        Returns a URL for a calendar application (iCalendar). The URL contains a secret, of which
        only a digest is stored, so it is shown once. Opening a new feed closes the previous one.
        """
        EmptyBody.parse(request.data)
        opened_feed = feed.open_feed(
            actor=actor_of(request), at=datetime.now(UTC), idempotency_key=api.read_idempotency_key(request)
        )
        return Response(FeedView(opened_feed).data, status=201)

    @api.operation("closeCalendarFeed", "self:read", rate_limit="write")
    @api.returns(DeletedFeed, {"status": "removed"})
    def close(self, request: Request) -> Response:
        """Close the signed-in user's calendar feed.

        Its URL stops working. Without an open feed, nothing changes. Who may no longer read
        schedules can still close it.
        """
        feed.close_feed(actor=actor_of(request), at=datetime.now(UTC))
        return Response(DeletedFeed({"status": "removed"}).data)


@require_safe
def serve_calendar_feed(request: HttpRequest, user_id: str, secret: str) -> HttpResponse:
    """The feed, for anybody who knows its secret; a calendar app that has it costs a few reads."""
    try:
        found_feed = feed.find_feed(user_id, secret, at=datetime.now(UTC))
        if found_feed is None:
            raise errors.NotFound("Unknown or closed calendar feed.")
        throttling.set_payer(request, found_feed.user_id, found_feed.customer_id)
        etag = conditional.weak_etag(found_feed.version)
        if unchanged := conditional.not_modified_response(request, etag):
            return unchanged
        throttling.get_limiter().check_costs(found_feed.user_id, found_feed.customer_id)
        content = feed.render_feed(found_feed)
    except errors.DomainError as refusal:
        return problem_details.problem_response(request, refusal)
    headers = {"Content-Disposition": 'inline; filename="dutyline.ics"', "ETag": etag}
    return HttpResponse(content, "text/calendar; charset=utf-8", headers=headers)
