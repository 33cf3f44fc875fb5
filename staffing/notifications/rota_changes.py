"""Notifies people of what others changed in their rota: once for all changes of a minute.

The changes are read from the person's own audit log. So nothing is sent that was not written, and
an outbox message holds no personal data.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.conf import settings

from accounts import locations, preferences
from accounts.notifications import dispatch, push, recipients
from config import dynamodb, journal, names, outbox
from config.audit import AuditEntry, reader, search
from config.dynamodb import encryption
from staffing.models import Schedule
from staffing.notifications import text
from staffing.notifications.text import ChangeKind, RotaChange
from staffing.schedules import diff
from staffing.schedules.save import BATCH_PERIOD

EVENT = "rota_changed"
MAX_LISTED_CHANGES = 10
"""Changes that one message lists; of more, it gives the number."""


@outbox.task("staffing.follow")
def enqueue_messages(user_id: str, since: str, *, job: outbox.TaskContext) -> None:
    """Enqueue a message on each channel about a batch of changes, and plan the next reminder.

    ``settings.ROTA_CHANGE_TASKS`` are tasks of other apps for the user whose rota was changed.
    """
    with journal.write_intent(job.author, job.at) as write:
        if job.author.id != user_id:
            for channel in preferences.CHANNELS:
                message_id = f"{job.id}-{channel}"
                write.enqueue("staffing.tell_changes", id=message_id, user_id=user_id, since=since, channel=channel)
        write.enqueue("staffing.plan_reminder", id=f"{job.id}-plan", user_id=user_id)
        for task in settings.ROTA_CHANGE_TASKS:
            write.enqueue(task, user_id=user_id)
        write.replace(job.id, job.claim)


@outbox.task("staffing.tell_changes", lane=preferences.lane_of_channel, notifies=True)
def send_message(user_id: str, since: str, channel: str, *, job: outbox.TaskContext) -> None:
    """Tell a person on one channel what the author of the job changed since the batch began."""
    recipient = recipients.get_recipient(user_id)
    if recipient is None or not recipient.is_notifiable or not recipient.has_enabled(channel, EVENT):
        return
    changes = list(dict.fromkeys(_iter_rota_changes(user_id, str(job.author.id), datetime.fromisoformat(since))))
    if not changes:
        return
    places = _find_places(changes)
    location_names = _load_location_names(places.values(), recipient)
    lines = [
        text.format_rota_change(change, location_names.get(places[change], ""), recipient)
        for change in changes[:MAX_LISTED_CHANGES]
    ]
    values = {"changes": lines, "count": len(changes), "more": len(changes) - len(lines)}
    if channel == "email":
        dispatch.send_notification_email(user_id, EVENT, job=job, values=values)
    else:
        push.send_push(user_id, EVENT, job=job, values=values, data=_build_data(changes, places))


def _find_places(changes: Sequence[RotaChange]) -> dict[RotaChange, str]:
    """The id of the location of each change; empty if its schedule is gone and does not say it."""
    unplaced_ids = dict.fromkeys(change.schedule_id for change in changes if not change.location_id)
    schedules = dynamodb.batch_get(dynamodb.RecordKey(Schedule, id) for id in unplaced_ids)
    return {
        change: change.location_id or str(getattr(schedules.get(Schedule, change.schedule_id), "location_id", ""))
        for change in changes
    }


def _load_location_names(location_ids: Iterable[str], recipient: recipients.Recipient) -> dict[str, str]:
    """Names of locations by id, harmless in mail."""
    known_ids = dict.fromkeys(id for id in location_ids if id)
    existing = locations.load_locations(known_ids, str(recipient.customer.id))
    return {id: names.for_mail(location.name) for id, location in existing.items()}


def _build_data(changes: Sequence[RotaChange], places: Mapping[RotaChange, str]) -> dict[str, str]:
    """The location and the schedule that the changes are of, each if it is one and still there."""
    location_ids, schedule_ids = set(places.values()), {change.schedule_id for change in changes}
    data = {}
    if len(location_ids) == 1 and (location_id := location_ids.pop()):
        data["locationId"] = location_id
    if len(schedule_ids) == 1 and dynamodb.get_record(Schedule, schedule_id := schedule_ids.pop()):
        data["scheduleId"] = schedule_id
    return data


# --- reading the log ------------------------------------------------------------------------------
def _iter_rota_changes(user_id: str, author_id: str, since: datetime) -> Iterator[RotaChange]:
    stream_head = dynamodb.get_record(AuditEntry, user_id, 0)
    if stream_head is None:
        return
    audit_filter = search.EntryFilter(since=since, until=since + BATCH_PERIOD)
    entry_numbers = sorted(search.find_matching_seqs(user_id, int(stream_head.last), audit_filter))
    entries = [
        entry
        for entry in reader.read_entries(user_id, entry_numbers)
        if entry.action.startswith("schedule.") and entry.body["actor"]["id"] == author_id
    ]
    person_ids = {person_id for entry in entries for person_id in entry.key_owners}
    records = dynamodb.batch_get(dynamodb.RecordKey(encryption.PersonKey, person_id) for person_id in person_ids)
    for entry in reader.decrypt_entries(entries, encryption.unwrap_keys(records, person_ids)):
        yield from to_rota_changes(entry, user_id)


def to_rota_changes(entry: reader.DecryptedEntry, user_id: str) -> Iterator[RotaChange]:
    """What an audit entry means for a person: for their series, or for single shifts of theirs."""
    for change in diff.read_shift_changes(entry):
        before = change.before if change.before and change.before.staff_id == user_id else None
        after = change.after if change.after and change.after.staff_id == user_id else None
        shift = after or before
        if shift:
            kind: ChangeKind = "new" if before is None else "gone" if after is None else "changed"
            yield RotaChange(
                kind,
                shift.start,
                shift.end,
                shift.zone,
                is_recurring=shift.rrule is not None,
                schedule_id=str(entry.subject["id"]),
                location_id=shift.location_id,
            )
