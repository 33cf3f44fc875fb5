"""The life of an account: invited, come in, blocked, moved to another address, suspended."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from accounts import customers, users
from accounts.clients import auth0
from accounts.models import EmailGuard, User
from config import dynamodb
from tests.conftest import Cast, Person, come, mails_to, now, problem, sign_in, sweep
from tests.support.environment import World, free_port
from tests.support.proxy import Plan


@pytest.fixture(scope="module")
def webs(world: World, web: str) -> Iterator[list[str]]:
    """Several web processes: the one of all tests, and one with two workers."""
    port = free_port()
    world.start_web("second", port, workers=2)
    yield [web, f"http://127.0.0.1:{port}"]
    world.stop("second")


def newcomer(cast: Cast, world: World, **more: Any) -> Person:
    return come(world, cast.ann.web, cast.fresh(**more))


def manage(person: Person, user_id: str, **asked: Any) -> httpx.Response:
    return person.patch("/userManagement", {"id": user_id, **asked})


def everywhere(person: Person, webs: list[str]) -> set[int]:
    """How every web process, asked often enough to meet each worker, answers a live token."""
    headers = {"Authorization": f"Bearer {person.token}"}
    return {httpx.get(f"{web}/user", headers=headers).status_code for web in webs for _ in range(8)}


def at_auth0(world: World, user_id: str) -> dict[str, Any] | None:
    return world.tenant().user(auth0.subject(user_id))


def test_who_is_blocked_is_cut_off_at_once_everywhere(
    cast: Cast, world: World, webs: list[str]
) -> None:
    person = newcomer(cast, world)
    assert everywhere(person, webs) == {200}

    blocked = manage(cast.mia, person.id, status="blocked")

    assert blocked.json()["status"] == "blocked"
    assert everywhere(person, webs) == {401}
    sweep()
    assert (at_auth0(world, person.id) or {})["blocked"] is True
    assert manage(cast.mia, person.id, status="active").json()["status"] == "active"
    assert everywhere(person, webs) == {200}
    sweep()
    assert (at_auth0(world, person.id) or {})["blocked"] is False
    log = cast.ann.get(f"/user/{person.id}/audit-logs?limit=2").json()["items"]
    assert [line["action"] for line in log] == ["user.unblocked", "user.blocked"]
    assert log[1]["changes"] == [{"field": "status", "before": "active", "after": "blocked"}]


def test_who_is_deleted_is_cut_off_at_once_everywhere(
    cast: Cast, world: World, webs: list[str]
) -> None:
    person = newcomer(cast, world)
    assert everywhere(person, webs) == {200}

    gone = cast.abe.delete("/user", {"id": person.id})

    assert gone.json() == {"id": person.id, "status": "deleted"}
    assert everywhere(person, webs) == {401}
    assert at_auth0(world, person.id) is None
    listed = person.get("/userManagement")
    assert (listed.status_code, problem(listed)["code"]) == (404, "not_found")
    again = cast.abe.delete("/user", {"id": person.id})
    assert again.status_code == 404


def test_who_is_deleting_is_cut_off_while_auth0_is_away(
    cast: Cast, world: World, webs: list[str]
) -> None:
    person = newcomer(cast, world)

    with world.plan(Plan(always={"identity": "503"})):
        began = time.monotonic()
        refused = cast.abe.delete("/userManagement", {"id": person.id})
        assert time.monotonic() - began < 5

    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert everywhere(person, webs) == {401}
    assert users.get(person.id).status == "deleting"
    again = cast.abe.delete("/userManagement", {"id": person.id})
    assert again.json() == {"id": person.id, "status": "deleted"}
    sweep(later=60)
    assert dynamodb.get(User, person.id) is None


def test_people_delete_themselves(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)

    assert person.delete("/user", {"id": cast.sam.id}).status_code == 403
    assert person.delete("/user", {"id": person.id}).status_code == 200
    assert person.get("/user").status_code == 401
    log = cast.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
    assert [line["action"] for line in log[:2]] == ["user.deleted", "user.deletion_begun"]
    assert {log[0]["actor"]["name"], log[0]["subject"]["name"]} == {None}


def test_an_unblocked_invitee_is_invited_still(cast: Cast, world: World) -> None:
    user = cast.fresh()
    sweep()
    manage(cast.ann, user.id, status="blocked")

    assert manage(cast.ann, user.id, status="active").json()["status"] == "invited"
    sweep()
    assert manage(cast.ann, user.id, status="active").json()["status"] == "invited"
    assert come(world, cast.ann.web, users.get(user.id)).get("/user").status_code == 200


def test_a_corrected_address_of_an_invitee_is_invited_anew(cast: Cast, world: World) -> None:
    user = cast.fresh()
    sweep()
    right = f"right.{user.email}"

    changed = manage(cast.mia, user.id, email=right, name="Right Name")

    assert changed.status_code == 200, changed.text
    assert (changed.json()["email"], changed.json()["name"]) == (right, "Right Name")
    sweep()
    (mail,) = mails_to(world, right)
    assert "Right Name" in mail["text"]
    account = at_auth0(world, user.id) or {}
    assert (account["email"], account["name"]) == (right, "Right Name")
    assert dynamodb.get(EmailGuard, user.email_key) is None
    assert cast.ann.post("/user", cast.new_user(email=user.email)).status_code == 201
    link = next(link for link in mail["links"] if "reset-verify" in link)
    httpx.post(link, data={"password": "right words"}).raise_for_status()
    person = Person(users.get(user.id), sign_in(world, right, "right words"), cast.ann.web)
    assert person.get("/user").json()["status"] == "active"


def test_a_changed_address_is_told_to_the_former_one(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    sweep()
    former, wanted = person.user.email, f"moved.{person.user.email}"

    assert manage(cast.ann, person.id, email=wanted).status_code == 200

    sweep()
    warned = mails_to(world, former)[0]
    assert "no longer sign in" in warned["subject"]
    assert cast.ann.user.name in warned["text"]
    assert wanted not in str(warned), "the former address is not told the new one"
    assert sign_in(world, wanted)
    log = cast.ann.get(f"/user/{person.id}/audit-logs?limit=1").json()["items"][0]
    assert {"field": "email", "before": former, "after": wanted} in log["changes"]


def test_an_address_that_somebody_has_is_refused_and_nothing_stays(
    cast: Cast, world: World
) -> None:
    user = cast.fresh()

    taken = manage(cast.ann, user.id, email=cast.cleo.user.email, name="Not Kept")

    assert (taken.status_code, problem(taken)["code"]) == (409, "user_exists")
    assert users.get(user.id).name == user.name
    only_there = f"only.auth0.{user.email}"
    auth0.create_user(user_id="usr_x" + user.id, email=only_there, name="X", customer_id="c")
    refused = manage(cast.ann, user.id, email=only_there, name="Not Kept")
    assert (refused.status_code, problem(refused)["code"]) == (409, "user_exists")
    kept = users.get(user.id)
    assert (kept.email, kept.name, kept.awaited) == (user.email, user.name, None)
    assert dynamodb.get(EmailGuard, only_there) is None
    log = cast.ann.get(f"/user/{user.id}/audit-logs?limit=1").json()["items"][0]
    assert log["action"] == "user.change_refused"


def test_an_address_waits_for_auth0_and_later_decisions_stay(cast: Cast, world: World) -> None:
    user = cast.fresh()
    wanted = f"later.{user.email}"
    with world.plan(Plan(always={"identity": "503"})):
        asked = {"email": wanted, "name": "Wanted Then", "userRole": "manager"}
        assert manage(cast.ann, user.id, **asked).status_code == 503
    assert manage(cast.ann, user.id, name="Decided Later", status="blocked").status_code == 200

    sweep(later=60)

    kept = users.get(user.id)
    assert (kept.email, kept.name, kept.awaited) == (wanted, "Decided Later", None)
    assert (kept.role, kept.status) == ("staff", "blocked"), "rights changed since: they stay"
    again = manage(cast.ann, user.id, email=wanted)
    assert again.status_code == 200


def test_the_same_address_in_other_letters_needs_no_guard(cast: Cast) -> None:
    user = cast.fresh()
    shouted = user.email.replace("new", "NEW")

    assert manage(cast.ann, user.id, email=shouted).json()["email"] == shouted
    assert (dynamodb.get(EmailGuard, user.email_key) or EmailGuard()).user_id == user.id


def test_an_invitation_is_sent_again_once_a_minute(cast: Cast, world: World) -> None:
    user = cast.fresh()
    sweep()
    path = f"/userManagement/{user.id}/resend-invitation"

    first = cast.mia.call("POST", path)
    second = cast.mia.call("POST", path)

    assert first.status_code == 200, first.text
    assert second.status_code == 429
    assert 1 <= int(second.headers["Retry-After"]) <= 60
    sweep()
    new, old = mails_to(world, user.email)
    assert new["messageId"] != old["messageId"]
    assert users.get(user.id).invitation_expires_at > user.invitation_expires_at
    come_already = cast.mia.call("POST", f"/userManagement/{cast.sam.id}/resend-invitation")
    assert come_already.status_code == 409


def test_a_resend_with_a_key_is_repeated_safely(cast: Cast, world: World) -> None:
    user = cast.fresh()
    sweep()
    path = f"/userManagement/{user.id}/resend-invitation"
    headers = {"Idempotency-Key": f"again {user.id}"}

    answers = [cast.mia.call("POST", path, headers=headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    sweep()
    assert len(mails_to(world, user.email)) == 2


def test_an_expired_invitation_is_told_and_renewed(cast: Cast, world: World) -> None:
    user = cast.fresh()
    sweep()
    world.tenant().expire_tickets(auth0.subject(user.id))
    (mail,) = mails_to(world, user.email)
    link = next(link for link in mail["links"] if "reset-verify" in link)
    assert httpx.post(link, data={"password": "too late now"}).status_code == 410

    assert cast.mia.call("POST", f"/userManagement/{user.id}/resend-invitation").status_code == 200
    sweep()

    link = next(link for link in mails_to(world, user.email)[0]["links"] if "reset-verify" in link)
    assert httpx.post(link, data={"password": "just in time"}).status_code == 200


def test_a_suspended_customer_is_refused_and_comes_back(
    cast: Cast, world: World, webs: list[str]
) -> None:
    everyone = [cast.cleo, newcomer(cast, world)]
    assert everywhere(cast.cleo, webs) == {200}

    done = world.manage("customer", "suspend", cast.elsewhere.id)

    assert done.returncode == 0, done.stderr
    assert everywhere(cast.cleo, webs) == {401}
    assert problem(cast.cleo.get("/user"))["code"] == "customer_suspended"
    assert everywhere(everyone[1], webs) == {200}, "others go on"
    assert world.manage("customer", "resume", cast.elsewhere.id).returncode == 0
    assert everywhere(cast.cleo, webs) == {200}
    assert customers.get(cast.elsewhere.id).status == "active"


def test_a_mistaken_version_is_refused(cast: Cast) -> None:
    user = cast.fresh()
    shown = manage(cast.ann, user.id, name="One")
    tag = shown.headers["ETag"]
    assert manage(cast.ann, user.id, name="Two").headers["ETag"] != tag

    def change(tag: str) -> int:
        body = {"id": user.id, "name": "Three"}
        return cast.ann.patch("/userManagement", body, headers={"If-Match": tag}).status_code

    assert change(tag) == 412
    assert change(f'"{users.get(user.id).version}"') == 200
    assert change("*") == 200
    assert now() > users.get(user.id).updated_at
