"""Concurrent changes of one user: pending ones are superseded, late ones are corrected."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import EmailOwner, User
from accounts.users import address_claims, change_email, create
from config import dynamodb, errors, outbox
from config.dynamodb import encryption
from config.journal import two_phase
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    emails_to,
    new_user_body,
    now,
    parse_problem,
    process_outbox,
)

AUTH0_UNAVAILABLE = {"identity": "503"}


def update_user(person: SignedInUser, user_id: str, **changes: object) -> httpx.Response:
    return person.patch("/userManagement", {"id": user_id, **changes})


def start_pending_change(
    env: Environment, person: SignedInUser, user_id: str, fault_mode: str = "503", **changes: object
) -> None:
    """A change during an Auth0 outage; "lost": Auth0 applies it, but its response is lost."""
    with env.apply_plan(
        FaultPlan(always={f"identity PATCH /api/v2/users/auth0%7C{user_id}": fault_mode})
    ) as fault_plan:
        assert update_user(person, user_id, **changes).status_code == 503
        assert fault_plan.fired_faults


def create_signed_in_user(test_users: UserFixtures, env: Environment, **fields: object) -> SignedInUser:
    person = accept_invitation(env, test_users.ann.web, test_users.create_user(**fields))
    process_outbox()
    return person


@pytest.mark.parametrize("fault_mode", ["503", "lost"])
def test_promotion_supersedes_a_pending_email_change(
    test_users: UserFixtures, env: Environment, fault_mode: str
) -> None:
    person = create_signed_in_user(test_users, env)
    new_email = f"mine.{person.user.email}"
    start_pending_change(env, test_users.mia, person.id, fault_mode, email=new_email)
    promotion = update_user(test_users.ann, person.id, userRole="owner", locations=["*"])
    assert promotion.status_code == 200

    process_outbox(seconds_ahead=60)

    user = users.get_user(person.id)
    assert (user.role, user.email, user.awaited) == ("owner", person.user.email, None)
    process_outbox(seconds_ahead=120)
    assert dynamodb.get_record(EmailOwner, new_email) is None
    account = env.tenant().get_user(auth0.subject_of_user(person.id)) or {}
    assert account["email"] == person.user.email


@pytest.mark.parametrize("fault_mode", ["503", "lost"])
def test_pending_email_change_ends_when_its_author_is_blocked(
    test_users: UserFixtures, env: Environment, fault_mode: str
) -> None:
    person = create_signed_in_user(test_users, env)
    manager = create_signed_in_user(test_users, env, role="manager")
    new_email = f"mine.{person.user.email}"
    start_pending_change(env, manager, person.id, fault_mode, email=new_email)
    assert update_user(test_users.ann, manager.id, status="blocked").status_code == 200

    process_outbox(seconds_ahead=60)

    user = users.get_user(person.id)
    assert (user.email, user.awaited) == (person.user.email, None)
    process_outbox(seconds_ahead=120)
    assert (env.tenant().get_user(auth0.subject_of_user(person.id)) or {})["email"] == person.user.email
    handed_over, entry = test_users.ann.get(f"/user/{person.id}/audit-logs?limit=2").json()["items"]
    assert handed_over["action"] == "user.handed_over", "Auth0 may have had the new address"
    assert entry["action"] == "user.change_refused"
    assert {"field": "reason", "before": None, "after": "email_change_outdated"} in entry["changes"]


def test_unauthorized_request_does_not_finish_a_pending_change(test_users: UserFixtures, env: Environment) -> None:
    admin = create_signed_in_user(test_users, env, role="admin", locations=["*"])
    new_email = f"new.{admin.user.email}"
    start_pending_change(env, test_users.ann, admin.id, email=new_email)

    assert update_user(test_users.mia, admin.id, email="evil@cast.example").status_code == 403
    assert users.get_user(admin.id).awaited is not None
    response = update_user(test_users.ann, admin.id, email=new_email)

    assert response.json()["email"] == new_email
    entries = test_users.ann.get(f"/user/{admin.id}/audit-logs").json()["items"]
    (change_entry,) = [entry for entry in entries if entry["action"] == "user.changed"]
    assert change_entry["actor"]["name"] == test_users.ann.user.name
    (denied_entry,) = [entry for entry in entries if entry["action"] == "attempt.refused"]
    assert {"field": "email", "before": None, "after": "evil@cast.example"} in denied_entry["changes"]
    process_outbox()
    assert test_users.ann.user.name in emails_to(env, admin.user.email)[0]["text"]


def test_second_change_completes_the_first_for_its_author(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    first_email, second_email = f"first.{person.user.email}", f"second.{person.user.email}"
    start_pending_change(env, test_users.ann, person.id, email=first_email)

    assert update_user(test_users.abe, person.id, email=second_email).json()["email"] == second_email

    entries = test_users.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
    change_entries = [entry for entry in entries if entry["action"] == "user.changed"]
    assert [entry["actor"]["name"] for entry in change_entries] == [test_users.abe.user.name, test_users.ann.user.name]
    assert dynamodb.get_record(EmailOwner, first_email) is None


def test_previous_address_is_warned_despite_a_block(test_users: UserFixtures, env: Environment) -> None:
    for in_same_request in (True, False):
        person = create_signed_in_user(test_users, env)
        new_email = f"stolen.{person.user.email}"
        if in_same_request:
            assert update_user(test_users.mia, person.id, status="blocked", email=new_email).is_success
        else:
            assert update_user(test_users.mia, person.id, status="blocked").is_success
            assert update_user(test_users.mia, person.id, email=new_email).is_success
        assert update_user(test_users.mia, person.id, status="active").is_success
        process_outbox()
        assert "has changed" in emails_to(env, person.user.email)[0]["subject"]
        actions = [entry["action"] for entry in test_users.ann.get(f"/user/{person.id}/audit-logs").json()["items"]]
        assert actions.count("user.blocked") == actions.count("user.unblocked") == 1


def test_block_applies_while_the_email_change_is_pending(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    new_email = f"later.{person.user.email}"

    start_pending_change(env, test_users.ann, person.id, status="blocked", email=new_email)

    assert person.get("/user").status_code == 401
    process_outbox(seconds_ahead=60)
    user = users.get_user(person.id)
    assert (user.status, user.email) == ("blocked", new_email)


def test_user_blocked_before_the_invitation_is_invited_after_unblocking(
    test_users: UserFixtures, env: Environment
) -> None:
    user = test_users.create_user()
    assert update_user(test_users.ann, user.id, status="blocked").is_success
    process_outbox()
    assert emails_to(env, user.email) == []
    corrected_email = f"right.{user.email}"
    assert update_user(test_users.ann, user.id, email=corrected_email).is_success
    process_outbox()
    assert emails_to(env, corrected_email) == []

    assert update_user(test_users.ann, user.id, status="active").json()["status"] == "invited"

    process_outbox()
    assert len(emails_to(env, corrected_email)) == 1
    assert emails_to(env, user.email) == []


def test_stale_auth0_update_is_corrected(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    first_email, second_email = f"a.{person.user.email}", f"b.{person.user.email}"
    start_pending_change(env, test_users.ann, person.id, email=first_email)
    stale_user = users.get_user(person.id)
    assert update_user(test_users.ann, person.id, email=second_email).json()["email"] == second_email

    change_email.finish_email_change(stale_user, two_phase.Attempt(test_users.ann.actor, now()))

    assert (env.tenant().get_user(auth0.subject_of_user(person.id)) or {})["email"] == first_email
    process_outbox()
    assert (env.tenant().get_user(auth0.subject_of_user(person.id)) or {})["email"] == second_email


def test_auth0_correction_waits_for_a_pending_change(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    start_pending_change(env, test_users.ann, person.id, email=f"new.{person.user.email}")

    with pytest.raises(errors.Unavailable):
        change_email.sync_email_to_auth0(person.id)


def test_repeated_requests_do_not_exhaust_the_outbox_message(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    new_email = f"patient.{person.user.email}"
    with env.apply_plan(FaultPlan(always=AUTH0_UNAVAILABLE)), ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            responses = pool.map(lambda _: update_user(test_users.ann, person.id, email=new_email), range(6))
            assert {response.status_code for response in responses} == {503}
    message = dynamodb.get_record(outbox.OutboxMessage, change_email.EMAIL_CHANGE.message_id(person.id))
    assert message is not None
    assert message.attempts <= 1, "an outage does not count as an attempt"

    process_outbox(seconds_ahead=1200)

    assert users.get_user(person.id).email == new_email


def test_removed_location_cancels_the_pending_role_change(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    location, new_email = test_users.create_location(), f"gone.{person.user.email}"
    start_pending_change(env, test_users.ann, person.id, email=new_email, userRole="admin", locations=[location.id])
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 200

    process_outbox(seconds_ahead=60)

    user = users.get_user(person.id)
    assert (user.email, user.role, list(user.locations)) == (new_email, "staff", [test_users.boston.id])


def test_narrowing_locations_is_not_a_grant(test_users: UserFixtures, env: Environment) -> None:
    limited_permissions = sorted(permissions.ROLES["admin"] - {"phone:purchase"})
    limited_admin = create_signed_in_user(
        test_users, env, role="admin", locations=["*"], permissions=limited_permissions
    )
    manager_permissions = sorted(permissions.ROLES["manager"] | {"phone:purchase"})
    user = test_users.create_user(role="manager", locations=["*"], permissions=manager_permissions)

    assert update_user(limited_admin, user.id, locations=[test_users.boston.id]).status_code == 200
    assert update_user(limited_admin, user.id, locations=["*"]).status_code == 403


def test_each_unblocking_sends_a_new_invitation(test_users: UserFixtures, env: Environment) -> None:
    invited_user = create_invited_user(test_users)
    for status in ("blocked", "active", "blocked", "active"):
        assert update_user(test_users.ann, invited_user.id, status=status).is_success
        process_outbox()
    assert len(emails_to(env, invited_user.email)) == 3

    assert update_user(test_users.ann, invited_user.id, status="blocked").is_success
    new_email = f"moved.{invited_user.email}"
    assert update_user(test_users.ann, invited_user.id, status="active", email=new_email).is_success
    process_outbox()

    assert len(emails_to(env, new_email)) == 1
    assert "has changed" in emails_to(env, invited_user.email)[0]["subject"]
    assert len(emails_to(env, invited_user.email)) == 4


def create_invited_user(test_users: UserFixtures) -> User:
    """A user whose invitation was sent."""
    user = test_users.create_user()
    process_outbox()
    return users.get_user(user.id)


def test_late_creation_does_not_restore_a_deleted_user(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    stale_user = users.get_user(user.id)
    stale_user.status = "pending"
    assert test_users.ann.delete("/user", {"id": user.id}).status_code == 200

    with pytest.raises(address_claims.UserExists):
        create.finish_creation(stale_user, two_phase.Attempt(test_users.ann.actor, now()))

    assert_account_is_closed(env, user)
    assert dynamodb.get_record(User, user.id) is None


def assert_account_is_closed(env: Environment, user: User) -> None:
    """The account at Auth0 of a deleted person: blocked, and without their address."""
    account = env.tenant().get_user(auth0.subject_of_user(user.id)) or {}
    assert account["blocked"] is True
    assert account["email"] == address_claims.freed_address(user.id)


def create_pending_user(test_users: UserFixtures, env: Environment) -> User:
    """A user created during an Auth0 outage."""
    body = {**new_user_body(test_users.customer.id), "name": "Survivor Quux", "role": "admin"}
    with env.apply_plan(FaultPlan(always=AUTH0_UNAVAILABLE)):
        assert test_users.ann.post("/user", body).status_code == 503
    return users.find_users_by_email([body["email"]])[body["email"]]


def test_withdrawn_creation_leaves_nothing(test_users: UserFixtures, env: Environment) -> None:
    user = create_pending_user(test_users, env)
    assert update_user(test_users.mia, user.id, name="X").status_code == 409
    other_id = f"usr_other{time.time_ns()}"
    auth0.create_user(user_id=other_id, email=user.email, name="Other", customer_id="c")

    process_outbox(seconds_ahead=60)

    assert dynamodb.get_record(User, user.id) is None
    assert dynamodb.get_record(encryption.PersonKey, user.id) is None
    assert "Survivor" not in test_users.ann.get(f"/user/{test_users.mia.id}/audit-logs").text


def test_pending_user_can_be_deleted(test_users: UserFixtures, env: Environment) -> None:
    user = create_pending_user(test_users, env)

    deletion = test_users.ann.delete("/user", {"id": user.id})

    assert deletion.json()["status"] == "deleted"
    assert_account_is_closed(env, user)
    assert dynamodb.get_record(EmailOwner, user.email_key) is None


def test_concurrent_removals_delete_a_location_once(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda _: test_users.ann.delete(f"/location/{location.id}"), range(2)))

    assert sorted(response.status_code for response in responses) in ([200, 404], [200, 409])


def test_new_location_grants_no_more_than_the_granter_holds(test_users: UserFixtures, env: Environment) -> None:
    both_locations = [test_users.boston.id, test_users.denver.id]
    regional_manager = create_signed_in_user(test_users, env, role="manager", locations=both_locations)
    staff_permissions = sorted(permissions.ROLES["staff"] | {"phone:purchase"})
    user = test_users.create_user(permissions=staff_permissions)

    denied_response = update_user(regional_manager, user.id, locations=both_locations)

    assert (denied_response.status_code, parse_problem(denied_response)["code"]) == (403, "grant_refused")
    assert update_user(test_users.ann, user.id, locations=both_locations).status_code == 200


def test_if_none_match_is_ignored_on_changes(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    body = {"id": user.id, "name": "Changed"}

    response = test_users.ann.patch("/userManagement", body, headers={"If-None-Match": "*"})

    assert (response.status_code, response.json()["name"]) == (200, "Changed")


def test_wildcard_absorbs_other_locations(test_users: UserFixtures) -> None:
    location_ids = ["*", test_users.boston.id]
    creation = test_users.ann.post("/user", test_users.user_body(locations=location_ids))

    assert creation.json()["locations"] == ["*"]
    user_change = update_user(test_users.ann, test_users.create_user().id, locations=location_ids)
    assert user_change.json()["locations"] == ["*"]


def test_confined_admin_cannot_change_the_customer(test_users: UserFixtures, env: Environment) -> None:
    confined_admin = create_signed_in_user(test_users, env, role="admin", locations=[test_users.boston.id])

    assert confined_admin.patch("/customer", {"name": "Mine"}).status_code == 403


def test_short_page_uses_a_single_query(test_users: UserFixtures, env: Environment) -> None:
    for _ in range(30):
        test_users.create_user(locations=[test_users.denver.id])
    test_users.mia.get("/userManagement?limit=1")
    with env.apply_plan() as fault_plan:
        page = test_users.mia.get("/userManagement?limit=1").json()
    assert len(page["items"]) == 1
    assert sum(call.operation == "Query" for call in fault_plan.calls) == 1


def test_internationalized_domains_are_accepted(test_users: UserFixtures) -> None:
    emails = [f"x{time.time_ns()}@\u05d0\u05d11.com", f"x{time.time_ns()}@fa\u00df.example"]
    for email in emails:
        creation = test_users.ann.post("/user", test_users.user_body(email=email))
        assert creation.status_code == 201, creation.text
        same_email = email.replace("x", "X", 1)
        assert test_users.ann.post("/user", test_users.user_body(email=same_email)).status_code == 409
    different_email = emails[1].replace("\u00df", "ss")
    assert test_users.ann.post("/user", test_users.user_body(email=different_email)).status_code == 201


def test_get_with_a_body_is_accepted(test_users: UserFixtures) -> None:
    for _ in range(20):
        response = test_users.ann.request("GET", "/userManagement?limit=1", content=b"x" * 200_000)
        assert response.status_code == 200
    unauthenticated = httpx.post(f"{test_users.ann.web}/user", content=b"x" * 200_000)
    assert unauthenticated.status_code == 401
