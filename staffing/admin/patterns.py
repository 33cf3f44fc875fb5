"""How a series recurs, as fields: the common members each, what else there is stays as it is."""

from collections.abc import Mapping
from typing import Any

from config.backoffice.forms import form_fields, record_form

DAY_NAMES = {"mo": "Mo", "tu": "Tu", "we": "We", "th": "Th", "fr": "Fr", "sa": "Sa", "su": "Su"}
PATTERN_FIELDS = ("frequency", "interval", "byDay", "until", "count")
FREQUENCIES = ("daily", "weekly", "monthly", "yearly")


class PatternForm(record_form.RecordForm):
    """The fields of a ``recurrencePattern``."""

    frequency = form_fields.choice_field(
        "Recurs", [(name, name.capitalize()) for name in FREQUENCIES], help_text="— is: it does not."
    )
    interval = form_fields.number_field("Every", help_text="Every 2 weeks: 2.", min_value=1)
    byDay = form_fields.multiple_choice_field("On", list(DAY_NAMES.items()))

    def extra_initial(self) -> record_form.FieldValues:
        pattern = self.view_serializer(self.instance.record).data.get("recurrencePattern") or {}
        return {name: _to_field_value(name, pattern.get(name)) for name in PATTERN_FIELDS if name in pattern}

    def with_pattern(self, field_values: record_form.FieldValues) -> record_form.FieldValues:
        """The body with its pattern; of a change only where a field of it changed."""
        pattern_names = [name for name in PATTERN_FIELDS if name in self.fields]
        body = {name: value for name, value in field_values.items() if name not in pattern_names}
        if not any(name in field_values for name in pattern_names):
            return body
        pattern_values = {name: self.cleaned_data.get(name) for name in pattern_names}
        if pattern_values["frequency"] is None:
            return body | {"recurrencePattern": None} if self.is_change else body
        pattern = dict(self._base_pattern)
        pattern.pop("rrule", None)
        for name, value in pattern_values.items():
            pattern.pop(name, None)
            if value not in (None, "", []):
                pattern[name] = [{"day": day} for day in value] if name == "byDay" else value
        return body | {"recurrencePattern": pattern}

    @property
    def _base_pattern(self) -> Mapping[str, Any]:
        if not self.is_change:
            return {}
        pattern = dict(self.view_serializer(self.instance.record).data.get("recurrencePattern") or {})
        days = pattern.get("byDay", [])
        if any("nthOfPeriod" in day for day in days) and "byDay" not in self.changed_data:
            return pattern
        return {name: value for name, value in pattern.items() if name != "byDay"}


def _to_field_value(name: str, value: Any) -> Any:
    if name == "byDay":
        return [day["day"] for day in value]
    return str(value)[:16] if name == "until" else value


def describe_pattern(pattern: Mapping[str, Any] | None) -> str:
    """How a series recurs, for people; what is not common, as RFC 5545 has it."""
    if pattern is None:
        return "once"
    uncommon_members = {"byMonthDay", "byMonth", "bySetPosition"} & set(pattern)
    days = pattern.get("byDay", [])
    if uncommon_members or any("nthOfPeriod" in day for day in days):
        return str(pattern["rrule"])
    interval = pattern.get("interval", 1)
    description = pattern["frequency"] if interval == 1 else f"{pattern['frequency']}, each {interval}."
    if days:
        description += " on " + ", ".join(DAY_NAMES[day["day"]] for day in days)
    if "count" in pattern:
        description += f", {pattern['count']} times"
    if "until" in pattern:
        description += f", until {pattern['until'][:10]}"
    return str(description)
