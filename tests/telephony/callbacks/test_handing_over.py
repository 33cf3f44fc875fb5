"""Call-backs follow the rota: nobody holds one who is not on duty."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import permissions, users
from config import dynamodb, journal
from config.audit import reader
from telephony.callbacks import callback_record
from telephony.models import Call, Callback, OpenCallback
from tests.support.calls import LineFixture, create_line, to_local_time
from tests.support.devices import drain_outbox, list_pushes, register_device
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, create_shift, now, parse_problem

HOUR = 3600
AFTER_SHIFT = HOUR + 16 * 60
"""Seconds from now until the shift of who holds a call-back has ended, and the grace too."""


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A location with a number."""
    drain_outbox(HOUR)  # what other tests left
    return create_line(test_users, name="Harbour Street")


@pytest.fixture
def sam(test_users: UserFixtures, env: Environment, line: LineFixture) -> SignedInUser:
    """On duty until an hour from now."""
    return add_person(test_users, env, line, start=-1, end=1)


@pytest.fixture
def mia(test_users: UserFixtures, env: Environment, line: LineFixture) -> SignedInUser:
    """On duty from half an hour from now until tomorrow."""
    return add_person(test_users, env, line, start=0.5, end=24)


@pytest.fixture
def callback(line: LineFixture, sam: SignedInUser) -> dict[str, Any]:
    """A call-back that Sam has taken."""
    line.call(now(), leavesMessage=False, **{"from": "+16175553999"})
    drain_outbox()
    (waiting,) = sam.get("/callback", params={"locationId": line.location.id}).json()["items"]
    response = sam.post(f"/callback/{waiting['id']}/take")
    assert response.status_code == 200, response.text
    return dict(response.json())


def add_person(
    test_users: UserFixtures, env: Environment, line: LineFixture, *, start: float, end: float, role: str = "staff"
) -> SignedInUser:
    """A user of the line's location with a device and a shift, in hours from now."""
    user = test_users.create_user(locations=[line.location.id, test_users.boston.id], role=role)
    add_shift(test_users, line, user.id, start, end)
    return register_device(accept_invitation(env, test_users.ann.web, users.get_user(user.id)))


def add_shift(test_users: UserFixtures, line: LineFixture, user_id: str, start: float, end: float) -> str:
    times = (datetime.fromisoformat(to_local_time(now() + timedelta(hours=hours))) for hours in (start, end))
    shift_start, shift_end = (time.replace(second=0, microsecond=0) for time in times)
    return str(create_shift(test_users.ann.actor, line.location, user_id, start=shift_start, end=shift_end).id)


def load(callback: dict[str, Any]) -> Callback:
    record = callback_record.load(callback["id"])
    assert record
    return record


def list_actions(stream: str) -> list[str]:
    return [entry.action for entry in reader.iter_stream(stream) if entry.seq and entry.action.startswith("callback.")]


def assert_open(callback: dict[str, Any], former_holder: SignedInUser) -> None:
    record = load(callback)
    assert record.status == "open"
    assert not record.taken_by
    assert not record.taken_until
    assert list_actions(former_holder.id)[-1] == "callback.returned"
    assert list_actions(former_holder.id).count("callback.returned") == 1


def test_call_back_is_open_again_after_the_shift(
    callback: dict[str, Any], sam: SignedInUser, mia: SignedInUser, line: LineFixture
) -> None:
    """And those on duty then are told."""
    drain_outbox(HOUR)
    assert load(callback).status == "taken"

    drain_outbox(AFTER_SHIFT)

    assert_open(callback, sam)
    (push,) = list_pushes(mia, "callback_handed_over")
    assert push["data"] == {
        "event": "callback_handed_over",
        "locationId": line.location.id,
        "callbackId": callback["id"],
        "callId": callback["callId"],
    }
    assert push["body"] == "1 call-back waits at Harbour Street: nobody has it any more. Open the app to take it."
    assert list_pushes(sam, "callback_handed_over") == []


@pytest.mark.usefixtures("mia")
def test_who_is_still_on_duty_keeps_it(
    test_users: UserFixtures, callback: dict[str, Any], sam: SignedInUser, line: LineFixture
) -> None:
    """Another shift follows: until the end of that one."""
    add_shift(test_users, line, sam.id, 1, 3)

    drain_outbox(AFTER_SHIFT)
    taken = load(callback)
    drain_outbox(3 * HOUR)
    still_taken = load(callback)
    drain_outbox(2 * HOUR + AFTER_SHIFT)

    assert (taken.taken_by, still_taken.taken_by) == (sam.id, sam.id)
    assert_open(callback, sam)


@pytest.mark.parametrize("how", ["blocked", "moved", "not allowed", "deleted"])
def test_who_loses_access_loses_it_at_once(
    test_users: UserFixtures, callback: dict[str, Any], sam: SignedInUser, line: LineFixture, how: str
) -> None:
    changes: dict[str, dict[str, Any]] = {
        "blocked": {"status": "blocked"},
        "moved": {"locations": [test_users.boston.id]},
        "not allowed": {"permissions": sorted(permissions.ROLES["staff"] - {"calls:handle"})},
    }
    if how == "deleted":
        assert test_users.ann.delete("/user", {"id": sam.id}).is_success
    else:
        assert test_users.ann.patch("/userManagement", {"id": sam.id, **changes[how]}).is_success

    drain_outbox()

    assert_open(callback, sam)


