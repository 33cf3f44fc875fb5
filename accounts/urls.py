"""Paths of the operations on people, their customer and its locations."""

from django.urls import path

from accounts.views import legal_documents
from accounts.views.audit_log import AuditLogs
from accounts.views.customers_and_locations import CurrentCustomer, Locations, OneLocation
from accounts.views.devices import PushTokens
from accounts.views.exports import PersonalData
from accounts.views.own_account import CurrentUser
from accounts.views.terms import Terms
from accounts.views.user_management import Invitations, Management

urlpatterns = [
    path(
        "user",
        CurrentUser.as_view(
            {"get": "retrieve", "post": "create", "patch": "change", "delete": "remove"}
        ),
    ),
    path("user/accept-terms", Terms.as_view({"post": "accept"})),
    path("user/terms-status", Terms.as_view({"get": "status"})),
    path("user/push-token", PushTokens.as_view({"post": "register", "delete": "remove"})),
    path("user/export/my-data", PersonalData.as_view({"get": "download"})),
    path("user/<str:userId>/audit-logs", AuditLogs.as_view({"get": "page"})),
    path(
        "userManagement",
        Management.as_view(
            {"get": "page", "post": "create", "patch": "change", "delete": "remove"}
        ),
    ),
    path("userManagement/<str:id>/resend-invitation", Invitations.as_view({"post": "resend"})),
    path("customer", CurrentCustomer.as_view({"get": "retrieve", "patch": "change"})),
    path("location", Locations.as_view({"get": "page", "post": "create"})),
    path("location/<str:id>", OneLocation.as_view({"patch": "change", "delete": "remove"})),
    path("legal", legal_documents.index),
    path("legal/<str:document>", legal_documents.current),
    path("legal/<str:document>/<str:version>", legal_documents.one),
]
