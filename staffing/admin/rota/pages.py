"""The rota pages of a location and of a person: a week or a month of shifts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.module_loading import import_string

from accounts import locations, users
from accounts.admin import projected
from accounts.admin.operator_commands import actor_for, operator_actor
from config import dynamodb, errors
from config.backoffice import clock, operators
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.page_customer import set_page_customer
from staffing.admin.rota import rendering
from staffing.admin.rota.cover import DayCover, find_cover
from staffing.admin.rota.entries import MAX_SHIFTS, LoadedEntries, RotaEntry, load_entries
from staffing.admin.rota.grid import DaySpan, Span, build_days
from staffing.admin.rota.period import MONTH, WEEK, RotaPeriod
from staffing.admin.rota.rows import RotaRow, location_rows, person_rows
from staffing.schedules import days as location_days
from staffing.schedules.days import LocationDay

if TYPE_CHECKING:
    from collections.abc import Callable

    OpenPeriods = Callable[..., Sequence[Span] | None]

MAX_LISTED = 20
"""Gaps and overlaps that are listed above the grid."""
MAX_OWN_LOCATIONS = 50
"""Locations of a person that have a row even without a shift."""
MAX_LINKED_LOCATIONS = 4
_ALL_LOCATIONS, _CALLS = "*", "calls"


@dataclass(frozen=True)
class RotaPage:
    """What is shown for a location or a person."""

    zone: str
    """In which today, and the days of the heading, are."""
    loaded: LoadedEntries
    rows: Sequence[RotaRow]
    covers: Sequence[DayCover] = ()
    days_by_date: Mapping[date, LocationDay] | None = None
    """Holidays and notes; a person has none, who may work in several countries."""


def location_rota(request: HttpRequest, location_id: str) -> HttpResponse:
    """The rota of a location by person, in its time zone."""
    location = projected.Location.get(location_id)
    if location is None:
        raise errors.NotFound("Location not found.")
    record = location.record
    now, zone = operators.now(), str(record.time_zone)
    period = RotaPeriod.from_query(request.GET, now.astimezone(ZoneInfo(zone)).date())
    window = period.window(zone)
    customer_id = str(record.customer_id)
    set_page_customer(request, customer_id)
    actor = operator_actor(request, customer_id)
    loaded, marked_days, open_periods, calls = dynamodb.gather(
        partial(load_entries, customer_id, window, actor=actor, at=now, location_id=location_id, staff_id=None),
        partial(location_days.load_days, record, period.first_day, period.next_day),
        partial(_load_open_periods, location_id, window, zone),
        partial(
            import_string(settings.ROTA_CALLS) if _CALLS in request.GET else _no_calls, location_id, actor=actor, at=now
        ),
    )
    staffed = [entry.span for entry in loaded.entries if entry.is_staffed]
    page = RotaPage(
        zone,
        loaded,
        person_rows(loaded.entries, loaded.users_by_id, zone, period.query),
        find_cover(build_days(period.list_dates(), zone), zone, staffed, open_periods, now=now),
        {day.date: day for day in marked_days},
    )
    import_query = urlencode({"location": record.name})
    context = {
        "title": f"Rota of {record.name}",
        "links": [
            ("Location", admin_change_url("accounts", "location", record.id)),
            ("Schedules", admin_list_url("staffing", "schedule", location_id__exact=record.id)),
            ("Calls by hour", reverse("admin:location_demand", args=(record.id,))),
            ("Compare with past calls", f"?{period.query}&{_CALLS}=1#{_CALLS}"),
            ("Import", f"{reverse('admin:rota_import', args=(customer_id,))}?{import_query}"),
        ],
        "add_query": urlencode({"customer_id": customer_id, "locationId": record.id}),
        "note_url": reverse("admin:day_note", args=(record.id,)),
        "move_url": reverse("admin:rota_move", args=(record.id,)),
        "move_whose": "everybody's",
        "row_kind": "Person",
        "calls": calls,
    }
    return _render(request, page, period, context, now)


def _no_calls(location_id: str, **_: Any) -> None:
    """Nothing: calls are read only if somebody wants to compare them, as there may be many."""


def _load_open_periods(location_id: str, window: Span, zone: str) -> Sequence[Span] | None:
    """The opening hours of the location's number; None: there are none."""
    load = cast("OpenPeriods", import_string(settings.LOCATION_HOURS))
    return load(location_id, *window, time_zone=zone)


