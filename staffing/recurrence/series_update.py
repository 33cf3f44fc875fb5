"""What an edit of a series changes, without what was sent back as it was read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from config import errors
from staffing.recurrence import expand, pattern, rrule, wall_clock
from staffing.recurrence.details import Details
from staffing.recurrence.expand import Occurrence, Series
from staffing.recurrence.rules import RecurrenceRule

PATTERN_MISSING = "A recurring schedule needs a `recurrencePattern`."
PATTERN_OMITTED = "null makes a series a single shift; confirm with `recurring`: false, or leave it out."
PATTERN_OF_SINGLE_SHIFT = "A schedule that does not recur has no `recurrencePattern`."
SentBack = Literal["schedule", "occurrence", "part"]


@dataclass(frozen=True)
class SeriesUpdate:
    """The fields to change; None stays as it is. Times are naive (local) or aware."""

    start: datetime | None = None
    end: datetime | None = None
    recurring: bool | None = None
    pattern: Mapping[str, Any] | None = None
    is_pattern_null: bool = False
    staff_id: str | None = None
    details: Details = field(default_factory=dict)
    """Only those to change."""
    sent_back: SentBack | None = None
    """What the fields were read from: the whole schedule or occurrence, or other fields of the
    schedule than times. None: nothing, or only times are sent."""


def drop_unchanged_pattern(series: Series, update: SeriesUpdate) -> SeriesUpdate:
    """The update without a pattern that is as read, or the form of a changed one that is.

    Raises `errors.InvalidRequest`.
    """
    if series.rule and update.pattern is not None:
        is_unchanged = update.pattern == pattern.to_pattern(series)
        update = replace(
            update, pattern=None if is_unchanged else _drop_unchanged_form(series, series.rule, update.pattern)
        )
    for is_refused, detail in (
        (series.rule and update.is_pattern_null and update.recurring is not False, PATTERN_OMITTED),
        (update.recurring is False and update.pattern is not None, PATTERN_OF_SINGLE_SHIFT),
        (update.recurring and update.pattern is None and series.rule is None, PATTERN_MISSING),
    ):
        if is_refused:
            raise errors.InvalidRequest(detail, pointer="/recurrencePattern")
    return update


def _drop_unchanged_form(series: Series, rule: RecurrenceRule, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pattern without its RRULE if only other fields of the rule changed, or the reverse."""
    rule_fields = {name: value for name, value in fields.items() if name in rrule.RULE_FIELDS}
    if not rule_fields or "rrule" not in fields:
        return fields
    if fields["rrule"] == rrule.to_rrule(rule, zone=series.zone):
        return {name: value for name, value in fields.items() if name != "rrule"}
    if rule_fields == rrule.to_fields(rule):
        return {name: value for name, value in fields.items() if name not in rule_fields}
    return fields


def drop_unchanged_values(
    series: Series, update: SeriesUpdate, recurrence_id: datetime, *, staff_id: str, details: Details, local_zone: str
) -> SeriesUpdate:
    """The update of the occurrence ``recurrence_id`` without the values of what was sent back.

    ``staff_id`` and ``details`` are those of the series; naive times are local in ``local_zone``.
    """
    if update.sent_back is None or series.rule is None:
        return update
    shown: Occurrence = series.first_occurrence
    if update.sent_back == "occurrence":
        shown = expand.build_occurrence(series, recurrence_id)
        staff_id, details = shown.staff_id or staff_id, {**details, **shown.details}
    update = replace(
        update,
        start=None if _is_same_time(update.start, shown.start, local_zone) else update.start,
        end=None if _is_same_time(update.end, shown.end, local_zone) else update.end,
    )
    if update.sent_back == "part":
        return update
    changed_details = {name: value for name, value in update.details.items() if value != details.get(name)}
    return replace(update, staff_id=None if update.staff_id == staff_id else update.staff_id, details=changed_details)


def _is_same_time(sent: datetime | None, shown: datetime, local_zone: str) -> bool:
    if sent is None or sent.tzinfo:
        return sent == shown
    return wall_clock.to_instant(sent, local_zone) == shown
