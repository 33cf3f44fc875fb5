"""Paths of the operations on numbers and calls, and of Twilio's webhooks."""

from django.urls import path

from telephony.views import lines, webhooks
from telephony.views.blocked_callers import BlockedCallerDetail, BlockedCallers
from telephony.views.callback_calls import CallbackCalls
from telephony.views.callbacks import CallbackClosings, CallbackDetail, CallbackReleases, Callbacks, CallbackTakes
from telephony.views.calls import (
    CallDetail,
    CallRecordings,
    Calls,
    OwnPhone,
    PhoneBreaks,
    PhoneConfirmations,
    PhoneVerifications,
)
from telephony.views.demand import LocationDemand
from telephony.views.line_tests import LineTests
from telephony.views.number_profiles import (
    NumberProfileDetail,
    NumberProfileList,
    NumberRequirements,
    PhoneNumberAdoptions,
)
from telephony.views.numbers import (
    PhoneNumberDetail,
    PhoneNumberPurchases,
    PhoneNumberRestorations,
    PhoneNumbers,
    PhoneNumberSearches,
)
from telephony.views.public_hours import PublicHoursSettings, PublishedHours
from telephony.views.reach import LocationReach, Reaches
from telephony.views.replay import LocationReplay

urlpatterns = [
    path("userManagement/find-phone-numbers", PhoneNumberSearches.as_view({"post": "search"})),
    path("userManagement/purchase-phone-number", PhoneNumberPurchases.as_view({"post": "purchase"})),
    path("phoneNumber", PhoneNumbers.as_view({"get": "list_page"})),
    path("phoneNumber/adopt", PhoneNumberAdoptions.as_view({"post": "adopt"})),
    path("phoneNumber/<str:number>", PhoneNumberDetail.as_view({"delete": "release"})),
    path("phoneNumber/<str:number>/restore", PhoneNumberRestorations.as_view({"post": "restore"})),
    path("numberRequirement", NumberRequirements.as_view({"get": "retrieve"})),
    path("numberProfile", NumberProfileList.as_view({"get": "list_all"})),
    path(
        "numberProfile/<str:country>",
        NumberProfileDetail.as_view({"get": "retrieve", "put": "update", "delete": "delete"}),
    ),
    path("ivrConfiguration/<str:locationId>", lines.IvrConfigurations.as_view({"get": "retrieve", "put": "update"})),
    path("ivrConfiguration/<str:locationId>/preview", lines.CallPreviews.as_view({"get": "preview"})),
    path("location/<str:id>/reach", LocationReach.as_view({"get": "retrieve"})),
    path("reach", Reaches.as_view({"get": "list_page"})),
    path("location/<str:id>/demand", LocationDemand.as_view({"get": "retrieve"})),
    path(
        "ivrConfiguration/<str:locationId>/publicHours",
        PublicHoursSettings.as_view({"get": "retrieve", "put": "update"}),
    ),
    path("location/<str:id>/line-test", LineTests.as_view({"get": "retrieve"})),
    path("public/<str:line>/hours", PublishedHours.as_view({"get": "retrieve"})),
    path("public/<str:line>/hours.ics", PublishedHours.as_view({"get": "retrieve"}), {"file_format": "ics"}),
    path("location/<str:id>/replay", LocationReplay.as_view({"post": "replay"})),
    path("schemas/ivr-1.json", lines.ivr_schema),
    path("call", Calls.as_view({"get": "list_page"})),
    path("call/<str:id>", CallDetail.as_view({"get": "retrieve"})),
    path("call/<str:id>/recording", CallRecordings.as_view({"get": "download"})),
    path("callback", Callbacks.as_view({"get": "list_page", "post": "create"})),
    path("callback/<str:id>", CallbackDetail.as_view({"get": "retrieve"})),
    path("blockedCaller", BlockedCallers.as_view({"get": "list_page", "post": "block"})),
    path("blockedCaller/<path:number>", BlockedCallerDetail.as_view({"delete": "unblock"})),
    path("callback/<str:id>/call", CallbackCalls.as_view({"post": "call"})),
    path("callback/<str:id>/take", CallbackTakes.as_view({"post": "take"})),
    path("callback/<str:id>/release", CallbackReleases.as_view({"post": "release"})),
    path("callback/<str:id>/close", CallbackClosings.as_view({"post": "close"})),
    path("user/phone", OwnPhone.as_view({"get": "retrieve"})),
    path("user/phone/break", PhoneBreaks.as_view({"put": "begin", "delete": "end"})),
    path("user/phone/verify", PhoneVerifications.as_view({"post": "verify"})),
    path("user/phone/confirm", PhoneConfirmations.as_view({"post": "confirm"})),
    path("telephony/voice", webhooks.incoming),
    *(path(f"telephony/voice/{name}", view) for name, view in webhooks.VIEWS.items()),
]
