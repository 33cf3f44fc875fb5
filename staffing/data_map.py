"""Erasure and export of shifts and calendar feeds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from config.privacy.data_map import AppDataMap, ExportChapter, ExportRow
from staffing.models import Feed, Schedule, StaffAvailability
from staffing.recurrence import expand, rrule
from staffing.schedules import availability, cleanup, queries

if TYPE_CHECKING:
    from accounts.models import User


def _shifts_of(user: "User") -> Iterator[ExportRow]:
    """The shifts of a person, without those of anybody else in the same schedules."""
    for row, schedule in queries.join_schedules(availability.fetch_rows(user.id, None, None)):
        for series in row.series():
            rrule_text = rrule.to_rrule(series.rule, zone=series.zone) if series.rule else None
            occurrence = expand.build_first_occurrence(series)
            yield {
                "scheduleId": row.schedule_id,
                "locationId": schedule.location_id,
                "start": occurrence.start,
                "end": occurrence.end,
                "zone": series.zone,
                "pattern": rrule_text,
            }


SHIFTS = ExportChapter(
    "shifts",
    "Your shifts",
    "When and where you are or were scheduled. A series is shown as its first shift and its rule (RFC 5545).",
    Schedule,
    ("shifts",),
    read=_shifts_of,
    columns={
        "From": ("start",),
        "Until": ("end",),
        "Time zone": ("zone",),
        "Recurrence": ("pattern",),
        "Location": ("locationId",),
        "Id": ("scheduleId",),
    },
)
CALENDAR_FEED = ExportChapter(
    "calendarFeed",
    "Your calendar feed",
    "The secret web address that shows your shifts in a calendar app, if you opened one.",
    Feed,
    ("calendar feed",),
)

MAP = AppDataMap(
    chapters=[SHIFTS, CALENDAR_FEED],
    records_to_erase={Feed: lambda user: [Feed(user_id=user.id)]},
    erase_in_batches={Schedule: cleanup.end_schedules_of_user, StaffAvailability: cleanup.end_schedules_of_user},
)
