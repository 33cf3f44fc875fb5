"""Which callers are called back: not the blocked, nor who works here; and nobody can hide one."""

from datetime import timedelta
from typing import Any

import pytest

from config.dynamodb import unaudited
from telephony.callbacks import callback_record, opening
from telephony.models import Call
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, local_times_around
from tests.support.devices import drain_outbox, list_pushes
from tests.support.environment import Environment
from tests.support.users import (
    UserFixtures,
    accept_invitation,
    enable_ringing,
    free_number,
    now,
    outbox_job,
    parse_problem,
    process_outbox,
    store_missed_call,
)
from tests.telephony.callbacks.test_handing_over import add_person
from tests.telephony.callbacks.test_opening import list_callbacks, miss_call

NIGHT = {"hours": {"mode": "weekly", "weekly": {"mo": [["09:00", "09:30"]]}}}


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """Somebody is on duty there."""
    line = create_line(test_users)
    line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    return line


def test_callers_who_work_here_are_not_called_back(
    test_users: UserFixtures, env: Environment, line: LineFixture
) -> None:
    """As long as they do, unless they leave a message."""
    colleague = accept_invitation(env, test_users.ann.web, test_users.create_user()).user
    phone = enable_ringing(colleague, free_number())

    miss_call(line, **{"from": phone})
    as_colleague = list_callbacks(line)
    line.update_configuration(open={"type": "voicemail"})
    miss_call(line, **{"from": phone, "hangUpAfter": 60})
    with_message = list_callbacks(line)
    other = create_line(test_users)
    other.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    assert test_users.ann.patch("/userManagement", {"id": colleague.id, "status": "blocked"}).is_success
    miss_call(other, **{"from": phone})

    assert (as_colleague, len(with_message), len(list_callbacks(other))) == ([], 1, 1)


def test_a_phone_that_is_not_verified_hides_no_caller(test_users: UserFixtures, line: LineFixture) -> None:
    victim = free_number()
    test_users.create_user(phone=victim)

    miss_call(line, **{"from": victim})

    assert [callback["caller"] for callback in list_callbacks(line)] == [victim]


def test_promise_to_somebody_who_works_here_is_called_back(test_users: UserFixtures, line: LineFixture) -> None:
    phone = enable_ringing(test_users.sam.user, free_number())
    line.update_configuration(closed={"type": "callback", "otherwise": {"type": "hangup"}}, **NIGHT)

    line.call(**{"from": phone})
    process_outbox()

    assert [callback["caller"] for callback in list_callbacks(line)] == [phone]


@pytest.mark.parametrize("open_action", [{"type": "ring"}, {"type": "voicemail"}], ids=["missed", "voicemail"])
def test_who_is_blocked_during_the_call_is_not_called_back(
    test_users: UserFixtures, env: Environment, open_action: dict[str, Any]
) -> None:
    """And nobody is told, whatever happens first."""
    drain_outbox(600)
    line, caller = create_line(test_users), free_number()
    sue = add_person(test_users, env, line, start=-1, end=3)
    if open_action["type"] == "voicemail":
        line.update_configuration(open=open_action)
    call = line.call(now(), leavesMessage=open_action["type"] == "voicemail", **{"from": caller})
    assert test_users.ann.post("/blockedCaller", {"number": caller, "locationId": line.location.id}).is_success

    drain_outbox(60)

    assert call.api_record["outcome"] == ("voicemail" if open_action["type"] == "voicemail" else "missed")
    assert list_callbacks(line, status="open,taken,done,dropped") == []
    assert [push for push in list_pushes(sue) if push["data"]["event"] in ("call_missed", "voicemail_left")] == []


@pytest.mark.parametrize(("outcome", "status", "calls"), [("answered", "done", 1), ("missed", "open", 1)])
def test_requested_during_the_call_it_follows_what_becomes_of_it(
    test_users: UserFixtures, outcome: str, status: str, calls: int
) -> None:
    call = store_missed_call(test_users.boston_number, outcome="ringing")
    callback_id = test_users.ann.post("/callback", {"callId": call.id}).json()["id"]
    unaudited.update(Call(call.id), [Call.outcome.set(outcome)], Call.id.exists())

    for _ in range(2):
        opening.follow_up_call(call.id, job=outbox_job(test_users.customer.id))

    record = callback_record.load(callback_id)
    assert record
    assert (record.status, int(record.calls)) == (status, calls)


@pytest.mark.parametrize("attribute", [Call.direction.set("out"), Call.outcome.set("blocked")], ids=["out", "blocked"])
def test_no_call_back_of_calls_that_nobody_is_called_back_for(test_users: UserFixtures, attribute: Any) -> None:
    call = store_missed_call(test_users.boston_number)
    unaudited.update(Call(call.id), [attribute], Call.id.exists())

    problem = parse_problem(test_users.ann.post("/callback", {"callId": call.id}))

    assert (problem["status"], problem["errors"][0]["pointer"]) == (400, "/callId")


def test_call_back_does_not_expire_before_it_is_due(test_users: UserFixtures) -> None:
    call = store_missed_call(test_users.boston_number)
    due_at = now() + timedelta(days=120)

    record = callback_record.new_callback(call.row, due_at=due_at, at=now())

    assert not callback_record.is_expired(record, due_at + timedelta(days=6))
