"""Whatever is killed, cut or refused at whichever call, nothing is lost and nothing doubled.

A golden run counts the calls of a flow. Then, for each call and each mode, the flow runs once with
that call going wrong; the client repeats, or never comes back; sweeps follow; and the invariants of
the design must hold.
"""

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from accounts.clients import auth0
from accounts.models import EmailGuard, User
from config import dynamodb, outbox
from config.audit import reader, verification
from tests.conftest import Cast, mails_to
from tests.support.crash_harness import Harness, worth_trying
from tests.support.environment import SCALE, World
from tests.support.proxy import MODES, Plan

RUN = MODES if SCALE else ("kill_before", "kill_after", "lost", "conflict")
_keys = itertools.count(1)


def create(
    harness: Harness, cast: Cast, body: dict[str, Any], key: str, plan: Plan
) -> dict[str, Any] | None:
    return harness.request(cast.ann.token, "POST", "/user", body, plan=plan, key=key)


@pytest.mark.parametrize("comes_back", [True, False], ids=["retries", "never comes back"])
@pytest.mark.parametrize("mode", RUN)
def test_creating_a_person_survives(
    harness: Harness,
    cast: Cast,
    world: World,
    mode: str,
    comes_back: bool,
    say: Callable[[str], None],
) -> None:
    golden = Plan()
    first = create(harness, cast, cast.new_user(), "", golden)
    assert first
    assert first["status"] == 201
    harness.sweep_until_idle()
    hit = []
    for call in (call for call in golden.calls if worth_trying(call)):
        body, key = cast.new_user(), f"crash-{next(_keys)}"
        plan = Plan(faults={call.signature: mode})
        answers = [create(harness, cast, body, key, plan)]
        if not plan.fired:
            continue  # the mode does not apply to this call
        if comes_back:
            answers.append(create(harness, cast, body, key, Plan()))
        hit.append((body, key, plan, answers))
    harness.sweep_until_idle()
    if comes_back:
        for body, key, _, answers in hit:
            answers.append(create(harness, cast, body, key, Plan()))
        harness.sweep_until_idle()
    for body, _, plan, answers in hit:
        check(world, body["email"], answers, plan, comes_back=comes_back)
    cases = len(hit)
    assert cases
    assert verification.verify().findings == []
    say(f"create, {mode}, {'retried' if comes_back else 'abandoned'}: {cases} of {cases} survived")


@pytest.mark.parametrize("mode", RUN)
def test_the_work_of_the_outbox_survives(
    harness: Harness, cast: Cast, world: World, mode: str, say: Callable[[str], None]
) -> None:
    golden = Plan()
    harness.sweep_until_idle()
    create(harness, cast, cast.new_user(), "", Plan())
    harness.sweep(later=1, plan=golden)
    harness.sweep_until_idle()
    cases = 0
    for call in (call for call in golden.calls if worth_trying(call)):
        body = cast.new_user()
        made = create(harness, cast, body, "", Plan())
        plan = Plan(faults={call.signature: mode})

        harness.sweep(later=1, plan=plan)
        harness.sweep_until_idle()

        if plan.fired:
            check(world, body["email"], [made], plan, comes_back=False)
            cases += 1
    assert cases
    assert verification.verify().findings == []
    say(f"invitation, {mode}: {cases} of {cases} survived")


def test_a_second_crash_during_recovery_is_survived(
    harness: Harness, cast: Cast, world: World, say: Callable[[str], None]
) -> None:
    first = {("identity", "POST /api/v2/users", 1): "kill_after"}
    harness.sweep_until_idle()
    recovery = Plan()
    create(harness, cast, cast.new_user(), "", Plan(faults=first))
    harness.sweep(later=600, plan=recovery)
    harness.sweep_until_idle(start=1200)
    cases = 0
    for call in recovery.calls:
        body, key = cast.new_user(), f"crash-{next(_keys)}"
        answers = [create(harness, cast, body, key, Plan(faults=first))]
        assert answers == [None]
        plan = Plan(faults={call.signature: "kill_after"})

        harness.sweep(later=600, plan=plan)
        harness.sweep_until_idle(start=1200)
        if not plan.fired:
            continue

        check(world, body["email"], answers, plan, comes_back=False)
        cases += 1
    assert cases > 10
    assert verification.verify().findings == []
    say(f"create killed, then recovery killed: {cases} of {cases} survived")


def test_a_mail_is_sent_once_however_often_noting_it_fails(
    harness: Harness, cast: Cast, world: World
) -> None:
    harness.sweep_until_idle()
    body = cast.new_user()
    made = create(harness, cast, body, "", Plan())
    plan = Plan(always={"dynamodb TransactWriteItems": "503"})
    for round in range(3):
        harness.sweep(later=1 + 1200 * round, plan=plan)
    assert len(plan.fired) > 3
    harness.sweep_until_idle(start=6000)

    check(world, body["email"], [made], plan, comes_back=False)
    assert len(mails_to(world, body["email"])) == 1


def check(
    world: World,
    email: str,
    answers: list[dict[str, Any] | None],
    plan: Plan,
    *,
    comes_back: bool,
) -> None:
    """The invariants of flows.md for one person."""
    told = f"{plan.fired} {answers}"
    statuses = [answer["status"] for answer in answers if answer]
    assert all(status in (201, 409, 503) for status in statuses), told
    guard = dynamodb.get(EmailGuard, email)
    user = dynamodb.get(User, guard.user_id) if guard else None
    assert (guard is None) == (user is None), f"a guard without its user: {told}"
    mails = mails_to(world, email)
    if user is None:
        assert not comes_back, f"a client that repeats gets its person: {told}"
        assert 201 not in statuses, f"an acknowledged creation is there: {told}"
        assert not mails, told
        assert not at_auth0(world, email), f"an account without a record: {told}"
        return
    assert user.status == "invited", told
    assert at_auth0(world, email) == [auth0.subject(user.id)], told
    assert 1 <= len(mails) <= 2, f"{len(mails)} invitations: {told}"
    assert len({mail["messageId"] for mail in mails}) == 1, told
    ids = {answer["body"]["id"] for answer in answers if answer and answer["status"] == 201}
    assert ids <= {user.id}, told
    if comes_back:
        assert statuses[-1] == 201, f"the last answer is the true one: {told}"
    entries = reader.page(user.id, last=99, offset=0, limit=99)
    actions = sorted(entry.body["action"] for entry in entries)
    assert actions == ["user.invitation_sent", "user.invited"], f"{actions} {told}"
    left = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    assert user.id not in str(left), f"work is left, dead or waiting: {told}"


def at_auth0(world: World, email: str) -> list[str]:
    """The ids of the accounts that Auth0 has for an address."""
    token = httpx.post(
        f"{world.issuer}oauth/token",
        json={
            "grant_type": "client_credentials",
            "client_id": "dutyline-machine",
            "client_secret": "local-machine-secret",
            "audience": f"{world.issuer}api/v2/",
        },
    ).json()["access_token"]
    found = httpx.get(
        f"{world.issuer}api/v2/users-by-email",
        params={"email": email},
        headers={"Authorization": f"Bearer {token}"},
    )
    return [user["user_id"] for user in found.raise_for_status().json()]
