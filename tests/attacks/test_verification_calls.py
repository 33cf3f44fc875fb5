"""Calls with a code disturb nobody else, and do not reach numbers of Dutyline: finding M7."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from django.conf import settings

from accounts import locations
from config import daily_limits, dynamodb
from telephony.numbers import purchase
from tests.support import rate_limits
from tests.support.environment import Environment, free_port
from tests.support.users import UserFixtures, accept_invitation, free_number, now, parse_problem

VERIFY_PATH = "/user/phone/verify"


@pytest.fixture(scope="module")
def limited_web(env: Environment) -> Iterator[str]:
    """A web process with the limit of production per called number."""
    yield env.start_web("limited", free_port(), PHONE_CHECKS_PER_NUMBER="3", PHONE_CHECKS_PER_USER_AND_NUMBER="2")
    env.stop("limited")


@pytest.fixture(autouse=True)
def within_one_day() -> None:
    rate_limits.await_day(60)


def phone_of_nobody(env: Environment) -> str:
    number = f"+1617{time.time_ns() % 8_000_000 + 2_000_000}"
    httpx.post(f"{env.twilio}/_local/phones", json={"number": number, "does": "busy"})
    return number


def test_a_number_is_called_three_times_a_day(test_users: UserFixtures, env: Environment, limited_web: str) -> None:
    """M7: five people set one number of somebody else, and it was called 23 times in a minute."""
    victim = phone_of_nobody(env)
    callers = [accept_invitation(env, limited_web, test_users.create_user()) for _ in range(4)]
    locations.create_location(actor=test_users.cleo.actor, name="New York", time_zone="America/New_York", at=now())
    callers.append(replace(test_users.cleo, web=limited_web))
    for caller in callers:
        assert caller.patch("/user", {"phone": victim}).status_code == 200
    with env.apply_plan() as plan:
        responses = [caller.post(VERIFY_PATH, {}) for caller in callers for _ in range(2)]

    calls = [call for call in plan.calls if call.service == "twilio"]
    statuses = [response.status_code for response in responses]
    assert statuses == [202] * 3 + [429] * 7
    assert len(calls) == 3
    problem = parse_problem(responses[-1])
    assert problem["code"] == "daily_limit"
    assert problem["detail"].startswith("At most 3 verification calls per day to one number")
    assert 0 < int(responses[-1].headers["Retry-After"]) <= 86_401


def test_one_person_cannot_use_up_the_calls_of_a_number(
    test_users: UserFixtures, env: Environment, limited_web: str
) -> None:
    """M7: a colleague set somebody's number each day, and that person could never verify it."""
    number = phone_of_nobody(env)
    colleague, person = (accept_invitation(env, limited_web, test_users.create_user()) for _ in range(2))
    for caller in (colleague, person):
        assert caller.patch("/user", {"phone": number}).status_code == 200
    statuses = [colleague.post(VERIFY_PATH, {}).status_code for _ in range(4)]
    assert statuses == [202, 202, 429, 429]
    assert person.post(VERIFY_PATH, {}).status_code == 202


def test_a_refused_call_uses_up_nothing(test_users: UserFixtures, env: Environment, limited_web: str) -> None:
    """Refused attempts counted against person and customer: 50 of them stopped everybody's."""
    number, at = phone_of_nobody(env), now()
    person = accept_invitation(env, limited_web, test_users.create_user())
    assert person.patch("/user", {"phone": number}).status_code == 200
    statuses = [person.post(VERIFY_PATH, {}).status_code for _ in range(5)]
    assert statuses == [202] * 2 + [429] * 3
    owners = {"codes-to-user": person.id, "codes-to-number": daily_limits.pseudonym(number)}
    keys = [daily_limits.DailyLimit(name, owner, "", "").key(at) for name, owner in owners.items()]
    counts = dynamodb.batch_get(dynamodb.RecordKey(daily_limits.DailyCount, key) for key in keys)
    stored = [counts.get(daily_limits.DailyCount, key) for key in keys]
    assert [count.used for count in stored if count] == [2, 2]


def test_the_number_is_not_stored_in_the_count(test_users: UserFixtures, env: Environment) -> None:
    phone = phone_of_nobody(env)
    name = daily_limits.DailyLimit("codes-to-number", daily_limits.pseudonym(phone), test_users.customer.id, "")
    assert phone[1:] not in name.key(now())
    assert len(name.owner) == 64
    assert daily_limits.DailyCount.Meta.ttl == "expires_at"


@pytest.mark.parametrize("whose", ["own", "foreign", "operator"])
def test_a_number_of_ours_is_no_phone_of_a_person(test_users: UserFixtures, whose: str) -> None:
    """M7: the code landed in another customer's voicemail, or in one's own line's."""
    number = {
        "own": lambda: test_users.boston_number.number.number,
        "foreign": lambda: test_users.foreign_number.number.number,
        "operator": lambda: settings.TWILIO["caller_id"],
    }[whose]()

    own = test_users.sam.patch("/user", {"phone": number})
    other = test_users.ann.patch("/userManagement", {"id": test_users.sam.id, "phone": number})

    for response in (own, other):
        assert response.status_code == 409
        problem = parse_problem(response)
        assert problem["code"] == "phone_of_dutyline"
        assert [error["pointer"] for error in problem["errors"]] == ["/phone"]
    assert test_users.sam.get("/user").json()["phone"] != number


def test_a_number_that_became_ours_is_not_called(test_users: UserFixtures, env: Environment) -> None:
    """M7: also where the phone was set before the number was bought."""
    sue = accept_invitation(env, test_users.ann.web, test_users.create_user())
    number = free_number()
    assert sue.patch("/user", {"phone": number}).status_code == 200
    location_id = test_users.create_location().id
    purchase.purchase_number(number, location_id, actor=test_users.ann.actor, at=now())
    with env.apply_plan() as plan:
        response = sue.post(VERIFY_PATH, {})
    assert response.status_code == 409
    assert parse_problem(response)["code"] == "phone_not_callable"
    assert "a number of Dutyline" in response.json()["detail"]
    assert [call for call in plan.calls if call.service == "twilio"] == []


def test_operators_see_half_of_what_is_counted_alone(
    env: Environment, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Counts without other changes, such as those of code calls, showed only once refused."""
    settings.DAILY_LIMITS = {**settings.DAILY_LIMITS, "codes-of-customer": 4}
    at = now()
    customer_id = dynamodb.new_id("cus", at)
    limit = daily_limits.DailyLimit("codes-of-customer", customer_id, customer_id, "")
    seen = []
    for _ in range(3):
        daily_limits.consume(limit, at)
        seen.append(limit.key(at) in [count.key for count in daily_limits.list_flagged(at)])
    assert seen == [False, True, True]
    assert caplog.text.count("half of a daily limit used") == 1
