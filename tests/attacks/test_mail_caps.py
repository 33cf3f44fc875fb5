"""Mail in somebody's name has limits per address, person and customer and day: finding H7."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import override_settings

from accounts import csv_import, customers, users
from accounts.admin import unusual_volumes
from accounts.clients import auth0
from accounts.notifications import invitations
from accounts.users import create, mail_limits
from config import daily_limits
from config.backoffice.links import admin_change_url
from tests.support import rate_limits
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import (
    PASSWORD,
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
)

LIMITS: dict[str, Any] = {
    "INVITATIONS_PER_USER": "4",
    "INVITATIONS_PER_CUSTOMER": "8",
    "EMAIL_CHANGES_PER_USER": "6",
    "EMAIL_CHANGES_PER_CUSTOMER": "8",
    "EMAIL_CHANGES_PER_TARGET": "3",
    "EMAILS_PER_ADDRESS": "5",
}


@pytest.fixture(autouse=True)
def within_one_day() -> None:
    rate_limits.await_day(60)


@pytest.fixture(scope="module")
def limited_webs(env: Environment) -> Iterator[list[str]]:
    """Two web processes with low limits."""
    names = ("limited-1", "limited-2")
    yield [env.start_web(name, free_port(), **LIMITS) for name in names]
    for name in names:
        env.stop(name)


@pytest.fixture
def owner(env: Environment, limited_webs: list[str]) -> SignedInUser:
    """The owner of a new customer, who has sent one invitation: that of the owner."""
    email = f"olga.{now().timestamp()}@cast.example"
    _, user = customers.create_customer(name="Quay Physio", owner_name="Olga", owner_email=email, at=now())
    return accept_invitation(env, limited_webs[0], user)


def invite(person: SignedInUser, **fields: Any) -> httpx.Response:
    return person.post("/user", {**new_user_body(person.user.customer_id), **fields})


def add_user(env: Environment, owner: SignedInUser, **fields: Any) -> SignedInUser:
    """A person of the owner's customer, signed in."""
    body = new_user_body(owner.user.customer_id)
    new_user = create.NewUserData(
        customer_id=owner.user.customer_id, email=body["email"], name="Max", locations=["*"], **fields
    )
    return accept_invitation(env, owner.web, create.create_user(new_user, actor=owner.actor, at=now()))


def change_email(person: SignedInUser, user_id: str) -> httpx.Response:
    address = new_user_body("")["email"]
    return person.patch("/userManagement", {"id": user_id, "email": address})


def assert_limited(response: httpx.Response, words: str) -> None:
    assert response.status_code == 429, response.text
    problem = parse_problem(response)
    assert problem["code"] == "daily_limit"
    assert words in problem["detail"]
    left = 86_400 - now().timestamp() % 86_400
    assert abs(int(response.headers["Retry-After"]) - left) < 30, "midnight (UTC)"


def flagged(customer_id: str) -> dict[str, tuple[int, int]]:
    """Used and refused by limit, of what operators see of a customer."""
    counts = [count for count in daily_limits.list_flagged(now()) if count.customer_id == customer_id]
    return {str(count.key).split(" ")[0]: (int(count.used), int(count.refused)) for count in counts}


def test_invitations_of_a_person_end_at_their_limit(
    env: Environment, owner: SignedInUser, limited_webs: list[str]
) -> None:
    """H7: 600 addresses a minute, without end."""
    manager = add_user(env, owner, role="manager")
    webs = [replace(manager, web=web) for web in limited_webs]

    responses = [invite(webs[number % 2]) for number in range(6)]

    assert [response.status_code for response in responses] == [201] * 4 + [429] * 2
    assert_limited(responses[-1], "At most 4 invitations can be sent per day by one person")
    assert invite(owner).status_code == 201, "an owner invites as many as the customer may"


def test_a_refused_invitation_leaves_nothing(env: Environment, owner: SignedInUser) -> None:
    manager = add_user(env, owner, role="manager")
    for _ in range(4):
        assert invite(manager).status_code == 201
    process_outbox()
    body = new_user_body(owner.user.customer_id)
    headers = {"Idempotency-Key": "refused"}
    with env.apply_plan() as plan:
        assert_limited(manager.post("/user", body, headers=headers), "by one person")
    assert [call for call in plan.calls if call.service == "identity"] == []
    assert users.find_users_by_email([body["email"]]) == {}
    process_outbox(60)
    assert emails_to(env, body["email"]) == []
    assert owner.post("/user", body).status_code == 201, "the address is free"
    assert_limited(manager.post("/user", body, headers=headers), "by one person")


