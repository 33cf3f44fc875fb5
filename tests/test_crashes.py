"""Nothing is lost or duplicated if any call is killed, cut or refused.

A golden run counts the calls of a flow. Then, for each call and mode, the flow runs once with that
call failing; the client retries or gives up; the outbox is processed; and the invariants of the
design must hold.
"""

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from accounts.clients import auth0
from accounts.models import EmailOwner, User
from config import dynamodb, outbox
from config.audit import reader
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying, scan_items
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, directory_differences, emails_to

CREATION_MODES = CRASH_MODES if IS_SCALE_RUN else (*CRASH_MODES, "conflict")
_key_sequence = itertools.count(1)


def create_user(
    harness: CrashHarness, test_users: UserFixtures, body: dict[str, Any], key: str, plan: FaultPlan | None
) -> dict[str, Any] | None:
    return harness.request(test_users.ann.token, "POST", "/user", body, plan=plan, key=key)


@pytest.mark.parametrize("retries", [True, False], ids=["retries", "gives up"])
@pytest.mark.parametrize("mode", CREATION_MODES)
def test_create_user_survives_crashes(
    harness: CrashHarness,
    test_users: UserFixtures,
    env: Environment,
    mode: str,
    retries: bool,
    record_figure: Callable[[str], None],
) -> None:
    baseline = FaultPlan()
    first_result = create_user(harness, test_users, test_users.user_body(), "", baseline)
    assert first_result
    assert first_result["status"] == 201
    harness.process_outbox_until_idle()
    attempts = []
    for call in (call for call in baseline.calls if is_worth_trying(call)):
        body, key = test_users.user_body(), f"crash-{next(_key_sequence)}"
        plan = FaultPlan(faults={call.signature: mode})
        results = [create_user(harness, test_users, body, key, plan)]
        if not plan.fired_faults:
            continue  # the mode does not apply to this call
        if retries:
            results.append(create_user(harness, test_users, body, key, None))
        attempts.append((body, key, plan, results))
    harness.process_outbox_until_idle()
    if retries:
        for body, key, _, results in attempts:
            results.append(create_user(harness, test_users, body, key, None))
        harness.process_outbox_until_idle()
    for body, _, plan, results in attempts:
        check_invariants(env, body["email"], results, plan, retries=retries)
    cases = len(attempts)
    assert cases
    assert directory_differences(test_users.customer.id) == []
    assert test_users.audit_findings() == []
    record_figure(f"create, {mode}, {'retried' if retries else 'abandoned'}: {cases} of {cases} survived")


@pytest.mark.parametrize("mode", CREATION_MODES)
def test_outbox_processing_survives_crashes(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, mode: str, record_figure: Callable[[str], None]
) -> None:
    baseline = FaultPlan()
    harness.process_outbox_until_idle()
    create_user(harness, test_users, test_users.user_body(), "", None)
    harness.process_outbox(seconds_ahead=1, plan=baseline)
    harness.process_outbox_until_idle()
    cases = 0
    for call in (call for call in baseline.calls if is_worth_trying(call)):
        body = test_users.user_body()
        result = create_user(harness, test_users, body, "", None)
        plan = FaultPlan(faults={call.signature: mode})

        harness.process_outbox(seconds_ahead=1, plan=plan)
        harness.process_outbox_until_idle()

        if plan.fired_faults:
            check_invariants(env, body["email"], [result], plan, retries=False)
            cases += 1
    assert cases
    assert test_users.audit_findings() == []
    record_figure(f"invitation, {mode}: {cases} of {cases} survived")


