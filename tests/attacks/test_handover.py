"""Who holds an account changes: what an earlier holder had ends (H4)."""

import itertools
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import User
from accounts.notifications import devices
from accounts.users import update
from config import audit, dynamodb, outbox
from tests.support.crash_harness import CrashHarness, is_worth_trying
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.intruder import intrude, invite, link_in_newest_mail, signs_in
from tests.support.proxy import FaultPlan
from tests.support.users import (
    PASSWORD,
    SignedInUser,
    UserFixtures,
    await_token_of_present_holder,
    emails_to,
    fetch_access_token,
    now,
    parse_problem,
    process_outbox,
    set_password,
)

FAULT_MODES = ("kill_before", "kill_after", "lost") if IS_SCALE_RUN else ("kill_after",)
NEW_PASSWORD = "another-good-password"
Trigger = Callable[[UserFixtures, User], httpx.Response]


def change_address(test_users: UserFixtures, user: User) -> httpx.Response:
    return test_users.ann.patch("/userManagement", {"id": user.id, "email": f"right.{user.email}"})


def unblock(test_users: UserFixtures, user: User) -> httpx.Response:
    assert test_users.ann.patch("/userManagement", {"id": user.id, "status": "blocked"}).is_success
    return test_users.ann.patch("/userManagement", {"id": user.id, "status": "active"})


def invite_again(test_users: UserFixtures, user: User) -> httpx.Response:
    return test_users.ann.post(f"/userManagement/{user.id}/resend-invitation")


def change_address_in_back_office(test_users: UserFixtures, user: User) -> httpx.Response:
    support = permissions.operator_actor(
        audit.Author("operator", "opr_support", "Support", test_users.customer.id), ["console:write"]
    )
    update.update_user(user.id, {"email": f"right.{user.email}"}, actor=support, at=now())
    return httpx.Response(200)


TRIGGERS: dict[str, Trigger] = {
    "address": change_address,
    "address by support": change_address_in_back_office,
    "unblocked": unblock,
    "invited again": invite_again,
}


@pytest.mark.parametrize("name", TRIGGERS)
def test_who_is_inside_is_put_out(test_users: UserFixtures, env: Environment, name: str) -> None:
    """H4: the old token answered 200 and the old password signed in at the new address."""
    user = invite(test_users, env)
    intruder = intrude(test_users, env, user, accepts=name != "invited again")

    assert TRIGGERS[name](test_users, user).status_code == 200

    assert intruder.person.get("/user").status_code == 401, "at once, before any worker runs"
    process_outbox()
    feed = {"feed": 404} if intruder.feed_url else {}
    assert intruder.try_everything() == {"token": 401, "refresh": 403, "session": 403, **feed}
    assert parse_problem(intruder.person.get("/user"))["code"] == "access_ended"
    present = users.get_user(user.id)
    assert not signs_in(env, present.email, PASSWORD)
    assert not signs_in(env, user.email, PASSWORD)
    assert devices.list_devices(user.id) == []
    assert set_password(env, present.email, NEW_PASSWORD).is_success
    await_token_of_present_holder(user.id)
    holder = SignedInUser(present, fetch_access_token(env, present.email, NEW_PASSWORD), test_users.ann.web)
    assert holder.get("/user").json()["status"] == "active"
    promotion = {"id": user.id, "userRole": "admin", "locations": ["*"]}
    assert test_users.ann.patch("/userManagement", promotion).is_success
    assert holder.get("/userManagement").status_code == 200
    assert intruder.person.get("/userManagement").status_code == 401, "a later promotion does not let them in"
    assert intruder.app.refresh(intruder.refresh_token).status_code == 403


