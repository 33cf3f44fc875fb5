"""One transaction for a change of schedules: records, rows and heads, audit, what must follow."""

from datetime import datetime

from accounts import users
from config import audit, dynamodb, journal
from config.dynamodb import idempotency, optimistic
from config.journal import write_set
from staffing.models import Schedule
from staffing.recurrence.edit import EditResult
from staffing.schedules import availability, diff, side_effects
from staffing.schedules.availability import ShiftAssignment


def list_assigned_staff(schedule: Schedule) -> set[str]:
    """Who has shifts of it."""
    exceptions = (schedule.pattern or {}).get("exceptions", {}).values()
    return {schedule.staff_id, *(exception["staffId"] for exception in exceptions if "staffId" in exception)}


def save_schedules(
    before: Schedule | None,
    after: list[Schedule],
    edit_result: EditResult,
    *,
    actor: audit.Author,
    at: datetime,
    records: dynamodb.BatchResult,
    allow_overlap: bool = False,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> None:
    """One transaction: the schedules, their rows and heads, the audit, what must follow."""
    target = after[-1] if after else None
    new_staff = _check_new_staff(before, after, edit_result, records, actor)
    if edit_result.added and target and not allow_overlap:
        assignments = [ShiftAssignment(staff_id, target.id, series) for staff_id, series in edit_result.added]
        existing = [ShiftAssignment(staff_id, after[0].id, series) for staff_id, series in edit_result.existing]
        availability.check_available(
            assignments, records, existing=existing, excluded_schedule_id=before.id if before else None
        )
    subject = before or after[0]
    row_changes = availability.plan_row_changes([before] if before else [], after)
    owners = {schedule.staff_id for schedule in [before, *after] if schedule}
    affected_staff = sorted({*row_changes, *_list_relocated_staff(before, after)})
    with journal.write(
        actor,
        _get_audit_action(before, after),
        subject,
        at,
        changes=diff.diff_schedules(before, after, allow_overlap=allow_overlap),
        related_streams=sorted({*affected_staff, *owners}),
        prefetched=records,
    ) as write:
        put_schedules(write, before, after)
        availability.write_row_changes(write, row_changes, records)
        for user_id in new_staff:
            users.require_schedulable(write, user_id)
        for user_id in affected_staff:
            side_effects.enqueue_rota_messages(write, user_id)
        if idempotency_key and target:
            write.record_response(idempotency_key, target.id, status=201)


def _list_relocated_staff(before: Schedule | None, after: list[Schedule]) -> set[str]:
    """Whose shifts are at another location than they were; no row of theirs tells that."""
    if before is None:
        return set()
    moved_schedules = [schedule for schedule in after if schedule.location_id != before.location_id]
    return {staff_id for schedule in moved_schedules for staff_id in list_assigned_staff(schedule)}


def _check_new_staff(
    before: Schedule | None,
    after: list[Schedule],
    edit_result: EditResult,
    records: dynamodb.BatchResult,
    actor: audit.Author,
) -> list[str]:
    """Who gets shifts and had none of it, or all of it anew: they must be there at the end too."""
    previous_staff = list_assigned_staff(before) if before else set()
    reassigned_staff = {staff_id for staff_id, _ in edit_result.added if staff_id == edit_result.staff_id}
    new_staff = sorted(
        ({staff_id for schedule in after for staff_id in list_assigned_staff(schedule)} - previous_staff)
        | reassigned_staff
    )
    for staff_id in new_staff:
        user = users.get_user_from(records, staff_id, actor.customer_id, pointer="/staffId")
        users.check_schedulable(user, pointer="/staffId")
    return new_staff


def put_schedules(write: write_set.Write, before: Schedule | None, after: list[Schedule]) -> None:
    """The records as they are after; what is not among them any more goes."""
    version_condition = Schedule.version == before.version if before else None
    if before and before.id not in {schedule.id for schedule in after}:
        write.remove(before, only_if=version_condition, error=optimistic.stale_record_error())
    for schedule in after:
        is_new = before is None or schedule.id != before.id
        condition = Schedule.id.does_not_exist() if is_new else version_condition
        write.put(schedule, only_if=condition, error=optimistic.stale_record_error())


def _get_audit_action(before: Schedule | None, after: list[Schedule]) -> str:
    if before is None:
        return "schedule.created"
    if not after:
        return "schedule.removed"
    return "schedule.changed" if len(after) == 1 else "schedule.split"
