"""Shifts of a series that somebody else covers: which are whose. Pure."""

from dataclasses import replace
from datetime import datetime

from staffing.recurrence.expand import RecurrenceException, Series


def exclude_covers(series: Series) -> Series:
    """A series without the shifts that others cover."""
    if not series.exceptions or not any(exception.staff_id for exception in series.exceptions.values()):
        return series
    exceptions = {
        recurrence_id: RecurrenceException() if exception.staff_id else exception
        for recurrence_id, exception in series.exceptions.items()
    }
    return replace(series, exceptions=exceptions)


def to_single_shift(series: Series, recurrence_id: datetime, exception: RecurrenceException) -> Series:
    """One moved shift of a series, as a series of its own."""
    start = exception.start or recurrence_id
    return Series(start, exception.end or start + (series.end - series.start), series.zone)


def split_by_staff(series: Series, staff_id: str) -> dict[str, list[Series]]:
    """The shifts of a series by person: those of the owner, and single ones of those who cover."""
    series_by_staff: dict[str, list[Series]] = {staff_id: [exclude_covers(series)]}
    for recurrence_id, exception in sorted(series.exceptions.items()):
        if exception.staff_id and exception.start:
            series_by_staff.setdefault(exception.staff_id, []).append(to_single_shift(series, recurrence_id, exception))
    return series_by_staff