def test_a_customer_has_a_limit_over_all_processes(
    env: Environment, owner: SignedInUser, limited_webs: list[str]
) -> None:
    """H7: at most as many as the customer may, also from several people at once, without Redis."""
    people = [
        replace(person, web=web) for person in (owner, add_user(env, owner, role="admin")) for web in limited_webs
    ]
    with env.apply_plan(FaultPlan(always={"redis": "refuse"})), ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda number: invite(people[number % 4]), range(16)))

    statuses = sorted(response.status_code for response in responses)
    assert statuses == [201] * 6 + [429] * 10, "8, less the owner and the admin"
    refused = next(response for response in responses if response.status_code == 429)
    assert_limited(refused, "At most 8 invitations can be sent per day by one customer")


def test_operators_see_unusual_volumes(env: Environment, owner: SignedInUser, limited_webs: list[str]) -> None:
    customer_id = owner.user.customer_id
    for _ in range(2):
        assert invite(owner).status_code == 201
    assert flagged(customer_id) == {}
    log_before = len(env.read_log("limited-1"))
    assert invite(owner).status_code == 201
    assert flagged(customer_id) == {"invitations-of-customer": (4, 0)}
    statuses = [invite(owner).status_code for _ in range(6)]
    assert statuses == [201] * 4 + [429] * 2
    assert flagged(customer_id) == {"invitations-of-customer": (8, 2)}

    lines = [json.loads(line) for line in env.read_log("limited-1")[log_before:].splitlines() if customer_id in line]
    events = [(line["message"], line["used"]) for line in lines if line["logger"] == "dutyline.limits"]
    assert events == [("half of a daily limit used", 4), ("daily limit reached", 8)]
    (panel,) = unusual_volumes.volume_panels(customer_id)
    (item,) = panel.items
    assert item.text == customers.get_customer(customer_id).name
    quota = settings.DAILY_LIMITS["invitations-of-customer"]  # that of this process
    assert item.detail.endswith(f": 8 of {quota:,} invitations, 2 more refused")
    assert item.url == admin_change_url("accounts", "customer", customer_id)


def test_operators_read_of_all_limits_in_words() -> None:
    assert set(unusual_volumes.LABELS) == set(settings.DAILY_LIMITS)


def test_changes_of_one_address_are_few(env: Environment, owner: SignedInUser) -> None:
    """H7: 12 changes in 2 s; each mailed a former address."""
    target = add_user(env, owner)
    responses = [change_email(owner, target.id) for _ in range(5)]
    assert [response.status_code for response in responses] == [200] * 3 + [429] * 2
    assert_limited(responses[-1], "of a person can be changed at most 3 times per day")
    assert users.get_user(target.id).awaited is None


def test_an_owner_can_always_correct_an_address(env: Environment, owner: SignedInUser) -> None:
    """A manager used up every limit, the last address their own: the owner got 429 that day."""
    target, address = add_user(env, owner), new_user_body("")["email"]
    first, second = [add_user(env, owner, role="manager") for _ in range(2)]

    def patch(person: SignedInUser, **fields: str) -> int:
        return person.patch("/userManagement", {"id": target.id, **fields}).status_code

    statuses = [patch(first, status=status) for status in ("blocked", "active")]
    statuses += [patch(first, email=email) for email in (address, target.user.email, address)]
    assert statuses == [200] * 5
    assert patch(second, email=target.user.email) == 429, "the address has had 5 mails"
    process_outbox()
    mails = len(emails_to(env, target.user.email))
    others = [create_target(owner) for _ in range(2)]
    assert [change_email(second, other).status_code for other in others for _ in range(3)] == [200] * 5 + [429]
    assert_limited(change_email(second, others[1]), "by one customer")

    assert patch(owner, email=target.user.email) == 200

    process_outbox()
    user = users.get_user(target.id)
    assert user.email == target.user.email
    assert not user.is_handover_pending
    assert len(emails_to(env, target.user.email)) == mails, "the address gets no more mail"
    entries = owner.get(f"/user/{target.id}/audit-logs").json()["items"]
    assert "user.link_not_sent" in [entry["action"] for entry in entries[:4]]
    link = auth0.create_password_ticket(user_id=target.id, seconds=600)  # as Auth0 mails it
    assert httpx.post(link, data={"password": PASSWORD}).is_success
    await_token_of_present_holder(target.id)
    person = replace(target, token=fetch_access_token(env, target.user.email))
    assert person.get("/user").status_code == 200, "by Forgot password?"


