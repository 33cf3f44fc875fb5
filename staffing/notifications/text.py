"""How shifts are told to people: in their language, by the clock they chose or the shift's own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format

from accounts import preferences
from accounts.notifications import recipients
from staffing.recurrence import expand

Kind = Literal["new", "changed", "gone"]


@dataclass(frozen=True)
class News:
    """A shift, or the first of a series, that somebody got, lost or has otherwise."""

    kind: Kind
    start: str
    end: str
    zone: str
    recurs: bool = False


def line(news: News, reader: recipients.Reader) -> str:
    """One change in a line."""
    language = preferences.language(reader.user.settings, reader.customer.settings)
    start, end = (
        expand.instant(datetime.fromisoformat(wall), news.zone) for wall in (news.start, news.end)
    )
    told = when(start, end, news.zone, reader)
    values = {"kind": news.kind, "recurs": news.recurs, "when": told}
    return render_to_string(f"news/shift.{language}.txt", values).strip()


def when(start: datetime, end: datetime, zone: str, reader: recipients.Reader) -> str:
    """From when until when; ``zone`` is the shift's own."""
    people = (reader.user.settings, reader.customer.settings)
    zone = next((one["time_zone"] for one in people if one.get("time_zone")), zone)
    begins, ends = (moment.astimezone(ZoneInfo(zone)) for moment in (start, end))
    with translation.override(preferences.language(*people)):
        day = f"{date_format(begins, 'D')} {date_format(begins, 'DATE_FORMAT')}"
        hours = f"{date_format(begins, 'TIME_FORMAT')} – {date_format(ends, 'TIME_FORMAT')}"
        return f"{day}, {hours} ({zone})"
