"""Erasure and export of shifts and calendar feeds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from config.privacy.data_map import AppDataMap, BatchErasure, DeletionStep, ExportChapter, ExportRow
from staffing.calendar import feed
from staffing.models import EndedShifts, Feed, Schedule, StaffAvailability
from staffing.recurrence import expand, rrule
from staffing.recurrence.details import Details, get_details, to_json
from staffing.recurrence.expand import Occurrence
from staffing.schedules import availability, cleanup, ended_shifts, queries

if TYPE_CHECKING:
    from accounts.models import User


def _shifts_of(user: "User") -> Iterator[ExportRow]:
    """The shifts of a person, without those of anybody else in the same schedules."""
    for _, schedule in queries.join_schedules(availability.fetch_rows(user.id, None, None)):
        series, details = schedule.series(), get_details(schedule)
        if schedule.staff_id == user.id:
            rrule_text = rrule.to_rrule(series.rule, zone=series.zone) if series.rule else None
            first = series.first_occurrence
            yield _to_row(schedule, first, details, pattern=rrule_text)
        for recurrence_id, exception in sorted(series.exceptions.items()):
            is_own = (exception.staff_id or schedule.staff_id) == user.id
            if is_own and exception.start and (exception.staff_id or exception.details):
                occurrence = expand.build_occurrence(series, recurrence_id)
                yield _to_row(schedule, occurrence, {**details, **exception.details})


def _to_row(schedule: Schedule, occurrence: Occurrence, details: Details, *, pattern: str | None = None) -> ExportRow:
    return {
        "scheduleId": schedule.id,
        "locationId": schedule.location_id,
        "start": occurrence.start,
        "end": occurrence.end,
        "zone": schedule.zone,
        "pattern": pattern,
        **to_json(details),
    }


SHIFTS = ExportChapter(
    "shifts",
    "Your shifts",
    "When and where you are or were scheduled. A series is shown as its first shift and its rule (RFC 5545); shifts "
    "of it that you cover, or that have their own notes, follow.",
    Schedule,
    ("shifts", "shift notes"),
    read=_shifts_of,
    columns={
        "From": ("start",),
        "Until": ("end",),
        "Time zone": ("zone",),
        "Recurrence": ("pattern",),
        "Location": ("locationId",),
        "Position and notes": ("position", "notes"),
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
    erase_in_batches={
        **dict.fromkeys(
            (Schedule, StaffAvailability),
            BatchErasure(lambda user: availability.fetch_rows(user.id, None, None), cleanup.end_schedules_of_user),
        ),
        EndedShifts: BatchErasure(lambda user: ended_shifts.list_ended(user.id), ended_shifts.forget),
    },
    deletion_steps=[
        DeletionStep(
            lambda user: availability.fetch_rows(user.id, None, None),
            ended_shifts.end_shifts,
            ended_shifts.restore_shifts,
        ),
        DeletionStep(feed.list_of_user, feed.close_of_user),
    ],
)
