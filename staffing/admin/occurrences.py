"""The page of a schedule for one shift of it, opened from the rota."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.http import urlencode

from config.backoffice.forms.record_form import FieldValues
from staffing.models import Schedule
from staffing.recurrence import expand, rules
from staffing.recurrence.details import WIRE_NAMES
from staffing.schedules.expansion import Shift

_ROTA_PATHS = ("rota", "rota_of")
_ROTA_QUERY = re.compile(r"\?[a-z0-9=&-]{1,80}")


def parse_start(query: Mapping[str, str], schedule: Schedule) -> datetime | None:
    """The start, by its rule, of the shift that a query string names; None: it names none of it."""
    series = schedule.series()
    try:
        start = datetime.fromisoformat(query.get("recurrenceId", "")[:32])
    except ValueError:
        return None
    if query.get("scope") != "occurrence" or series.rule is None or start.tzinfo is not None:
        return None
    exception = series.exceptions.get(start)
    is_excluded = exception is not None and exception.start is None
    return start if not is_excluded and rules.has_start(series.rule, series.start, start) else None


def to_field_values(schedule: Schedule, start: datetime) -> FieldValues:
    """The form values of a shift: its person and times, by the clock of the series, and details."""
    shift = Shift(schedule, expand.build_occurrence(schedule.series(), start))
    zone = ZoneInfo(str(schedule.zone))
    details: Mapping[str, Any] = shift.details
    return {
        "staffId": shift.staff_id,
        "startTime": shift.occurrence.start.astimezone(zone).isoformat(),
        "endTime": shift.occurrence.end.astimezone(zone).isoformat(),
        **{WIRE_NAMES[name]: value for name, value in details.items() if name in WIRE_NAMES},
    }


def shift_url(shift: Shift, back_url: str) -> str:
    """The page of a shift: of the occurrence if it is of a series; it returns to ``back_url``."""
    query = {"back": back_url}
    if shift.schedule.is_series:
        query |= {"scope": "occurrence", "recurrenceId": shift.occurrence.recurrence_id.isoformat()[:16]}
    page_url = reverse("admin:staffing_schedule_change", args=(quote(shift.schedule.id),))
    return f"{page_url}?{urlencode(query)}"


def parse_back_url(query: Mapping[str, str]) -> str | None:
    """The rota page to return to, if the query string names one."""
    path, mark, rest = query.get("back", "")[:300].partition("?")
    rota_prefixes = [reverse(f"admin:{name}", args=("ID",)).removesuffix("ID/") for name in _ROTA_PATHS]
    is_rota = any(re.fullmatch(re.escape(prefix) + r"[\w-]{1,60}/", path, re.ASCII) for prefix in rota_prefixes)
    return path + mark + rest if is_rota and (not rest or _ROTA_QUERY.fullmatch(mark + rest)) else None
