"""Who is on duty."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import users
from accounts.auth.authentication import actor_of, authenticated_user
from config import api, errors
from config.api import conditional
from config.api.messages import Response
from staffing.schedules import on_duty
from staffing.serializers.on_duty import LocationOnDutyView, OnDutyQuery
from staffing.views import examples


class LocationOnDuty(api.OperationViewSet):
    """``/location/{id}/on-duty``."""

    tag = "Staff Schedule"

    @api.operation("getOnDuty", "schedules:read", errors=(errors.NotFound,))
    @api.accepts_query(OnDutyQuery)
    @api.prefetches(lambda request: users.location_keys([api.path_value(request, "id")]))
    @api.returns(LocationOnDutyView, examples.ON_DUTY)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get who is on duty at a location.

        Who is on duty now, or at the time `at`: until when and why, sorted by the start of the
        shift. By default, a call to the location rings these users.
        """
        at = OnDutyQuery.parse_query(request).get("at") or datetime.now(UTC)
        known = authenticated_user(request).records
        duty = on_duty.get_location_duty(id, at, actor=actor_of(request), known=known)
        names = {entry.user.id: users.display_name(entry.user) for entry in duty.items}
        view = LocationOnDutyView(duty, context={"staff_names": names}).data
        return Response(view, headers={"ETag": conditional.weak_etag(view["items"])})
