"""Removes the future shifts of people who leave and of locations that are removed.

Past shifts stay: who was on duty when is a business record. Each schedule is one transaction and
one audit entry; after a crash, the next attempt continues with the remaining ones.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from accounts import locations, permissions
from config import audit, dynamodb, journal, outbox, zone_rules
from staffing.models import Schedule, StaffAvailability, format_instant, to_attributes
from staffing.recurrence import covers, pattern, rules, wall_clock
from staffing.recurrence.details import get_details
from staffing.recurrence.edit import EditResult
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.schedules import availability, days, queries, save

if TYPE_CHECKING:
    from accounts.models import User

SHIFTS_PER_TRANSACTION = 8
"""Covered shifts that one transaction makes schedules of their own."""


def end_schedules_of_user(user: "User", *, actor: audit.Author, at: datetime) -> None:
    """End the shifts of a user who leaves; may be repeated.

    Their notes are erased. Their own schedules end now. Their shifts that others cover become
    schedules of those others, and shifts of others that they would have covered are excluded.
    """
    rows = availability.fetch_rows(user.id, None, None)
    _erase_notes(user.id, rows, actor, at)
    future_rows = [row for row in rows if row.end > format_instant(at - zone_rules.tolerance())]
    end_shifts_of_rows(future_rows, user.id, actor=actor, at=at)


def end_shifts_of_rows(rows: Iterable[StaffAvailability], user_id: str, *, actor: audit.Author, at: datetime) -> None:
    """End the shifts of a person that these rows are about; as `end_schedules_of_user`."""
    for row in rows:
        while _detach_covered_shifts(str(row.schedule_id), user_id, actor, at):
            pass

        def end_share(schedule: Schedule) -> Series | None:
            if schedule.staff_id == user_id:
                return _end_series(schedule.series(), at)
            return _remove_covers(schedule.series(), user_id, at)

        _rewrite_series(str(row.schedule_id), end_share, actor, at)


def _erase_notes(user_id: str, rows: Iterable[StaffAvailability], actor: audit.Author, at: datetime) -> None:
    """Erase the notes of a person's shifts, past ones too: of their schedules and of covers."""
    for _, schedule in queries.join_schedules(rows):
        if _without_notes(schedule, user_id, at):
            _erase_notes_of_schedule(str(schedule.id), user_id, actor, at)


def _erase_notes_of_schedule(schedule_id: str, user_id: str, actor: audit.Author, at: datetime) -> None:
    def decide() -> None:
        before = dynamodb.get_record(Schedule, schedule_id)
        after = _without_notes(before, user_id, at) if before else None
        if before and after:
            changes = [audit.FieldChange("notes", None, None)]  # the values may name the person
            with journal.write(actor, "schedule.changed", before, at, changes=changes) as write:
                write.save(before, after)

    journal.retry_on_conflict(decide)


def _without_notes(schedule: Schedule, user_id: str, at: datetime) -> Schedule | None:
    """A schedule without the notes of this person's shifts; None if there are none."""
    is_owner, series = schedule.staff_id == user_id, schedule.series()
    erased = {
        recurrence_id: replace(exception, details={**exception.details, "notes": None})
        for recurrence_id, exception in series.exceptions.items()
        if exception.details.get("notes") and (exception.staff_id == user_id or (is_owner and not exception.staff_id))
    }
    if not erased and not (is_owner and schedule.notes):
        return None
    stored_pattern = pattern.to_stored_pattern(replace(series, exceptions={**series.exceptions, **erased}))
    return schedule.with_changes(pattern=stored_pattern, notes=None if is_owner else schedule.notes, updated_at=at)


