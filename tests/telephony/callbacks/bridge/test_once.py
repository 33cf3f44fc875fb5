"""Calling a caller back: each of the two phones is called at most once, whatever fails."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest

from config import dynamodb
from telephony.calls.limits import usage
from telephony.models import Call, OngoingCall
from tests.support.bridge import (
    CALL_AGAIN,
    begin_by_hand,
    call_back,
    count_legs,
    find_webhook,
    next_caller,
    open_callback,
    play,
    release,
    repeat,
    request_call,
    set_phone,
)
from tests.support.calls import LineFixture
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import enable_ringing, now

_keys = count(1)
CONSENT = "This call is recorded for training."


def test_a_repeated_request_places_no_second_call(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    ann, callback, key = line.test_users.ann, open_callback(line, caller), f"bridge-{next(_keys)}"
    first = request_call(ann, callback["id"], key)
    play(env, first.json()["callId"])

    second = request_call(ann, callback["id"], key)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    play(env, first.json()["callId"])


def test_two_requests_of_one_user_at_once_place_one_call(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    ann, callback = line.test_users.ann, open_callback(line, caller)

    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda _: request_call(ann, callback["id"]), range(2)))

    accepted = [response for response in responses if response.status_code == 202]
    refused = [response for response in responses if response.status_code != 202]
    assert len(accepted) == 1, [response.text for response in responses]
    assert {response.json()["code"] for response in refused} <= {"on_a_call"}
    play(env, accepted[0].json()["callId"])


def test_two_people_at_once_place_one_call(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    callback = open_callback(line, caller)

    with ThreadPoolExecutor(2) as pool:
        people = [line.test_users.ann, line.test_users.abe]
        responses = list(pool.map(lambda person: request_call(person, callback["id"]), people))

    assert sorted(response.status_code for response in responses) == [202, 409]
    (refusal,) = (response for response in responses if response.status_code == 409)
    assert refusal.json()["code"] == "callback_taken"


def test_a_repeated_key_calls_nobody_again(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    """Twilio repeats a webhook whose answer it did not get: the caller may have been called."""
    played = play(env, call_back(line.test_users.ann, open_callback(line, caller)["id"]))

    assert count_legs(played, caller) == 1
    for name in ("back-key", "back"):
        answer = repeat(find_webhook(played, name))
        assert "<Dial" not in answer
        assert CALL_AGAIN in answer
    assert "<Dial" not in repeat(find_webhook(played, "back-dialled"))


def test_webhooks_are_idempotent(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    call_id = call_back(line.test_users.ann, open_callback(line, caller)["id"])
    played = play(env, call_id)
    before = dynamodb.get_record(Call, call_id)
    assert before

    for webhook in played["posted"]:
        assert "<Dial" not in repeat(webhook)

    after = dynamodb.get_record(Call, call_id)
    assert after
    assert after.serialize() == before.serialize()


def test_keys_pressed_at_once_call_once(line: LineFixture, env: Environment, caller: str) -> None:
    _, post = begin_by_hand(line, env, caller)

    with ThreadPoolExecutor(4) as pool:
        answers = [response.text for response in pool.map(lambda _: post("back-key", Digits="1"), range(4))]

    assert sum("<Dial" in answer for answer in answers) == 1
    assert sum(CALL_AGAIN in answer for answer in answers) == 3


def test_nobody_is_called_while_the_store_is_down(line: LineFixture, env: Environment, caller: str) -> None:
    call_id, post = begin_by_hand(line, env, caller)

    with env.apply_plan(FaultPlan(always={"dynamodb": "503"})):
        down = post("back-key", Digits="1")
    with env.apply_plan(FaultPlan(always={"dynamodb UpdateItem": "lost"})):
        lost = post("back-key", Digits="1")

    for response in (down, lost):
        assert response.status_code == 200
        assert "<Dial" not in response.text
        assert CALL_AGAIN in response.text
    assert "<Dial" not in post("back-failed", ErrorCode="11200").text


def test_no_second_leg_after_kill_9(
    harness: CrashHarness, line: LineFixture, env: Environment, record_figure: Callable[[str], None]
) -> None:
    """A process is killed at every write that it makes once 1 is pressed; Twilio repeats."""

    def press_1(plan: FaultPlan) -> tuple[str | None, Callable[..., Any]]:
        _, post = begin_by_hand(line, env, next_caller())
        return post("back-key", partial(harness.post_webhook, plan=plan), Digits="1"), post

    baseline, plans = FaultPlan(), []
    assert "<Dial" in (press_1(baseline)[0] or "")
    for call in (call for call in baseline.calls if is_worth_trying(call)):
        plan = FaultPlan(faults={call.signature: "kill_after"})
        answer, post = press_1(plan)
        if not plan.fired_faults:  # the worker of the tests made a call meanwhile in the first run
            continue
        plans.append(plan)
        assert answer is None, "the process was not killed"
        for name in ("back-key", "back", "back-failed"):
            answer = post(name, Digits="1").text
            assert "<Dial" not in answer, plan.fired_faults
            assert CALL_AGAIN in answer
    assert len(plans) >= 2
    record_figure(f"kill -9 once 1 is pressed: {len(plans)} of {len(plans)} writes, no second leg")


@pytest.mark.parametrize("mode", CRASH_MODES)
def test_requests_survive_crashes(
    harness: CrashHarness, line: LineFixture, env: Environment, mode: str, record_figure: Callable[[str], None]
) -> None:
    """Whichever call fails: one leg at most, in the end nobody is in a call, none is reserved."""
    ann, phone = line.test_users.ann, enable_ringing(line.test_users.ann.user)
    set_phone(env, phone, "nothing")

    def request(callback_id: str, key: str, plan: FaultPlan) -> tuple[int, str] | None:
        result = harness.request(ann.token, "POST", f"/callback/{callback_id}/call", {}, plan=plan, key=key)
        return (result["status"], result["body"].get("callId", "")) if result else None

    def repeat_request(callback_id: str, key: str) -> tuple[int, str]:
        """To the web process: only what fails needs a process of its own."""
        response = request_call(ann, callback_id, key)
        body = response.json()
        return response.status_code, body.get("callId") or body["code"]

    baseline = FaultPlan()
    first = request(line.test_users.create_callback(), f"crash-bridge-{next(_keys)}", baseline)
    assert first
    assert first[0] == 202
    attempts = []
    for call in (call for call in baseline.calls if is_worth_trying(call)):
        callback_id, key = line.test_users.create_callback(), f"crash-bridge-{next(_keys)}"
        release(ann)
        placed_before = count_placed(env, phone)
        plan = FaultPlan(faults={call.signature: mode})
        results = [request(callback_id, key, plan)]
        if not plan.fired_faults:
            continue
        release(ann)
        results += [repeat_request(callback_id, key) for _ in range(2)]
        message = f"{plan.fired_faults} {results}"
        assert results[1] == results[2], message
        assert results[1], message
        assert results[1][0] == 202 or results[1] == (409, "call_not_placed"), message
        assert count_placed(env, phone) - placed_before <= 1, message
        attempts.append((callback_id, message))
    assert len(attempts) > 3
    harness.process_outbox_until_idle(start=150)
    for callback_id, message in attempts:
        calls = calls_of(callback_id, line.test_users.boston.id)
        assert len(calls) <= 1, message
        assert all(stored.ended_at and stored.outcome == "missed" for stored in calls), message
    assert dynamodb.get_record(OngoingCall, ann.id) is None
    leases = usage.load(line.location.customer_id, now()).calls
    assert not [id for id in leases if (stored := dynamodb.get_record(Call, id)) and stored.direction == "out"]
    record_figure(f"call back, {mode}: {len(attempts)} of {len(attempts)} survived")


def count_placed(env: Environment, phone: str) -> int:
    """How often Twilio has been asked to call a phone."""
    calls = httpx.get(f"{env.twilio}/_local/calls").raise_for_status().json()
    return sum(f"rings {phone}" in line for call in calls for line in call["lines"])


def calls_of(callback_id: str, location_id: str) -> list[Call]:
    values = {":of": {"S": location_id}}
    rows = dynamodb.iter_records(Call, "#location_id = :of", values, IndexName="byLocation")
    return [row for row in rows if row.callback_id == callback_id and row.direction == "out"]
