"""Derives stored instants again after a change of zone rules: sort keys of shifts, and reminders.

Compares all of them with what the present rules say, whatever version they name: processes of an
earlier release do not write the version. Rows of availability that follow from no schedule are
removed.

Scans whole tables, a page at a time, so it is for commands, never for a request. It may run while
requests are served, and may be interrupted and repeated: each record is changed on condition that
nobody has changed it since. The shifts stay what they are, in wall time, so there is no audit entry
for each; `manage.py zones` writes one for the whole update.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from accounts import permissions
from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import unaudited
from staffing.models import VERSION_RECORD_KEY, Schedule, StaffAvailability, derive_attributes
from staffing.notifications import reminders
from staffing.schedules import availability
from staffing.schedules.availability_rows import build_rows

PAGE_SIZE, BATCH_SIZE = 500, 16
"""Items that one Scan reads, and records or people that are changed at once."""
ROWS_PER_TRANSACTION = 8
"""An item has at most 400 KB, a transaction 4 MB."""
NO_SCHEDULE = "availability rows without a schedule"
AUTHOR = audit.Author("system", "system", "", audit.PLATFORM_STREAM)
WrongRow = tuple[StaffAvailability, StaffAvailability | None]
"""A row, and the one that its schedule has instead of it, if any."""
R = TypeVar("R", bound=dynamodb.Record)
T = TypeVar("T")


@dataclass
class ZoneUpdate:
    """One pass over everything that was derived from wall times."""

    at: datetime
    dry_run: bool
    print_line: Callable[[str], object]
    counts: Counter[str] = field(default_factory=Counter)
    """How many records were changed, by kind; with a dry run, how many would be."""
    conflicts: list[str] = field(default_factory=list)
    """What somebody else changed at the same time."""

    def run(self) -> None:
        """Update rows of availability, then their schedules, then reminders.

        In this order: a schedule that names the present rules has rows that follow them. Raises
        `errors.Unavailable`.
        """
        for rows in _scan(StaffAvailability, "#end <> :version_record", {":version_record": VERSION_RECORD_KEY}):
            self._update_rows(rows)
        for schedules in _scan(Schedule):
            outdated = [schedule for schedule in schedules if not schedule.follows_present_rules()]
            for schedule in outdated:
                self._print_move(schedule)
            self._change(outdated, _derive_again, "schedules")
        for messages in _scan(outbox.OutboxMessage, "#task = :task", {":task": "staffing.remind"}):
            self._change(self._list_moved_reminders(messages), self._plan_again, "reminders")

    def _change(self, records: Sequence[R], change: Callable[[R], bool], kind: str) -> None:
        for batch in _batches(records, BATCH_SIZE):
            if self.dry_run:
                self.counts[kind] += len(batch)
                continue
            outcomes = dynamodb.gather(*(partial(change, record) for record in batch))
            self.counts[kind] += outcomes.count(True)
            changed_meanwhile = zip(batch, outcomes, strict=True)
            self.conflicts += [str(record.key_values()[0]) for record, is_done in changed_meanwhile if not is_done]

    def _update_rows(self, rows: Iterable[StaffAvailability]) -> None:
        """Store rows as their schedules have them; people at once, each in small transactions."""
        wrong_rows = _list_wrong_rows(rows)
        for row, expected_row in wrong_rows:
            if expected_row is None:
                self.print_line(f"{row.staff_id}: no schedule has the availability row {row.end}")
        if self.dry_run:
            self.counts += _count_rows(wrong_rows)
            return
        rows_by_staff: dict[str, list[StaffAvailability]] = {}
        for row, _ in wrong_rows:
            rows_by_staff.setdefault(str(row.staff_id), []).append(row)
        for batch in _batches(list(rows_by_staff.items()), BATCH_SIZE):
            mended = dynamodb.gather(*(partial(_mend_rows, staff_id, wrong) for staff_id, wrong in batch))
            for counts, conflicts in mended:
                self.counts += counts
                self.conflicts += conflicts

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


def _scan(
    record_class: type[R], condition: str | None = None, values: Mapping[str, str] | None = None
) -> Iterator[list[R]]:
    arguments = (
        {
            "FilterExpression": condition,
            "ExpressionAttributeNames": dynamodb.expression_names(condition),
            "ExpressionAttributeValues": {name: {"S": value} for name, value in (values or {}).items()},
        }
        if condition
        else {}
    )
    pages = dynamodb.iter_pages(
        "Scan", TableName=record_class.table_name(), ConsistentRead=True, Limit=PAGE_SIZE, **arguments
    )
    for items in pages:
        yield [record_class.from_item(item) for item in items]


def _batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _list_wrong_rows(
    rows: Iterable[StaffAvailability], schedules: dynamodb.BatchResult | None = None
) -> list[WrongRow]:
    """The rows that are not as their schedules have them by the present rules."""
    rows = list(rows)
    schedules = schedules or dynamodb.batch_get(_schedule_keys(rows))
    wrong_rows: list[WrongRow] = []
    for row in rows:
        schedule = schedules.get(Schedule, str(row.schedule_id))
        derived_rows = build_rows([schedule] if schedule else []).get(str(row.staff_id), {})
        expected_row = next(iter(derived_rows.values()), None)
        if expected_row is None or (row.end, row.series()) != (expected_row.end, expected_row.series()):
            wrong_rows.append((row, expected_row))
    return wrong_rows


def _schedule_keys(rows: Iterable[StaffAvailability]) -> list[dynamodb.RecordKey]:
    return [dynamodb.RecordKey(Schedule, str(row.schedule_id)) for row in rows]


def _count_rows(wrong_rows: Iterable[WrongRow]) -> Counter[str]:
    return Counter("availability rows" if expected_row else NO_SCHEDULE for _, expected_row in wrong_rows)


def _mend_rows(staff_id: str, rows: Sequence[StaffAvailability]) -> tuple[Counter[str], list[str]]:
    """Store rows of a person as their schedules have them.

    Returns how many by kind, and the ids of those that somebody changed meanwhile.

    A row is removed unless a schedule has it, and the one that the schedule has is stored. Every
    change of a person's rows changes their version record, which is read first.
    """
    counts: Counter[str] = Counter()
    conflicts: list[str] = []
    for batch in _batches(rows, ROWS_PER_TRANSACTION):
        records = dynamodb.batch_get(availability.version_record_keys([staff_id]))
        row_keys = [dynamodb.RecordKey(StaffAvailability, staff_id, str(row.end)) for row in batch]
        current = dynamodb.batch_get([*row_keys, *_schedule_keys(batch)])
        stored_rows = [row for key in row_keys if (row := current.get(StaffAvailability, staff_id, key.range))]
        wrong_rows = _list_wrong_rows(stored_rows, current)
        written = {str(row.end): row for _, row in wrong_rows if row}
        removed = [row for row, _ in wrong_rows if row.end not in written]
        if not wrong_rows:
            continue
        changes = {staff_id: availability.RowChanges(removed, list(written.values()))}
        try:
            with journal.write_intent(AUTHOR, outbox.utc_now()) as write:
                availability.write_row_changes(write, changes, records)
                reminders.enqueue_planning(write, staff_id)
        except errors.Conflict:
            conflicts += [f"{staff_id} {row.end}" for row, _ in wrong_rows]
        else:
            counts += _count_rows(wrong_rows)
    return counts, conflicts


def _derive_again(schedule: Schedule) -> bool:
    """Store what follows from a schedule and the present rules; whether nobody changed it."""
    is_unchanged = Schedule.version == schedule.version
    return unaudited.replace_derived_values(schedule, derive_attributes(schedule.series()), is_unchanged)


def _start_of(message: outbox.OutboxMessage) -> datetime:
    return datetime.fromisoformat(message.arguments["start"])
