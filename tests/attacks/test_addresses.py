"""Addresses: an invitation keeps one for seven days, and nobody finds out whose one is (M3)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts import users
from accounts.clients import auth0
from accounts.models import EmailOwner, User
from accounts.users import create
from config import dynamodb
from tests.support import rate_limits
from tests.support.crash_harness import CrashHarness, is_worth_trying
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    await_token_of_present_holder,
    emails_to,
    fetch_access_token,
    new_user_body,
    now,
    parse_problem,
    process_outbox,
    set_password,
)

LONG_AGO = timedelta(days=7, hours=1)


def invite_at_hilltop(test_users: UserFixtures, at: datetime, email: str = "") -> User:
    """Somebody whom another customer invited then."""
    process_outbox()
    address = email or test_users.user_body()["email"]
    new_user = create.NewUserData(customer_id=test_users.other_customer.id, email=address, name="New Hire")
    user = create.create_user(new_user, actor=test_users.cleo.actor, at=at)
    process_outbox((at - now()).total_seconds() + 1)
    return users.get_user(user.id)


def invite_here(test_users: UserFixtures, email: str) -> httpx.Response:
    return test_users.mia.post("/user", test_users.user_body(email=email, locations=[test_users.boston.id]))


def resend(test_users: UserFixtures, user: User) -> httpx.Response:
    return test_users.cleo.post(f"/userManagement/{user.id}/resend-invitation")


def email_at_auth0(env: Environment, user_id: str) -> str:
    account = env.tenant().get_user(auth0.subject_of_user(user_id))
    return str(account["email"]) if account else ""


def owner_of(email: str) -> str | None:
    owner = dynamodb.get_record(EmailOwner, email)
    return str(owner.user_id) if owner else None


def test_an_expired_invitation_frees_the_address(test_users: UserFixtures, env: Environment) -> None:
    """M3: whoever invited an address first had it for ever."""
    first = invite_at_hilltop(test_users, now() - LONG_AGO)

    response = invite_here(test_users, first.email)

    assert response.status_code == 201, response.text
    second_id = response.json()["id"]
    assert owner_of(first.email) == second_id
    assert email_at_auth0(env, second_id) == first.email
    assert email_at_auth0(env, first.id) == f"{first.id}@address-freed.invalid".lower()
    process_outbox()
    second = accept_invitation(env, test_users.ann.web, users.get_user(second_id))
    assert second.get("/user").json()["customerId"] == test_users.customer.id
    stored = test_users.cleo.get(f"/userManagement/{first.id}").json()
    assert (stored["status"], stored["email"]) == ("invited", first.email)
    entries = test_users.cleo.get(f"/user/{first.id}/audit-logs?limit=1").json()["items"]
    assert entries[0]["action"] == "user.invitation_expired"
    taken = resend(test_users, first)
    assert (taken.status_code, parse_problem(taken)["code"]) == (409, "user_exists")
    assert owner_of(first.email) == second_id


def test_an_invitation_keeps_its_address_for_seven_days(test_users: UserFixtures) -> None:
    first = invite_at_hilltop(test_users, now() - timedelta(days=6, hours=23))
    response = invite_here(test_users, first.email)
    assert (response.status_code, parse_problem(response)["code"]) == (409, "user_exists")


def test_an_accepted_invitation_keeps_its_address(test_users: UserFixtures, env: Environment) -> None:
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    accepted = accept_invitation(env, test_users.ann.web, first)
    assert invite_here(test_users, first.email).status_code == 409
    assert accepted.get("/user").status_code == 200


def test_a_blocked_invitee_keeps_the_address(test_users: UserFixtures) -> None:
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    assert test_users.cleo.patch("/userManagement", {"id": first.id, "status": "blocked"}).is_success
    assert invite_here(test_users, first.email).status_code == 409


def test_who_lost_the_address_cannot_come_in(test_users: UserFixtures, env: Environment) -> None:
    """A password set in time and a token are of no use once somebody else has the address."""
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    link = auth0.create_password_ticket(user_id=first.id, seconds=600)
    httpx.post(link, data={"password": "a-good-password"}).raise_for_status()
    token = fetch_access_token(env, first.email)
    assert invite_here(test_users, first.email).status_code == 201
    late = SignedInUser(first, token, test_users.ann.web)
    assert late.get("/user").status_code == 401


def test_inviting_again_claims_the_address_anew(test_users: UserFixtures, env: Environment) -> None:
    """Freed, and the other one deleted again: the first one can be invited once more."""
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    second_id = invite_here(test_users, first.email).json()["id"]
    assert test_users.ann.delete("/user", {"id": second_id}).is_success
    assert owner_of(first.email) is None

    assert resend(test_users, first).status_code == 200

    assert owner_of(first.email) == first.id
    stored = users.get_user(first.id)
    assert not stored.address_freed_at
    assert not stored.awaited
    process_outbox(120)
    assert email_at_auth0(env, first.id) == first.email
    assert set_password(env, first.email).is_success
    await_token_of_present_holder(first.id)
    person = SignedInUser(first, fetch_access_token(env, first.email), test_users.ann.web)
    assert person.get("/user").json()["status"] == "active"
    assert invite_here(test_users, first.email).status_code == 409


def test_unblocking_mails_nothing_to_who_has_the_address_now(test_users: UserFixtures, env: Environment) -> None:
    """Blocked and unblocked again, the first one's link went to the second one's address."""
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    assert invite_here(test_users, first.email).status_code == 201
    process_outbox()
    mail_count = len(emails_to(env, first.email))
    for status in ("blocked", "invited"):
        assert test_users.cleo.patch("/userManagement", {"id": first.id, "status": status}).status_code == 200
    process_outbox()
    stored = users.get_user(first.id)
    assert (stored.status, bool(stored.address_freed_at), stored.is_handover_pending) == ("invited", True, False)
    assert len(emails_to(env, first.email)) == mail_count
    assert email_at_auth0(env, first.id) == f"{first.id}@address-freed.invalid".lower()
    assert parse_problem(resend(test_users, first))["code"] == "user_exists"


def test_another_address_can_be_set_for_an_expired_invitation(test_users: UserFixtures, env: Environment) -> None:
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    second_id = invite_here(test_users, first.email).json()["id"]
    new_email = f"other.{first.email}"
    assert test_users.cleo.patch("/userManagement", {"id": first.id, "email": new_email}).status_code == 200
    assert (owner_of(first.email), owner_of(new_email)) == (second_id, first.id)
    process_outbox()
    assert emails_to(env, new_email)
    assert email_at_auth0(env, first.id) == new_email


def test_deleting_an_expired_invitation_leaves_the_address(test_users: UserFixtures) -> None:
    """Deleting who has lost the address does not take it from who has it."""
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    second_id = invite_here(test_users, first.email).json()["id"]
    assert test_users.cleo.delete("/user", {"id": first.id}).status_code == 200
    assert owner_of(first.email) == second_id


def test_of_many_who_want_it_one_gets_the_address(test_users: UserFixtures, env: Environment) -> None:
    """Eight invite an expired address at once, while the first one is invited again."""
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    with ThreadPoolExecutor(9) as pool:
        again = pool.submit(resend, test_users, first)
        answers = list(pool.map(lambda _: invite_here(test_users, first.email), range(8)))
    winners = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    winners += [first.id] if again.result().status_code == 200 else []
    assert {answer.status_code for answer in (*answers, again.result())} <= {200, 201, 409, 503}
    assert len(winners) <= 1
    process_outbox(120)
    owner = owner_of(first.email)
    if winners:
        assert owner == winners[0]
    if owner:
        assert email_at_auth0(env, owner) == first.email


def test_no_crash_while_freeing_leaves_an_address_without_owner(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    def invite(plan: FaultPlan | None, first: User) -> dict[str, Any] | None:
        body = test_users.user_body(email=first.email)
        return harness.request(test_users.ann.token, "POST", "/user", body, plan=plan)

    harness.process_outbox_until_idle()
    baseline = FaultPlan()
    invite(baseline, invite_at_hilltop(test_users, now() - LONG_AGO))
    cases = []
    for call in filter(is_worth_trying, baseline.calls):
        first = invite_at_hilltop(test_users, now() - LONG_AGO)
        plan = FaultPlan(faults={call.signature: "kill_after"})
        invite(plan, first)
        if plan.fired_faults:
            cases.append((first, plan))
    harness.process_outbox_until_idle()
    assert len(cases) > 5
    for first, plan in cases:
        answer = invite(None, first)
        summary = f"{plan.fired_faults} {answer}"
        assert answer, summary
        assert answer["status"] in (201, 409), summary  # 409: the outbox has finished the killed one
        owner = owner_of(first.email)
        assert owner, summary
        assert owner != first.id, summary
        assert email_at_auth0(env, owner) == first.email, summary
    harness.process_outbox_until_idle()
    assert test_users.audit_findings() == []
    record_figure(f"freeing: {len(cases)} of {len(cases)} crashes survived")


def test_an_outage_of_auth0_while_freeing_is_finished_later(test_users: UserFixtures, env: Environment) -> None:
    first = invite_at_hilltop(test_users, now() - LONG_AGO)
    with env.apply_plan(FaultPlan(always={"identity": "503"})):
        assert invite_here(test_users, first.email).status_code == 503
    assert owner_of(first.email) == first.id, "nobody has it before Auth0 has freed it"
    process_outbox(60)
    assert owner_of(first.email) is None
    assert invite_here(test_users, first.email).status_code == 201


PROBES: dict[str, Any] = {"TAKEN_ADDRESSES_PER_USER": "4", "TAKEN_ADDRESSES_PER_CUSTOMER": "6"}


@pytest.fixture(scope="module")
def limited_web(env: Environment) -> Iterator[str]:
    """A web process that lets people enter few addresses that others have."""
    yield env.start_web("few-probes", free_port(), **PROBES)
    env.stop("few-probes")


def without_request_id(response: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in parse_problem(response).items() if name != "requestId"}


def test_the_409_is_the_same_whoever_has_the_address(test_users: UserFixtures, env: Environment) -> None:
    """M3: at another customer, or at one's own where the caller cannot see the person."""
    unseen = test_users.create_user(locations=[test_users.denver.id])
    assert test_users.mia.get(f"/userManagement/{unseen.id}").status_code == 404
    answers = []
    for email in (test_users.cleo.user.email, unseen.email):
        with env.apply_plan() as plan:
            answer = invite_here(test_users, email)
        operations = [call.operation for call in plan.calls if call.service != "redis"]
        answers.append((answer.status_code, without_request_id(answer), operations))
    assert answers[0] == answers[1]
    assert answers[0][0] == 409


