"""Open hours as JSON-LD of schema.org, as search engines and web pages read them. Pure.

Times are by the clock of the location. A day that is open all day closes at 23:59, a closed one
opens and closes at 00:00, and what closes before it opens, closes on the next day: so search
engines have it (https://developers.google.com/search/docs/appearance/structured-data/local-business).
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from staffing.recurrence import wall_clock
from telephony.ivr.opening_hours import WEEKDAYS
from telephony.lines import ResolvedLine
from telephony.public_hours.periods import OpenHours

CONTEXT = "https://schema.org"
_DAY = timedelta(days=1)
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOSED = ("00:00", "00:00")
_ALL_DAY = ("00:00", "23:59")
_Entry = dict[str, Any]


def build_document(line: ResolvedLine, hours: OpenHours) -> dict[str, Any]:
    """The hours of a line: those of each week where there are any, then single days."""
    return {
        "@context": CONTEXT,
        "@type": "LocalBusiness",
        "name": line.location_name,
        "telephone": line.number,
        "openingHoursSpecification": [*_iter_weekly(line), *_iter_dated(line, hours)],
    }


def _repeats_weekly(line: ResolvedLine) -> bool:
    """Whether the clock of the location shows the same hours every week."""
    configuration = line.configuration
    has_own_clock = configuration.get("timeZone") in (None, "", line.time_zone)
    return configuration["hours"]["mode"] == "always" or (configuration["hours"]["mode"] == "weekly" and has_own_clock)


def _iter_weekly(line: ResolvedLine) -> Iterator[_Entry]:
    """The hours of each day of the week; of lines that open by the rota or another clock none."""
    if not _repeats_weekly(line):
        return
    hours = line.configuration["hours"]
    all_day = [("00:00", "24:00")]
    days: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code, name in zip(WEEKDAYS, _NAMES, strict=True):
        for opens, closes in all_day if hours["mode"] == "always" else hours["weekly"].get(code, ()):
            days[_to_times(opens, closes)].append(f"{CONTEXT}/{name}")
    for times, names in days.items():
        yield _entry(times, dayOfWeek=names)


def _iter_dated(line: ResolvedLine, hours: OpenHours) -> Iterator[_Entry]:
    """Each day; of a line with the same hours every week the holidays alone, which are closed."""
    if _repeats_weekly(line):
        yield from (_closed_entry([day], hours) for day in sorted(hours.holidays))
        return
    open_times = _group_by_day(hours)
    days = [hours.since + timedelta(days=number) for number in range((hours.until - hours.since).days)]
    for is_plainly_closed, group in groupby(days, lambda day: day not in open_times and day not in hours.holidays):
        if is_plainly_closed:
            yield _closed_entry(list(group), hours)
            continue
        for day in group:
            if day not in open_times:
                yield _closed_entry([day], hours)
            for times in open_times.get(day, ()):
                yield _entry(times, **_name_of(day, hours), validFrom=day.isoformat(), validThrough=day.isoformat())


def _closed_entry(days: list[date], hours: OpenHours) -> _Entry:
    """Days that follow each other, on which the line is closed."""
    return _entry(_CLOSED, **_name_of(days[0], hours), validFrom=days[0].isoformat(), validThrough=days[-1].isoformat())


def _name_of(day: date, hours: OpenHours) -> dict[str, str]:
    """The name of a holiday; its date alone says nothing."""
    name = hours.holidays.get(day)
    return {"name": name} if name and name != day.isoformat() else {}


def _group_by_day(hours: OpenHours) -> dict[date, list[tuple[str, str]]]:
    """When it opens and closes by the day on which it opens; longer than a day: by each day."""
    times: dict[date, list[tuple[str, str]]] = defaultdict(list)
    for period in hours.periods:
        start, end = (wall_clock.to_wall_time(at, hours.time_zone) for at in period)
        start = max(start, datetime.combine(hours.since, time()))
        while start < end:
            next_midnight = datetime.combine(start.date() + _DAY, time())
            is_overnight = end > next_midnight and end - start < _DAY
            closing = end if is_overnight else min(end, next_midnight)
            times[start.date()].append(_to_times(f"{start:%H:%M}", f"{closing:%H:%M}"))
            start = closing
    return times


def _to_times(opens: str, closes: str) -> tuple[str, str]:
    """As search engines read them: see the module."""
    closes = "00:00" if closes == "24:00" else closes
    return _ALL_DAY if opens == closes == "00:00" else (opens, closes)


def _entry(times: tuple[str, str], **members: Any) -> _Entry:
    return {"@type": "OpeningHoursSpecification", **members, "opens": times[0], "closes": times[1]}
