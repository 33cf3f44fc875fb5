"""For how long somebody holds a call-back."""

from datetime import datetime, timedelta
from typing import Any

from accounts import locations, users
from telephony.callbacks import callback_record
from telephony.numbers.reservation import NumberWithLine
from tests.support.callbacks import put_record
from tests.support.environment import ENVIRONMENT
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, create_shift, leave_callback, now
from tests.telephony.callbacks.test_handling import change


def sign_in(
    test_users: UserFixtures, held: NumberWithLine, role: str, *, hours_left: float | None = None
) -> SignedInUser:
    """Somebody who works where a number is; on duty for so long, or not at all."""
    location = locations.load_locations([held.number.location_id], test_users.customer.id)[held.number.location_id]
    user = test_users.create_user(locations=[location.id], role=role)
    if hours_left is not None:
        start, end = now() - timedelta(hours=1), now() + timedelta(hours=hours_left)
        create_shift(test_users.ann.actor, location, user.id, start=start, end=end)
    return accept_invitation(ENVIRONMENT, test_users.ann.web, users.get_user(user.id))


def set_attributes(callback_id: str, **values: Any) -> None:
    callback = callback_record.load(callback_id)
    assert callback
    put_record(callback_record.change(callback, now(), **values))


def end_hold(callback_id: str) -> None:
    """Have the time be over for which a call-back was taken."""
    set_attributes(callback_id, taken_until=now() - timedelta(seconds=1))


def hours_until(time: str) -> float:
    return (datetime.fromisoformat(time) - now()) / timedelta(hours=1)


def test_shift_of_who_is_in_charge_does_not_shorten_the_two_hours(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    manager = sign_in(test_users, held, "manager", hours_left=0.5)

    taken = change(manager, leave_callback(held), "take").json()

    assert hours_until(taken["takenUntil"]) > 1.95


def test_nobody_holds_it_for_days(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    staff = sign_in(test_users, held, "staff", hours_left=60)

    taken = change(staff, leave_callback(held), "take").json()

    assert 11.9 < hours_until(taken["takenUntil"]) <= 12


def test_taking_it_again_after_the_time_is_over_takes_it_anew(test_users: UserFixtures) -> None:
    callback_id = test_users.create_callback()
    change(test_users.mia, callback_id, "take")
    end_hold(callback_id)

    again = change(test_users.mia, callback_id, "take").json()

    assert (again["status"], again["takenBy"], again["version"]) == ("taken", test_users.mia.id, 4)
    assert hours_until(again["takenUntil"]) > 1.95


def test_who_held_it_and_is_off_duty_may_nothing_any_more(test_users: UserFixtures) -> None:
    """Also before the call-back is open again."""
    held = test_users.purchase_number(test_users.create_location())
    staff = sign_in(test_users, held, "staff")
    callback_id = leave_callback(held)
    set_attributes(callback_id, status="taken", taken_by=staff.id, taken_until=now() + timedelta(minutes=1))
    assert staff.get(f"/callback/{callback_id}").status_code == 200
    end_hold(callback_id)

    refused = [change(staff, callback_id, *step).status_code for step in (("take",), ("release",))]
    closing = change(staff, callback_id, "close", {"outcome": "reached"})

    assert (refused, closing.status_code) == ([403, 403], 403)
