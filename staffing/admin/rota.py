"""The calendar of a location or a person: a week or a month of shifts, with overlaps marked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from accounts import locations, users
from accounts.admin import projected
from accounts.admin.operator_commands import actor_for, operator_actor
from config import errors
from config.backoffice import operators
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.page_customer import set_page_customer
from staffing.schedules import days, listing, queries
from staffing.schedules.days import LocationDay
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter

if TYPE_CHECKING:
    from accounts.models import User

MAX_SHIFTS = 1_000
"""The most shifts of one page."""


@dataclass
class RotaEntry:
    """A shift in the calendar."""

    shift: Shift
    name: str
    start: datetime
    end: datetime
    location_name: str
    overlaps: list[str] = field(default_factory=list)
    """Times and locations of overlapping shifts of the same person."""

    @property
    def url(self) -> str:
        """The page of its schedule."""
        return admin_change_url("staffing", "schedule", str(self.shift.schedule.id))


@dataclass(frozen=True)
class RotaSlot:
    """What a shift does on one day."""

    entry: RotaEntry
    times: str
    is_continued: bool
    """Whether it is shown on an earlier day of the page, too."""


@dataclass(frozen=True)
class RotaDay:
    """A day, the shifts that start on it, and longer ones that go on."""

    date: date
    slots: Sequence[RotaSlot]
    holidays: Sequence[str]
    note: str | None
    is_today: bool
    is_other_month: bool
    """Whether a month's page shows it to complete a week."""


@dataclass(frozen=True)
class RotaPeriod:
    """The days of a page."""

    first_day: date
    day_count: int
    month_start: date | None

    @classmethod
    def from_request(cls, request: HttpRequest, today: date) -> "RotaPeriod":
        """The requested week or month. Raises `errors.InvalidRequest`."""
        try:
            day = date.fromisoformat(request.GET.get("day", "") or today.isoformat())
        except ValueError as error:
            raise errors.InvalidRequest("`day` must be a date, such as 2027-01-04.") from error
        if not 1971 <= day.year <= 2150:
            raise errors.InvalidRequest("`day` must be from 1971 to 2150.")
        if request.GET.get("show") != "month":
            return cls(day - timedelta(days=day.weekday()), 7, None)
        month_start = day.replace(day=1)
        first_day = month_start - timedelta(days=month_start.weekday())
        return cls(first_day, 42, month_start)

    def adjacent_days(self) -> tuple[date, date]:
        """A day in the previous period and one in the next."""
        if self.month_start is None:
            return self.first_day - timedelta(days=7), self.first_day + timedelta(days=7)
        return self.month_start - timedelta(days=1), self.month_start + timedelta(days=32)


def location_rota(request: HttpRequest, location_id: str) -> HttpResponse:
    """The rota of a location, in its time zone."""
    location = projected.Location.get(location_id)
    if location is None:
        raise errors.NotFound("Location not found.")
    record = location.record
    context = {
        "subtitle": str(record.name),
        "links": [
            ("Location", admin_change_url("accounts", "location", record.id)),
            ("Schedules", admin_list_url("staffing", "schedule", location_id__exact=record.id)),
            (
                "Import",
                f"{reverse('admin:rota_import', args=(record.customer_id,))}?{urlencode({'location': record.name})}",
            ),
        ],
        "add": {"customer_id": record.customer_id, "locationId": record.id},
        "load_days": partial(days.load_days, record),
        "note_url": reverse("admin:day_note", args=(record.id,)),
    }
    return _render_rota(request, str(record.customer_id), str(record.time_zone), context, location_id=record.id)


def person_rota(request: HttpRequest, user_id: str) -> HttpResponse:
    """The rota of a person, in UTC, as their locations may be in several time zones; audited."""
    user = projected.User.get(user_id)
    if user is None:
        raise errors.NotFound("Person not found.")
    record = user.record
    users.audit_user_view(record, actor=actor_for(request, user), at=operators.now())
    context = {
        "subtitle": str(record.name),
        "links": [("Person", admin_change_url("accounts", "user", record.id))],
        "add": {"customer_id": record.customer_id, "staffId": record.id},
    }
    return _render_rota(request, str(record.customer_id), "UTC", context, staff_id=record.id)


def _render_rota(
    request: HttpRequest, customer_id: str, zone: str, page_context: dict[str, Any], **filters: str
) -> HttpResponse:
    tz = ZoneInfo(zone)
    now = operators.now()
    today = now.astimezone(tz).date()
    period = RotaPeriod.from_request(request, today)
    entries = _load_entries(request, customer_id, period, tz, **filters)
    previous_day, next_day = period.adjacent_days()
    period_name = "month" if period.month_start else "week"
    set_page_customer(request, customer_id)
    context = {
        **admin.site.each_context(request),
        **page_context,
        "title": "Rota",
        "zone": zone,
        "period_name": period_name,
        "period": period,
        "weeks": _group_by_week(period, entries, today, _load_days(period, page_context)),
        "overlaps": [entry for entry in entries if entry.overlaps],
        "previous_query": urlencode({"show": period_name, "day": previous_day.isoformat()}),
        "next_query": urlencode({"show": period_name, "day": next_day.isoformat()}),
        "day": (period.month_start or period.first_day).isoformat(),
        "add_query": urlencode(page_context["add"]),
    }
    return TemplateResponse(request, "backoffice/rota.html", context)


