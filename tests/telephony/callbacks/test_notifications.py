"""Those on duty and in charge are told of missed calls: not too often, and never who called."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from accounts import users
from tests.support.calls import LineFixture, create_line, local_times_around
from tests.support.devices import drain_outbox, list_pushes, register_device
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, emails_to, now

PAUSE_SECONDS = 5 * 60
_callers = (f"+1617555{number}" for number in itertools.count(3000))


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A location with a number and a manager of its own."""
    drain_outbox(PAUSE_SECONDS)  # what other tests left
    return create_line(test_users, name="Harbour Street")


def add_person(
    test_users: UserFixtures, env: Environment, line: LineFixture, *, role: str = "staff", is_on_duty: bool = True
) -> SignedInUser:
    """A user of the line's location with a device, on duty for four hours."""
    user = test_users.create_user(locations=[line.location.id], role=role)
    if is_on_duty:
        line.put_on_duty(*local_times_around(now()), user=user, has_ringing_phone=False)
    return register_device(accept_invitation(env, test_users.ann.web, users.get_user(user.id)))


def miss_call(line: LineFixture, caller: str = "") -> str:
    """A caller leaves no message and hangs up; the caller."""
    caller = caller or next(_callers)
    line.call(now(), leavesMessage=False, **{"from": caller})
    return caller


def list_callbacks(line: LineFixture, person: SignedInUser | None = None) -> list[dict[str, Any]]:
    reader = person or line.test_users.ann
    response = reader.get("/callback", params={"locationId": line.location.id, "status": "open,taken,done,dropped"})
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


def test_those_on_duty_and_in_charge_are_notified_of_a_missed_call(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    manager = add_person(test_users, env, line, role="manager", is_on_duty=False)
    idle = add_person(test_users, env, line, is_on_duty=False)

    caller = miss_call(line)
    drain_outbox()

    (callback,) = list_callbacks(line)
    data = {
        "event": "call_missed",
        "locationId": line.location.id,
        "callbackId": callback["id"],
        "callId": callback["callId"],
    }
    for person in (sue, manager):
        (push,) = list_pushes(person, "call_missed")
        assert push["data"] == data
        assert push["title"] == "Missed call"
        assert push["body"] == "1 call-back waits at Harbour Street. Open the app to take it."
        assert caller[-7:] not in str(push)
        assert person.get(f"/call/{push['data']['callId']}").status_code == 200
    assert list_pushes(idle, "call_missed") == []
    assert sue.post(f"/callback/{callback['id']}/take").status_code == 200
    assert [mail for mail in emails_to(env, sue.user.email) if "call-back" in mail["subject"]] == []


def test_what_comes_within_five_minutes_is_one_message(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    miss_call(line)
    drain_outbox()
    assert len(list_pushes(sue, "call_missed")) == 1

    for _ in range(2):
        miss_call(line)
        drain_outbox()
    drain_outbox(PAUSE_SECONDS - 20)
    assert len(list_pushes(sue, "call_missed")) == 1
    drain_outbox(PAUSE_SECONDS + 1)
    bundle, _ = list_pushes(sue, "call_missed")
    assert (bundle["title"], bundle["body"]) == (
        "Missed calls",
        "3 call-backs wait at Harbour Street. Open the app to take one.",
    )
    assert bundle["data"] == {"event": "call_missed", "locationId": line.location.id}

    drain_outbox(3 * PAUSE_SECONDS)
    assert len(list_pushes(sue, "call_missed")) == 2


def test_calls_at_the_same_time_are_one_message(test_users: UserFixtures, env: Environment, line: LineFixture) -> None:
    sue = add_person(test_users, env, line)
    for _ in range(4):
        miss_call(line)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drain_outbox, [0] * 4))
    assert len(list_pushes(sue, "call_missed")) == 1
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drain_outbox, [PAUSE_SECONDS + 5] * 4))

    assert [push["body"] for push in list_pushes(sue, "call_missed")][:1] == [
        "4 call-backs wait at Harbour Street. Open the app to take one."
    ]
    assert len(list_pushes(sue, "call_missed")) == 2


