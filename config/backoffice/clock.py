"""Times as operators read them: ``Sat 28 Nov 2026, 14:05``, local or in UTC as they chose."""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

T = TypeVar("T")
SESSION_CLOCK = "clock"
"""The session key of the choice: ``utc``; local times are the default."""
_shows_utc: ContextVar[bool] = ContextVar("shows_utc", default=False)


class ClockMiddleware:
    """Shows times by the clock that the operator chose; UTC until a page has a zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(settings.ADMIN_PATH):
            return self._get_response(request)
        token = _shows_utc.set(request.session.get(SESSION_CLOCK) == "utc")
        try:
            with timezone.override(UTC):
                return self._get_response(request)
        finally:
            _shows_utc.reset(token)


def shows_utc() -> bool:
    """Whether the operator of this request chose UTC."""
    return _shows_utc.get()


def set_zone(zone: str | None) -> None:
    """Show the times of this page by the clock of a zone, unless the operator chose UTC."""
    timezone.activate(UTC if zone is None or shows_utc() else ZoneInfo(zone))


def bind_to_page(function: Callable[[], T]) -> Callable[[], T]:
    """The function, to be run in another thread with the clock of this page."""
    zone, in_utc = timezone.get_current_timezone(), shows_utc()

    def run() -> T:
        token = _shows_utc.set(in_utc)
        try:
            with timezone.override(zone):
                return function()
        finally:
            _shows_utc.reset(token)

    return run


def page_zone() -> str:
    """The name of the zone in which this page shows times that name none."""
    return timezone.get_current_timezone_name()


def format_day_time(at: datetime, *, with_seconds: bool = False) -> str:
    """A time by the clock that it carries, without a zone: ``Sat 28 Nov 2026, 14:05``."""
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M:%S}" if with_seconds else f"{at:%a} {at.day} {at:%b %Y, %H:%M}"


def format_day(at: datetime) -> str:
    """A day by the clock that a time carries: ``Sat 28 Nov 2026``."""
    return f"{at:%a} {at.day} {at:%b %Y}"


def time_html(
    at: datetime | None, zone: str | None = None, *, with_seconds: bool = False, with_both: bool = False
) -> str:
    """A time with its zone: ``Sat 28 Nov 2026, 14:05 EST``. A dash without a time.

    ``zone`` is that of the location, and by default that of the page. The time of the other clock
    is the tooltip, and with ``with_both`` also beside it.
    """
    if at is None:
        return "—"
    local = at.astimezone(ZoneInfo(zone) if zone else timezone.get_current_timezone())
    utc = at.astimezone(UTC)
    times = (utc, local) if shows_utc() else (local, utc)
    shown, other = (f"{format_day_time(time, with_seconds=with_seconds)} {time.tzname()}" for time in times)
    html = '<time datetime="{}" title="{}">{}</time>'
    instant = utc.isoformat(timespec="seconds")
    if with_both and shown != other:
        return format_html(html + " <small>{}</small>", instant, other, shown, other)
    return format_html(html, instant, other, shown)
