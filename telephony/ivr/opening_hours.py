"""When a line is open: opening hours, holidays, and where a call enters its configuration. Pure.

A period of opening hours belongs to the day on which it begins, also after midnight: on the night
after a holiday the line stays closed, on the night before it stays open.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from config import public_holidays
from staffing.recurrence import dst, wall_clock
from telephony import reasons
from telephony.ivr.schema import Fault, FaultPath

WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
MINUTES_PER_DAY = 1440


@dataclass(frozen=True)
class Entrance:
    """Where a call enters the configuration, and why."""

    name: str
    """open, closed or holiday"""
    reason: str
    """As a sentence."""
    holiday: str | None = None
    """The name of the holiday, or its date, if it is one."""
    is_rota_unknown: bool = False
    """Whether the rota would decide, but could not be read."""


# --- validation -----------------------------------------------------------------------------------
def iter_faults(configuration: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of hours and holidays that the schema cannot describe."""
    hours = configuration["hours"]
    yield from _iter_period_faults(hours.get("weekly", {}))
    holidays = hours.get("holidays", {})
    for index, text in enumerate(holidays.get("dates", ())):
        try:
            date.fromisoformat(text)
        except ValueError:
            yield ("hours", "holidays", "dates", index), "Must be a date that exists."
    if "country" in holidays and not public_holidays.has_calendar(holidays["country"], holidays.get("subdivision")):
        yield ("hours", "holidays"), "Unknown country or subdivision."


def _iter_period_faults(weekly: Mapping[str, Any]) -> Iterator[Fault]:
    """Periods that are empty, or last into one of the next day."""
    for number, day in enumerate(WEEKDAYS):
        next_day = WEEKDAYS[(number + 1) % 7]
        first_start = min((_to_minutes(start) for start, _ in weekly.get(next_day, ())), default=MINUTES_PER_DAY)
        for index, (start, end) in enumerate(weekly.get(day, ())):
            path: FaultPath = ("hours", "weekly", day, index)
            if start == end or start == "24:00":
                yield path, "The end must differ from the start; a whole day is 00:00 to 24:00."
            elif start > end and _to_minutes(end) > first_start:
                opening = f"{first_start // 60:02}:{first_start % 60:02}"
                yield (
                    path,
                    f"It lasts until {end} of the next day, but `{next_day}` begins at {opening}; let it end then.",
                )


def iter_ineffective_settings(configuration: Mapping[str, Any]) -> Iterator[Fault]:
    """Settings that would change nothing: whoever sends them expects something else."""
    hours = configuration["hours"]
    if "weekly" in hours and hours["mode"] != "weekly":
        detail = f"Has no effect with `mode` {hours['mode']}; leave it out, or set `mode` to weekly."
        yield ("hours", "weekly"), detail
    if "holiday" in configuration and not _has_holidays(hours):
        yield ("holiday",), "Has no effect, as `hours` names no holidays; add `holidays` to `hours`, or leave it out."


def _has_holidays(hours: Mapping[str, Any]) -> bool:
    return any(hours.get("holidays", {}).values())


def depends_on_zone(configuration: Mapping[str, Any]) -> bool:
    """Whether the time zone of the configuration has an effect."""
    return configuration["hours"]["mode"] == "weekly" or _has_holidays(configuration["hours"])


# --- calls ----------------------------------------------------------------------------------------
def find_entrance(
    configuration: Mapping[str, Any],
    at: datetime,
    *,
    time_zone: str,
    is_staffed: bool | None = False,
    is_planned_for: Callable[[date, str], bool] = lambda day, zone: False,
) -> Entrance:
    """Where a call enters. ``time_zone`` is the location's.

    With `mode` schedule, ``is_staffed`` says whether somebody is on duty, and ``is_planned_for``
    whether one of them is planned on purpose for a day in a zone. If ``is_staffed`` is None, the
    rota is not known: the line is open, on holidays too, as the person to ring in an emergency may
    be there, and the actions of an open line read the rota again or take a message.
    """
    hours = configuration["hours"]
    zone = str(configuration.get("timeZone") or time_zone)
    today = wall_clock.to_wall_time(at, zone).date()
    period = _find_period(hours["weekly"], at, today, zone) if hours["mode"] == "weekly" else None
    day = period[0] if period else today
    holiday = find_holiday(configuration, day)
    if holiday:
        is_open = is_staffed and is_planned_for(day, zone)
        return _enter_on_holiday(configuration, day, holiday, is_open=None if is_staffed is None else is_open)
    if hours["mode"] == "always":
        return Entrance("open", "The line is always open.")
    if hours["mode"] == "schedule":
        return _enter_by_rota(is_staffed=is_staffed)
    if period is None:
        return Entrance("closed", "It is outside the opening hours.")
    return Entrance("open", f"The line is open from {period[1]} to {period[2]} ({day:%A}).")


def _enter_by_rota(*, is_staffed: bool | None) -> Entrance:
    if is_staffed is None:
        return Entrance("open", "The rota could not be read, so somebody may be on duty.", is_rota_unknown=True)
    if is_staffed:
        return Entrance("open", "Somebody is on duty.")
    return Entrance("closed", reasons.sentence("hole", "nobody_on_duty"))


def _enter_on_holiday(configuration: Mapping[str, Any], day: date, holiday: str, *, is_open: bool | None) -> Entrance:
    """``is_open``: by the rota; None: it is not known."""
    name = format_day(day) if holiday == day.isoformat() else f"{holiday} ({format_day(day)})"
    follows_rota = configuration["hours"]["mode"] == "schedule"
    if follows_rota and is_open is None:
        reason = f"{name} is a holiday, but the rota could not be read, so somebody may be planned for that day."
        return Entrance("open", reason, holiday, is_rota_unknown=True)
    if follows_rota and is_open:
        return Entrance("open", f"{name} is a holiday, but somebody is planned on purpose for that day.", holiday)
    reason = f"{name} is a holiday" + (", and nobody is planned on purpose for that day." if follows_rota else ".")
    return Entrance("holiday" if "holiday" in configuration else "closed", reason, holiday)