def test_other_changes_of_a_person_take_nothing(
    test_users: UserFixtures, callback: dict[str, Any], sam: SignedInUser
) -> None:
    """They lose another location, and still have this one."""
    remaining = [load(callback).location_id]
    assert test_users.ann.patch("/userManagement", {"id": sam.id, "locations": remaining}).is_success

    drain_outbox()

    assert load(callback).taken_by == sam.id


def test_who_loses_the_shift_loses_it(test_users: UserFixtures, callback: dict[str, Any], sam: SignedInUser) -> None:
    """With the message of the changed rota, a minute later."""
    query = {"locationId": load(callback).location_id, "from": (now() - timedelta(hours=3)).isoformat()}
    (shift,) = test_users.ann.get("/staffSchedule", params=query | {"staffId": sam.id}).json()["items"]
    assert test_users.ann.delete(f"/staffSchedule/{shift['id']}").is_success

    drain_outbox(130)

    assert_open(callback, sam)


def test_who_is_in_charge_holds_it_two_hours(test_users: UserFixtures, env: Environment, line: LineFixture) -> None:
    manager = add_person(test_users, env, line, start=48, end=50, role="manager")
    line.call(now(), **{"from": "+16175553998"})  # a voicemail: nobody is on duty
    drain_outbox()
    (waiting,) = manager.get("/callback", params={"locationId": line.location.id}).json()["items"]
    assert manager.post(f"/callback/{waiting['id']}/take").status_code == 200

    drain_outbox(2 * HOUR - 60)
    taken = load(waiting)
    drain_outbox(2 * HOUR + 60)

    assert taken.taken_by == manager.id
    assert_open(waiting, manager)
    assert len(list_pushes(manager, "callback_handed_over")) == 1, "nobody is on duty: those in charge are told"


def test_change_of_the_rota_does_not_shorten_the_two_hours(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    manager = add_person(test_users, env, line, start=-2, end=0, role="manager")
    line.call(now(), **{"from": "+16175553996"})
    drain_outbox()
    (waiting,) = manager.get("/callback", params={"locationId": line.location.id}).json()["items"]
    assert manager.post(f"/callback/{waiting['id']}/take").is_success
    taken = load(waiting)
    add_shift(test_users, line, manager.id, 48, 50)

    drain_outbox(3 * 60)

    assert load(waiting).taken_until == taken.taken_until


def test_access_lost_while_it_was_taken_is_noticed_a_minute_later(
    test_users: UserFixtures, callback: dict[str, Any], sam: SignedInUser
) -> None:
    record = load(callback)
    dynamodb.call(
        "PutItem",
        TableName=record.table_name(),
        Item=callback_record.change(record, now(), status="open", taken_by=None, taken_until=None).serialize(),
    )  # what the index shows for a moment
    assert test_users.ann.patch("/userManagement", {"id": sam.id, "status": "blocked"}).is_success
    drain_outbox()
    dynamodb.call("PutItem", TableName=record.table_name(), Item=record.serialize())

    drain_outbox(61)

    assert_open(callback, sam)


# --- locations ------------------------------------------------------------------------------------
def store_callback(test_users: UserFixtures, location_id: str) -> Callback:
    """A call-back of a location that has no number any more."""
    call = Call(
        id=f"CA{uuid.uuid4().hex}",
        customer_id=test_users.customer.id,
        location_id=location_id,
        caller="+16175553997",
        started_at=now(),
    )
    callback = callback_record.new_callback(call, due_at=now(), at=now())
    with journal.write(permissions.system_actor(call.customer_id), "callback.opened", callback, now()) as write:
        callback_record.add_to(write, callback, None)
    return callback


def test_location_with_call_backs_cannot_be_removed(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    callback = store_callback(test_users, location.id)

    refusal = test_users.ann.delete(f"/location/{location.id}")
    closing = test_users.ann.post(f"/callback/{callback.id}/close", {"outcome": "no_answer"})
    removal = test_users.ann.delete(f"/location/{location.id}")

    assert (refusal.status_code, parse_problem(refusal)["code"]) == (409, "location_in_use")
    assert parse_problem(refusal)["detail"] == "This location has call-backs that are not closed; close them first."
    assert (closing.status_code, removal.status_code) == (200, 200)


def test_call_back_that_is_opened_while_the_location_is_removed_is_dropped(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 200
    callback = store_callback(test_users, location.id)

    drain_outbox(2 * 60)

    dropped = callback_record.load(str(callback.id))
    assert dropped
    assert dropped.status == "dropped"
    assert not dropped.outcome
    assert dynamodb.get_record(OpenCallback, callback_record.marker_key(callback)) is None