@pytest.mark.parametrize("name", ["address", "unblocked", "invited again"])
def test_the_first_link_is_dead(test_users: UserFixtures, env: Environment, name: str) -> None:
    """H4: somebody else opened the first link after the correction, and was an active admin."""
    user = invite(test_users, env, role="admin")
    first_link = link_in_newest_mail(env, user.email)
    assert TRIGGERS[name](test_users, user).status_code == 200
    present = users.get_user(user.id)

    # Before a worker runs the link may still set a password, but nobody gets in with it.
    assert httpx.post(first_link, data={"password": PASSWORD}).status_code in (200, 410)
    token = fetch_access_token(env, present.email, PASSWORD)
    intruder = SignedInUser(present, token, test_users.ann.web)
    assert intruder.get("/user").status_code == 401

    process_outbox()
    assert httpx.post(first_link, data={"password": PASSWORD}).status_code == 410
    assert intruder.get("/user").status_code == 401
    assert not signs_in(env, present.email, PASSWORD)
    assert users.get_user(user.id).status == "invited", "nobody has accepted"
    assert set_password(env, present.email, NEW_PASSWORD).is_success


def test_an_unused_link_is_void_once_a_worker_has_run(test_users: UserFixtures, env: Environment) -> None:
    user = invite(test_users, env)
    first_link = link_in_newest_mail(env, user.email)
    assert change_address(test_users, user).is_success
    process_outbox()
    assert httpx.get(first_link).status_code == 410


def test_both_addresses_get_an_email(test_users: UserFixtures, env: Environment) -> None:
    user = invite(test_users, env)
    intrude(test_users, env, user, accepts=True)
    assert change_address(test_users, user).is_success
    process_outbox()
    (new_mail,) = emails_to(env, f"right.{user.email}")
    assert "Set a new password" in new_mail["subject"]
    former_mail = emails_to(env, user.email)[0]
    assert "no longer signs in" in former_mail["text"]
    assert f"right.{user.email}" not in str(former_mail)


def test_a_typo_in_ones_own_address_is_corrected_by_support(test_users: UserFixtures, env: Environment) -> None:
    """An owner who changes their own address is signed out as well, but not locked out."""
    email = f"typo.{test_users.cleo.user.email}"
    assert test_users.cleo.patch("/userManagement", {"id": test_users.cleo.id, "email": email}).is_success
    assert parse_problem(test_users.cleo.get("/user"))["code"] == "access_ended"
    process_outbox()
    typo_link = link_in_newest_mail(env, email)
    support = permissions.system_actor(test_users.other_customer.id)
    right_email = f"right.{test_users.cleo.user.email}"

    corrected = update.update_user(test_users.cleo.id, {"email": right_email}, actor=support, at=now())

    process_outbox()
    assert httpx.get(typo_link).status_code == 410
    assert set_password(env, right_email, NEW_PASSWORD).is_success
    await_token_of_present_holder(test_users.cleo.id)
    cleo = SignedInUser(corrected, fetch_access_token(env, right_email, NEW_PASSWORD), test_users.cleo.web)
    assert cleo.get("/user").json()["role"] == "owner"


def test_a_token_of_the_second_before_does_not_pass(test_users: UserFixtures, env: Environment) -> None:
    """`iat` has whole seconds: one of the second in which access ended may be an earlier one."""
    user = invite(test_users, env)
    intruder = intrude(test_users, env, user, accepts=True)
    assert unblock(test_users, user).is_success
    token = fetch_access_token(env, user.email, PASSWORD)  # until a worker runs, Auth0 gives them
    process_outbox()
    late = SignedInUser(user, token, test_users.ann.web)
    assert {late.get("/user").status_code, intruder.person.get("/user").status_code} == {401}