def test_changes_of_addresses_end_at_the_limits(env: Environment, owner: SignedInUser) -> None:
    targets = [create_target(owner) for _ in range(5)]
    manager = add_user(env, owner, role="admin")
    statuses = [change_email(manager, target).status_code for target in targets for _ in range(2)]
    assert statuses == [200] * 6 + [429] * 4
    assert_limited(
        change_email(manager, targets[-1]), "At most 6 e-mail addresses can be changed per day by one person"
    )
    other = add_user(env, owner, role="admin")
    statuses = [change_email(other, target).status_code for target in targets]
    assert statuses == [200] * 2 + [429] * 3
    assert_limited(
        change_email(other, targets[-1]), "At most 8 e-mail addresses can be changed per day by one customer"
    )
    statuses = [change_email(owner, targets[number % 5]).status_code for number in range(8)]
    assert statuses == [200] * 6 + [429] * 2, "what others use up does not count for owners, who have a limit too"


def create_target(owner: SignedInUser) -> str:
    body = new_user_body(owner.user.customer_id)
    new_user = create.NewUserData(customer_id=owner.user.customer_id, email=body["email"], name="Max")
    return str(create.create_user(new_user, actor=owner.actor, at=now()).id)


def test_one_address_gets_few_mails_from_all_customers(
    test_users: UserFixtures, env: Environment, owner: SignedInUser
) -> None:
    """H7: whoever invites, renames and invites again reaches one address without end."""
    victim = f"victim.{now().timestamp()}@outside.example"
    statuses = []
    for person in (owner, replace(test_users.cleo, web=owner.web), owner, owner):
        creation = invite(person, email=victim)
        statuses.append(creation.status_code)
        if creation.status_code == 201:
            id = creation.json()["id"]
            statuses.append(change_email(person, id).status_code)
    assert statuses == [201, 200, 201, 200, 201, 200, 429], "the last change is not told, as it is an owner's"
    process_outbox()
    assert len(emails_to(env, victim)) <= 5


def test_the_address_is_not_stored_in_the_count(owner: SignedInUser) -> None:
    limit = mail_limits.invitation_limits(owner.actor, "victim@outside.example")[-1]
    assert "victim" not in limit.key(now())
    assert "outside" not in limit.key(now())


def test_invitations_sent_again_count_too(env: Environment, owner: SignedInUser) -> None:
    target = create_target(owner)
    at = now()
    with override_settings(DAILY_LIMITS={**settings.DAILY_LIMITS, "emails-to-address": 3}):
        for minute in (2, 4):
            assert resend(owner, target, at + timedelta(minutes=minute))
        with pytest.raises(daily_limits.DailyLimitReached, match="at most 3 invitations"):
            resend(owner, target, at + timedelta(minutes=6))


def resend(person: SignedInUser, user_id: str, at: Any) -> Any:
    return invitations.resend_invitation(user_id, actor=person.actor, at=at)


def test_unblocking_again_and_again_mails_little_and_is_never_refused(env: Environment, owner: SignedInUser) -> None:
    """A manager used up the mails of an address and left the person blocked: the owner got 429."""
    person = add_user(env, owner)
    manager = add_user(env, owner, role="manager")

    def set_status(by: SignedInUser, status: str) -> int:
        return by.patch("/userManagement", {"id": person.id, "status": status}).status_code

    for _ in range(6):
        assert set_status(manager, "blocked") == set_status(manager, "active") == 200
        process_outbox()
    assert set_status(manager, "blocked") == 200

    assert set_status(owner, "active") == 200

    process_outbox()
    mails = emails_to(env, person.user.email)
    assert len(mails) == 4, "5 a day to an address, less the invitation, which was counted"
    entries = owner.get(f"/user/{person.id}/audit-logs").json()["items"]
    actions = [entry["action"] for entry in entries if entry["action"] != "user.blocked"]
    assert actions[:3] == ["user.handed_over", "user.link_not_sent", "user.unblocked"]
    assert users.get_user(person.id).status == "active"
    assert not users.get_user(person.id).is_handover_pending
    assert person.get("/user").status_code == 401, "they set a new password with the link of Forgot password?"
    link = auth0.create_password_ticket(user_id=person.id, seconds=600)  # as Auth0 then mails it
    assert httpx.post(link, data={"password": PASSWORD}).is_success
    await_token_of_present_holder(person.id)
    assert replace(person, token=fetch_access_token(env, person.user.email)).get("/user").status_code == 200


def test_a_customers_invitations_do_not_stop_an_unblocking(env: Environment, owner: SignedInUser) -> None:
    person = add_user(env, owner)
    while (response := invite(owner)).status_code == 201:
        pass
    assert_limited(response, "by one customer")
    for status in ("blocked", "active"):
        assert owner.patch("/userManagement", {"id": person.id, "status": status}).status_code == 200


