"""``/colleague``."""

from rest_framework.request import Request

from accounts import users
from accounts.auth.authentication import actor_of, authenticated_user
from accounts.serializers.colleagues import ColleagueView
from accounts.serializers.people_queries import PeopleQuery
from accounts.views import examples
from config import api, errors
from config.api import pagination
from config.api.messages import Response


class Colleagues(api.OperationViewSet):
    """``/colleague``."""

    tag = "Users"

    @api.operation("listColleagues", "schedules:read", errors=(errors.NotFound,))
    @api.accepts_query(PeopleQuery)
    @api.returns_page(ColleagueView, examples.COLLEAGUE)
    def list_page(self, request: Request) -> Response:
        """List colleagues.

        Who works at the signed-in user's locations, the user included, sorted by name; without
        people who are blocked or not yet created. `q` is compared as in `GET /userManagement`, with
        the names only. A page holds at most 99 items; it may hold fewer than `limit` items, even
        none, before the end of the list.
        """
        actor, customer = actor_of(request), authenticated_user(request).customer
        query = PeopleQuery.parse_query(request)
        limit, cursor = query.pop("limit", 200), query.pop("cursor", None)
        scope = f"colleagues of {actor.id} {query}"
        page = users.list_colleagues(
            actor, customer=customer, **query, limit=limit, cursor=pagination.decode_cursor(scope, cursor)
        )
        return pagination.page_response(scope, page, ColleagueView, context={"actor": actor})
