"""Creating users, from the invitation to the first sign-in."""

import re

import httpx

from tests.support.environment import Environment
from tests.support.users import UserFixtures, emails_to, fetch_access_token, parse_problem, process_outbox


def test_user_is_created_invited_and_signs_in(test_users: UserFixtures, env: Environment) -> None:
    body = test_users.user_body(locations=[test_users.boston.id], userSkills=["hygienist"])

    created = test_users.ann.post("/user", body)

    assert created.status_code == 201, created.text
    user = created.json()
    assert user["status"] == "invited"
    assert user["role"] == "staff"
    assert user["locations"] == [test_users.boston.id]
    process_outbox()
    (message,) = emails_to(env, body["email"])
    link = next(link for link in message["links"] if "reset-verify" in link)
    assert "Harbour Dental" in message["subject"]
    assert httpx.post(link, data={"password": "my own words"}).status_code == 200

    token = fetch_access_token(env, body["email"], "my own words")
    profile_response = httpx.get(f"{test_users.ann.web}/user", headers={"Authorization": f"Bearer {token}"})

    assert profile_response.status_code == 200
    assert profile_response.json()["id"] == user["id"]
    assert profile_response.json()["status"] == "active"
    assert profile_response.json()["acceptedAt"]
    audit_log = test_users.ann.get(f"/user/{user['id']}/audit-logs").json()
    actions = [entry["action"] for entry in audit_log["items"]]
    assert actions == ["user.accepted", "user.invitation_sent", "user.invited"]
    assert audit_log["items"][2]["actor"]["name"] == test_users.ann.user.name
    assert {"field": "name", "before": None, "after": body["name"]} in audit_log["items"][2]["changes"]
    assert audit_log["items"][0]["ip"] == "127.0.0.1"


def test_invitation_link_works_once(test_users: UserFixtures, env: Environment) -> None:
    body = test_users.user_body()
    assert test_users.ann.post("/user", body).status_code == 201
    process_outbox()
    (message,) = emails_to(env, body["email"])
    link = next(link for link in message["links"] if "reset-verify" in link)

    assert httpx.post(link, data={"password": "short"}).status_code == 400
    assert httpx.post(link, data={"password": "long enough"}).status_code == 200
    assert httpx.post(link, data={"password": "another one"}).status_code == 410


def test_email_is_unique_regardless_of_case_and_width(test_users: UserFixtures) -> None:
    body = test_users.user_body()
    assert test_users.ann.post("/user", body).status_code == 201

    uppercase_response = test_users.ann.post("/user", {**body, "email": body["email"].upper()})
    fullwidth_response = test_users.ann.post("/user", {**body, "email": body["email"].replace("n", "\uff4e", 1)})

    assert parse_problem(uppercase_response)["code"] == "user_exists"
    assert uppercase_response.status_code == fullwidth_response.status_code == 409


def test_email_known_only_to_auth0_is_rejected(test_users: UserFixtures, env: Environment) -> None:
    body = test_users.user_body()
    assert test_users.cleo.post("/user", {**body, "customerId": test_users.other_customer.id}).status_code == 201
    from accounts.models import EmailOwner
    from config import dynamodb

    dynamodb.call("DeleteItem", TableName=EmailOwner.table_name(), Key={"key": {"S": body["email"]}})

    response = test_users.ann.post("/user", body)

    assert response.status_code == 409
    entry = test_users.ann.get(f"/user/{test_users.ann.id}/audit-logs?limit=1").json()["items"][0]
    assert entry["action"] == "user.refused"
    assert re.fullmatch(r"usr_\w+", entry["subject"]["id"])
    repeated = test_users.ann.post("/user", body)
    assert repeated.status_code == 409