def test_an_import_says_what_was_refused_and_goes_on_tomorrow(owner: SignedInUser) -> None:
    lines = [f"row{number}.{owner.id.lower()}@cast.example,Row {number}" for number in range(9)]
    rows = csv_import.read_file(("email,name\n" + "\n".join(lines)).encode(), owner.user.customer_id).rows
    with override_settings(DAILY_LIMITS={**settings.DAILY_LIMITS, "invitations-of-customer": 6}):
        first = csv_import.import_rows(rows, owner.user.customer_id, on_progress=lambda: None)
    assert (first.created, first.already_exists) == (5, 0)
    assert [problem.line for problem in first.problems] == [7, 8, 9, 10]
    assert {problem.detail for problem in first.problems} == {
        "At most 6 invitations can be sent per day by one customer; go on tomorrow."
    }
    second = csv_import.import_rows(rows, owner.user.customer_id, on_progress=lambda: None)
    assert (second.created, second.already_exists, second.problems) == (4, 5, [])


def test_notifications_to_one_address_end(test_users: UserFixtures, env: Environment) -> None:
    person = accept_invitation(env, test_users.ann.web, test_users.create_user())
    with override_settings(DAILY_LIMITS={**settings.DAILY_LIMITS, "notifications-to-address": 2}):
        for role in ("manager", "staff", "manager", "staff"):
            assert test_users.ann.patch("/userManagement", {"id": person.id, "userRole": role}).status_code == 200
            process_outbox()
    mails = [mail for mail in emails_to(env, person.user.email) if "permissions" in mail["subject"]]
    assert len(mails) == 2


def test_an_outage_of_mail_uses_up_no_notifications(
    test_users: UserFixtures, env: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    """Each deferral counted again, until the limit was reached and the mail was dropped."""
    person = accept_invitation(env, test_users.ann.web, test_users.create_user())
    process_outbox()

    def rights_mails() -> int:
        return len([mail for mail in emails_to(env, person.user.email) if "permissions" in mail["subject"]])

    with override_settings(DAILY_LIMITS={**settings.DAILY_LIMITS, "notifications-to-address": 2}):
        for role in ("manager", "staff"):
            assert test_users.ann.patch("/userManagement", {"id": person.id, "userRole": role}).status_code == 200
        with override_settings(EMAIL_PORT=free_port()):
            for seconds in (0, 60, 300, 900):
                process_outbox(seconds)
        assert rights_mails() == 0
        process_outbox(3600)
        assert rights_mails() == 2
        assert test_users.ann.patch("/userManagement", {"id": person.id, "userRole": "manager"}).status_code == 200
        with caplog.at_level("WARNING", "dutyline.notifications"):
            process_outbox()
        logged = [record for record in caplog.records if record.name == "dutyline.notifications"]
        assert [vars(record)["event"] for record in logged] == ["rights_changed"]
        locations = [test_users.denver.id]
        assert test_users.ann.patch("/userManagement", {"id": person.id, "locations": locations}).status_code == 200
        process_outbox()
    assert rights_mails() == 2
    subjects = [mail["subject"] for mail in emails_to(env, person.user.email)]
    assert any("work at" in subject for subject in subjects), "other kinds have a count of their own"


def test_a_change_of_address_counts_as_costly(test_users: UserFixtures) -> None:
    """H7: 1,200 a minute were allowed, as for any change."""
    target = test_users.create_user().id
    with rate_limits.use_up(["costly"], test_users.mia.id):
        response = change_email(test_users.mia, target)
        renamed = test_users.mia.patch("/userManagement", {"id": target, "name": "Other"})
    assert response.status_code == 429
    assert parse_problem(response)["code"] == "rate_limited"
    assert renamed.status_code == 200


def test_the_limits_suit_real_businesses(env: Environment, record_figure: Callable[[str], None]) -> None:
    """The defaults: 500 people on the first day are possible."""
    completed = env.run_management_command(
        "shell",
        "-v0",
        "-c",
        "from django.conf import settings; print(settings.DAILY_LIMITS)",
        **dict.fromkeys(LIMITS, ""),
    )
    limits = completed.stdout.strip()
    record_figure(f"daily limits: {limits}")
    for part in ("'invitations-of-customer': 1000", "'invitations-of-user': 200", "'emails-to-address': 10"):
        assert part in limits
    for part in ("'email-changes-of-user': 50", "'email-changes-of-customer': 200", "'email-changes-to-user': 5"):
        assert part in limits
