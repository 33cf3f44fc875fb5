"""Creating people, from the invitation to the first sign-in."""

import re

import httpx

from tests.conftest import Cast, mails_to, problem, sign_in, sweep
from tests.support.environment import World


def test_a_person_is_created_invited_and_signs_in(cast: Cast, world: World) -> None:
    body = cast.new_user(locations=[cast.boston.id], userSkills=["hygienist"])

    created = cast.ann.post("/user", body)

    assert created.status_code == 201, created.text
    user = created.json()
    assert user["status"] == "invited"
    assert user["role"] == "staff"
    assert user["locations"] == [cast.boston.id]
    sweep()
    (mail,) = mails_to(world, body["email"])
    link = next(link for link in mail["links"] if "reset-verify" in link)
    assert "Harbour Dental" in mail["subject"]
    assert httpx.post(link, data={"password": "my own words"}).status_code == 200

    token = sign_in(world, body["email"], "my own words")
    me = httpx.get(f"{cast.ann.web}/user", headers={"Authorization": f"Bearer {token}"})

    assert me.status_code == 200
    assert me.json()["id"] == user["id"]
    assert me.json()["status"] == "active"
    assert me.json()["acceptedAt"]
    log = cast.ann.get(f"/user/{user['id']}/audit-logs").json()
    actions = [line["action"] for line in log["items"]]
    assert actions == ["user.accepted", "user.invitation_sent", "user.invited"]
    assert log["items"][2]["actor"]["name"] == cast.ann.user.name
    assert {"field": "name", "before": None, "after": body["name"]} in log["items"][2]["changes"]
    assert log["items"][0]["ip"] == "127.0.0.1"


def test_the_link_of_an_invitation_works_once(cast: Cast, world: World) -> None:
    body = cast.new_user()
    assert cast.ann.post("/user", body).status_code == 201
    sweep()
    (mail,) = mails_to(world, body["email"])
    link = next(link for link in mail["links"] if "reset-verify" in link)

    assert httpx.post(link, data={"password": "short"}).status_code == 400
    assert httpx.post(link, data={"password": "long enough"}).status_code == 200
    assert httpx.post(link, data={"password": "another one"}).status_code == 410


def test_the_same_address_in_other_letters_is_the_same_person(cast: Cast) -> None:
    body = cast.new_user()
    assert cast.ann.post("/user", body).status_code == 201

    again = cast.ann.post("/user", {**body, "email": body["email"].upper()})
    wide = cast.ann.post("/user", {**body, "email": body["email"].replace("n", "\uff4e", 1)})

    assert problem(again)["code"] == "user_exists"
    assert again.status_code == wide.status_code == 409


def test_an_address_that_only_auth0_knows_is_taken_too(cast: Cast, world: World) -> None:
    body = cast.new_user()
    assert cast.cleo.post("/user", {**body, "customerId": cast.elsewhere.id}).status_code == 201
    from accounts.models import EmailGuard
    from config import dynamodb

    dynamodb.call(
        "DeleteItem", TableName=EmailGuard.table_name(), Key={"key": {"S": body["email"]}}
    )

    refused = cast.ann.post("/user", body)

    assert refused.status_code == 409
    log = cast.ann.get(f"/user/{cast.ann.id}/audit-logs?limit=1").json()["items"][0]
    assert log["action"] == "user.refused"
    assert re.fullmatch(r"usr_\w+", log["subject"]["id"])
    again = cast.ann.post("/user", body)
    assert again.status_code == 409
