"""How the rota of a customer is erased: its schedules, and what says when its people work."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from accounts import users
from config import dynamodb
from config.privacy.customer_data import read_all, read_by_index
from config.privacy.customer_erasure import Erasure, ErasureStep, remove_records
from staffing.models import Schedule, StaffAvailability

SCHEDULES_AT_ONCE = 100


def _erase_schedules(schedules: Sequence[Schedule], erasure: Erasure) -> None:
    """With the rows of everybody who works in them, also of those who were erased before."""
    staff_ids = {str(schedule.staff_id) for schedule in schedules}
    for schedule in schedules:
        exceptions = schedule.series().exceptions.values()
        staff_ids |= {exception.staff_id for exception in exceptions if exception.staff_id}
    _erase_availability(sorted(staff_ids), erasure)
    remove_records(schedules, erasure)


def _erase_availability(staff_ids: Iterable[str], erasure: Erasure) -> None:
    for staff_id in staff_ids:
        if rows := list(_iter_rows(staff_id)):
            remove_records(rows, erasure)
            erasure.save_point()


def _iter_rows(staff_id: str) -> Iterator[Any]:
    condition, values = "#staff_id = :of", {":of": {"S": staff_id}}
    return dynamodb.iter_records(StaffAvailability, condition, values, ConsistentRead=True)


STEPS = (
    ErasureStep("schedules", 20, read_by_index(Schedule, limit=SCHEDULES_AT_ONCE), _erase_schedules),
    ErasureStep("availability", 21, read_all(users.iter_person_ids), _erase_availability),
)
