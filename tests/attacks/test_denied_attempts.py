"""Attempts that are refused do not write audit entries without end: finding M4."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts import denied_attempts
from accounts.permissions import ForeignCustomer
from config import audit
from tests.support import rate_limits
from tests.support.attempts import list_counters
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now, parse_problem, process_outbox

HOUR = 3_600 + 120


@pytest.fixture
def sue(test_users: UserFixtures, env: Environment) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, test_users.create_user(name="Sue"))


@pytest.fixture(autouse=True)
def within_one_hour() -> None:
    """No test begins just before the clock strikes."""
    rate_limits.await_minute(8)


@pytest.fixture(scope="module")
def limited_web(env: Environment) -> Iterator[str]:
    """A web process with the limit of production."""
    yield env.start_web("limited", free_port(), DENIED_ATTEMPTS_PER_MINUTE="10")
    env.stop("limited")


def list_entries(test_users: UserFixtures, person: SignedInUser, action: str = "attempt.refused") -> list[Any]:
    items = test_users.ann.get(f"/user/{person.id}/audit-logs?limit=100").json()["items"]
    return [item for item in items if item["action"] == action]


def values_of(entry: dict[str, Any]) -> dict[str, Any]:
    return {change["field"]: change["after"] for change in entry["changes"]}


def read_foreign_schedules(test_users: UserFixtures, person: SignedInUser) -> int:
    return person.get(f"/staffSchedule?customerId={test_users.other_customer.id}").status_code


def test_reads_write_one_entry_an_hour(test_users: UserFixtures, sue: SignedInUser) -> None:
    """M4: 100 of 100 reads with another customer's id were audit entries."""
    statuses = [read_foreign_schedules(test_users, sue) for _ in range(30)]

    assert set(statuses) == {403}
    (entry,) = list_entries(test_users, sue)
    assert values_of(entry) == {"customerId": test_users.other_customer.id, "reason": "foreign_customer"}
    process_outbox()
    assert len(list_entries(test_users, sue)) == 1, "the hour is not over"
    for _ in range(2):
        process_outbox(HOUR)
    closing, first = list_entries(test_users, sue)
    assert values_of(closing) == {"attempts": 30, "targets": 1, "reason": "foreign_customer"}
    assert first["id"] == entry["id"]


def test_each_code_is_counted_by_itself(test_users: UserFixtures, env: Environment) -> None:
    manager = accept_invitation(env, test_users.ann.web, test_users.create_user(role="manager", name="Max"))
    targets = [test_users.create_user(role="manager") for _ in range(3)]
    for target in targets:
        assert manager.patch("/userManagement", {"id": target.id, "name": "X"}).status_code == 403
    assert read_foreign_schedules(test_users, manager) == 403

    process_outbox(HOUR)

    entries = [values_of(entry) for entry in list_entries(test_users, manager)]
    reasons = [values["reason"] for values in entries]
    assert sorted(reasons) == ["foreign_customer", "target_forbidden", "target_forbidden"]
    assert {"attempts": 3, "targets": 3, "reason": "target_forbidden"} in entries
    for target in targets:
        items = test_users.ann.get(f"/user/{target.id}/audit-logs").json()["items"]
        assert "attempt.refused" in [item["action"] for item in items], "it is in the logs of all of them"


def test_too_many_attempts_are_not_written_at_all(
    test_users: UserFixtures, sue: SignedInUser, limited_web: str, env: Environment
) -> None:
    """M4: a limit of their own, 10 a minute, also for several codes together."""
    attacker = replace(sue, web=limited_web)
    rate_limits.await_minute()
    statuses = [read_foreign_schedules(test_users, attacker) for _ in range(10)]
    with env.apply_plan() as plan:
        refused = attacker.get(f"/staffSchedule?customerId={test_users.other_customer.id}")
        other_code = attacker.patch("/user", {"userPermissions": ["users:read"]})
    assert statuses == [403] * 10
    for response in (refused, other_code):
        assert response.status_code == 429
        assert parse_problem(response)["code"] == "rate_limited"
        assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert "TransactWriteItems" not in {call.operation for call in plan.calls}
    assert attacker.get("/user").status_code == 200, "what is permitted goes on"
    assert len(list_entries(test_users, sue)) == 1
    assert list_entries(test_users, sue, "grant.refused") == []


def test_attempts_at_once_are_counted_exactly(test_users: UserFixtures, sue: SignedInUser) -> None:
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: read_foreign_schedules(test_users, sue), range(24)))
    assert set(statuses) == {403}
    assert len(list_entries(test_users, sue)) == 1
    process_outbox(HOUR)
    assert values_of(list_entries(test_users, sue)[0])["attempts"] == 24


@pytest.mark.parametrize("mode", ["lost", "refuse"])
def test_a_crash_loses_neither_entry_nor_count(
    test_users: UserFixtures, sue: SignedInUser, env: Environment, mode: str
) -> None:
    """Whatever fails, the entry, the counter and the message that closes the hour are together."""
    with env.apply_plan(FaultPlan(always={"dynamodb TransactWriteItems": mode})):
        assert read_foreign_schedules(test_users, sue) == 503
    counters = [counter for counter in list_counters() if counter.key.startswith(f"{sue.id} foreign_customer ")]
    entries = list_entries(test_users, sue)
    assert len(entries) == len(counters) == (1 if mode == "lost" else 0)
    assert read_foreign_schedules(test_users, sue) == 403
    assert len(list_entries(test_users, sue)) == 1
    process_outbox(HOUR)
    closing = [
        values_of(entry)["attempts"] for entry in list_entries(test_users, sue) if "attempts" in values_of(entry)
    ]
    assert len(closing) == (1 if mode == "lost" else 0)


def test_an_attempt_of_the_next_hour_is_an_entry_of_its_own(test_users: UserFixtures, sue: SignedInUser) -> None:
    subject = audit.Party("customer", test_users.customer.id, "", test_users.customer.id, test_users.customer.id)
    at = now().replace(minute=59, second=58)
    for hours in (0, 0, 1):
        denied_attempts.audit_attempt(
            sue.actor, "attempt.refused", ForeignCustomer.code, subject, at + timedelta(hours=hours), changes=[]
        )
    assert len(list_entries(test_users, sue)) == 2


def test_the_limit_is_per_actor(test_users: UserFixtures, sue: SignedInUser, limited_web: str) -> None:
    rate_limits.await_minute()
    attacker, other = replace(sue, web=limited_web), replace(test_users.sam, web=limited_web)
    statuses = [read_foreign_schedules(test_users, attacker) for _ in range(12)]
    assert statuses[-1] == 429
    assert read_foreign_schedules(test_users, other) == 403
