"""Opening hours and holidays from the values of the form of an IVR configuration. Pure."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from telephony.admin.ivr.reader import FormReader
from telephony.admin.ivr.values import Values, text_of
from telephony.ivr.opening_hours import WEEKDAYS
from telephony.ivr.wording import WEEKDAY_NAMES

SAME_HOURS = "weekly:mo-fr"
"""The field that sets the hours of Monday to Friday."""
HOURS_HELP = "Enter hours such as 09:00–12:00, 13:00–18:00, or nothing if it is closed."
_TIME = r"(\d{1,2})(?:[:.](\d{2}))?\s*([ap]\.?m\.?)?"
_PERIOD = re.compile(rf"{_TIME}\s*(?:-|–|—|to)\s*{_TIME}", re.IGNORECASE | re.ASCII)


def build_hours(reader: FormReader) -> dict[str, Any]:
    """The member ``hours``."""
    stored = reader.stored["hours"]
    mode = reader.text("mode") or stored["mode"]
    day_names = [f"weekly:{day}" for day in WEEKDAYS]
    hours: dict[str, Any] = {"mode": mode}
    if mode == "weekly" and reader.text(SAME_HOURS):  # what can be read is at each day by now
        reader.faults[SAME_HOURS] = HOURS_HELP
    if reader.is_unchanged("mode", *(day_names if has_rows(reader.values) else ())):
        hours = {name: value for name, value in stored.items() if name != "holidays"}
    elif mode == "weekly":
        hours["weekly"] = _weekly(reader, stored.get("weekly", {}))
        if not has_rows(reader.values):
            reader.faults["mode"] = "Check the hours of each day below: they are suggested."
    elif any(reader.text(name) and not reader.is_unchanged(name) for name in day_names):
        reader.faults["mode"] = "Hours are entered, but would be ignored: choose “at fixed hours”, or empty them."
    holidays = _holidays(reader, stored.get("holidays"))
    return hours if holidays is None else {**hours, "holidays": holidays}


def has_rows(values: Values) -> bool:
    """Whether the page that sent these values showed the hours of each day."""
    return any(f"weekly:{day}" in values for day in WEEKDAYS)


def spread_same_hours(values: Values) -> Values:
    """The values with hours that are entered for Monday to Friday at each of these days."""
    text = text_of(values, SAME_HOURS)
    if not text or parse_periods(text) is None:
        return values
    return {**values, **{f"weekly:{day}": [text] for day in WEEKDAYS[:5]}, SAME_HOURS: [""]}


def _weekly(reader: FormReader, stored: Mapping[str, Any]) -> dict[str, Any]:
    weekly = {}
    for day, day_name in zip(WEEKDAYS, WEEKDAY_NAMES, strict=True):
        name = f"weekly:{day}"
        if reader.is_unchanged(name):
            periods = stored.get(day)
        elif (periods := parse_periods(reader.text(name))) is None:
            reader.faults[name] = f"{day_name}: {HOURS_HELP}"
        if periods is not None and (periods or day in stored):
            weekly[day] = periods
    return weekly


def _holidays(reader: FormReader, stored: Any) -> Any:
    if reader.is_unchanged("holidays:country", "holidays:subdivision", "holidays:date"):
        return stored
    holidays: dict[str, Any] = {}
    for name in ("country", "subdivision"):
        if text := reader.text(f"holidays:{name}").upper():
            holidays[name] = text
    _check_area(reader, holidays)
    if dates := list(dict.fromkeys(reader.texts("holidays:date"))):
        holidays["dates"] = dates
        if not all(_is_date(text) for text in dates):
            reader.faults["holidays:date"] = "Enter days that exist, such as 2026-12-24."
    return holidays or None


def _check_area(reader: FormReader, holidays: Mapping[str, Any]) -> None:
    if not re.fullmatch(r"[A-Z]{2}|", holidays.get("country", "")):
        reader.faults["holidays:country"] = "Enter two letters, such as US."
    if not re.fullmatch(r"[A-Z0-9]{1,6}|", holidays.get("subdivision", "")):
        reader.faults["holidays:subdivision"] = "Enter the short form of a state or province, such as MA."
    if "subdivision" in holidays and "country" not in holidays:
        reader.faults["holidays:country"] = "Enter the country of this state or province, too."


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def parse_periods(text: str) -> list[list[str]] | None:
    """Opening hours of a day as people write them: ``9-12, 1pm to 6:30pm``; None if unclear."""
    if text.strip().casefold() in ("", "closed"):
        return []
    periods = []
    for part in text.split(",")[:10]:
        match = _PERIOD.fullmatch(part.strip())
        start = _to_time(*match.groups()[:3]) if match else None
        end = _to_time(*match.groups()[3:]) if match else None
        if start is None or end is None:
            return None
        periods.append([start, end])
    return periods


def _to_time(hours: str, minutes: str | None, half: str | None) -> str | None:
    hour, minute = int(hours), int(minutes or 0)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.casefold().startswith("p") else 0)
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        return None
    return f"{hour:02}:{minute:02}"
