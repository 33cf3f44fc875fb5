"""``/location/{id}/demand``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import users
from accounts.auth.authentication import actor_of, authenticated_user
from config import api, errors
from config.api.messages import Response
from staffing.schedules import queries
from telephony.calls import demand
from telephony.serializers.demand import DemandQuery, DemandView
from telephony.views import examples


class LocationDemand(api.OperationViewSet):
    """``/location/{id}/demand``."""

    tag = "Calls"

    @api.operation("getDemand", "calls:read", errors=(errors.NotFound, queries.QueryTooWide))
    @api.accepts_query(DemandQuery)
    @api.prefetches(lambda request: users.location_keys([api.path_value(request, "id")]))
    @api.returns(DemandView, examples.DEMAND)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get when a location is called, and who is on duty then.

        The incoming calls of the last whole weeks, until yesterday, for each hour of the week by
        the clock of the location: how many there were, how they ended and how long callers waited
        for an answer, beside the average number of users on duty. Calls of blocked callers are left
        out.
        """
        weeks = DemandQuery.parse_query(request).get("weeks", demand.WEEKS)
        known = authenticated_user(request).records
        loaded = demand.get_demand(id, actor=actor_of(request), at=datetime.now(UTC), weeks=weeks, known=known)
        return Response(DemandView(loaded).data)