def _detach_covered_shifts(schedule_id: str, owner_id: str, actor: audit.Author, at: datetime) -> bool:
    """Make some covered shifts schedules of those who cover them; whether there were any."""

    def decide() -> bool:
        before = dynamodb.get_record(Schedule, schedule_id)
        if before is None or before.staff_id != owner_id:
            return False
        series = before.series()
        future_covers = [
            (recurrence_id, exception)
            for recurrence_id, exception in sorted(series.exceptions.items())
            if exception.staff_id and not _is_past(series, recurrence_id, exception, at)
        ][:SHIFTS_PER_TRANSACTION]
        if not future_covers:
            return False
        exceptions = {
            **series.exceptions,
            **{recurrence_id: RecurrenceException() for recurrence_id, _ in future_covers},
        }
        remaining = before.with_changes(**to_attributes(replace(series, exceptions=exceptions)), updated_at=at)
        singles = [
            save.build_schedule(
                covers.to_single_shift(series, recurrence_id, exception),
                str(exception.staff_id),
                at=at,
                customer_id=before.customer_id,
                location_id=before.location_id,
                split_from=before.id,
                # the notes of the series are about the person who leaves
                details={**get_details(before), "notes": None, **exception.details},
            )
            for recurrence_id, exception in future_covers
        ]
        records = _fetch_records(save.list_assigned_staff(before), actor)
        row_changes = availability.plan_row_changes([before], [remaining, *singles])
        with journal.write(
            actor,
            "schedule.parted",
            before,
            at,
            changes=[audit.FieldChange("splitOff", None, [schedule.id for schedule in singles])],
            related_streams=row_changes,
            prefetched=records,
        ) as write:
            save.put_schedules(write, before, [remaining, *singles])
            availability.write_row_changes(write, row_changes, records)
        return True

    return journal.retry_on_conflict(decide)


def _fetch_records(staff_ids: set[str], actor: audit.Author) -> dynamodb.BatchResult:
    return dynamodb.batch_get(
        [*availability.version_record_keys(staff_ids), *journal.stream_keys([actor.stream, *staff_ids])]
    )


def _rewrite_series(
    schedule_id: str, transform: Callable[[Schedule], Series | None], actor: audit.Author, at: datetime
) -> None:
    def decide() -> None:
        before = dynamodb.get_record(Schedule, schedule_id)
        if before is None:
            return
        series = transform(before)
        if series == before.series():
            return
        records = _fetch_records(save.list_assigned_staff(before), actor)
        after = [before.with_changes(**to_attributes(series), updated_at=at)] if series else []
        edit_result = EditResult(series, staff_id=before.staff_id)
        save.save_schedules(before, after, edit_result, actor=actor, at=at, records=records)

    journal.retry_on_conflict(decide)


def _end_series(series: Series, at: datetime) -> Series | None:
    """A series without the shifts that start from now on; None: nothing is left."""
    now = wall_clock.to_wall_time(at, series.zone)
    if series.rule is None:
        return series if series.start < now else None
    past_exceptions = {
        recurrence_id: exception
        for recurrence_id, exception in series.exceptions.items()
        if _is_past(series, recurrence_id, exception, at)
    }
    excluded = {
        recurrence_id: RecurrenceException()
        for recurrence_id in series.exceptions
        if recurrence_id < now and recurrence_id not in past_exceptions
    }
    last_start = rules.find_last_start_before(series.rule, series.start, now)
    if last_start is None and not past_exceptions:
        return None
    if last_start is None:  # only shifts that were moved before its first day are left
        excluded[series.start] = RecurrenceException()
    rule, until = series.rule, last_start or series.start
    if rule.until is None or rule.until > until:
        rule = replace(rule, count=None, until=until)
    return replace(series, rule=rule, exceptions={**excluded, **past_exceptions})


def _is_past(series: Series, recurrence_id: datetime, exception: RecurrenceException, at: datetime) -> bool:
    """Whether a shift has started; of one that is excluded, whether it would have."""
    return wall_clock.to_instant(exception.start or recurrence_id, series.zone) < at


def _remove_covers(series: Series, user_id: str, at: datetime) -> Series:
    exceptions = {
        recurrence_id: RecurrenceException()
        if exception.staff_id == user_id and not _is_past(series, recurrence_id, exception, at)
        else exception
        for recurrence_id, exception in series.exceptions.items()
    }
    return replace(series, exceptions=exceptions)


# --- locations ------------------------------------------------------------------------------------
def _find_blocker(location_id: str, at: datetime) -> str | None:
    if queries.list_future_schedules(location_id, at):
        return "This location has future shifts; move or delete them first."
    return None


@outbox.task("staffing.clear_location")
def end_location_schedules(location_id: str, *, job: outbox.TaskContext) -> None:
    """End what was scheduled while the location was being removed; remove its notes of days."""
    if locations.load_locations([location_id], job.author.customer_id):
        return
    system_actor = permissions.system_actor(job.author.customer_id)
    days.remove_notes(location_id, actor=system_actor, at=job.at)
    for future_schedule in queries.list_future_schedules(location_id, job.at):
        _rewrite_series(
            future_schedule.id, lambda schedule: _end_series(schedule.series(), job.at), system_actor, job.at
        )


LOCATION_GUARD = locations.LocationGuard(find_blocker=_find_blocker, cleanup_task="staffing.clear_location")