def _load_days(period: RotaPeriod, page_context: dict[str, Any]) -> dict[date, LocationDay]:
    """Holidays and notes by date; none for a person, who may work in several countries."""
    load_days: Callable[..., list[LocationDay]] | None = page_context.get("load_days")
    if load_days is None:
        return {}
    last_day = period.first_day + timedelta(days=period.day_count)
    return {day.date: day for day in load_days(period.first_day, last_day)}


def _load_entries(
    request: HttpRequest,
    customer_id: str,
    period: RotaPeriod,
    tz: ZoneInfo,
    *,
    location_id: str | None = None,
    staff_id: str | None = None,
) -> list[RotaEntry]:
    """The shifts of a page by start, with overlaps at any location of the customer."""
    since = datetime.combine(period.first_day, time(), tz).astimezone(UTC)
    until = datetime.combine(period.first_day + timedelta(days=period.day_count), time(), tz).astimezone(UTC)
    actor = operator_actor(request, customer_id)

    def read_shifts(**filters: str | None) -> list[Shift]:
        shift_query = ScheduleFilter(since=since, until=until, **filters)
        return listing.list_shifts(shift_query, actor=actor, at=operators.now(), limit=MAX_SHIFTS, cursor=None).records

    try:
        shifts = read_shifts(customer_id=customer_id, staff_id=staff_id)
    except queries.QueryTooWide:
        shifts = read_shifts(location_id=location_id)
    users_by_id = users.load_users({item.staff_id for item in shifts}, customer_id)
    locations_by_id = locations.load_locations({str(item.schedule.location_id) for item in shifts}, customer_id)
    entries = [_to_entry(item, users_by_id, locations_by_id, tz) for item in shifts]
    _mark_overlaps(entries)
    return [item for item in entries if location_id in (None, item.shift.schedule.location_id)]


def _to_entry(shift: Shift, users_by_id: "dict[str, User]", locations_by_id: dict[str, Any], tz: ZoneInfo) -> RotaEntry:
    user = users_by_id.get(shift.staff_id)
    location = locations_by_id.get(str(shift.schedule.location_id))
    occurrence = shift.occurrence
    return RotaEntry(
        shift,
        user.name if user else "deleted person",
        occurrence.start.astimezone(tz),
        occurrence.end.astimezone(tz),
        location.name if location else "",
    )


def _mark_overlaps(entries: Iterable[RotaEntry]) -> None:
    entries_by_person: dict[str, list[RotaEntry]] = {}
    for entry in entries:
        for other in entries_by_person.setdefault(entry.shift.staff_id, []):
            if other.end > entry.start and other.start < entry.end:
                other.overlaps.append(f"{entry.start:%H:%M} at {entry.location_name}")
                entry.overlaps.append(f"{other.start:%H:%M} at {other.location_name}")
        entries_by_person[entry.shift.staff_id].append(entry)


def iter_slots(entry: RotaEntry, first_day: date, last_day: date) -> Iterator[tuple[date, RotaSlot]]:
    """The days on which a shift is shown: where it starts, and each day if it is longer than one.

    A shift that started before the page is shown on its first day, with its start.
    """
    is_long = entry.end - entry.start > timedelta(days=1)
    final_day = (entry.end - timedelta(microseconds=1)).date()
    shown_from = max(entry.start.date(), first_day)
    shown_until = min(final_day, last_day) if is_long else shown_from
    start_format = "%a %H:%M" if entry.end - entry.start < timedelta(days=6) else "%a %-d %b %H:%M"
    since = f"(since {entry.start.strftime(start_format)})"
    for offset in range((shown_until - shown_from).days + 1):
        day = shown_from + timedelta(days=offset)
        if day == entry.start.date():
            end = entry.end.strftime(start_format if is_long else "%H:%M")
            times = f"{entry.start:%H:%M} – {end}" if is_long else f"{entry.start:%H:%M}–{end}"
        elif day == final_day:
            times = f"until {entry.end:%H:%M} {since}"
        else:
            times = f"all day {since}"
        yield day, RotaSlot(entry, times, is_continued=offset > 0)


def _group_by_week(
    period: RotaPeriod, entries: Sequence[RotaEntry], today: date, location_days: dict[date, LocationDay]
) -> list[list[RotaDay]]:
    last_day = period.first_day + timedelta(days=period.day_count - 1)
    slots_by_day: dict[date, list[RotaSlot]] = {}
    for entry in entries:
        for day, slot in iter_slots(entry, period.first_day, last_day):
            slots_by_day.setdefault(day, []).append(slot)
    dates = [period.first_day + timedelta(days=offset) for offset in range(period.day_count)]
    rota_days = [
        RotaDay(
            day,
            slots_by_day.get(day, []),
            location_days.get(day, LocationDay(day)).holidays,
            location_days.get(day, LocationDay(day)).note,
            day == today,
            period.month_start is not None and day.month != period.month_start.month,
        )
        for day in dates
    ]
    return [rota_days[first : first + 7] for first in range(0, len(rota_days), 7)]
