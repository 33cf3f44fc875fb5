"""Paths of the operations on schedules, days, templates and feeds."""

from django.urls import path

from staffing.views import feeds
from staffing.views.days import LocationDayDetail, LocationDayList
from staffing.views.on_duty import LocationOnDuty
from staffing.views.schedules import ScheduleDetail, Schedules
from staffing.views.shift_templates import TemplateDetail, Templates

urlpatterns = [
    path("staffSchedule", Schedules.as_view({"get": "list_page", "post": "create"})),
    path("staffSchedule/<str:id>", ScheduleDetail.as_view({"get": "retrieve", "put": "update", "delete": "delete"})),
    path(
        "scheduleTemplate",
        Templates.as_view({"get": "list_page", "post": "create", "patch": "update", "delete": "delete"}),
    ),
    path("scheduleTemplate/<str:id>", TemplateDetail.as_view({"get": "retrieve"})),
    path("location/<str:id>/on-duty", LocationOnDuty.as_view({"get": "retrieve"})),
    path("location/<str:id>/days", LocationDayList.as_view({"get": "list_days"})),
    path("location/<str:id>/days/<str:date>", LocationDayDetail.as_view({"put": "update", "delete": "delete"})),
    path("user/calendar-feed", feeds.CalendarFeeds.as_view({"post": "open", "delete": "close"})),
    path("calendar/<str:user_id>/<str:secret>.ics", feeds.serve_calendar_feed),
]
