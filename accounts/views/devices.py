"""``/user/push-token``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.notifications import devices
from accounts.serializers.devices import Device, DeviceView
from accounts.views import examples
from accounts.views.caller import actor_of
from config.api.operations import Operations, now, once, operation


class PushTokens(Operations):
    """The devices of the signed-in person."""

    @operation(
        "push:manage",
        name="registerPushToken",
        tag="Users",
        summary="Register an Expo push token",
        description=(
            "Notifies this device from now on. A token is one person's: registering one that "
            "somebody else had moves it. Repeating it changes nothing."
        ),
        body=Device,
        body_example={"token": examples.DEVICE["token"]},
        answers={200: DeviceView},
        example=examples.DEVICE,
        refuses=(422,),
        cost="write",
    )
    def register(self, request: Request) -> Response:
        token, actor = Device.of(request.data)["token"], actor_of(request)
        made = devices.register(token, actor=actor, at=now(), once=once(request, actor))
        return Response(DeviceView({"token": made.token, "status": "registered"}).data)

    @operation(
        "push:manage",
        name="removePushToken",
        tag="Users",
        summary="Remove an Expo push token",
        description="Stops notifying this device. Removing one that is unknown changes nothing.",
        body=Device,
        body_example={"token": examples.DEVICE["token"]},
        answers={200: DeviceView},
        example={**examples.DEVICE, "status": "removed"},
        cost="write",
    )
    def remove(self, request: Request) -> Response:
        token = Device.of(request.data)["token"]
        devices.forget(token, actor=actor_of(request), at=now())
        return Response(DeviceView({"token": token, "status": "removed"}).data)
