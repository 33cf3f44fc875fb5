"""The common members of a recurrence pattern as form fields; its other members are preserved."""

from collections.abc import Mapping
from typing import Any

from accounts.admin.operator_commands import OperatorForm
from accounts.admin.projected import to_choices
from config.backoffice.forms import form_fields
from config.backoffice.forms.record_form import FieldValues
from staffing.recurrence.describe import DAY_NAMES, PERIOD_NAMES

PATTERN_FIELDS = ("frequency", "interval", "byDay", "until", "count")


class PatternForm(OperatorForm):
    """The fields of a ``recurrencePattern``."""

    frequency = form_fields.choice_field(
        "Recurs", to_choices(*PERIOD_NAMES), required=False, help_text="Leave empty for a single shift."
    )
    interval = form_fields.number_field(
        "Interval", help_text="Of days, weeks, months or years: 2 is every other.", min_value=1
    )
    byDay = form_fields.multiple_choice_field("Weekdays", list(DAY_NAMES.items()))
    until = form_fields.LocalDateTimeField("Until", required=False, help_text="No shift starts after this time.")
    count = form_fields.number_field("Number of shifts", min_value=1)

    @classmethod
    def stored_values(cls, record: Any) -> FieldValues:
        values = super().stored_values(record)
        pattern = values["recurrencePattern"] or {}
        days = [day["day"] for day in pattern.get("byDay", [])]
        return {**values, **{name: pattern.get(name) for name in PATTERN_FIELDS}, "byDay": days}

    def to_body(self, field_values: FieldValues) -> FieldValues:
        """The body with the pattern, if one of its fields is set or changed."""
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
        pattern = self.stored_values(self.instance.record)["recurrencePattern"] or {}
        days = pattern.get("byDay", [])
        if any("nthOfPeriod" in day for day in days) and "byDay" not in self.changed_data:
            return pattern
        return {name: value for name, value in pattern.items() if name != "byDay"}