def test_an_outage_of_auth0_lets_nobody_in(harness: CrashHarness, test_users: UserFixtures, env: Environment) -> None:
    """No token is accepted, and no mail sent, until Auth0 has ended what went before."""
    user = invite(test_users, env)
    intruder = intrude(test_users, env, user, accepts=True)
    assert unblock(test_users, user).is_success
    mail_count = len(emails_to(env, user.email))
    revocation = f"identity POST /api/v2/users/{quote(auth0.subject_of_user(user.id), safe='')}/revoke-access"
    for number, failing in enumerate(("identity", "identity POST /api/v2/tickets/password-change", revocation)):
        outage = FaultPlan(always={failing: "503"})
        harness.process_outbox(seconds_ahead=1 + 300 * number, plan=outage)
        assert outage.fired_faults, failing
        assert intruder.person.get("/user").status_code == 401
        assert len(emails_to(env, user.email)) == mail_count
    harness.process_outbox_until_idle(start=6000)
    assert intruder.person.get("/user").status_code == 401
    assert set_password(env, user.email, NEW_PASSWORD).is_success
    await_token_of_present_holder(user.id)
    holder = SignedInUser(user, fetch_access_token(env, user.email, NEW_PASSWORD), test_users.ann.web)
    assert holder.get("/user").status_code == 200


def test_no_crash_leaves_access_or_a_dead_link(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    """Whatever call fails, the newest mail has a link that works, and the old token does not."""
    harness.process_outbox_until_idle()
    baseline = FaultPlan()
    assert change_address(test_users, invite(test_users, env)).is_success
    harness.process_outbox(seconds_ahead=1, plan=baseline)
    cases = []
    for call, mode in itertools.product(filter(is_worth_trying, baseline.calls), FAULT_MODES):
        user = invite(test_users, env)
        assert set_password(env, user.email, PASSWORD).is_success
        person = SignedInUser(user, fetch_access_token(env, user.email, PASSWORD), test_users.ann.web)
        assert change_address(test_users, user).is_success
        plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=1, plan=plan)
        if plan.fired_faults:
            cases.append((person, plan))
    harness.process_outbox_until_idle()
    assert len(cases) > 10
    for person, plan in cases:
        check_handed_over(env, person, plan)
    assert test_users.audit_findings() == []
    record_figure(f"handover: {len(cases)} of {len(cases)} crashes survived")


def check_handed_over(env: Environment, person: SignedInUser, plan: FaultPlan) -> None:
    summary = str(plan.fired_faults)
    present = users.get_user(person.id)
    assert not present.is_handover_pending, summary
    assert person.get("/user").status_code == 401, summary
    assert not signs_in(env, present.email, PASSWORD), summary
    mails = emails_to(env, present.email)
    assert 1 <= len(mails) <= 2, summary
    assert set_password(env, present.email, NEW_PASSWORD).status_code == 200, summary
    assert signs_in(env, present.email, NEW_PASSWORD), summary
    messages = dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"]
    assert person.id not in str(messages), summary


def process_all_but_handovers() -> None:
    """Run what the outbox has besides handovers."""
    for shard in outbox.SHARDS:
        for due in outbox.fetch_due_messages(shard, now()):
            message = dynamodb.get_record(outbox.OutboxMessage, due.id)
            if message and message.task != "accounts.hand_over":
                outbox.run_message_now(message.id, clock=now)


def test_a_repetition_after_the_mail_does_not_lock_out(
    harness: CrashHarness, test_users: UserFixtures, env: Environment
) -> None:
    """The worker dies after the mail, the person sets a password: the repetition leaves it."""
    user = invite(test_users, env)
    assert change_address(test_users, user).is_success
    address = f"right.{user.email}"
    process_all_but_handovers()  # whose mails would come first
    plan = FaultPlan(always={"smtp quit": "kill_before"})
    harness.process_outbox(seconds_ahead=1, plan=plan)
    assert plan.fired_faults
    assert len(emails_to(env, address)) == 1
    assert set_password(env, address, NEW_PASSWORD).is_success

    harness.process_outbox_until_idle()

    assert signs_in(env, address, NEW_PASSWORD), "the password that they have set meanwhile"
    assert len(emails_to(env, address)) == 2
    assert set_password(env, address, PASSWORD).is_success, "the newest mail has a link that works"
