"""Loads what attackers would need hours to create, straight into the tables."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from config import dynamodb
from staffing.models import VERSION_RECORD_KEY, Schedule, StaffAvailability
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.schedules import availability, save
from tests.support.users import UserFixtures, now


def changed_series(number: int, changed_shifts: int, *, start: datetime, zone: str = "America/New_York") -> Series:
    """A daily series at a time of its own; its first shifts are moved by a minute."""
    first = start + timedelta(minutes=10 * number)
    days = (first + timedelta(days=n) for n in range(changed_shifts))
    exceptions = {day: RecurrenceException(day + timedelta(minutes=1)) for day in days}
    return Series(first, first + timedelta(minutes=8), zone, RecurrenceRule("daily"), exceptions)


def load_series(test_users: UserFixtures, staff_id: str, series: Sequence[Series]) -> list[Schedule]:
    """Schedules of a person, however many, with what detects conflicts."""
    schedules = [
        save.build_schedule(
            item, staff_id, at=now(), customer_id=test_users.customer.id, location_id=test_users.boston.id, details={}
        )
        for item in series
    ]
    rows = availability.plan_row_changes([], schedules)[staff_id].written
    head = StaffAvailability(staff_id=staff_id, end=VERSION_RECORD_KEY, version=1, wrote={})
    put_records([*schedules, *rows, head])
    return schedules


def put_records(records: Iterable[dynamodb.Record]) -> None:
    """Store records as they are, 25 at a time."""
    _write_batches([(record.table_name(), {"PutRequest": {"Item": record.serialize()}}) for record in records])


def delete_records(records: Iterable[dynamodb.Record]) -> None:
    """Remove what `put_records` stored, so that nothing else finds it."""
    keys = ((record.table_name(), record.to_dynamodb_key(*record.key_values())) for record in records)
    _write_batches([(table, {"DeleteRequest": {"Key": key}}) for table, key in keys])


def _write_batches(writes: Sequence[tuple[str, object]]) -> None:
    for start in range(0, len(writes), 25):
        requests: dict[str, list[object]] = {}
        for table, write in writes[start : start + 25]:
            requests.setdefault(table, []).append(write)
        dynamodb.call("BatchWriteItem", RequestItems=requests)
