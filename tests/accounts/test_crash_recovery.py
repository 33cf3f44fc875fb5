"""User changes survive killed processes, cut connections and failed calls.

As in ``tests/test_crashes.py``: for each flow, a golden run counts the calls of the request and of
its outbox messages; then each call fails once, in each mode.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import Customer, DeletedUser, EmailOwner, Location, PushTokenOwner, User
from accounts.notifications import devices
from accounts.terms import acceptance
from accounts.users import side_effects
from config import audit, dynamodb, outbox
from config.audit import reader
from config.dynamodb import encryption
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying, scan_items
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, accept_invitation, directory_differences, emails_to, now, process_outbox

_key_numbers = itertools.count(1)


@dataclass
class UserChangeCase:
    """One run of a flow on one user, and the responses to the client."""

    test_users: UserFixtures
    env: Environment
    user: User
    fault_plan: FaultPlan
    client_retries: bool = False
    token: str = ""
    """Access token of the requesting user; empty for Ann."""
    responses: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def summary(self) -> str:
        return f"{self.user.id} {self.fault_plan.fired_faults} {self.responses}"

    @property
    def statuses(self) -> list[int]:
        return [response["status"] for response in self.responses if response]

    @property
    def current_user(self) -> User | None:
        return dynamodb.get_record(User, self.user.id)

    def list_audit_actions(self) -> list[str]:
        entries = reader.read_page(self.user.id, last=last_sequence(self.user.id), offset=0, limit=99)
        return [entry.body["action"] for entry in entries]

    def get_auth0_account(self) -> dict[str, Any] | None:
        return self.env.tenant().get_user(auth0.subject_of_user(self.user.id))


def last_sequence(stream: str) -> int:
    stream_head = dynamodb.get_record(audit.AuditEntry, stream, 0)
    return int(stream_head.last) if stream_head else 0


@dataclass(frozen=True)
class UserChangeFlow:
    """A request about a user, and what must hold afterwards."""

    method: str
    path: str
    make_body: Callable[[User], dict[str, Any]]
    check: Callable[[UserChangeCase], None]
    allowed: set[int]
    has_idempotency_key: bool = False
    sent_by_user: bool = False
    """Whether the user sends the request, not Ann."""
    with_device: bool = False

    def send_request(self, harness: CrashHarness, case: UserChangeCase, key: str, fault_plan: FaultPlan | None) -> None:
        response = harness.request(
            case.token or case.test_users.ann.token,
            self.method,
            self.path.format(id=case.user.id),
            self.make_body(case.user),
            plan=fault_plan,
            key=key if self.has_idempotency_key else "",
        )
        case.responses.append(response)


def new_email_of(user: User) -> str:
    return f"moved.{user.email}"


def check_block(case: UserChangeCase) -> None:
    user = case.current_user
    assert user is not None, case.summary
    assert user.status in ("invited", "blocked"), case.summary
    if 200 in case.statuses or case.client_retries:
        assert user.status == "blocked", case.summary
    account = case.get_auth0_account()
    assert account is not None, case.summary
    assert account["blocked"] == (user.status == "blocked"), case.summary
    assert case.list_audit_actions().count("user.blocked") == int(user.status == "blocked"), case.summary


def check_email_change(case: UserChangeCase) -> None:
    user = case.current_user
    assert user is not None, case.summary
    assert user.awaited is None, case.summary
    new_email = new_email_of(case.user)
    assert user.email in (case.user.email, new_email), case.summary
    if 200 in case.statuses or case.client_retries:
        assert (user.email, user.name) == (new_email, "Moved Person"), case.summary
    email_changed = user.email == new_email
    account = case.get_auth0_account()
    assert account is not None, case.summary
    assert account["email"] == user.email, case.summary
    assert account["name"] == user.name, case.summary
    uniqueness_records = {email: dynamodb.get_record(EmailOwner, email) for email in (case.user.email, new_email)}
    assert (uniqueness_records[user.email] or EmailOwner()).user_id == case.user.id, case.summary
    assert [email for email, uniqueness_record in uniqueness_records.items() if uniqueness_record] == [user.email], (
        case.summary
    )
    assert case.list_audit_actions().count("user.changed") == int(email_changed), case.summary
    messages = emails_to(case.env, new_email)
    assert int(email_changed) <= len(messages) <= 2 * int(email_changed), case.summary
    assert len({message["messageId"] for message in messages}) == int(email_changed), case.summary


def check_deletion(case: UserChangeCase) -> None:
    user = case.current_user
    if 200 in case.statuses or case.client_retries:
        assert user is None, case.summary
    uniqueness_record = dynamodb.get_record(EmailOwner, case.user.email_key)
    deleted = dynamodb.get_record(DeletedUser, case.user.id)
    account = case.get_auth0_account()
    assert account is not None, "until the erasure"
    message = dynamodb.get_record(outbox.OutboxMessage, f"erase-{case.user.id}")
    deletions = [user is None, uniqueness_record is None, deleted is not None, message is not None, account["blocked"]]
    deletions.append(account["email"] != case.user.email)
    assert all(deletions) or not any(deletions), f"partly deleted: {deletions} {case.summary}"
    assert dynamodb.get_record(encryption.PersonKey, case.user.id), case.summary
    check_device(case)
    if user is None:
        assert devices.list_devices(case.user.id) == [], case.summary
    else:
        assert user.status == "invited", case.summary
    actions = case.list_audit_actions()
    assert actions.count("user.deletion_begun") == int(user is None), case.summary
    assert actions.count("user.deleted") == int(user is None), case.summary


def check_immediate_erasure(case: UserChangeCase) -> None:
    user = case.current_user
    if 200 in case.statuses or case.client_retries:
        assert user is None, case.summary
    uniqueness_record = dynamodb.get_record(EmailOwner, case.user.email_key)
    person_key = dynamodb.get_record(encryption.PersonKey, case.user.id)
    removals = [user is None, uniqueness_record is None, person_key is None, case.get_auth0_account() is None]
    assert all(removals) or not any(removals), f"partly erased: {removals} {case.summary}"
    assert dynamodb.get_record(DeletedUser, case.user.id) is None, case.summary
    check_device(case)
    actions = case.list_audit_actions()
    assert actions.count("user.deletion_begun") == int(user is None), case.summary
    assert actions.count("user.deleted") == int(user is None), case.summary


def check_invitation_resend(case: UserChangeCase) -> None:
    user = case.current_user
    assert user is not None, case.summary
    was_resent = user.resent_at is not None
    if 200 in case.statuses or case.client_retries:
        assert was_resent, case.summary
    if case.client_retries:
        assert case.statuses[-1] == 200, case.summary
    messages = emails_to(case.env, user.email)
    assert len({message["messageId"] for message in messages}) == 1 + int(was_resent), case.summary
    assert len(messages) <= 2 + 2 * int(was_resent), case.summary
    assert case.list_audit_actions().count("user.invitation_resent") == int(was_resent), case.summary
    sent_count = case.list_audit_actions().count("user.invitation_sent")
    assert sent_count == 1 + int(was_resent), case.summary


def check_terms_acceptance(case: UserChangeCase) -> None:
    proofs = acceptance.list_acceptances(case.user.id)
    assert len(proofs) == case.list_audit_actions().count("terms.accepted") <= 1, case.summary
    if 200 in case.statuses or case.client_retries:
        assert len(proofs) == 1, case.summary


def push_token_of(user: User) -> str:
    return f"ExpoPushToken[crash-{user.id}]"


def check_device(case: UserChangeCase) -> None:
    uniqueness_record = dynamodb.get_record(PushTokenOwner, devices._key_of(push_token_of(case.user)))
    tokens = [device.token for device in devices.list_devices(case.user.id)]
    assert tokens == ([push_token_of(case.user)] if uniqueness_record else []), case.summary
    if case.token:
        assert case.list_audit_actions().count("device.registered") == len(tokens), case.summary
    if case.token and (200 in case.statuses or case.client_retries):
        assert uniqueness_record is not None, case.summary


FLOWS = {
    "accept terms": UserChangeFlow(
        *("POST", "/user/accept-terms", lambda user: {}, check_terms_acceptance, {200, 503}),
        has_idempotency_key=True,
        sent_by_user=True,
    ),
    "register a device": UserChangeFlow(
        *("POST", "/user/push-token", lambda user: {"token": push_token_of(user)}),
        check_device,
        {200, 503},
        has_idempotency_key=True,
        sent_by_user=True,
    ),
    "block": UserChangeFlow(
        "PATCH", "/userManagement", lambda user: {"id": user.id, "status": "blocked"}, check_block, {200, 503}
    ),
    "change of e-mail": UserChangeFlow(
        "PATCH",
        "/userManagement",
        lambda user: {"id": user.id, "email": new_email_of(user), "name": "Moved Person"},
        check_email_change,
        {200, 503},
    ),
    "delete": UserChangeFlow(
        *("DELETE", "/user", lambda user: {"id": user.id}, check_deletion, {200, 404, 503}), with_device=True
    ),
    "erase": UserChangeFlow(
        *("DELETE", "/user", lambda user: {"id": user.id, "erase": "now"}, check_immediate_erasure, {200, 404, 503}),
        with_device=True,
    ),
    "resend": UserChangeFlow(
        "POST",
        "/userManagement/{id}/resend-invitation",
        lambda user: {},
        check_invitation_resend,
        {200, 409, 503},
        has_idempotency_key=True,
    ),
}


@pytest.mark.parametrize("mode", CRASH_MODES)
@pytest.mark.parametrize("name", FLOWS)
def test_user_changes_survive_faults(
    harness: CrashHarness,
    test_users: UserFixtures,
    env: Environment,
    name: str,
    mode: str,
    record_figure: Callable[[str], None],
) -> None:
    flow = FLOWS[name]
    (user,) = create_invited_users(test_users, 1)
    baseline = run_case(harness, flow, make_case(flow, test_users, env, user, FaultPlan(), client_retries=False))
    harness.process_outbox_until_idle()
    assert baseline.statuses == [200], baseline.summary
    flow.check(baseline)
    fault_calls = [call for call in baseline.fault_plan.calls if is_worth_trying(call)]
    variants = [(call, retries) for index, call in enumerate(fault_calls) for retries in retry_variants(index)]
    fault_cases = []
    users_of_cases = create_invited_users(test_users, len(variants))
    for (call, client_retries), user in zip(variants, users_of_cases, strict=True):
        fault_plan = FaultPlan(faults={call.signature: mode})
        case = make_case(flow, test_users, env, user, fault_plan, client_retries=client_retries)
        run_case(harness, flow, case)
        if fault_plan.fired_faults:  # otherwise the mode does not apply to this call
            fault_cases.append(case)
    harness.process_outbox_until_idle()
    items = scan_items(outbox.OutboxMessage)
    outbox_text = str([item for item in items if item["task"]["S"] != "accounts.erase_user"])
    for case in fault_cases:
        check_case(flow, case, outbox_text)
    case_count = len(fault_cases)
    assert case_count
    check_counters(test_users)
    assert test_users.audit_findings() == []
    record_figure(f"{name}, {mode}: {case_count} of {case_count} survived")


def retry_variants(index: int) -> Iterable[bool]:
    """Whether the client retries: both variants at full scale, else alternating."""
    return (True, False) if IS_SCALE_RUN else (index % 2 == 0,)


def create_invited_users(test_users: UserFixtures, count: int) -> list[User]:
    """Users whose invitations were sent."""
    new_users = [test_users.create_user() for _ in range(count)]
    process_outbox()
    return [users.get_user(user.id) for user in new_users]


def make_case(
    flow: UserChangeFlow,
    test_users: UserFixtures,
    env: Environment,
    user: User,
    fault_plan: FaultPlan,
    *,
    client_retries: bool,
) -> UserChangeCase:
    if flow.with_device:
        devices.register_device(push_token_of(user), actor=permissions.user_actor(user), at=now())
    token = accept_invitation(env, test_users.ann.web, user).token if flow.sent_by_user else ""
    return UserChangeCase(test_users, env, user, fault_plan, client_retries, token)


def run_case(harness: CrashHarness, flow: UserChangeFlow, case: UserChangeCase) -> UserChangeCase:
    """Send the request and process the outbox with the planned fault; then perhaps retry."""
    key = f"crash-{next(_key_numbers)}"
    flow.send_request(harness, case, key, case.fault_plan)
    if case.fault_plan.faults and case.fault_plan.fired_faults:
        process_outbox(1)  # as another worker would do
    else:
        harness.process_outbox(seconds_ahead=1, plan=case.fault_plan)
    if case.client_retries:
        flow.send_request(harness, case, key, None)
    return case


def check_case(flow: UserChangeFlow, case: UserChangeCase, outbox_text: str) -> None:
    """Check what must hold after any flow, and after this one."""
    assert set(case.statuses) <= flow.allowed, case.summary
    flow.check(case)
    assert case.user.id not in outbox_text, f"an outbox message is left: {case.summary}"


def check_counters(test_users: UserFixtures) -> None:
    """Check that the stored counters and the directory match the rows."""
    assert directory_differences(test_users.customer.id) == []
    items = [item for item in scan_items(User) if item["customer_id"]["S"] == test_users.customer.id]
    customer_users = [User.from_item(item) for item in items]
    owner_count = sum(side_effects.is_full_owner(user) for user in customer_users)
    assert (dynamodb.get_record(Customer, test_users.customer.id) or test_users.customer).owner_count == owner_count
    for location in (test_users.boston, test_users.denver):
        user_count = sum(location.id in user.locations for user in customer_users)
        assert (dynamodb.get_record(Location, location.id) or location).people == user_count