def test_probes_of_addresses_end_for_the_day(test_users: UserFixtures, env: Environment, limited_web: str) -> None:
    """M3: anybody who may invite found out which addresses work at any business, without end."""
    rate_limits.await_day(60)
    taken, free = test_users.cleo.user.email, test_users.user_body()["email"]
    mia, abe = replace(test_users.mia, web=limited_web), replace(test_users.abe, web=limited_web)

    def invite_by(person: SignedInUser, email: str) -> httpx.Response:
        return person.post("/user", test_users.user_body(email=email, locations=[test_users.boston.id]))

    user = test_users.create_user()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: invite_by(mia, taken).status_code, range(8)))
    assert statuses.count(409) <= 4
    assert set(statuses) <= {409, 429}
    for email in (taken, free):
        response = invite_by(mia, email)
        assert response.status_code == 429, "for every address, or the answer would still tell"
        assert parse_problem(response)["code"] == "daily_limit"
        assert abs(int(response.headers["Retry-After"]) - (86_400 - now().timestamp() % 86_400)) < 30
    assert mia.patch("/userManagement", {"id": user.id, "email": taken}).status_code == 429
    assert mia.patch("/userManagement", {"id": user.id, "name": "Other Name"}).status_code == 200
    assert owner_of(free) is None
    answers = [invite_by(abe, taken).status_code for _ in range(4)]
    assert answers.count(409) <= 3, "the customer has a limit as well"
    assert answers[-1] == 429
    owner = accept_invitation(env, limited_web, test_users.create_user(role="owner"))
    answers = [invite_by(owner, taken).status_code for _ in range(5)]
    assert answers == [409] * 4 + [429], "an owner has only their own: others cannot use it up"
    outsider = replace(test_users.cleo, web=limited_web)
    body = {**new_user_body(test_users.other_customer.id), "email": test_users.ann.user.email}
    assert outsider.post("/user", body).status_code == 409, "other customers are not affected"
