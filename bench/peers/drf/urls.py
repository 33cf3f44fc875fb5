"""The two paths."""

from django.urls import path

from bench.peers.drf.views import ScheduleView, UserView

urlpatterns = [path("user", UserView.as_view()), path("staffSchedule", ScheduleView.as_view())]
