"""Derives stored instants again after a change of zone rules: sort keys of shifts, and reminders.

Scans whole tables, a page at a time, so it is for commands, never for a request. It may run while
requests are served, and may be interrupted and repeated: each schedule is moved by itself, on
condition that nobody has changed it since. The shifts stay what they are, in wall time, so there
is no audit entry for each; `manage.py zones` writes one for the whole update.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from accounts import permissions
from config import dynamodb, journal, outbox, zone_rules
from config.dynamodb import unaudited
from staffing.models import VERSION_RECORD_KEY, Schedule, StaffAvailability, derive_attributes, format_instant
from staffing.notifications import reminders
from staffing.schedules import availability

PAGE_SIZE, BATCH_SIZE = 500, 16
"""Items that one Scan reads, and records that are changed at once."""
R = TypeVar("R", bound=dynamodb.Record)


@dataclass
class ZoneUpdate:
    """One pass over everything that was derived from wall times."""

    at: datetime
    dry_run: bool
    print_line: Callable[[str], object]
    counts: Counter[str] = field(default_factory=Counter)
    """How many records were changed, by kind; with a dry run, how many would be."""
    conflicts: int = 0
    """Records that somebody else changed at the same time."""

    def run(self) -> None:
        """Update rows of availability, then their schedules, then reminders.

        In this order: a schedule that names the present rules has rows that follow them. Raises
        `errors.Unavailable`.
        """
        for rows in _scan(StaffAvailability, "#end <> :version_record", {":version_record": VERSION_RECORD_KEY}):
            self._change(_list_moved_rows(rows), _move_row, "availability rows")
        present = {":present": zone_rules.VERSION}
        for schedules in _scan(Schedule, "attribute_not_exists(#zone_rules) OR #zone_rules <> :present", present):
            for schedule in schedules:
                self._print_move(schedule)
            self._change(schedules, _derive_again, "schedules")
        for messages in _scan(outbox.OutboxMessage, "#task = :task", {":task": "staffing.remind"}):
            self._change(self._list_moved_reminders(messages), self._plan_again, "reminders")

    def _change(self, records: list[R], change: Callable[[R], bool], kind: str) -> None:
        for start in range(0, len(records), BATCH_SIZE):
            batch = records[start : start + BATCH_SIZE]
            if self.dry_run:
                self.counts[kind] += len(batch)
                continue
            outcomes = dynamodb.gather(*(partial(change, record) for record in batch))
            self.counts[kind] += outcomes.count(True)
            self.conflicts += outcomes.count(False)

    def _print_move(self, schedule: Schedule) -> None:
        window = derive_attributes(schedule.series())["window"]
        if window != schedule.window:
            self.counts["moved schedules"] += 1
            self.print_line(
                f"{schedule.customer_id} {schedule.id}: {schedule.start} {schedule.zone} is "
                f"{window[2:]}, not {schedule.window[2:]}"
            )

    def _list_moved_reminders(self, messages: list[outbox.OutboxMessage]) -> list[outbox.OutboxMessage]:
        """Those of shifts that no longer start when the message says."""
        future = [message for message in messages if _start_of(message) > self.at]
        moved: list[outbox.OutboxMessage] = []
        for start in range(0, len(future), BATCH_SIZE):
            batch = future[start : start + BATCH_SIZE]
            shifts = dynamodb.gather(
                *(
                    partial(reminders.find_shift_at, message.arguments["user_id"], _start_of(message))
                    for message in batch
                )
            )
            moved += [message for message, shift in zip(batch, shifts, strict=True) if shift is None]
        return moved

    def _plan_again(self, message: outbox.OutboxMessage) -> bool:
        """Plan the next reminder of a person, in place of one; whether nobody processed it."""
        actor = permissions.system_actor(message.author["customer"])
        with journal.write_intent(actor, self.at) as write:
            reminders.enqueue_planning(write, message.arguments["user_id"])
        return unaudited.remove(message, outbox.OutboxMessage.claim.does_not_exist())


def _scan(record_class: type[R], condition: str, values: Mapping[str, str]) -> Iterator[list[R]]:
    pages = dynamodb.iter_pages(
        "Scan",
        TableName=record_class.table_name(),
        ConsistentRead=True,
        Limit=PAGE_SIZE,
        FilterExpression=condition,
        ExpressionAttributeNames=dynamodb.expression_names(condition),
        ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
    )
    for items in pages:
        yield [record_class.from_item(item) for item in items]


def _key_of(row: StaffAvailability) -> str:
    """The range key that a row has by the present rules."""
    return f"{format_instant(row.latest_end)}#{row.schedule_id}"


def _list_moved_rows(rows: list[StaffAvailability]) -> list[StaffAvailability]:
    return [row for row in rows if row.end != _key_of(row)]


def _move_row(row: StaffAvailability) -> bool:
    """Store a row under the key that it has by the present rules; whether nobody changed it."""
    staff_id = str(row.staff_id)
    records = dynamodb.batch_get(availability.version_record_keys([staff_id]))
    stored_row = dynamodb.get_record(StaffAvailability, staff_id, str(row.end))
    schedule = dynamodb.get_record(Schedule, str(row.schedule_id))
    if stored_row is None or schedule is None or stored_row.version != row.version:
        return False
    moved_row = StaffAvailability.from_item({**stored_row.serialize(), "end": {"S": _key_of(stored_row)}})
    changes = {staff_id: availability.RowChanges([stored_row], [moved_row])}
    actor, at = permissions.system_actor(schedule.customer_id), outbox.utc_now()
    try:
        with journal.write_intent(actor, at) as write:
            availability.write_row_changes(write, changes, records)
            reminders.enqueue_planning(write, staff_id)
    except journal.StaleRecord:
        return False
    return True


def _derive_again(schedule: Schedule) -> bool:
    """Store what follows from a schedule and the present rules; whether nobody changed it."""
    is_unchanged = Schedule.version == schedule.version
    return unaudited.replace_derived_values(schedule, derive_attributes(schedule.series()), is_unchanged)


def _start_of(message: outbox.OutboxMessage) -> datetime:
    return datetime.fromisoformat(message.arguments["start"])
