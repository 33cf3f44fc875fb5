"""Paths of the operations on people."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("user", views.CurrentUser.as_view({"get": "retrieve", "post": "create"})),
    path("user/<str:userId>/audit-logs", views.AuditLogs.as_view({"get": "page"})),
]
