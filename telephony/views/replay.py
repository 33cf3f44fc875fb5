"""``/location/{id}/replay``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import users
from accounts.auth.authentication import actor_of, authenticated_user
from config import api, errors
from config.api.messages import Response
from staffing.recurrence import edit, pattern, rrule
from staffing.schedules import availability, queries
from telephony import lines
from telephony.reach import replay
from telephony.serializers.replay import ReplayBody, ReplayView
from telephony.views import examples

_CHANGE_ERRORS = (
    *(edit.OccurrenceNotFound, edit.ExceptionsLost, availability.AssignmentLimitExceeded),
    *(rrule.RecurrenceUnsupported, pattern.RecurrenceStartMismatch, pattern.RecurrenceTooRare),
    *(users.UserNotReady, users.UserBlocked),
)


class LocationReplay(api.OperationViewSet):
    """``/location/{id}/replay``."""

    tag = "Calls"

    @api.operation("replayCalls", "calls:read", errors=(errors.NotFound, queries.QueryTooWide, *_CHANGE_ERRORS))
    @api.accepts(ReplayBody, examples.REPLAY_BODY)
    @api.prefetches(lambda request: lines.line_keys(api.path_value(request, "id")))
    @api.returns(ReplayView, examples.REPLAY)
    def replay(self, request: Request, id: str) -> Response:
        """Replay past calls against a changed rota.

        Says which incoming calls of the window somebody could have answered if the rota had been
        another: `then` counts the calls that were answered, `now` those in which a phone would ring
        with the `changes`. A phone that rang in the same call without an answer does not count.

        Changes are made as `POST`, `PUT` and `DELETE /staffSchedule` would, to the schedules of
        this location as they are stored today; overlaps are allowed. A new series can start in the
        past. Nothing is written, so the request is safe to repeat.

        Each call is judged at the time it began as a call is today: with the configuration, people,
        skills and verified phones of now. In menus, the caller presses the same keys. What was
        only so at that time is not known: nobody has a break or talks in another call, and call
        minutes are left. Calls of blocked callers and calls in progress are left out.

        `from` may be as long ago as calls are stored.
        """
        values = ReplayBody.parse(request.data)
        result = replay.replay_calls(
            id,
            values["since"],
            values["until"],
            ReplayBody.to_changes(values.get("changes", [])),
            actor=actor_of(request),
            at=datetime.now(UTC),
            known=authenticated_user(request).records,
        )
        return Response(ReplayView(result).data)
