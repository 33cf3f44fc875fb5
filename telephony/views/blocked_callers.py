"""``/blockedCaller``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import permissions
from accounts.auth.authentication import actor_of, authenticated_user
from config import api, errors
from config.api import pagination
from config.api.messages import Response
from telephony import blocked_callers
from telephony.serializers.blocked_callers import (
    BlockedCallerQuery,
    BlockedCallerView,
    NewBlockedCaller,
    UnblockedCaller,
    UnblockQuery,
)
from telephony.views import examples


def _customer_zone(request: Request) -> str | None:
    zone: str | None = authenticated_user(request).customer.settings.get("time_zone")
    return zone


class BlockedCallers(api.OperationViewSet):
    """``/blockedCaller``."""

    tag = "Calls"

    @api.operation("listBlockedCallers", "calls:read", errors=(errors.NotFound, permissions.ForeignCustomer))
    @api.accepts_query(BlockedCallerQuery)
    @api.returns_page(BlockedCallerView, examples.BLOCKED_CALLER)
    def list_page(self, request: Request) -> Response:
        """List blocked callers.

        Of the customer, or of one location. Sorted by number. Users who are restricted to some
        locations see who is blocked at those, and who is blocked at all locations. A page may
        hold fewer than `limit` items before the end of the list.
        """
        actor = actor_of(request)
        query = BlockedCallerQuery.parse_query(request)
        limit, cursor = query.pop("limit", 1000), query.pop("cursor", None)
        scope = f"blocked callers for {actor.id} {query}"
        page = blocked_callers.list_blocked(
            actor, at=datetime.now(UTC), limit=limit, cursor=pagination.decode_cursor(scope, cursor), **query
        )
        return pagination.page_response(scope, page, BlockedCallerView)

    @api.operation(
        "blockCaller",
        "callers:block",
        rate_limit="write",
        idempotent=True,
        errors=(errors.NotFound, blocked_callers.TooManyBlockedCallers),
    )
    @api.accepts(NewBlockedCaller, {"number": "+16175550100", "reason": "Advertising"})
    @api.returns(
        BlockedCallerView,
        examples.BLOCKED_CALLER,
        status=201,
        location="/blockedCaller/{number}?locationId",
        may_exist=True,
    )
    def block(self, request: Request) -> Response:
        """Block a caller.

        From the next call on, calls of this caller to the location, or to all locations, are
        rejected: the caller hears the busy tone, no phone rings, nobody is notified, and no
        minutes are used. They are listed with the outcome `blocked`. Open call-backs of the
        caller are closed as `spam`.

        A number is blocked whichever carrier delivers it. An address is blocked as an address, even
        if its user is a number: whose number that is can still call.

        Callers can forge the number that they show. Whoever uses a number that is not theirs is
        not stopped by blocking it, and calls of its owner are rejected. Callers who withhold their
        number cannot be blocked.

        200 if the caller is blocked there already, with the reason of then. Users who are
        restricted to some locations must name one of them. At most 500 per customer.
        """
        values = NewBlockedCaller.parse(request.data)
        result = blocked_callers.block_caller(
            values.pop("number"),
            **values,
            customer_zone=_customer_zone(request),
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
        )
        return Response(BlockedCallerView(result.record).data, status=result.status)


class BlockedCallerDetail(api.OperationViewSet):
    """``/blockedCaller/{number}``."""

    tag = "Calls"

    @api.operation("unblockCaller", "callers:block", rate_limit="write", errors=(errors.NotFound,))
    @api.accepts_query(UnblockQuery)
    @api.returns(UnblockedCaller, {"number": "+16175550100", "locationId": None, "status": "removed"})
    def unblock(self, request: Request, number: str) -> Response:
        """Unblock a caller.

        Calls of this caller are accepted again. A caller who is blocked at a location and at all
        locations must be unblocked twice. The number is in any form, as in `POST /blockedCaller`,
        and percent-encoded: `DELETE /blockedCaller/%2B16175550100?locationId=…`.
        """
        query = UnblockQuery.parse_query(request)
        record = blocked_callers.unblock_caller(
            number, **query, customer_zone=_customer_zone(request), actor=actor_of(request), at=datetime.now(UTC)
        )
        return Response(UnblockedCaller(record).data)
