"""The shifts to come of people who are deleted: they end, and come back if the person is restored.

Before the schedules change, each is stored as it was (`EndedShifts`). To restore is to plan what of
them is still to come anew: with other ids, as the schedules that ended show what was worked until
then. Shifts that colleagues cover stay theirs.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ulid import base32

from accounts import locations, users
from config import audit, dynamodb, errors, journal, zone_rules
from config.dynamodb import unaudited
from staffing.models import EndedShifts, Schedule, StaffAvailability, format_instant
from staffing.recurrence import covers, edit, rules, wall_clock
from staffing.recurrence.details import Details, get_details
from staffing.recurrence.edit import EditResult
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.schedules import availability, cleanup, queries, save

if TYPE_CHECKING:
    from accounts.models import User

LOOK_AHEAD = timedelta(days=5 * 366)
"""Within which a series must have another shift to come back."""
logger = logging.getLogger("dutyline.rota")


def end_shifts(user: "User", *, actor: audit.Author, at: datetime) -> None:
    """End the shifts to come of a person who is deleted; may be repeated."""
    rows = list_rows_to_end(user.id, at)
    for _, schedule in queries.join_schedules(rows):
        record = EndedShifts(
            user_id=user.id,
            schedule_id=schedule.id,
            customer_id=user.customer_id,
            schedule=schedule.serialize(),
            ended_at=at,
        )
        unaudited.create(record)  # a repetition finds the schedule ended already
    cleanup.end_shifts_of_rows(rows, user.id, actor=actor, at=at)


def list_rows_to_end(user_id: str, at: datetime) -> list[StaffAvailability]:
    """The rows of a person that have shifts to come."""
    since = format_instant(at - zone_rules.tolerance())
    return [row for row in availability.fetch_rows(user_id, None, None) if row.end > since]


def list_ended(user_id: str) -> list[EndedShifts]:
    """What was stored of a person."""
    condition, values = "#user_id = :user", {":user": {"S": user_id}}
    return list(dynamodb.iter_records(EndedShifts, condition, values, ConsistentRead=True))


def forget(user: "User", **_: object) -> None:
    """Remove what was stored of a person."""
    unaudited.write_all(removals=list_ended(user.id))


def restore_shifts(user: "User", *, actor: audit.Author, at: datetime) -> None:
    """Plan the shifts anew that are still to come; may be repeated.

    At locations that still exist. A blocked person cannot be scheduled: theirs stay stored.
    """
    if user.status not in users.WORKING_STATUSES:
        return
    for record in list_ended(user.id):
        schedule = Schedule.from_item(record.schedule)
        if locations.load_locations([schedule.location_id], user.customer_id):
            for number, (series, details) in enumerate(_list_parts(schedule, user.id, at)):
                _plan(schedule, series, details, _schedule_id(record, number), user, actor, at)
        unaudited.remove(record, EndedShifts.user_id.exists())


def _plan(
    before: Schedule, series: Series, details: Details, id: str, user: "User", actor: audit.Author, at: datetime
) -> None:
    """Plan a part of a schedule that ended, unless an earlier attempt did or a limit forbids it."""

    def decide() -> None:
        keys = [users.user_key(user.id), *availability.version_record_keys([user.id])]
        streams = journal.stream_keys(dict.fromkeys([actor.stream, user.id]))
        records = dynamodb.batch_get([*keys, *streams, dynamodb.RecordKey(Schedule, id)])
        if records.get(Schedule, id):
            return
        schedule = save.build_schedule(
            series,
            user.id,
            at=at,
            customer_id=user.customer_id,
            location_id=before.location_id,
            split_from=before.id,
            details=details,
            id=id,
        )
        added = edit.list_assignments(series, user.id)
        save.save_schedules(
            None,
            [schedule],
            EditResult(series, staff_id=user.id, added=added),
            actor=actor,
            at=at,
            records=records,
            allow_overlap=True,
        )

    try:
        journal.retry_on_conflict(decide)
    except errors.Unavailable:
        raise
    except errors.DomainError as refusal:
        logger.warning("a shift of a restored person stays ended", extra={"schedule": before.id, "why": refusal.code})


def _schedule_id(record: EndedShifts, number: int) -> str:
    """The same id at each attempt: a repetition finds what is planned already."""
    text = f"{record.user_id} {record.schedule_id} {format_instant(record.ended_at)} {number}"
    return f"sch_{base32.encode(hashlib.sha256(text.encode()).digest()[:16])}"


def _list_parts(schedule: Schedule, user_id: str, at: datetime) -> Iterator[tuple[Series, Details]]:
    """What of a schedule is this person's and still to come."""
    series, details = schedule.series(), get_details(schedule)
    if schedule.staff_id == user_id:
        following, moved = _split_at(covers.exclude_covers(series), at)
        if following:
            yield following, details
        for recurrence_id, exception in moved:
            yield covers.to_single_shift(series, recurrence_id, exception), {**details, **exception.details}
        return
    for recurrence_id, exception in sorted(series.exceptions.items()):
        if exception.staff_id == user_id and not _has_begun(series, recurrence_id, exception, at):
            single = covers.to_single_shift(series, recurrence_id, exception)
            yield single, {**details, "notes": None, **exception.details}


def _split_at(series: Series, at: datetime) -> tuple[Series | None, Sequence[tuple[datetime, RecurrenceException]]]:
    """A series from its next regular start on, and its earlier shifts that were moved to later."""
    now = wall_clock.to_wall_time(at, series.zone)
    if series.rule is None:
        return (series if series.start >= now else None), ()
    start = next(rules.iter_starts(series.rule, series.start, max(now, series.start), now + LOOK_AHEAD), None)
    moved = [
        (recurrence_id, exception)
        for recurrence_id, exception in sorted(series.exceptions.items())
        if exception.start and (start is None or recurrence_id < start)
        if not _has_begun(series, recurrence_id, exception, at)
    ]
    if start is None:
        return None, moved
    following = edit.split_series(series, start)[1]
    exceptions = {
        recurrence_id: RecurrenceException() if _has_begun(series, recurrence_id, exception, at) else exception
        for recurrence_id, exception in following.exceptions.items()
    }
    return replace(following, exceptions=exceptions), moved


def _has_begun(series: Series, recurrence_id: datetime, exception: RecurrenceException, at: datetime) -> bool:
    return wall_clock.to_instant(exception.start or recurrence_id, series.zone) < at
