"""``/user/push-token``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.notifications import devices
from accounts.serializers.devices import PushTokenBody, PushTokenView
from accounts.views import examples
from accounts.views.caller import actor_of
from config.api.operations import OperationViewSet, operation, read_idempotency_key, utc_now


class PushTokens(OperationViewSet):
    """The devices of the signed-in person."""

    @operation(
        "push:manage",
        operation_id="registerPushToken",
        tag="Users",
        summary="Register an Expo push token",
        description=(
            "Notifies this device from now on. A token is one person's: registering one that "
            "somebody else had moves it. Repeating it changes nothing."
        ),
        body=PushTokenBody,
        body_example={"token": examples.DEVICE["token"]},
        responses={200: PushTokenView},
        example=examples.DEVICE,
        error_statuses=(422,),
        rate_limit="write",
    )
    def register(self, request: Request) -> Response:
        token, actor = PushTokenBody.parse(request.data)["token"], actor_of(request)
        device = devices.register_device(
            token, actor=actor, at=utc_now(), idempotency_key=read_idempotency_key(request, actor)
        )
        return Response(PushTokenView({"token": device.token, "status": "registered"}).data)

    @operation(
        "push:manage",
        operation_id="removePushToken",
        tag="Users",
        summary="Remove an Expo push token",
        description="Stops notifying this device. Removing one that is unknown changes nothing.",
        body=PushTokenBody,
        body_example={"token": examples.DEVICE["token"]},
        responses={200: PushTokenView},
        example={**examples.DEVICE, "status": "removed"},
        rate_limit="write",
    )
    def delete(self, request: Request) -> Response:
        token = PushTokenBody.parse(request.data)["token"]
        devices.unregister_device(token, actor=actor_of(request), at=utc_now())
        return Response(PushTokenView({"token": token, "status": "removed"}).data)
