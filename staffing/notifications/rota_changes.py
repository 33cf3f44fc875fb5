"""Telling people what others changed about their rota: once for all changes of a minute.

What happened is read from the person's own log, so nothing is told that was not written, and an
errand holds no personal data. Times are told by the clock that the person chose, or the shift's.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from accounts import preferences
from accounts.notifications import dispatch, push, recipients
from config import dynamodb, journal, outbox
from config.audit import AuditEntry, reader
from config.dynamodb import encryption
from staffing.models import Schedule
from staffing.notifications import text
from staffing.notifications.text import ChangeKind, RotaChange
from staffing.recurrence import expand

# recurrence
from staffing.schedules.side_effects import BATCH_PERIOD

EVENT = "rota_changed"
MAX_LISTED_CHANGES = 10
"""Changes that one message tells one by one."""


@outbox.task("staffing.follow")
def enqueue_messages(user_id: str, since: str, *, job: outbox.TaskContext) -> None:
    """Let a person hear of a batch of changes on each channel, and plan their next reminder."""
    with journal.write_intent(job.author, job.at) as write:
        if job.author.id != user_id:
            for channel in preferences.CHANNELS:
                message_id = f"{job.id}-{channel}"
                write.enqueue("staffing.tell_changes", id=message_id, user_id=user_id, since=since, channel=channel)
        write.enqueue("staffing.plan_reminder", id=f"{job.id}-plan", user_id=user_id)
        write.replace(job.id, job.claim)


@outbox.task("staffing.tell_changes")
def send_message(user_id: str, since: str, channel: str, *, job: outbox.TaskContext) -> None:
    """Tell a person on one channel what the author of the job changed within a batch."""
    recipient = recipients.get_recipient(user_id)
    if recipient is None or not recipient.is_notifiable:
        return
    if not preferences.is_notification_enabled(recipient.user.settings, channel, EVENT):
        return
    changes = list(dict.fromkeys(_iter_rota_changes(user_id, str(job.author.id), datetime.fromisoformat(since))))
    if not changes:
        return
    lines = [text.format_rota_change(change, recipient) for change in changes[:MAX_LISTED_CHANGES]]
    values = {"news": lines, "count": len(changes), "more": len(changes) - len(lines)}
    if channel == "email":
        dispatch.send_notification_email(user_id, EVENT, job=job, values=values)
    else:
        push.send_push(user_id, EVENT, job=job, values=values)


# --- what happened --------------------------------------------------------------------------------
def _iter_rota_changes(user_id: str, author_id: str, since: datetime) -> Iterator[RotaChange]:
    stream_head = dynamodb.get_record(AuditEntry, user_id, 0)
    if stream_head is None:
        return
    audit_filter = reader.EntryFilter(since=since, until=since + BATCH_PERIOD)
    entry_numbers = sorted(reader.find_matching_seqs(user_id, int(stream_head.last), audit_filter))
    entries = [
        entry
        for entry in reader.read_entries(user_id, entry_numbers)
        if entry.action.startswith("schedule.") and entry.body["actor"]["id"] == author_id
    ]
    person_ids = {person_id for entry in entries for person_id in entry.key_owners}
    records = dynamodb.batch_get(dynamodb.RecordKey(encryption.PersonKey, person_id) for person_id in person_ids)
    for audit_line in reader.decrypt_entries(entries, encryption.unwrap_keys(records, person_ids)):
        yield from to_rota_changes(audit_line, user_id)


def to_rota_changes(audit_line: reader.DecryptedEntry, user_id: str) -> Iterator[RotaChange]:
    """What an entry means for somebody: of the series if it is theirs, of single shifts else."""
    before = {change["field"]: change["before"] for change in audit_line.changes}
    after = {change["field"]: change["after"] for change in audit_line.changes}
    if audit_line.action == "schedule.created" and after["staffId"] == user_id:
        yield _build_rota_change("new", after)
    elif audit_line.action == "schedule.removed" and before["staffId"] == user_id:
        yield _build_rota_change("gone", before)
    elif audit_line.action == "schedule.split":
        split_off = {name.removeprefix("rest/"): value for name, value in after.items()}
        kind = _get_change_kind(before["rest/staffId"], split_off["staffId"], user_id)
        yield from [_build_rota_change(kind, split_off)] if kind else []
    elif audit_line.action == "schedule.changed":
        yield from _iter_series_changes(str(audit_line.subject["id"]), before, after, user_id)
    for name in after:
        if name.startswith("shift/"):
            yield from _iter_shift_changes(before[name], after[name], user_id)


def _get_change_kind(old_staff_id: Any, new_staff_id: Any, user_id: str) -> ChangeKind | None:
    """What a change is for somebody, by whose it was and whose it becomes."""
    if user_id not in (old_staff_id, new_staff_id):
        return None
    if old_staff_id == new_staff_id:
        return "changed"
    return "new" if new_staff_id == user_id else "gone"


def _build_rota_change(kind: ChangeKind, values: dict[str, Any]) -> RotaChange:
    start, end, zone = (str(values[name]) for name in ("startTime", "endTime", "timeZone"))
    return RotaChange(kind, start, end, zone, is_recurring=bool(values.get("rrule")))


def _iter_shift_changes(old_shift: Any, new_shift: Any, user_id: str) -> Iterator[RotaChange]:
    """One shift; ``staffId`` says who has it."""
    kind = _get_change_kind((old_shift or {}).get("staffId"), (new_shift or {}).get("staffId"), user_id)
    if kind:
        yield _build_rota_change(kind, old_shift if kind == "gone" else new_shift)


def _iter_series_changes(
    schedule_id: str, before: dict[str, Any], after: dict[str, Any], user_id: str
) -> Iterator[RotaChange]:
    """A change of a whole series or single shift, told by how it stands now."""
    if not set(after) & {"staffId", "locationId", "startTime", "endTime", "timeZone", "rrule"}:
        return
    schedule = dynamodb.get_record(Schedule, schedule_id)
    if schedule is None:
        return  # it was removed since, which is told
    owner_id = schedule.staff_id
    kind = _get_change_kind(before.get("staffId", owner_id), after.get("staffId", owner_id), user_id)
    if kind:
        yield RotaChange(kind, schedule.start, schedule.end, schedule.zone, schedule.is_series)
    elif "locationId" in after:
        for shift in expand.split_by_staff(schedule.series(), owner_id).get(user_id, ()):
            yield RotaChange("changed", shift.start.isoformat(), shift.end.isoformat(), shift.zone)