def test_no_message_ends_the_pause_if_nothing_waits(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    """And the next missed call is told at once: nothing was told in the meantime."""
    sue = add_person(test_users, env, line)
    for _ in range(2):
        miss_call(line)
    drain_outbox()
    for callback in list_callbacks(line):
        closing = test_users.ann.post(f"/callback/{callback['id']}/close", {"outcome": "no_answer"})
        assert closing.status_code == 200, closing.text

    drain_outbox(PAUSE_SECONDS + 1)

    assert len(list_pushes(sue, "call_missed")) == 1


def test_whoever_has_the_call_back_is_notified_when_the_caller_calls_again(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    colleague = add_person(test_users, env, line)
    caller = miss_call(line)
    drain_outbox()
    (callback,) = list_callbacks(line)
    assert sue.post(f"/callback/{callback['id']}/take").status_code == 200
    drain_outbox(PAUSE_SECONDS + 1)

    miss_call(line, caller)
    drain_outbox(2 * PAUSE_SECONDS + 2)

    assert [len(list_pushes(person, "call_missed")) for person in (sue, colleague)] == [2, 1]
    assert list_pushes(sue, "call_missed")[0]["data"]["callbackId"] == callback["id"]


def test_late_message_is_dropped_if_a_later_one_follows(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    fault = {"fault": "429", "path": "/--/.*", "times": 1}
    httpx.post(f"{env.expo}/_local/faults", json=fault).raise_for_status()
    miss_call(line)
    drain_outbox()
    assert list_pushes(sue, "call_missed") == []
    miss_call(line)
    drain_outbox()

    drain_outbox(PAUSE_SECONDS + 60)
    httpx.delete(f"{env.expo}/_local/faults")
    drain_outbox(2 * PAUSE_SECONDS)

    bodies = [push["body"] for push in list_pushes(sue, "call_missed")]
    assert bodies[0].startswith("2 call-backs wait")
    assert len(bodies) <= 2


def test_mail_by_choice_says_when_in_the_zone_of_the_reader(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    settings = {
        "language": "de",
        "timeZone": "Europe/Berlin",
        "notifications": {"email": {"callMissed": True}, "push": {"callMissed": False}},
    }
    assert sue.patch("/user", {"settings": settings}).is_success

    caller = miss_call(line)
    drain_outbox()

    assert list_pushes(sue, "call_missed") == []
    (mail,) = (mail for mail in emails_to(env, sue.user.email) if "Rückruf" in mail["subject"])
    assert mail["subject"] == "1 Rückruf wartet am Standort Harbour Street"
    assert "Letzter Anruf: " in mail["text"]
    assert "Uhr (ME" in mail["text"]
    assert caller[-7:] not in str(mail)


def test_nobody_is_notified_of_a_call_outside_opening_hours(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    other_day = ("mo", "tu", "we", "th", "fr", "sa", "su")[(now().weekday() + 3) % 7]
    hours = {"mode": "weekly", "weekly": {other_day: [["09:00", "09:30"]]}}
    line.update_configuration(hours=hours, closed={"type": "say", "prompt": {"say": "Closed."}})

    miss_call(line)
    drain_outbox()

    assert list_pushes(sue, "call_missed") == []
    assert list_callbacks(line) == []


# --- due and released -----------------------------------------------------------------------------
def promise(test_users: UserFixtures, line: LineFixture, minutes: int) -> str:
    """A call-back of a new caller that is due in some minutes; its id."""
    call = line.call(now(), leavesMessage=False, **{"from": next(_callers)})
    due_at = (now() + timedelta(minutes=minutes)).isoformat()
    response = test_users.ann.post("/callback", {"callId": call.id, "dueAt": due_at})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def test_those_on_duty_are_notified_once_of_what_is_due_at_a_time(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    manager = add_person(test_users, env, line, role="manager", is_on_duty=False)
    line.update_configuration(open={"type": "say", "prompt": {"say": "Nobody is here."}})
    for _ in range(2):
        promise(test_users, line, 20)
    taken = promise(test_users, line, 20)
    drain_outbox()
    assert sue.post(f"/callback/{taken}/take").status_code == 200
    drain_outbox(19 * 60)
    assert list_pushes(sue, "callback_due") == []

    drain_outbox(20 * 60 + 2)
    drain_outbox(40 * 60)

    held, push = sorted((push["body"] for push in list_pushes(sue, "callback_due")), reverse=True)
    assert push == "2 call-backs are due at Harbour Street. Open the app to take one."
    assert held == "The call-back that you have taken at Harbour Street is due now. Open the app to make it."
    assert list_pushes(manager, "callback_due") == []


def test_those_in_charge_are_notified_of_what_is_due_while_nobody_is_on_duty(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    manager = add_person(test_users, env, line, role="manager", is_on_duty=False)
    callback_id = promise(test_users, line, 20)

    drain_outbox(20 * 60 + 2)

    (push,) = list_pushes(manager, "callback_due")
    assert push["data"]["callbackId"] == callback_id


def test_whoever_releases_a_call_back_is_not_notified(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    sue = add_person(test_users, env, line)
    colleague = add_person(test_users, env, line)
    miss_call(line)
    drain_outbox()
    (callback,) = list_callbacks(line)
    for step in ("take", "release"):
        assert sue.post(f"/callback/{callback['id']}/{step}").status_code == 200

    drain_outbox()

    assert [len(list_pushes(person, "callback_handed_over")) for person in (sue, colleague)] == [0, 1]
