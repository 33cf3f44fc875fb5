"""Overviews over locations never give an all-clear without having looked."""

from datetime import datetime, timedelta

from accounts.models import Location
from staffing.admin import attention
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.schedules import first_shifts, save
from tests.support.bulk import put_records
from tests.support.users import UserFixtures, now


def store_schedules(test_users: UserFixtures, location: Location, series: list[Series]) -> None:
    common = {"customer_id": test_users.customer.id, "location_id": location.id}
    put_records(save.build_schedule(one, test_users.sam.id, at=now(), details={}, **common) for one in series)


def start_of_day() -> datetime:
    return now().replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)


def test_a_location_with_more_series_than_are_looked_at_is_listed(test_users: UserFixtures) -> None:
    """None of those that are looked at is now; one of the others may be."""
    weekly = RecurrenceRule("weekly")
    start = start_of_day() - timedelta(days=25)  # neither today nor at a neighbouring day
    crowd = [Series(start, start + timedelta(hours=1), "UTC", weekly, {})] * (first_shifts.MAX_SCHEDULES + 1)
    store_schedules(test_users, test_users.boston, crowd)

    (panel,) = attention.on_duty_panels(test_users.customer.id)

    details = {item.text: item.detail for item in panel.items}
    assert details[test_users.boston.name] == attention.UNDECIDED


def test_a_shift_that_began_before_others_that_are_over_is_a_future_one(test_users: UserFixtures) -> None:
    """Shifts are found by their start: the last ones that began tell nothing about longer ones."""
    at = now().replace(tzinfo=None, microsecond=0)
    first, second = test_users.create_location(), test_users.create_location()
    for location, current, over in (
        (first, Series(at - timedelta(days=12), at + timedelta(days=8), "UTC"), timedelta(days=3)),
        (second, Series(at - timedelta(hours=30), at + timedelta(hours=8), "UTC"), timedelta(hours=3)),
    ):
        starts = [at - over - timedelta(hours=hours) for hours in (1, 2, 3)]
        past = [Series(start, start + over, "UTC") for start in starts]
        store_schedules(test_users, location, past)
        assert first_shifts.find_locations_with_future_shifts([location.id], now()) == set()
        store_schedules(test_users, location, [current])
    ids = [first.id, second.id]
    assert first_shifts.find_locations_with_future_shifts(ids, now()) == set(ids)
