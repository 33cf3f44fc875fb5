"""``/callback``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import permissions
from accounts.auth.authentication import actor_of
from config import api, errors
from config.api import pagination
from config.api.fields import EmptyBody
from config.api.messages import Response
from telephony.callbacks import closing, holding, queries, requesting, rights
from telephony.callbacks.callback_record import CallbackClosed, CallbackTaken, CallerWithheld
from telephony.callbacks.queries import WAITING, Criteria
from telephony.serializers.callbacks import CallbackClosing, CallbackQuery, CallbackView, NewCallback
from telephony.views import examples

_TAKEN_EXAMPLE = {
    **examples.CALLBACK,
    "status": "taken",
    "takenBy": examples.USER_ID,
    "takenUntil": "2026-11-23T17:15:00Z",
    "version": 3,
}
_CLOSED_EXAMPLE = {
    **examples.CALLBACK,
    "status": "done",
    "takenBy": examples.USER_ID,
    "outcome": "reached",
    "note": "Comes on Tuesday at ten.",
    "version": 4,
}


class Callbacks(api.OperationViewSet):
    """``/callback``."""

    tag = "Call-backs"

    @api.operation(
        "listCallbacks",
        "calls:handle",
        permission_for_others="calls:read",
        errors=(errors.NotFound, permissions.ForeignCustomer, rights.NotOnDuty),
    )
    @api.accepts_query(CallbackQuery)
    @api.returns_page(CallbackView, examples.CALLBACK)
    def list_page(self, request: Request) -> Response:
        """List call-backs.

        Of a location, or of all locations of the customer that the user has access to. Open ones
        first, then taken ones, each by `dueAt`, then closed ones; closed ones alone, from the
        latest on. A page may hold fewer than `limit` items before the end of the list.

        Without `calls:read`, users list a location while they are on duty there (else 403
        `not_on_duty`): what is not closed, and what they have closed. With `mine=true`, they
        always list what they have taken or closed.
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

    @api.operation(
        "createCallback",
        "calls:handle",
        permission_for_others="calls:read",
        rate_limit="write",
        idempotent=True,
        errors=(errors.NotFound, rights.NotOnDuty, CallerWithheld),
    )
    @api.accepts(NewCallback, {"callId": examples.CALLBACK["callId"]})
    @api.returns(CallbackView, examples.CALLBACK, status=201, etag=True, location="/callback/{id}", may_exist=True)
    def create(self, request: Request) -> Response:
        """Create a call-back.

        For the caller of a call. If a call-back of this caller and location is not closed, the
        response is 200 with that one, unchanged.
        """
        body = NewCallback.parse(request.data)
        entry, is_new = requesting.open_for_call(
            **body, actor=actor_of(request), at=datetime.now(UTC), idempotency_key=api.read_idempotency_key(request)
        )
        return api.versioned_response(request, CallbackView(entry), status=201 if is_new else 200)


class CallbackDetail(api.OperationViewSet):
    """``/callback/{id}``."""

    tag = "Call-backs"

    @api.operation(
        "getCallback", "calls:handle", permission_for_others="calls:read", errors=(errors.NotFound, rights.NotOnDuty)
    )
    @api.returns(CallbackView, examples.CALLBACK, etag=True)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get a call-back."""
        entry = queries.get_callback(id, actor=actor_of(request), at=datetime.now(UTC))
        return api.versioned_response(request, CallbackView(entry))


_CHANGE_ERRORS = (errors.NotFound, rights.NotOnDuty, CallbackTaken, CallbackClosed)


class CallbackTakes(api.OperationViewSet):
    """``/callback/{id}/take``."""

    tag = "Call-backs"

    @api.operation(
        "takeCallback",
        "calls:handle",
        permission_for_others="calls:read",
        rate_limit="write",
        idempotent=True,
        if_match=True,
        errors=_CHANGE_ERRORS,
    )
    @api.accepts(EmptyBody)
    @api.returns(CallbackView, _TAKEN_EXAMPLE, etag=True)
    def take(self, request: Request, id: str) -> Response:
        """Take a call-back.

        Until 15 minutes after the end of the user's shift at the location; for two hours, if the
        user is not on duty there. If it is not closed by then, it is open again.
        """
        EmptyBody.parse(request.data)
        entry = holding.take(
            id,
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, CallbackView(entry))


class CallbackReleases(api.OperationViewSet):
    """``/callback/{id}/release``."""

    tag = "Call-backs"

    @api.operation(
        "releaseCallback",
        "calls:handle",
        permission_for_others="calls:read",
        rate_limit="write",
        idempotent=True,
        if_match=True,
        errors=_CHANGE_ERRORS,
    )
    @api.accepts(EmptyBody)
    @api.returns(CallbackView, examples.CALLBACK, etag=True)
    def release(self, request: Request, id: str) -> Response:
        """Release a call-back.

        It is open again, and the users on duty are notified. Users with `calls:read` can also
        release what somebody else has taken.
        """
        EmptyBody.parse(request.data)
        entry = holding.release(
            id,
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, CallbackView(entry))


class CallbackClosings(api.OperationViewSet):
    """``/callback/{id}/close``."""

    tag = "Call-backs"

    @api.operation(
        "closeCallback",
        "calls:handle",
        permission_for_others="calls:read",
        rate_limit="write",
        idempotent=True,
        if_match=True,
        errors=_CHANGE_ERRORS,
    )
    @api.accepts(CallbackClosing, {"outcome": "reached", "note": "Comes on Tuesday at ten."})
    @api.returns(CallbackView, _CLOSED_EXAMPLE, etag=True)
    def close(self, request: Request, id: str) -> Response:
        """Close a call-back.

        One that is open, or that the user has taken. The next missed call of the caller opens
        another one.
        """
        body = CallbackClosing.parse(request.data)
        entry = closing.close(
            id,
            **body,
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, CallbackView(entry))
