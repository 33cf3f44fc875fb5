"""Handovers: no order of calls at Auth0, plan or withdrawal leaves access or locks out (H4)."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from accounts import users
from accounts.clients import auth0
from tests.attacks.test_handover import NEW_PASSWORD, change_address, process_all_but_handovers, unblock
from tests.support.environment import Environment
from tests.support.intruder import intrude, intrude_as, invite, link_in_newest_mail, signs_in
from tests.support.proxy import FaultPlan
from tests.support.users import (
    PASSWORD,
    SignedInUser,
    UserFixtures,
    await_token_of_present_holder,
    emails_to,
    fetch_access_token,
    process_outbox,
    set_password,
)


@pytest.mark.parametrize("slow_path", ["/api/v2/tickets/password-change", "/api/v2/users/[^/]*"])
def test_a_link_used_between_two_calls_gives_no_access(
    test_users: UserFixtures, env: Environment, slow_path: str
) -> None:
    """The password was set before the links were void: a link in between set another one."""
    user = invite(test_users, env)
    link = link_in_newest_mail(env, user.email)
    assert unblock(test_users, user).is_success
    process_all_but_handovers()
    fault = {"path": slow_path, "fault": "slow", "seconds": 1.5, "times": 1}
    httpx.post(f"{env.issuer}_local/faults", json=fault).raise_for_status()
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(process_outbox)
        time.sleep(0.8)
        assert not worker.done()
        assert httpx.post(link, data={"password": PASSWORD}).status_code in (200, 410)
        worker.result()
    httpx.delete(f"{env.issuer}_local/faults")
    assert not users.get_user(user.id).is_handover_pending
    assert not signs_in(env, user.email, PASSWORD)


@pytest.mark.parametrize("has_scope", [True, False])
def test_a_plan_without_revocation_locks_nobody_out(
    test_users: UserFixtures, env: Environment, *, has_scope: bool
) -> None:
    """On some plans of Auth0 revoking access is 403: for 72 h nobody got in, then never again."""
    user = invite(test_users, env)
    intruder = intrude(test_users, env, user, accepts=True)
    assert change_address(test_users, user).is_success
    for path in ("/api/v2/users/[^/]*/revoke-access", *(() if has_scope else ("/api/v2/grants",))):
        rule = {"path": path, "fault": "403", "times": 10}
        httpx.post(f"{env.issuer}_local/faults", json=rule).raise_for_status()
    process_outbox()
    httpx.delete(f"{env.issuer}_local/faults")

    left = intruder.try_everything()

    assert left == {"token": 401, "refresh": 403 if has_scope else 200, "session": 403, "feed": 404}
    address = f"right.{user.email}"
    assert not signs_in(env, address, PASSWORD)
    assert set_password(env, address, NEW_PASSWORD).is_success
    await_token_of_present_holder(user.id)
    holder = SignedInUser(user, fetch_access_token(env, address, NEW_PASSWORD), test_users.ann.web)
    assert holder.get("/user").status_code == 200


def test_a_withdrawn_address_leaves_no_access(test_users: UserFixtures, env: Environment) -> None:
    """Auth0 had the new address until the change was withdrawn: its reader had set a password."""
    user = invite(test_users, env)
    holder = intrude(test_users, env, user, accepts=True)
    manager = intrude(test_users, env, invite(test_users, env, role="manager"), accepts=True).person
    address = f"mine.{user.email}"
    lost = FaultPlan(always={f"identity PATCH /api/v2/users/{quote(auth0.subject_of_user(user.id), safe='')}": "lost"})
    with env.apply_plan(lost):
        assert manager.patch("/userManagement", {"id": user.id, "email": address}).status_code == 503
    stranger_link = auth0.create_password_ticket(user_id=user.id, seconds=600)  # of "Forgot password?" there
    assert httpx.post(stranger_link, data={"password": PASSWORD}).is_success
    intruder = intrude_as(test_users, env, user, address)
    late_link = auth0.create_password_ticket(user_id=user.id, seconds=600)
    assert test_users.ann.patch("/userManagement", {"id": manager.id, "status": "blocked"}).is_success

    process_outbox(60)
    process_outbox(600)

    present = users.get_user(user.id)
    assert (present.email, present.awaited, present.is_handover_pending) == (user.email, None, False)
    account = env.tenant().get_user(auth0.subject_of_user(user.id)) or {}
    assert account["email"] == user.email
    assert intruder.try_everything() == {"token": 401, "refresh": 403, "session": 403}
    assert holder.person.get("/user").status_code == 401
    assert httpx.post(late_link, data={"password": PASSWORD}).status_code == 410
    assert not signs_in(env, user.email, PASSWORD)
    assert set_password(env, user.email, NEW_PASSWORD).is_success


@pytest.mark.parametrize("has_scope", [True, False])
def test_a_second_factor_ends_with_the_handover(
    test_users: UserFixtures, env: Environment, caplog: pytest.LogCaptureFixture, *, has_scope: bool
) -> None:
    """An earlier holder enrolled an authenticator: the rightful person was asked for its code."""
    user = invite(test_users, env)
    assert set_password(env, user.email, PASSWORD).is_success
    account = env.tenant().get_user(auth0.subject_of_user(user.id)) or {}
    env.tenant().save_user({**account, "_factors": ["totp|dev_1"]})
    assert not signs_in(env, user.email, PASSWORD)
    assert change_address(test_users, user).is_success
    if not has_scope:
        rule = {"path": "/api/v2/users/[^/]*/authentication-methods", "fault": "403", "times": 10}
        httpx.post(f"{env.issuer}_local/faults", json=rule).raise_for_status()
    process_outbox()
    httpx.delete(f"{env.issuer}_local/faults")

    address = f"right.{user.email}"
    assert set_password(env, address, NEW_PASSWORD).is_success, "the handover completes"
    assert signs_in(env, address, NEW_PASSWORD) is has_scope
    assert ("second factors cannot be deleted" in caplog.text) is not has_scope


@pytest.mark.parametrize("is_handed_over", [False, True])
def test_a_stale_worker_mails_nothing_and_leaves_a_link(
    test_users: UserFixtures, env: Environment, settings: Any, *, is_handed_over: bool
) -> None:
    """Its ticket came after that of a newer handover: the link went to the former address."""
    user = test_users.create_user()
    seconds_ahead = 0
    if is_handed_over:
        process_outbox()
        assert unblock(test_users, user).is_success
        port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
        process_outbox()
        settings.EMAIL_PORT = port
        assert not users.get_user(user.id).is_handover_pending, "only the mail is left"
        seconds_ahead = 60
    mail_count = len(emails_to(env, user.email))
    fault = {"path": "/api/v2/tickets/password-change", "fault": "slow", "seconds": 3, "times": 1}
    httpx.post(f"{env.issuer}_local/faults", json=fault).raise_for_status()
    with ThreadPoolExecutor(1) as pool:
        stale_worker = pool.submit(process_outbox, seconds_ahead)
        time.sleep(0.5)
        assert change_address(test_users, user).is_success
        process_outbox()
        address = f"right.{user.email}"
        assert emails_to(env, address)
        assert not stale_worker.done()
        stale_worker.result()
    httpx.delete(f"{env.issuer}_local/faults")
    process_outbox(seconds_ahead + 1)  # the message of the stale worker has the time of its clock

    links = [link for mail in emails_to(env, user.email)[: -mail_count or None] for link in mail["links"]]
    assert not any("reset-verify" in link for link in links)
    assert set_password(env, address, NEW_PASSWORD).is_success
    assert signs_in(env, address, NEW_PASSWORD)