def test_a_second_crash_during_recovery_is_recovered(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    first_fault = {("identity", "POST /api/v2/users", 1): "kill_after"}
    harness.process_outbox_until_idle()
    recovery = FaultPlan()
    create_user(harness, test_users, test_users.user_body(), "", FaultPlan(faults=first_fault))
    harness.process_outbox(seconds_ahead=600, plan=recovery)
    harness.process_outbox_until_idle(start=1200)
    cases = 0
    for call in recovery.calls:
        body, key = test_users.user_body(), f"crash-{next(_key_sequence)}"
        results = [create_user(harness, test_users, body, key, FaultPlan(faults=first_fault))]
        assert results == [None]
        plan = FaultPlan(faults={call.signature: "kill_after"})

        harness.process_outbox(seconds_ahead=600, plan=plan)
        harness.process_outbox_until_idle(start=1200)
        if not plan.fired_faults:
            continue

        check_invariants(env, body["email"], results, plan, retries=False)
        cases += 1
    assert cases > 10
    assert test_users.audit_findings() == []
    record_figure(f"create killed, then recovery killed: {cases} of {cases} survived")


def test_an_email_is_sent_once_when_recording_it_fails(
    harness: CrashHarness, test_users: UserFixtures, env: Environment
) -> None:
    harness.process_outbox_until_idle()
    body = test_users.user_body()
    result = create_user(harness, test_users, body, "", None)
    plan = FaultPlan(always={"dynamodb TransactWriteItems": "503"})
    for attempt in range(3):
        harness.process_outbox(seconds_ahead=1 + 1200 * attempt, plan=plan)
    assert len(plan.fired_faults) > 3
    harness.process_outbox_until_idle(start=6000)

    check_invariants(env, body["email"], [result], plan, retries=False)
    assert len(emails_to(env, body["email"])) == 1


def check_invariants(
    env: Environment, email: str, results: list[dict[str, Any] | None], plan: FaultPlan, *, retries: bool
) -> None:
    """Check the invariants of creating a user."""
    failure_message = f"{plan.fired_faults} {results}"
    statuses = [result["status"] for result in results if result]
    assert all(status in (201, 409, 503) for status in statuses), failure_message
    uniqueness_record = dynamodb.get_record(EmailOwner, email)
    user = dynamodb.get_record(User, uniqueness_record.user_id) if uniqueness_record else None
    assert (uniqueness_record is None) == (user is None), (
        f"a uniqueness record without its user, or vice versa: {failure_message}"
    )
    emails = emails_to(env, email)
    if user is None:
        assert not retries, f"a retry did not create the user: {failure_message}"
        assert 201 not in statuses, f"an acknowledged creation is lost: {failure_message}"
        assert not emails, failure_message
        assert not auth0_user_ids(env, email), f"an Auth0 account without a user: {failure_message}"
        return
    assert user.status == "invited", failure_message
    assert auth0_user_ids(env, email) == [auth0.subject_of_user(user.id)], failure_message
    assert 1 <= len(emails) <= 2, f"{len(emails)} invitations: {failure_message}"
    assert len({sent_email["messageId"] for sent_email in emails}) == 1, failure_message
    ids = {result["body"]["id"] for result in results if result and result["status"] == 201}
    assert ids <= {user.id}, failure_message
    if retries:
        assert statuses[-1] == 201, f"the retry did not succeed: {failure_message}"
    entries = reader.read_page(user.id, last=99, offset=0, limit=99)
    actions = sorted(entry.body["action"] for entry in entries)
    assert actions == ["user.invitation_sent", "user.invited"], f"{actions} {failure_message}"
    remaining_messages = scan_items(outbox.OutboxMessage)
    assert user.id not in str(remaining_messages), f"an outbox message is left: {failure_message}"


def auth0_user_ids(env: Environment, email: str) -> list[str]:
    """Ids of the Auth0 accounts with an e-mail address."""
    token = httpx.post(
        f"{env.issuer}oauth/token",
        json={
            "grant_type": "client_credentials",
            "client_id": "dutyline-machine",
            "client_secret": "local-machine-secret",
            "audience": f"{env.issuer}api/v2/",
        },
    ).json()["access_token"]
    response = httpx.get(
        f"{env.issuer}api/v2/users-by-email", params={"email": email}, headers={"Authorization": f"Bearer {token}"}
    )
    return [user["user_id"] for user in response.raise_for_status().json()]
