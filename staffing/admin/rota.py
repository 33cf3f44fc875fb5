"""The calendar of a location, or of a person: a week or a month of shifts, clashes marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import urlencode

from accounts import locations, users
from accounts.admin import operator_actor, projected
from config import errors
from config.backoffice import operator_actor as at_the_door
from config.backoffice.record_admin import list_of, page_of
from staffing.schedules import listing, queries
from staffing.schedules.queries import Shift, Wish

if TYPE_CHECKING:
    from accounts.models import User

MOST = 1_000
"""Shifts of one page."""


@dataclass
class Entry:
    """One shift, as the calendar shows it."""

    shift: Shift
    name: str
    start: datetime
    end: datetime
    place: str
    clashes: list[str] = field(default_factory=list)
    """With what else of the same person it overlaps."""

    @property
    def url(self) -> str:
        """The page of its schedule."""
        return page_of("staffing", "schedule", str(self.shift.schedule.id))


@dataclass(frozen=True)
class Day:
    """A day with the shifts that start on it."""

    date: date
    entries: Sequence[Entry]
    is_today: bool
    is_outside: bool
    """Of a month: whether it belongs to another one."""


@dataclass(frozen=True)
class Span:
    """The days of a page."""

    first: date
    days: int
    month: date | None

    @classmethod
    def of(cls, request: HttpRequest, today: date) -> "Span":
        """The week or month that is asked for, around a day. Raises `errors.Invalid`."""
        try:
            day = date.fromisoformat(request.GET.get("day", "") or today.isoformat())
        except ValueError as error:
            raise errors.Invalid("day must be a date such as 2027-01-04.") from error
        if not 1971 <= day.year <= 2150:
            raise errors.Invalid("There is no rota of that year.")
        if request.GET.get("show") != "month":
            return cls(day - timedelta(days=day.weekday()), 7, None)
        first = day.replace(day=1)
        begin = first - timedelta(days=first.weekday())
        return cls(begin, 42, first)

    def around(self) -> tuple[date, date]:
        """A day of the page before and of the one after."""
        if self.month is None:
            return self.first - timedelta(days=7), self.first + timedelta(days=7)
        return self.month - timedelta(days=1), self.month + timedelta(days=32)


def of_location(request: HttpRequest, location_id: str) -> HttpResponse:
    """The rota of a location, by its own clock."""
    place = projected.Location.get(location_id)
    if place is None:
        raise errors.NotFound("There is no such location.")
    kept = place.kept
    about = {
        "subtitle": str(kept.name),
        "links": [
            ("Location", page_of("accounts", "location", kept.id)),
            ("Schedules", list_of("staffing", "schedule", location_id__exact=kept.id)),
        ],
        "add": {"customer_id": kept.customer_id, "locationId": kept.id},
    }
    return _page(request, str(kept.customer_id), str(kept.time_zone), about, location_id=kept.id)


def of_person(request: HttpRequest, user_id: str) -> HttpResponse:
    """The rota of a person, in UTC: their locations may have several clocks. It is noted who
    looked."""
    found = projected.User.get(user_id)
    if found is None:
        raise errors.NotFound("There is no such person.")
    kept = found.kept
    actor = operator_actor.actor(request, str(kept.customer_id))
    users.looked_at(kept, actor=actor, at=at_the_door.now())
    about = {
        "subtitle": str(kept.name),
        "links": [("Person", page_of("accounts", "user", kept.id))],
        "add": {"customer_id": kept.customer_id, "staffId": kept.id},
    }
    return _page(request, str(kept.customer_id), "UTC", about, staff_id=kept.id)


def _page(
    request: HttpRequest, customer_id: str, zone: str, about: dict[str, Any], **shown: str
) -> HttpResponse:
    clock = ZoneInfo(zone)
    now = at_the_door.now()
    today = now.astimezone(clock).date()
    span = Span.of(request, today)
    entries = _entries(request, customer_id, span, clock, **shown)
    before, after = span.around()
    how = "month" if span.month else "week"
    context = {
        **admin.site.each_context(request),
        **about,
        "title": "Rota",
        "zone": zone,
        "how": how,
        "span": span,
        "weeks": _weeks(span, entries, today),
        "clashes": [one for one in entries if one.clashes],
        "before": urlencode({"show": how, "day": before.isoformat()}),
        "after": urlencode({"show": how, "day": after.isoformat()}),
        "day": (span.month or span.first).isoformat(),
        "add_query": urlencode(about["add"]),
    }
    return TemplateResponse(request, "backoffice/rota.html", context)


def _entries(
    request: HttpRequest,
    customer_id: str,
    span: Span,
    clock: ZoneInfo,
    *,
    location_id: str | None = None,
    staff_id: str | None = None,
) -> list[Entry]:
    """The shifts of a page by start. Clashes are looked for in all locations of the customer."""
    since = datetime.combine(span.first, time(), clock).astimezone(UTC)
    until = datetime.combine(span.first + timedelta(days=span.days), time(), clock).astimezone(UTC)
    actor = operator_actor.actor(request, customer_id)

    def read(**of: str | None) -> list[Shift]:
        wish = Wish(since=since, until=until, **of)
        return listing.shifts(
            wish, actor=actor, at=at_the_door.now(), limit=MOST, start=None
        ).records

    try:
        every = read(customer_id=customer_id, staff_id=staff_id)
    except queries.TooWide:
        every = read(location_id=location_id)
    people = users.named({one.staff_id for one in every}, customer_id)
    places = locations.named({str(one.schedule.location_id) for one in every}, customer_id)
    entries = [_entry(one, people, places, clock) for one in every]
    _mark_clashes(entries)
    return [one for one in entries if location_id in (None, one.shift.schedule.location_id)]


def _entry(
    shift: Shift, people: "dict[str, User]", places: dict[str, Any], clock: ZoneInfo
) -> Entry:
    user = people.get(shift.staff_id)
    place = places.get(str(shift.schedule.location_id))
    one = shift.occurrence
    return Entry(
        shift,
        user.name if user else "somebody who left",
        one.start.astimezone(clock),
        one.end.astimezone(clock),
        place.name if place else "",
    )


def _mark_clashes(entries: Iterable[Entry]) -> None:
    by_person: dict[str, list[Entry]] = {}
    for entry in entries:
        for other in by_person.setdefault(entry.shift.staff_id, []):
            if other.end > entry.start and other.start < entry.end:
                other.clashes.append(f"{entry.start:%H:%M} at {entry.place}")
                entry.clashes.append(f"{other.start:%H:%M} at {other.place}")
        by_person[entry.shift.staff_id].append(entry)


def _weeks(span: Span, entries: Sequence[Entry], today: date) -> list[list[Day]]:
    by_day: dict[date, list[Entry]] = {}
    for entry in entries:
        by_day.setdefault(max(entry.start.date(), span.first), []).append(entry)
    every = [span.first + timedelta(days=number) for number in range(span.days)]
    days = [
        Day(
            one,
            by_day.get(one, []),
            one == today,
            span.month is not None and one.month != span.month.month,
        )
        for one in every
    ]
    return [days[start : start + 7] for start in range(0, len(days), 7)]
