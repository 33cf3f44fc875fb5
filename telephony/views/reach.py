"""``/location/{id}/reach`` and ``/reach``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import permissions
from accounts.auth.authentication import actor_of, authenticated_user
from config import api, errors, local_time
from config.api import conditional, pagination
from config.api.messages import Response
from config.dynamodb.pagination import CursorPage
from staffing.schedules.queries import QueryTooWide
from telephony.reach import queries
from telephony.serializers.reach import ReachListQuery, ReachQuery, ReachSummaryView, ReachView
from telephony.views import examples


class LocationReach(api.OperationViewSet):
    """``/location/{id}/reach``."""

    tag = "Calls"

    @api.operation("getReach", "calls:read", errors=(errors.NotFound, QueryTooWide))
    @api.accepts_query(ReachQuery)
    @api.prefetches(lambda request: queries.list_keys(api.path_value(request, "id"), ""))
    @api.returns(ReachView, examples.REACH)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get when callers of a location would reach nobody.

        Asks what a call in each minute of a window would do, by the rota, the phones of the users
        and the IVR configuration as they are now: the answer has the times within opening hours in
        which a way through the menu would ring nobody, why, and what would change that. Closed
        hours are no hole. Nor is what cannot be known of the future, and it is not looked at for
        the present minute either: users who talk in another call, and used up call minutes. Breaks
        count until they end. Phone numbers of the configuration are assumed to answer.

        At a location that has never had a phone number, the rota alone is looked at, by the
        configuration that a new number gets: `rests.line` is null.
        """
        query, at = ReachQuery.parse_query(request), datetime.now(UTC)
        reach = queries.get_reach(
            id,
            actor=actor_of(request),
            at=at,
            since=query.get("since"),
            until=query.get("until"),
            way=query.get("key"),
            known=authenticated_user(request).records,
        )
        view = ReachView(queries.to_local(reach), context={"at": at}).data
        shown = {name: value for name, value in view.items() if name != "computedAt"}
        return Response(view, headers={"ETag": conditional.weak_etag(shown)})


class Reaches(api.OperationViewSet):
    """``/reach``."""

    tag = "Calls"

    @api.operation(
        "listReach", "calls:read", errors=(permissions.ForeignCustomer, QueryTooWide, local_time.TimeZoneUnknown)
    )
    @api.accepts_query(ReachListQuery)
    @api.returns_page(ReachSummaryView, examples.REACH_SUMMARY)
    def list_page(self, request: Request) -> Response:
        """List in how many minutes callers would reach nobody, by location.

        Pages go through the locations that the user has access to, by name. On each page those come
        first where callers reach nobody for the longest. Local times in the query are in the
        customer's time zone.
        """
        query, actor = ReachListQuery.parse_query(request), actor_of(request)
        limit, cursor = query.pop("limit", queries.DEFAULT_LOCATIONS), query.pop("cursor", None)
        scope = f"reach for {actor.id} {query}"
        page = queries.list_reach(
            actor=actor,
            at=datetime.now(UTC),
            since=query.get("since"),
            until=query.get("until"),
            customer_id=query.get("customer_id"),
            customer_zone=authenticated_user(request).customer.settings.get("time_zone"),
            limit=limit,
            cursor=pagination.decode_cursor(scope, cursor),
        )
        local_page = CursorPage([queries.to_local(reach) for reach in page.records], page.next_cursor)
        return pagination.page_response(scope, local_page, ReachSummaryView)
