"""The life of an account: invited, accepted, blocked, deleted, e-mail changed, suspended."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts import customers, users
from accounts.clients import auth0
from accounts.models import DeletedUser, EmailOwner, User
from config import dynamodb
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    await_token_of_present_holder,
    emails_to,
    fetch_access_token,
    now,
    parse_problem,
    process_outbox,
    set_password,
)


@pytest.fixture(scope="module")
def web_urls(env: Environment, web: str) -> Iterator[list[str]]:
    """URLs of two web processes: the shared one, and one with two workers."""
    yield [web, env.start_web("second", free_port(), workers=2)]
    env.stop("second")


def create_signed_in_user(test_users: UserFixtures, env: Environment, **fields: Any) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, test_users.create_user(**fields))


def update_user(person: SignedInUser, user_id: str, **changes: Any) -> httpx.Response:
    return person.patch("/userManagement", {"id": user_id, **changes})


def statuses_of_all_servers(person: SignedInUser, web_urls: list[str]) -> set[int]:
    """Statuses for a valid token from every web process, with enough requests for all workers."""
    headers = {"Authorization": f"Bearer {person.token}"}
    return {httpx.get(f"{web_url}/user", headers=headers).status_code for web_url in web_urls for _ in range(8)}


def get_auth0_user(env: Environment, user_id: str) -> dict[str, Any] | None:
    return env.tenant().get_user(auth0.subject_of_user(user_id))


def test_blocked_user_is_rejected_immediately_by_all_servers(
    test_users: UserFixtures, env: Environment, web_urls: list[str]
) -> None:
    person = create_signed_in_user(test_users, env)
    assert statuses_of_all_servers(person, web_urls) == {200}

    response = update_user(test_users.mia, person.id, status="blocked")

    assert response.json()["status"] == "blocked"
    assert statuses_of_all_servers(person, web_urls) == {401}
    process_outbox()
    assert (get_auth0_user(env, person.id) or {})["blocked"] is True
    assert update_user(test_users.mia, person.id, status="active").json()["status"] == "active"
    assert statuses_of_all_servers(person, web_urls) == {401}, "they set a new password first"
    process_outbox()
    assert (get_auth0_user(env, person.id) or {})["blocked"] is False
    assert set_password(env, person.user.email).is_success
    await_token_of_present_holder(person.id)
    again = replace(person, token=fetch_access_token(env, person.user.email))
    assert statuses_of_all_servers(again, web_urls) == {200}
    entries = test_users.ann.get(f"/user/{person.id}/audit-logs?limit=3").json()["items"]
    assert [entry["action"] for entry in entries] == ["user.handed_over", "user.unblocked", "user.blocked"]
    assert entries[2]["changes"] == [{"field": "status", "before": "active", "after": "blocked"}]


def test_deleted_user_is_rejected_immediately_by_all_servers(
    test_users: UserFixtures, env: Environment, web_urls: list[str]
) -> None:
    person = create_signed_in_user(test_users, env)
    assert statuses_of_all_servers(person, web_urls) == {200}

    deletion = test_users.abe.delete("/user", {"id": person.id})

    erase_at = datetime.fromisoformat(deletion.json()["eraseAt"])
    assert deletion.json() == {"id": person.id, "status": "deleted", "eraseAt": deletion.json()["eraseAt"]}
    assert timedelta(days=29, hours=23) < erase_at - now() <= timedelta(days=30)
    assert statuses_of_all_servers(person, web_urls) == {401}
    account = get_auth0_user(env, person.id) or {}
    assert account["blocked"] is True
    assert person.user.email not in account["email"], "others may use the address"
    list_response = person.get("/userManagement")
    assert (list_response.status_code, parse_problem(list_response)["code"]) == (404, "not_found")
    repeated = test_users.abe.delete("/user", {"id": person.id})
    assert repeated.status_code == 404


def test_user_being_deleted_is_rejected_while_auth0_is_unavailable(
    test_users: UserFixtures, env: Environment, web_urls: list[str]
) -> None:
    person = create_signed_in_user(test_users, env)

    with env.apply_plan(FaultPlan(always={"identity": "503"})):
        started = time.monotonic()
        unavailable = test_users.abe.delete("/userManagement", {"id": person.id})
        assert time.monotonic() - started < 5

    assert unavailable.status_code == 503
    assert unavailable.headers["Retry-After"]
    assert statuses_of_all_servers(person, web_urls) == {401}
    assert users.get_user(person.id).status == "deleting"
    repeated = test_users.abe.delete("/userManagement", {"id": person.id})
    assert repeated.json()["status"] == "deleted"
    process_outbox(seconds_ahead=60)
    assert dynamodb.get_record(User, person.id) is None


def test_users_can_delete_themselves(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)

    assert person.delete("/user", {"id": test_users.sam.id}).status_code == 403
    assert person.delete("/user", {"id": person.id}).status_code == 200
    assert person.get("/user").status_code == 401
    entries = test_users.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
    assert [entry["action"] for entry in entries[:2]] == ["user.deleted", "user.deletion_begun"]
    assert {entries[0]["actor"]["name"], entries[0]["subject"]["name"]} == {person.user.name}, "until they are erased"


def test_users_can_have_themselves_erased_at_once(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)

    assert person.delete("/user", {"id": person.id, "erase": "soon"}).status_code == 400
    response = person.delete(f"/user?id={person.id}&erase=now")

    assert response.status_code == 200, response.text
    assert datetime.fromisoformat(response.json()["eraseAt"]) <= now()
    assert get_auth0_user(env, person.id) is None
    assert dynamodb.get_record(DeletedUser, person.id) is None
    entries = test_users.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
    assert {entries[0]["actor"]["name"], entries[0]["subject"]["name"]} == {None}


def test_unblocked_invitee_stays_invited(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    process_outbox()
    update_user(test_users.ann, user.id, status="blocked")

    assert update_user(test_users.ann, user.id, status="active").json()["status"] == "invited"
    process_outbox()
    assert update_user(test_users.ann, user.id, status="active").json()["status"] == "invited"
    assert accept_invitation(env, test_users.ann.web, users.get_user(user.id)).get("/user").status_code == 200


def test_corrected_email_of_an_invitee_is_invited_again(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    process_outbox()
    corrected_email = f"right.{user.email}"

    response = update_user(test_users.mia, user.id, email=corrected_email, name="Right Name")

    assert response.status_code == 200, response.text
    assert (response.json()["email"], response.json()["name"]) == (corrected_email, "Right Name")
    process_outbox()
    (message,) = emails_to(env, corrected_email)
    assert "Right Name" in message["text"]
    account = get_auth0_user(env, user.id) or {}
    assert (account["email"], account["name"]) == (corrected_email, "Right Name")
    assert dynamodb.get_record(EmailOwner, user.email_key) is None
    assert test_users.ann.post("/user", test_users.user_body(email=user.email)).status_code == 201
    link = next(link for link in message["links"] if "reset-verify" in link)
    httpx.post(link, data={"password": "right words"}).raise_for_status()
    await_token_of_present_holder(user.id)
    person = SignedInUser(
        users.get_user(user.id), fetch_access_token(env, corrected_email, "right words"), test_users.ann.web
    )
    assert person.get("/user").json()["status"] == "active"


def test_previous_address_is_notified_of_an_email_change(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    process_outbox()
    previous_email, new_email = person.user.email, f"moved.{person.user.email}"

    assert update_user(test_users.ann, person.id, email=new_email).status_code == 200

    process_outbox()
    warning = emails_to(env, previous_email)[0]
    assert "address at Harbour Dental has changed" in warning["subject"]
    assert test_users.ann.user.name in warning["text"]
    assert new_email not in str(warning), "the previous address does not learn the new one"
    assert set_password(env, new_email).is_success
    assert fetch_access_token(env, new_email)
    entry = test_users.ann.get(f"/user/{person.id}/audit-logs?limit=2").json()["items"][1]
    assert {"field": "email", "before": previous_email, "after": new_email} in entry["changes"]


def test_email_in_use_is_rejected_and_nothing_changes(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()

    in_use_response = update_user(test_users.ann, user.id, email=test_users.cleo.user.email, name="Not Kept")

    assert (in_use_response.status_code, parse_problem(in_use_response)["code"]) == (409, "user_exists")
    assert users.get_user(user.id).name == user.name
    auth0_only_email = f"only.auth0.{user.email}"
    auth0.create_user(user_id="usr_x" + user.id, email=auth0_only_email, name="X", customer_id="c")
    auth0_response = update_user(test_users.ann, user.id, email=auth0_only_email, name="Not Kept")
    assert (auth0_response.status_code, parse_problem(auth0_response)["code"]) == (409, "user_exists")
    stored_user = users.get_user(user.id)
    assert (stored_user.email, stored_user.name, stored_user.awaited) == (user.email, user.name, None)
    assert dynamodb.get_record(EmailOwner, auth0_only_email) is None
    entry = test_users.ann.get(f"/user/{user.id}/audit-logs?limit=1").json()["items"][0]
    assert entry["action"] == "user.change_refused"


def test_pending_email_change_respects_later_changes(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    new_email = f"later.{user.email}"
    with env.apply_plan(FaultPlan(always={"identity": "503"})):
        changes = {"email": new_email, "name": "Wanted Then", "userRole": "manager"}
        assert update_user(test_users.ann, user.id, **changes).status_code == 503
    assert update_user(test_users.ann, user.id, name="Decided Later", status="blocked").status_code == 200

    process_outbox(seconds_ahead=60)

    stored_user = users.get_user(user.id)
    assert (stored_user.email, stored_user.name, stored_user.awaited) == (new_email, "Decided Later", None)
    assert (stored_user.role, stored_user.status) == ("staff", "blocked"), "later permission changes stay"
    response = update_user(test_users.ann, user.id, email=new_email)
    assert response.status_code == 200


def test_case_change_of_an_email_reuses_its_uniqueness_record(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    uppercase_email = user.email.replace("new", "NEW")

    assert update_user(test_users.ann, user.id, email=uppercase_email).json()["email"] == uppercase_email
    assert (dynamodb.get_record(EmailOwner, user.email_key) or EmailOwner()).user_id == user.id


def test_invitation_can_be_resent_once_a_minute(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    process_outbox()
    path = f"/userManagement/{user.id}/resend-invitation"

    first = test_users.mia.request("POST", path)
    second = test_users.mia.request("POST", path)

    assert first.status_code == 200, first.text
    assert second.status_code == 429
    assert 1 <= int(second.headers["Retry-After"]) <= 60
    process_outbox()
    new_mail, old_mail = emails_to(env, user.email)
    assert new_mail["messageId"] != old_mail["messageId"]
    assert users.get_user(user.id).invitation_expires_at > user.invitation_expires_at
    accepted_response = test_users.mia.request("POST", f"/userManagement/{test_users.sam.id}/resend-invitation")
    assert accepted_response.status_code == 409


def test_resend_with_an_idempotency_key_sends_once(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    process_outbox()
    path = f"/userManagement/{user.id}/resend-invitation"
    headers = {"Idempotency-Key": f"again {user.id}"}

    responses = [test_users.mia.request("POST", path, headers=headers) for _ in range(3)]

    assert [response.status_code for response in responses] == [200, 200, 200]
    process_outbox()
    assert len(emails_to(env, user.email)) == 2


def test_expired_invitation_can_be_resent(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    process_outbox()
    env.tenant().expire_tickets(auth0.subject_of_user(user.id))
    (message,) = emails_to(env, user.email)
    link = next(link for link in message["links"] if "reset-verify" in link)
    assert httpx.post(link, data={"password": "too late now"}).status_code == 410

    assert test_users.mia.request("POST", f"/userManagement/{user.id}/resend-invitation").status_code == 200
    process_outbox()

    link = next(link for link in emails_to(env, user.email)[0]["links"] if "reset-verify" in link)
    assert httpx.post(link, data={"password": "just in time"}).status_code == 200


def test_suspended_customer_is_rejected_until_resumed(
    test_users: UserFixtures, env: Environment, web_urls: list[str]
) -> None:
    people = [test_users.cleo, create_signed_in_user(test_users, env)]
    assert statuses_of_all_servers(test_users.cleo, web_urls) == {200}

    completed = env.run_management_command("customer", "suspend", test_users.other_customer.id)

    assert completed.returncode == 0, completed.stderr
    assert statuses_of_all_servers(test_users.cleo, web_urls) == {401}
    assert parse_problem(test_users.cleo.get("/user"))["code"] == "customer_suspended"
    assert statuses_of_all_servers(people[1], web_urls) == {200}, "other customers are not affected"
    assert env.run_management_command("customer", "resume", test_users.other_customer.id).returncode == 0
    assert statuses_of_all_servers(test_users.cleo, web_urls) == {200}
    assert customers.get_customer(test_users.other_customer.id).status == "active"


def test_stale_if_match_is_rejected(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    response = update_user(test_users.ann, user.id, name="One")
    tag = response.headers["ETag"]
    assert update_user(test_users.ann, user.id, name="Two").headers["ETag"] != tag

    def change_status(if_match: str) -> int:
        body = {"id": user.id, "name": "Three"}
        return test_users.ann.patch("/userManagement", body, headers={"If-Match": if_match}).status_code

    assert change_status(tag) == 412
    assert change_status(f'"{users.get_user(user.id).version}"') == 200
    assert change_status("*") == 200
    assert now() > users.get_user(user.id).updated_at
