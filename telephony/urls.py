"""Paths of the operations on numbers and calls, and of Twilio's webhooks."""

from django.urls import path

from telephony.views import lines, webhooks
from telephony.views.calls import Calls, OwnPhone, PhoneChecks, PhoneConfirmations, Recordings
from telephony.views.numbers import Numbers, OneNumber, Purchases, Restoring, Search

urlpatterns = [
    path("userManagement/find-phone-numbers", Search.as_view({"post": "find"})),
    path("userManagement/purchase-phone-number", Purchases.as_view({"post": "purchase"})),
    path("phoneNumber", Numbers.as_view({"get": "page"})),
    path("phoneNumber/<str:number>", OneNumber.as_view({"delete": "give_up"})),
    path("phoneNumber/<str:number>/restore", Restoring.as_view({"post": "restore"})),
    path(
        "ivrConfiguration/<str:locationId>",
        lines.Configurations.as_view({"get": "retrieve", "put": "change"}),
    ),
    path(
        "ivrConfiguration/<str:locationId>/preview",
        lines.Previews.as_view({"get": "preview"}),
    ),
    path("schemas/ivr-1.json", lines.schema),
    path("call", Calls.as_view({"get": "page"})),
    path("call/<str:id>/recording", Recordings.as_view({"get": "listen"})),
    path("user/phone", OwnPhone.as_view({"get": "retrieve"})),
    path("user/phone/verify", PhoneChecks.as_view({"post": "ask"})),
    path("user/phone/confirm", PhoneConfirmations.as_view({"post": "confirm"})),
    path("telephony/voice", webhooks.incoming),
    *(
        path(f"telephony/voice/{door.__name__}", door)
        for door in (
            *(webhooks.fallback, webhooks.key, webhooks.screen, webhooks.screened),
            *(webhooks.dialled, webhooks.wait, webhooks.leg, webhooks.joined, webhooks.left),
            *(webhooks.bye, webhooks.message, webhooks.recorded, webhooks.ended, webhooks.code),
        )
    ),
]
