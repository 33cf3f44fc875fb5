"""The week of a location as a heat map: calls against people on duty, by hour."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.admin import projected
from config import dynamodb, errors
from config.backoffice import clock, operators
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.page_customer import set_page_customer
from telephony.admin import reach_panel, reach_strip
from telephony.calls import demand
from telephony.calls.demand import Demand, DemandHour, Slot
from telephony.calls.history.location_calls import MAX_CALLS

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LEVELS = 5
"""Shades of the map."""
MAX_LISTED = 5
PERIODS = (1, 2, 4, 8, 12)
"""Weeks that can be chosen."""


def location_demand(request: HttpRequest, location_id: str) -> HttpResponse:
    """The heat map of a location, in its time zone."""
    location = projected.Location.get(location_id)
    if location is None:
        raise errors.NotFound("Location not found.")
    record = location.record
    set_page_customer(request, str(record.customer_id))
    clock.set_zone(str(record.time_zone))
    weeks, now = _read_weeks(request.GET.get("weeks", "")), operators.now()
    loaded, reach = dynamodb.gather(
        lambda: demand.load_demand(record, at=now, weeks=weeks), lambda: reach_panel.load_reach(record, at=now)
    )
    holes = reach_strip.count_holes_by_hour(reach) if reach else {}
    context = {
        **admin.site.each_context(request),
        "title": f"Calls and people on duty at {record.name}",
        "links": [
            ("Location", admin_change_url("accounts", "location", record.id)),
            ("Rota", reverse("admin:rota", args=(record.id,))),
            ("Calls", admin_list_url("telephony", "call", location_id__exact=record.id)),
        ],
        "zone": record.time_zone,
        "demand": loaded,
        "last_day": loaded.until - timedelta(microseconds=1),
        "max_calls": MAX_CALLS,
        "hours": range(demand.HOURS_PER_DAY),
        "rows": [(name, _cells_of(loaded, weekday, holes)) for weekday, name in enumerate(WEEKDAY_NAMES)],
        "alone": _list_alone(loaded),
        "ahead": _list_ahead(loaded, holes),
        "has_holes": bool(holes),
        "weeks": weeks,
        "periods": PERIODS,
    }
    return TemplateResponse(request, "backoffice/demand.html", context)


def _read_weeks(text: str) -> int:
    """The number of weeks of a query string. Raises `errors.InvalidRequest`."""
    if not text:
        return demand.WEEKS
    if text not in map(str, PERIODS):
        raise errors.InvalidRequest(f"`weeks` must be one of {', '.join(map(str, PERIODS))}.")
    return int(text)


def _cells_of(loaded: Demand, weekday: int, holes: Mapping[Slot, int]) -> list[dict[str, Any]]:
    hours = loaded.hours[weekday * demand.HOURS_PER_DAY : (weekday + 1) * demand.HOURS_PER_DAY]
    return [
        {
            "hour": hour,
            "level": -(-LEVELS * hour.calls // loaded.busiest) if loaded.busiest else 0,
            "is_alone": _is_alone(hour),
            "on_duty": f"{hour.on_duty:g}",
            "holes": holes.get((hour.weekday, hour.hour), 0),
        }
        for hour in hours
    ]


def _is_alone(hour: DemandHour) -> bool:
    """Whether calls were not answered, and less than one person was on duty on average."""
    return hour.unanswered > 0 and hour.on_duty < 1


def _list_alone(loaded: Demand) -> list[str]:
    """Hours with calls that nobody answered and often nobody on duty, the most such calls first."""
    hours = sorted(filter(_is_alone, loaded.hours), key=lambda hour: (-hour.unanswered, -hour.calls))
    return [
        f"{_describe_calls(hour)}, {hour.unanswered} not answered, {hour.on_duty:g} on duty on average"
        for hour in hours[:MAX_LISTED]
    ]


def _list_ahead(loaded: Demand, holes: Mapping[Slot, int]) -> list[str]:
    """The hours with calls in which calls will ring nobody, with the most calls first."""
    hours = [hour for hour in loaded.hours if hour.calls and (hour.weekday, hour.hour) in holes]
    hours.sort(key=lambda hour: -hour.calls)
    return [
        f"{_describe_calls(hour)}; calls ring nobody in {holes[hour.weekday, hour.hour]} of the next 4 weeks"
        for hour in hours[:MAX_LISTED]
    ]


def _describe_calls(hour: DemandHour) -> str:
    times = f"{WEEKDAY_NAMES[hour.weekday]} {hour.hour:02}:00–{(hour.hour + 1) % 24:02}:00"
    return f"{times}: {hour.calls} call{'' if hour.calls == 1 else 's'}"