def person_rota(request: HttpRequest, user_id: str) -> HttpResponse:
    """The rota of a person by location, each in its own time zone; audited."""
    user = projected.User.get(user_id)
    if user is None:
        raise errors.NotFound("Person not found.")
    record, now = user.record, operators.now()
    users.audit_user_view(record, actor=actor_for(request, user), at=now)
    customer_id = str(record.customer_id)
    own_ids = [id for id in record.locations if id != _ALL_LOCATIONS][:MAX_OWN_LOCATIONS]
    set_page_customer(request, customer_id)
    own_locations = locations.load_locations(own_ids, customer_id)
    zone = next((str(own_locations[id].time_zone) for id in own_ids if id in own_locations), clock.page_zone())
    period = RotaPeriod.from_query(request.GET, now.astimezone(ZoneInfo(zone)).date())
    since, until = period.window("UTC")
    loaded = load_entries(
        customer_id,
        (since - timedelta(days=1), until + timedelta(days=1)),  # the days of every zone
        actor=operator_actor(request, customer_id),
        at=now,
        location_id=None,
        staff_id=user_id,
    )
    shown = [entry for entry in loaded.entries if _is_within(entry, period)]
    page = RotaPage(zone, loaded, location_rows(shown, list(own_locations.values()), zone, period.query))
    context = {
        "title": f"Rota of {record.name}",
        "links": [
            ("Person", admin_change_url("accounts", "user", record.id)),
            *((f"Rota of {row.name}", row.url) for row in page.rows[:MAX_LINKED_LOCATIONS] if row.url),
        ],
        "status_text": _describe_status(str(record.status)),
        "add_query": urlencode({"customer_id": customer_id, "staffId": record.id}),
        "move_url": reverse("admin:rota_of_move", args=(record.id,)),
        "move_whose": f"{record.name}'s",
        "row_kind": "Location",
    }
    return _render(request, page, period, context, now)


def _describe_status(status: str) -> str:
    """What the status of a person means for their shifts; empty: nothing."""
    if status in users.WORKING_STATUSES:
        return ""
    return f"This person is {status}: their shifts stay in the rota, but put nobody on duty."


def _is_within(entry: RotaEntry, period: RotaPeriod) -> bool:
    """Whether a shift is on one of the days, by the clock of its location."""
    since, until = period.window(entry.zone)
    return entry.span[0] < until and entry.span[1] > since


def _render(
    request: HttpRequest, page: RotaPage, period: RotaPeriod, page_context: Mapping[str, Any], now: datetime
) -> HttpResponse:
    dates = period.list_dates()
    days_by_zone = {zone: build_days(dates, zone) for zone in {page.zone, *(row.zone for row in page.rows)}}
    days = days_by_zone[page.zone]
    style = rendering.GridStyle(
        days_by_zone,
        now,
        is_month=period.is_month,
        day_count=period.day_count,
        back_url=f"{request.path}?{period.query}",
        names_location=page_context["row_kind"] == "Location",
    )
    entries = [entry for row in page.rows for entry in row.entries]
    gaps = [cover for cover in page.covers if cover.gaps]
    overlaps = [entry for entry in entries if entry.overlaps]
    clock.set_zone(page.zone)
    context = {
        **admin.site.each_context(request),
        **page_context,
        "zone": page.zone,
        "period": period,
        "today_query": urlencode({"show": period.name}),
        "week_query": RotaPeriod.of(_anchor(period, days, now), WEEK).query,
        "month_query": RotaPeriod.of(period.first_day, MONTH).query,
        "days": [_describe_day(index, day, page, now) for index, day in enumerate(days)],
        "rows": rendering.render_rows(page.rows, style),
        "has_cover": bool(page.covers),
        "cover": rendering.render_cover(page.covers, now),
        "gaps": gaps[:MAX_LISTED],
        "gap_count": len(gaps),
        "has_past_gaps": any(cover.past_gaps for cover in page.covers),
        "has_unstaffed": any(row.is_unstaffed for row in page.rows),
        "overlaps": [(entry, f"{entry.start:%a %-d %b} {entry.times}") for entry in overlaps[:MAX_LISTED]],
        "overlap_count": len(overlaps),
        "shift_count": len(entries),
        "is_cut": page.loaded.is_cut,
        "max_shifts": MAX_SHIFTS,
        "misses_overlaps": not page.loaded.has_all_overlaps,
    }
    return TemplateResponse(request, "backoffice/rota.html", context)


def _anchor(period: RotaPeriod, days: Sequence[DaySpan], now: datetime) -> date:
    """The day whose week is shown after a month: today if it is in the month."""
    return next((day.date for day in days if day.start <= now < day.end), period.first_day)


def _describe_day(index: int, day: DaySpan, page: RotaPage, now: datetime) -> dict[str, Any]:
    """What the heading of a column shows."""
    marked = (page.days_by_date or {}).get(day.date, LocationDay(day.date))
    is_today = day.start <= now < day.end
    return {
        "date": day.date,
        "order": index * 1000,
        "classes": rendering.cell_class(day, now),
        "is_today": is_today,
        "holidays": marked.holidays,
        "note": marked.note,
        "clock": "" if day.hours == 24 else f"clock change: {day.hours:g} hours",
    }
