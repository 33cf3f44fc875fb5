"""How a series recurs, as fields: the common members each, what else there is stays as it is."""

from collections.abc import Mapping
from typing import Any

from config.backoffice.forms import form_fields, record_form

DAYS = {"mo": "Mo", "tu": "Tu", "we": "We", "th": "Th", "fr": "Fr", "sa": "Sa", "su": "Su"}
NAMES = ("frequency", "interval", "byDay", "until", "count")
FREQUENCIES = ("daily", "weekly", "monthly", "yearly")


class PatternFields(record_form.RecordForm):
    """The fields of a ``recurrencePattern``."""

    frequency = form_fields.choice(
        "Recurs",
        [(name, name.capitalize()) for name in FREQUENCIES],
        help_text="— is: it does not.",
    )
    interval = form_fields.number("Every", help_text="Every 2 weeks: 2.", min_value=1)
    byDay = form_fields.several("On", list(DAYS.items()))

    def initial_more(self) -> record_form.Asked:
        pattern = self.view(self.instance.kept).data.get("recurrencePattern") or {}
        return {name: _as_field(name, pattern.get(name)) for name in NAMES if name in pattern}

    def with_pattern(self, given: record_form.Asked) -> record_form.Asked:
        """The body with its pattern; of a change only where a field of it changed."""
        mine = [name for name in NAMES if name in self.fields]
        body = {name: value for name, value in given.items() if name not in mine}
        if not any(name in given for name in mine):
            return body
        now = {name: self.cleaned_data.get(name) for name in mine}
        if now["frequency"] is None:
            return body | {"recurrencePattern": None} if self.is_change else body
        known = dict(self._pattern)
        known.pop("rrule", None)
        for name, value in now.items():
            known.pop(name, None)
            if value not in (None, "", []):
                known[name] = [{"day": day} for day in value] if name == "byDay" else value
        return body | {"recurrencePattern": known}

    @property
    def _pattern(self) -> Mapping[str, Any]:
        if not self.is_change:
            return {}
        pattern = dict(self.view(self.instance.kept).data.get("recurrencePattern") or {})
        days = pattern.get("byDay", [])
        if any("nthOfPeriod" in day for day in days) and "byDay" not in self.changed_data:
            return pattern
        return {name: value for name, value in pattern.items() if name != "byDay"}


def _as_field(name: str, value: Any) -> Any:
    if name == "byDay":
        return [one["day"] for one in value]
    return str(value)[:16] if name == "until" else value


def in_words(pattern: Mapping[str, Any] | None) -> str:
    """How a series recurs, for people; what is not common, as RFC 5545 has it."""
    if pattern is None:
        return "once"
    rare = {"byMonthDay", "byMonth", "bySetPosition"} & set(pattern)
    days = pattern.get("byDay", [])
    if rare or any("nthOfPeriod" in day for day in days):
        return str(pattern["rrule"])
    every = pattern.get("interval", 1)
    told = pattern["frequency"] if every == 1 else f"{pattern['frequency']}, each {every}."
    if days:
        told += " on " + ", ".join(DAYS[day["day"]] for day in days)
    if "count" in pattern:
        told += f", {pattern['count']} times"
    if "until" in pattern:
        told += f", until {pattern['until'][:10]}"
    return str(told)
