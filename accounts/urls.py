"""Paths of the operations on users, their customer and its locations."""

from django.urls import path

from accounts.views import email_events, legal_documents
from accounts.views.colleagues import Colleagues
from accounts.views.customers_and_locations import CurrentCustomer, LocationDetail, Locations
from accounts.views.own_account import CurrentUser, PersonalData, PushTokens, Terms
from accounts.views.user_management import AuditLogs, Invitations, UserDetail, UserManagement

urlpatterns = [
    path("user", CurrentUser.as_view({"get": "retrieve", "post": "create", "patch": "update", "delete": "delete"})),
    path("user/accept-terms", Terms.as_view({"post": "accept"})),
    path("user/terms-status", Terms.as_view({"get": "status"})),
    path("user/push-token", PushTokens.as_view({"post": "register", "delete": "delete"})),
    path("user/export/my-data", PersonalData.as_view({"get": "download"})),
    path("user/export/my-data/<str:exportId>", PersonalData.as_view({"get": "download_prepared"})),
    path("user/<str:userId>/audit-logs", AuditLogs.as_view({"get": "list_page"})),
    path(
        "userManagement",
        UserManagement.as_view({"get": "list_page", "post": "create", "patch": "update", "delete": "delete"}),
    ),
    path("userManagement/<str:id>", UserDetail.as_view({"get": "retrieve"})),
    path("userManagement/<str:id>/resend-invitation", Invitations.as_view({"post": "resend"})),
    path("colleague", Colleagues.as_view({"get": "list_page"})),
    path("customer", CurrentCustomer.as_view({"get": "retrieve", "patch": "update"})),
    path("location", Locations.as_view({"get": "list_page", "post": "create"})),
    path("location/<str:id>", LocationDetail.as_view({"get": "retrieve", "patch": "update", "delete": "delete"})),
    path("email/events", email_events.receive),
    path("legal", legal_documents.index),
    path("legal/<str:document>", legal_documents.current_document),
    path("legal/<str:document>/<str:version>", legal_documents.document_version),
]
