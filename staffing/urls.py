"""Paths of the operations on schedules, templates and feeds."""

from django.urls import path

from staffing.views import feeds
from staffing.views.schedules import Duty, OneSchedule, Schedules
from staffing.views.shift_templates import Templates

urlpatterns = [
    path("staffSchedule", Schedules.as_view({"get": "page", "post": "create"})),
    path(
        "staffSchedule/<str:id>",
        OneSchedule.as_view({"get": "retrieve", "put": "change", "delete": "remove"}),
    ),
    path(
        "scheduleTemplate",
        Templates.as_view({"get": "page", "post": "create", "patch": "change", "delete": "remove"}),
    ),
    path("location/<str:id>/on-duty", Duty.as_view({"get": "now"})),
    path("user/calendar-feed", feeds.Feeds.as_view({"post": "open", "delete": "close"})),
    path("calendar/<str:user_id>/<str:secret>.ics", feeds.calendar),
]
