"""Nobody who could act is left without a message: the holder, who is in charge, the next shift."""

from datetime import timedelta

import pytest

from telephony.callbacks import callback_record
from telephony.models import Callback
from tests.support.callbacks import put_record
from tests.support.calls import LineFixture, create_line
from tests.support.devices import drain_outbox, list_pushes
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, free_number, now
from tests.telephony.callbacks.test_handing_over import add_person
from tests.telephony.callbacks.test_notifications import list_callbacks, promise

MINUTE, HOUR = 60, 3600
RINGS_LONG = {
    "hours": {"mode": "always"},
    "open": {"type": "ring", "target": {"numbers": ["+16175550142"]}, "otherwise": {"type": "hangup"}},
}
"""A phone that nobody picks up, whoever is on duty."""
TAKES_MESSAGES = {"hours": {"mode": "always"}, "open": {"type": "voicemail"}}


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A location with a number."""
    drain_outbox(24 * HOUR)  # what other tests left
    return create_line(test_users, name="Harbour Street")


@pytest.fixture
def manager(test_users: UserFixtures, env: Environment, line: LineFixture) -> SignedInUser:
    """In charge, and not on duty."""
    return add_person(test_users, env, line, start=400, end=401, role="manager")


def miss_call(line: LineFixture, caller: str = "") -> Callback:
    """A caller reaches nobody; the call-back."""
    line.update_configuration(**RINGS_LONG)
    line.call(now(), **{"from": caller or free_number()})
    drain_outbox()
    record = callback_record.load(list_callbacks(line)[0]["id"])
    assert record
    return record


def list_bodies(person: SignedInUser, event: str) -> list[str]:
    return [push["body"] for push in list_pushes(person, event)]


def test_missed_call_of_a_withheld_number_is_reported(
    test_users: UserFixtures, env: Environment, line: LineFixture, manager: SignedInUser
) -> None:
    sue = add_person(test_users, env, line, start=-1, end=3)
    calls = [line.call(now(), leavesMessage=False, hangUpAfter=40, **{"from": "anonymous"}) for _ in range(2)]

    drain_outbox(MINUTE)
    drain_outbox(2 * MINUTE)

    for person in (sue, manager):
        (push,) = list_pushes(person, "call_missed")
        assert push["body"] == (
            "A caller with a withheld number reached nobody at Harbour Street. Nobody can call them back."
        )
        assert set(push["data"]) == {"event", "locationId", "callId"}
        assert person.get(f"/call/{push['data']['callId']}").status_code == 200
    assert list_callbacks(line) == []
    assert [call.api_record["outcome"] for call in calls] == ["missed", "missed"]


def test_voicemail_of_a_withheld_number_is_no_missed_call(
    test_users: UserFixtures, env: Environment, line: LineFixture, manager: SignedInUser
) -> None:
    line.call(now(), **{"from": "anonymous"})

    drain_outbox(MINUTE)
    drain_outbox(2 * MINUTE)

    assert list_bodies(manager, "call_missed") == []
    assert len(list_callbacks(line)) == 1


@pytest.mark.parametrize("what", ["missed", "voicemail", "returned", "due"])
def test_next_shift_hears_of_what_nobody_could_take(
    test_users: UserFixtures, env: Environment, line: LineFixture, manager: SignedInUser, what: str
) -> None:
    nora = add_person(test_users, env, line, start=13, end=20)
    if what == "due":
        promise(test_users, line, 60)
    else:
        line.update_configuration(**(TAKES_MESSAGES if what == "voicemail" else RINGS_LONG))
        line.call(now(), **{"from": free_number()})
    drain_outbox()
    if what == "returned":
        (waiting,) = list_callbacks(line)
        assert manager.post(f"/callback/{waiting['id']}/take").is_success

    drain_outbox(12 * HOUR)
    before = list_pushes(nora)
    drain_outbox(13 * HOUR + MINUTE)

    assert [push for push in before if push["data"]["event"].startswith("call")] == []
    assert list_bodies(nora, "callback_due") == [
        "A caller expects a call-back now at Harbour Street. Open the app to take it."
    ]


def test_holder_hears_when_it_is_due_and_managers_when_it_is_late(
    test_users: UserFixtures, env: Environment, line: LineFixture, manager: SignedInUser
) -> None:
    sue = add_person(test_users, env, line, start=-1, end=6)
    callback_id, closed_in_time = (promise(test_users, line, 60) for _ in range(2))
    for id in (callback_id, closed_in_time):
        assert sue.post(f"/callback/{id}/take").is_success

    drain_outbox(HOUR + 10)
    assert sue.post(f"/callback/{closed_in_time}/close", {"outcome": "reached"}).is_success
    drain_outbox(HOUR + 29 * MINUTE)
    early = list_bodies(manager, "callback_due")
    drain_outbox(HOUR + 31 * MINUTE)

    assert list_bodies(sue, "callback_due")[-1].startswith("The call-back that you have taken at Harbour Street")
    assert early == []
    (push,) = list_pushes(manager, "callback_due")
    assert push["title"] == "A call-back is late"
    assert push["data"]["callbackId"] == callback_id


def test_those_on_duty_hear_of_what_an_operator_holds(
    test_users: UserFixtures, env: Environment, line: LineFixture, manager: SignedInUser
) -> None:
    """Nobody can reach the operator."""
    sue, caller = add_person(test_users, env, line, start=-1, end=6), free_number()
    record = miss_call(line, caller)
    until = now() + timedelta(hours=2)
    put_record(callback_record.change(record, now(), status="taken", taken_by="opr_1", taken_until=until))
    drain_outbox(6 * MINUTE)

    line.call(now(), **{"from": caller})
    drain_outbox(12 * MINUTE)

    assert [len(list_bodies(person, "call_missed")) for person in (sue, manager)] == [2, 2]


def test_what_has_expired_is_not_counted(
    test_users: UserFixtures, env: Environment, line: LineFixture, manager: SignedInUser
) -> None:
    expired = miss_call(line)
    put_record(expired.with_changes(expires_at=int(now().timestamp()) - 60))

    drain_outbox(6 * MINUTE)
    miss_call(line)
    drain_outbox(12 * MINUTE)

    assert list_bodies(manager, "call_missed")[0].startswith("1 call-back waits at")