def format_day(day: date) -> str:
    """A day in words: ``Thu 24 Dec 2026``."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def list_boundaries(
    configuration: Mapping[str, Any], since: datetime, until: datetime, *, time_zone: str
) -> list[datetime]:
    """The instants from ``since`` to ``until`` at which the line may open, apart from the rota.

    ``since`` itself, the opening times, midnights, as holidays change then, and clock changes.
    """
    zone = str(configuration.get("timeZone") or time_zone)
    weekly = configuration["hours"].get("weekly", {})
    first_day, last_day = (wall_clock.to_wall_time(at, zone).date() for at in (since, until))
    instants = {since, *dst.list_transitions(zone, since.year)}
    for number in range((last_day - first_day).days + 1):
        day = first_day + timedelta(days=number)
        midnight = datetime.combine(day, time())
        minutes = {0, *(_to_minutes(start) for start, _ in weekly.get(WEEKDAYS[day.weekday()], ()))}
        instants |= {wall_clock.to_instant(midnight + timedelta(minutes=minute), zone) for minute in minutes}
    return sorted(instant for instant in instants if since <= instant <= until)


def list_changes(
    configuration: Mapping[str, Any], since: datetime, until: datetime, *, time_zone: str
) -> list[datetime]:
    """The instants from ``since`` on, before ``until``, at which the entrance may change.

    Apart from the rota: ``since`` itself, the edges of periods, midnights and clock changes. A wall
    time that the clock shows twice counts both times.
    """
    zone = str(configuration.get("timeZone") or time_zone)
    weekly = configuration["hours"].get("weekly", {})
    first_day, last_day = (wall_clock.to_wall_time(at, zone).date() for at in (since, until))
    instants = {since, *dst.list_transitions(zone, since.year)}
    for number in range(-1, (last_day - first_day).days + 2):
        day = first_day + timedelta(days=number)
        midnight = datetime.combine(day, time())
        minutes = {0}
        for start, end in weekly.get(WEEKDAYS[day.weekday()], ()):
            minutes |= {_to_minutes(start), _to_minutes(end), _to_minutes(end) + MINUTES_PER_DAY}
        for minute in minutes:
            instants |= wall_clock.list_instants(midnight + timedelta(minutes=minute), zone)
    return sorted(instant for instant in instants if since <= instant < until)


def list_open_periods(
    configuration: Mapping[str, Any], since: datetime, until: datetime, *, time_zone: str
) -> list[tuple[datetime, datetime]]:
    """The times of a window in which a line is open by its hours, whoever is on duty.

    Not on holidays. Of a line that opens by the rota: none.
    """
    zone = str(configuration.get("timeZone") or time_zone)
    mode, weekly = configuration["hours"]["mode"], configuration["hours"].get("weekly", {})
    periods = []
    first_day, last_day = (wall_clock.to_wall_time(at, zone).date() for at in (since, until))
    for number in range(-1, (last_day - first_day).days + 1):  # a period may last into the next day
        day = first_day + timedelta(days=number)
        midnight = datetime.combine(day, time())
        hours = {"always": [("00:00", "24:00")], "weekly": weekly.get(WEEKDAYS[day.weekday()], ())}.get(mode, ())
        for start, end in () if find_holiday(configuration, day) else hours:
            first_minute, last_minute = _to_minutes(start), _to_minutes(end)
            last_minute += MINUTES_PER_DAY if last_minute <= first_minute else 0
            opening, closing = (
                wall_clock.to_instant(midnight + timedelta(minutes=count), zone)
                for count in (first_minute, last_minute)
            )
            if max(opening, since) < min(closing, until):
                periods.append((max(opening, since), min(closing, until)))
    return periods


def find_holiday(configuration: Mapping[str, Any], day: date) -> str | None:
    """The name of the holiday that a day is, or the date if it has none; None: it is no holiday."""
    holidays = configuration["hours"].get("holidays", {})
    if country := holidays.get("country"):
        names = public_holidays.list_holidays(
            country, holidays.get("subdivision"), day.year, str(configuration.get("language", ""))
        )
        if day in names:
            return names[day]
    return day.isoformat() if day.isoformat() in holidays.get("dates", ()) else None


def _find_period(weekly: Mapping[str, Any], at: datetime, today: date, zone: str) -> tuple[date, str, str] | None:
    """The opening period at an instant: the day on which it began, its start and its end."""
    for day in (today, today - timedelta(days=1)):
        midnight = datetime.combine(day, time())
        for start, end in weekly.get(WEEKDAYS[day.weekday()], ()):
            first_minute, last_minute = _to_minutes(start), _to_minutes(end)
            if last_minute <= first_minute:
                last_minute += MINUTES_PER_DAY
            opening, closing = (midnight + timedelta(minutes=count) for count in (first_minute, last_minute))
            if _is_reached(opening, at, zone) and not _is_reached(closing, at, zone):
                return day, start, end
    return None


def _is_reached(wall_time: datetime, at: datetime, zone: str) -> bool:
    """Whether the clock has shown this time by then, or one after it if that time is skipped."""
    return wall_clock.to_wall_time(at, zone) >= wall_time or wall_clock.to_instant(wall_time, zone) <= at


def _to_minutes(text: str) -> int:
    """The minutes from midnight to a time HH:MM."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
