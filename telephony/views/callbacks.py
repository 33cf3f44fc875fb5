"""``/callback``."""

from datetime import UTC, datetime

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.auth.authentication import actor_of
from config import api, errors
from config.api import pagination
from telephony.callbacks import queries
from telephony.callbacks.queries import WAITING, Criteria
from telephony.serializers.callbacks import CallbackQuery, CallbackView
from telephony.views import examples


class Callbacks(api.OperationViewSet):
    """``/callback``."""

    tag = "Call-backs"

    @api.operation("listCallbacks", "calls:handle", permission_for_others="calls:read", errors=(errors.NotFound,))
    @api.accepts_query(CallbackQuery)
    @api.returns_page(CallbackView, examples.CALLBACK)
    def list_page(self, request: Request) -> Response:
        """List call-backs.

        Open ones first, then taken ones, each by `dueAt`; closed ones alone from the latest on.
        Without `calls:read`, users get what is not closed at a location while they are on duty
        there, and what they hold or have closed. A page may hold fewer than `limit` before the
        last.
        """
        actor = actor_of(request)
        query = CallbackQuery.parse_query(request)
        criteria = Criteria(
            location_id=query.get("location_id"),
            customer_id=query.get("customer_id"),
            statuses=query.get("status", WAITING),
            only_mine=query.get("mine") == "true",
        )
        scope = f"callbacks for {actor.id} {criteria}"
        cursor = pagination.decode_cursor(scope, query.get("cursor"))
        limit = query.get("limit", 1000)
        page = queries.list_callbacks(criteria, actor=actor, at=datetime.now(UTC), limit=limit, cursor=cursor)
        return pagination.page_response(scope, page, CallbackView)


class CallbackDetail(api.OperationViewSet):
    """``/callback/{id}``."""

    tag = "Call-backs"

    @api.operation("getCallback", "calls:handle", permission_for_others="calls:read", errors=(errors.NotFound,))
    @api.returns(CallbackView, examples.CALLBACK, etag=True)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get a call-back."""
        entry = queries.get_callback(id, actor=actor_of(request), at=datetime.now(UTC))
        return api.versioned_response(request, CallbackView(entry))
