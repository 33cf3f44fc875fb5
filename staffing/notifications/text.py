"""Shifts as text for people: in their language, and in the time zone they chose or the shift's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format

from accounts import preferences
from accounts.notifications import recipients
from staffing.recurrence import wall_clock

ChangeKind = Literal["new", "changed", "gone"]


@dataclass(frozen=True)
class RotaChange:
    """A shift, or the first of a series, that a person got, lost or has at another time."""

    kind: ChangeKind
    start: str
    end: str
    zone: str
    is_recurring: bool = False
    schedule_id: str = ""
    location_id: str | None = None
    """None: that of the schedule."""


def format_rota_change(change: RotaChange, location_name: str, recipient: recipients.Recipient) -> str:
    """One change as one line, with the name of its location if that is known."""
    start, end = (
        wall_clock.to_instant(datetime.fromisoformat(wall_time), change.zone)
        for wall_time in (change.start, change.end)
    )
    time_text = format_time_range(start, end, change.zone, recipient)
    values = {"kind": change.kind, "is_recurring": change.is_recurring, "when": time_text, "location": location_name}
    return render_to_string(f"notifications/rota_change.{recipient.language}.txt", values).strip()


def format_time_range(start: datetime, end: datetime, zone: str, recipient: recipients.Recipient) -> str:
    """Start and end of a shift, with the day of the end if it is longer than a day.

    ``zone`` is the shift's, for people who chose none.
    """
    settings_by_priority = (recipient.user.settings, recipient.customer.settings)
    zone = next((settings["time_zone"] for settings in settings_by_priority if settings.get("time_zone")), zone)
    local_start, local_end = (moment.astimezone(ZoneInfo(zone)) for moment in (start, end))
    language = recipient.language
    with translation.override(language):
        start_text, end_text = _format_day_and_time(local_start, language), _format_time(local_end, language)
        if end - start > timedelta(days=1):
            end_text = _format_day_and_time(local_end, language)
        return f"{start_text} – {end_text}{preferences.time_suffix(local_start, language)}"


def _format_day_and_time(local: datetime, language: str) -> str:
    """In the active language, which is this one."""
    date_text = date_format(local, preferences.time_format("DATE_FORMAT", language))
    return f"{date_format(local, 'l')}, {date_text}, {_format_time(local, language)}"


def _format_time(local: datetime, language: str) -> str:
    return date_format(local, preferences.time_format("TIME_FORMAT", language))
