"""Whatever is killed, cut or refused while people are changed, nothing is lost or half done.

As in ``tests/test_crashes.py``, for each flow of this floor: a golden run counts the calls of the
request and of the errands after it; then each of them goes wrong once, in each mode.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import Customer, EmailGuard, Location, PushTokenGuard, User
from accounts.notifications import devices
from accounts.terms import acceptance
from accounts.users import counters
from config import audit, dynamodb, outbox
from config.audit import reader, verification
from config.dynamodb import encryption
from tests.conftest import Cast, come, mails_to, now, sweep
from tests.support.crash_harness import Harness, worth_trying
from tests.support.environment import SCALE, World
from tests.support.proxy import MODES, Plan

RUN = MODES if SCALE else ("kill_before", "kill_after", "lost")
_keys = itertools.count(1)


@dataclass
class Case:
    """One flow on one person, and what a client was told."""

    cast: Cast
    world: World
    user: User
    plan: Plan
    comes_back: bool = False
    token: str = ""
    """Of who asks, where it is not Ann."""
    answers: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def told(self) -> str:
        return f"{self.user.id} {self.plan.fired} {self.answers}"

    @property
    def statuses(self) -> list[int]:
        return [answer["status"] for answer in self.answers if answer]

    @property
    def left(self) -> User | None:
        return dynamodb.get(User, self.user.id)

    def actions(self) -> list[str]:
        entries = reader.page(self.user.id, last=_last(self.user.id), offset=0, limit=99)
        return [entry.body["action"] for entry in entries]

    def at_auth0(self) -> dict[str, Any] | None:
        return self.world.tenant().user(auth0.subject(self.user.id))


def _last(stream: str) -> int:
    head = dynamodb.get(audit.AuditEntry, stream, 0)
    return int(head.last) if head else 0


@dataclass(frozen=True)
class Flow:
    """A request about a person, and what must hold afterwards."""

    method: str
    path: str
    body: Callable[[User], dict[str, Any]]
    check: Callable[[Case], None]
    allowed: set[int]
    keyed: bool = False
    oneself: bool = False
    """Whether the person asks, not Ann."""
    with_device: bool = False

    def ask(self, harness: Harness, case: Case, key: str, plan: Plan) -> None:
        answer = harness.request(
            case.token or case.cast.ann.token,
            self.method,
            self.path.format(id=case.user.id),
            self.body(case.user),
            plan=plan,
            key=key if self.keyed else "",
        )
        case.answers.append(answer)


def new_address(user: User) -> str:
    return f"moved.{user.email}"


def check_block(case: Case) -> None:
    left = case.left
    assert left is not None, case.told
    assert left.status in ("invited", "blocked"), case.told
    if 200 in case.statuses or case.comes_back:
        assert left.status == "blocked", case.told
    account = case.at_auth0()
    assert account is not None, case.told
    assert account["blocked"] == (left.status == "blocked"), case.told
    assert case.actions().count("user.blocked") == int(left.status == "blocked"), case.told


def check_address(case: Case) -> None:
    left = case.left
    assert left is not None, case.told
    assert left.awaited is None, case.told
    wanted = new_address(case.user)
    assert left.email in (case.user.email, wanted), case.told
    if 200 in case.statuses or case.comes_back:
        assert (left.email, left.name) == (wanted, "Moved Person"), case.told
    moved = left.email == wanted
    account = case.at_auth0()
    assert account is not None, case.told
    assert account["email"] == left.email, case.told
    assert account["name"] == left.name, case.told
    guards = {e: dynamodb.get(EmailGuard, e) for e in (case.user.email, wanted)}
    assert (guards[left.email] or EmailGuard()).user_id == case.user.id, case.told
    assert [e for e, guard in guards.items() if guard] == [left.email], case.told
    assert case.actions().count("user.changed") == int(moved), case.told
    mails = mails_to(case.world, wanted)
    assert int(moved) <= len(mails) <= 2 * int(moved), case.told
    assert len({mail["messageId"] for mail in mails}) == int(moved), case.told


def check_deletion(case: Case) -> None:
    left = case.left
    if 200 in case.statuses or case.comes_back:
        assert left is None, case.told
    guard = dynamodb.get(EmailGuard, case.user.email_key)
    key = dynamodb.get(encryption.PersonKey, case.user.id)
    gone = [left is None, guard is None, key is None, case.at_auth0() is None]
    assert all(gone) or not any(gone), f"half gone: {gone} {case.told}"
    check_device(case)
    if left is None:
        assert devices.of_person(case.user.id) == [], case.told
    else:
        assert left.status == "invited", case.told
    actions = case.actions()
    assert actions.count("user.deletion_begun") == int(left is None), case.told
    assert actions.count("user.deleted") == int(left is None), case.told


def check_resend(case: Case) -> None:
    left = case.left
    assert left is not None, case.told
    asked = left.resent_at is not None
    if 200 in case.statuses or case.comes_back:
        assert asked, case.told
    if case.comes_back:
        assert case.statuses[-1] == 200, case.told
    mails = mails_to(case.world, left.email)
    assert len({mail["messageId"] for mail in mails}) == 1 + int(asked), case.told
    assert len(mails) <= 2 + 2 * int(asked), case.told
    assert case.actions().count("user.invitation_resent") == int(asked), case.told
    sent = case.actions().count("user.invitation_sent")
    assert sent == 1 + int(asked), case.told


def check_terms(case: Case) -> None:
    proofs = acceptance.proofs(case.user.id)
    assert len(proofs) == case.actions().count("terms.accepted") <= 1, case.told
    if 200 in case.statuses or case.comes_back:
        assert len(proofs) == 1, case.told


def device_of(user: User) -> str:
    return f"ExpoPushToken[crash-{user.id}]"


def check_device(case: Case) -> None:
    guard = dynamodb.get(PushTokenGuard, devices._key(device_of(case.user)))
    there = [device.token for device in devices.of_person(case.user.id)]
    assert there == ([device_of(case.user)] if guard else []), case.told
    if case.token:
        assert case.actions().count("device.registered") == len(there), case.told
    if case.token and (200 in case.statuses or case.comes_back):
        assert guard is not None, case.told


FLOWS = {
    "accept terms": Flow(
        *("POST", "/user/accept-terms", lambda user: {}, check_terms, {200, 503}),
        keyed=True,
        oneself=True,
    ),
    "register a device": Flow(
        *("POST", "/user/push-token", lambda user: {"token": device_of(user)}),
        check_device,
        {200, 503},
        keyed=True,
        oneself=True,
    ),
    "block": Flow(
        "PATCH",
        "/userManagement",
        lambda user: {"id": user.id, "status": "blocked"},
        check_block,
        {200, 503},
    ),
    "change of e-mail": Flow(
        "PATCH",
        "/userManagement",
        lambda user: {"id": user.id, "email": new_address(user), "name": "Moved Person"},
        check_address,
        {200, 503},
    ),
    "delete": Flow(
        *("DELETE", "/user", lambda user: {"id": user.id}, check_deletion, {200, 404, 503}),
        with_device=True,
    ),
    "resend": Flow(
        "POST",
        "/userManagement/{id}/resend-invitation",
        lambda user: {},
        check_resend,
        {200, 409, 503},
        keyed=True,
    ),
}


@pytest.mark.parametrize("mode", RUN)
@pytest.mark.parametrize("name", FLOWS)
def test_changing_people_survives(
    harness: Harness,
    cast: Cast,
    world: World,
    name: str,
    mode: str,
    say: Callable[[str], None],
) -> None:
    flow = FLOWS[name]
    golden = run(harness, flow, begun(flow, cast, world, Plan(), comes_back=False))
    harness.sweep_until_idle()
    assert golden.statuses == [200], golden.told
    flow.check(golden)
    worth = [call for call in golden.plan.calls if worth_trying(call)]
    hit = []
    for number, call in enumerate(worth):
        for comes_back in both(number):
            plan = Plan(faults={call.signature: mode})
            case = run(harness, flow, begun(flow, cast, world, plan, comes_back=comes_back))
            if plan.fired:  # else the mode does not apply to this call
                hit.append(case)
    harness.sweep_until_idle()
    for case in hit:
        check(flow, case)
    cases = len(hit)
    assert cases
    check_headcounts(cast)
    assert verification.verify().findings == []
    say(f"{name}, {mode}: {cases} of {cases} survived")


def both(number: int) -> Iterable[bool]:
    """Whether the client comes back: both, or in turn where time is short."""
    return (True, False) if SCALE else (number % 2 == 0,)


def invited(cast: Cast) -> User:
    """Somebody who was invited, and whose invitation was sent."""
    user = cast.fresh()
    sweep()
    return users.get(user.id)


def begun(flow: Flow, cast: Cast, world: World, plan: Plan, *, comes_back: bool) -> Case:
    user = invited(cast)
    if flow.with_device:
        devices.register(device_of(user), actor=permissions.of(user), at=now())
    token = come(world, cast.ann.web, user).token if flow.oneself else ""
    return Case(cast, world, user, plan, comes_back, token)


def run(harness: Harness, flow: Flow, case: Case) -> Case:
    """The request and the errands after it, with the planned fault; then perhaps again."""
    key = f"crash-{next(_keys)}"
    flow.ask(harness, case, key, case.plan)
    if case.plan.faults and case.plan.fired:
        sweep(1)  # as another worker would
    else:
        harness.sweep(later=1, plan=case.plan)
    if case.comes_back:
        flow.ask(harness, case, key, Plan())
    return case


def check(flow: Flow, case: Case) -> None:
    """What must hold after any flow, and after this one."""
    assert set(case.statuses) <= flow.allowed, case.told
    flow.check(case)
    left = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    assert case.user.id not in str(left), f"work is left, dead or waiting: {case.told}"


def check_headcounts(cast: Cast) -> None:
    """The counts are what they count."""
    everyone = [
        User.read(item) for item in dynamodb.call("Scan", TableName=User.table_name())["Items"]
    ]
    people = [user for user in everyone if user.customer_id == cast.customer.id]
    owners = sum(counters.is_full_owner(user) for user in people)
    assert (dynamodb.get(Customer, cast.customer.id) or cast.customer).owner_count == owners
    for place in (cast.boston, cast.denver):
        confined = sum(place.id in user.locations for user in people)
        assert (dynamodb.get(Location, place.id) or place).people == confined
