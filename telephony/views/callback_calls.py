"""``/callback/{id}/call``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts.auth.authentication import actor_of, authenticated_user
from config import api, errors
from config.api.fields import EmptyBody
from config.api.messages import Response
from telephony import phone_verification
from telephony.callbacks import rights
from telephony.callbacks.bridge import placement
from telephony.callbacks.callback_record import CallbackClosed, CallbackTaken, CallerWithheld
from telephony.serializers.callbacks import CallbackCallView
from telephony.views import examples


class CallbackCalls(api.OperationViewSet):
    """``/callback/{id}/call``."""

    tag = "Call-backs"

    @api.operation(
        "callCallback",
        "calls:handle",
        permission_for_others="calls:read",
        rate_limit="costly",
        idempotent=True,
        errors=(
            errors.NotFound,
            rights.NotOnDuty,
            CallbackTaken,
            CallbackClosed,
            CallerWithheld,
            placement.CallerNotCallable,
            placement.NoLine,
            placement.OnACall,
            placement.PhoneNotVerified,
            phone_verification.PhoneNotCallable,
            placement.CallNotPlaced,
            placement.MinutesUsedUp,
            placement.AllLinesInUse,
        ),
    )
    @api.accepts(EmptyBody)
    @api.returns(CallbackCallView, examples.CALLBACK_CALL, status=202, location="/call/{callId}")
    def call(self, request: Request, id: str) -> Response:
        """Call a caller back.

        Rings the signed-in user's verified phone from the location's number. Once the user has
        picked up and pressed 1, the caller is called, also from the location's number; where calls
        are recorded both hear so. An open call-back is taken by the user. The caller is called at
        most once: a request with the same `Idempotency-Key` places no second call, also if the
        first one was not placed (409 `call_not_placed`): send a new key to call again. `Location`
        names the call: `GET /call/{id}` shows how it goes.
        """
        EmptyBody.parse(request.data)
        call_id = placement.call_back(
            id,
            authenticated_user(request).user,
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
        )
        return Response(CallbackCallView({"id": call_id}).data, status=202)
