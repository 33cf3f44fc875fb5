"""Several hands on one person: what waits is overtaken, what comes late is put right."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import EmailGuard, User
from accounts.users import change_email, create
from config import dynamodb, errors, outbox
from config.dynamodb import encryption
from tests.conftest import Cast, Person, come, mails_to, new_body, now, problem, sweep
from tests.support.environment import World
from tests.support.proxy import Plan

AWAY = {"identity": "503"}


def manage(person: Person, user_id: str, **asked: object) -> httpx.Response:
    return person.patch("/userManagement", {"id": user_id, **asked})


def waits(world: World, person: Person, user_id: str, mode: str = "503", **asked: object) -> None:
    """A change that Auth0 is away for; "lost": it hears of it, and its answer does not arrive."""
    with world.plan(Plan(always={f"identity PATCH /api/v2/users/auth0%7C{user_id}": mode})) as plan:
        assert manage(person, user_id, **asked).status_code == 503
        assert plan.fired


def newcomer(cast: Cast, world: World, **more: object) -> Person:
    person = come(world, cast.ann.web, cast.fresh(**more))
    sweep()
    return person


@pytest.mark.parametrize("mode", ["503", "lost"])
def test_a_waiting_address_is_overtaken_by_a_promotion(cast: Cast, world: World, mode: str) -> None:
    person = newcomer(cast, world)
    wanted = f"mine.{person.user.email}"
    waits(world, cast.mia, person.id, mode, email=wanted)
    promoted = manage(cast.ann, person.id, userRole="owner", locations=["*"])
    assert promoted.status_code == 200

    sweep(later=60)

    kept = users.get(person.id)
    assert (kept.role, kept.email, kept.awaited) == ("owner", person.user.email, None)
    sweep(later=120)
    assert dynamodb.get(EmailGuard, wanted) is None
    account = world.tenant().user(auth0.subject(person.id)) or {}
    assert account["email"] == person.user.email


@pytest.mark.parametrize("mode", ["503", "lost"])
def test_a_waiting_address_ends_with_the_rights_of_who_asked(
    cast: Cast, world: World, mode: str
) -> None:
    person = newcomer(cast, world)
    manager = newcomer(cast, world, role="manager")
    wanted = f"mine.{person.user.email}"
    waits(world, manager, person.id, mode, email=wanted)
    assert manage(cast.ann, manager.id, status="blocked").status_code == 200

    sweep(later=60)

    kept = users.get(person.id)
    assert (kept.email, kept.awaited) == (person.user.email, None)
    sweep(later=120)
    assert (world.tenant().user(auth0.subject(person.id)) or {})["email"] == person.user.email
    log = cast.ann.get(f"/user/{person.id}/audit-logs?limit=1").json()["items"][0]
    assert log["action"] == "user.change_refused"
    assert {"field": "reason", "before": None, "after": "overtaken"} in log["changes"]


def test_who_may_not_reach_a_person_finishes_nothing_of_theirs(cast: Cast, world: World) -> None:
    admin = newcomer(cast, world, role="admin", locations=["*"])
    wanted = f"new.{admin.user.email}"
    waits(world, cast.ann, admin.id, email=wanted)

    assert manage(cast.mia, admin.id, email="evil@cast.example").status_code == 403
    assert users.get(admin.id).awaited is not None
    again = manage(cast.ann, admin.id, email=wanted)

    assert again.json()["email"] == wanted
    log = cast.ann.get(f"/user/{admin.id}/audit-logs").json()["items"]
    (changed,) = [line for line in log if line["action"] == "user.changed"]
    assert changed["actor"]["name"] == cast.ann.user.name
    (tried,) = [line for line in log if line["action"] == "attempt.refused"]
    assert {"field": "email", "before": None, "after": "evil@cast.example"} in tried["changes"]
    sweep()
    assert cast.ann.user.name in mails_to(world, admin.user.email)[0]["text"]


def test_a_second_hand_settles_the_first_in_its_name(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    first, second = f"first.{person.user.email}", f"second.{person.user.email}"
    waits(world, cast.ann, person.id, email=first)

    assert manage(cast.abe, person.id, email=second).json()["email"] == second

    log = cast.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
    moves = [line for line in log if line["action"] == "user.changed"]
    assert [line["actor"]["name"] for line in moves] == [cast.abe.user.name, cast.ann.user.name]
    assert dynamodb.get(EmailGuard, first) is None


def test_the_former_address_is_warned_whatever_is_blocked(cast: Cast, world: World) -> None:
    for at_once in (True, False):
        person = newcomer(cast, world)
        wanted = f"stolen.{person.user.email}"
        if at_once:
            assert manage(cast.mia, person.id, status="blocked", email=wanted).is_success
        else:
            assert manage(cast.mia, person.id, status="blocked").is_success
            assert manage(cast.mia, person.id, email=wanted).is_success
        assert manage(cast.mia, person.id, status="active").is_success
        sweep()
        assert "no longer sign in" in mails_to(world, person.user.email)[0]["subject"]
        actions = [
            e["action"] for e in cast.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
        ]
        assert actions.count("user.blocked") == actions.count("user.unblocked") == 1


def test_a_block_holds_at_once_though_the_address_waits(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    wanted = f"later.{person.user.email}"

    waits(world, cast.ann, person.id, status="blocked", email=wanted)

    assert person.get("/user").status_code == 401
    sweep(later=60)
    kept = users.get(person.id)
    assert (kept.status, kept.email) == ("blocked", wanted)


def test_who_was_blocked_before_the_invitation_is_invited_after(cast: Cast, world: World) -> None:
    user = cast.fresh()
    assert manage(cast.ann, user.id, status="blocked").is_success
    sweep()
    assert mails_to(world, user.email) == []
    right = f"right.{user.email}"
    assert manage(cast.ann, user.id, email=right).is_success
    sweep()
    assert mails_to(world, right) == []

    assert manage(cast.ann, user.id, status="active").json()["status"] == "invited"

    sweep()
    assert len(mails_to(world, right)) == 1
    assert mails_to(world, user.email) == []


def test_a_late_hand_is_put_right_at_auth0(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    first, second = f"a.{person.user.email}", f"b.{person.user.email}"
    waits(world, cast.ann, person.id, email=first)
    slow = users.get(person.id)
    assert manage(cast.ann, person.id, email=second).json()["email"] == second

    change_email.finish(slow, actor=cast.ann.actor, at=now())

    assert (world.tenant().user(auth0.subject(person.id)) or {})["email"] == first
    sweep()
    assert (world.tenant().user(auth0.subject(person.id)) or {})["email"] == second


def test_what_puts_right_waits_for_a_change_under_way(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    waits(world, cast.ann, person.id, email=f"new.{person.user.email}")

    with pytest.raises(errors.Unavailable):
        change_email.carry_to_auth0(person.id)


def test_many_impatient_hands_wear_no_errand_out(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    wanted = f"patient.{person.user.email}"
    with world.plan(Plan(always=AWAY)), ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            answers = pool.map(lambda _: manage(cast.ann, person.id, email=wanted), range(6))
            assert {answer.status_code for answer in answers} == {503}
    entry = dynamodb.get(outbox.OutboxEntry, change_email.finisher(person.id))
    assert entry is not None
    assert entry.attempts <= 1, "an outage is no attempt"

    sweep(later=1200)

    assert users.get(person.id).email == wanted


def test_a_vanished_location_takes_the_rights_of_the_change_with_it(
    cast: Cast, world: World
) -> None:
    person = newcomer(cast, world)
    place, wanted = cast.place(), f"gone.{person.user.email}"
    waits(world, cast.ann, person.id, email=wanted, userRole="admin", locations=[place.id])
    assert cast.ann.delete(f"/location/{place.id}").status_code == 200

    sweep(later=60)

    kept = users.get(person.id)
    assert (kept.email, kept.role, list(kept.locations)) == (wanted, "staff", [cast.boston.id])


def test_narrowing_is_no_gain(cast: Cast, world: World) -> None:
    less = sorted(permissions.ROLES["admin"] - {"phone:purchase"})
    limited = newcomer(cast, world, role="admin", locations=["*"], permissions=less)
    extra = sorted(permissions.ROLES["manager"] | {"phone:purchase"})
    user = cast.fresh(role="manager", locations=["*"], permissions=extra)

    assert manage(limited, user.id, locations=[cast.boston.id]).status_code == 200
    assert manage(limited, user.id, locations=["*"]).status_code == 403


def test_unblocking_invites_whom_no_invitation_reached_and_nobody_twice(
    cast: Cast, world: World
) -> None:
    sent = newcomer_invited(cast)
    for status in ("blocked", "active", "blocked", "active"):
        assert manage(cast.ann, sent.id, status=status).is_success
        sweep()
    assert len(mails_to(world, sent.email)) == 1

    assert manage(cast.ann, sent.id, status="blocked").is_success
    moved = f"moved.{sent.email}"
    assert manage(cast.ann, sent.id, status="active", email=moved).is_success
    sweep()

    assert len(mails_to(world, moved)) == len(mails_to(world, sent.email)) == 1


def newcomer_invited(cast: Cast) -> User:
    """Somebody whose invitation was sent."""
    user = cast.fresh()
    sweep()
    return users.get(user.id)


def test_a_late_creation_brings_nobody_back(cast: Cast, world: World) -> None:
    user = cast.fresh()
    slow = users.get(user.id)
    slow.status = "pending"
    assert cast.ann.delete("/user", {"id": user.id}).status_code == 200

    with pytest.raises(create.UserExists):
        create.finish(slow, actor=cast.ann.actor, at=now())

    assert world.tenant().user(auth0.subject(user.id)) is None


def pending(cast: Cast, world: World) -> User:
    """Somebody whose creation Auth0 is away for."""
    body = {**new_body(cast.customer.id), "name": "Survivor Quux", "role": "admin"}
    with world.plan(Plan(always=AWAY)):
        assert cast.ann.post("/user", body).status_code == 503
    return users.by_address([body["email"]])[body["email"]]


def test_of_a_withdrawn_person_nothing_is_left(cast: Cast, world: World) -> None:
    user = pending(cast, world)
    assert manage(cast.mia, user.id, name="X").status_code == 409
    other = f"usr_other{time.time_ns()}"
    auth0.create_user(user_id=other, email=user.email, name="Other", customer_id="c")

    sweep(later=60)

    assert dynamodb.get(User, user.id) is None
    assert dynamodb.get(encryption.PersonKey, user.id) is None
    assert "Survivor" not in cast.ann.get(f"/user/{cast.mia.id}/audit-logs").text


def test_a_person_half_created_can_be_deleted(cast: Cast, world: World) -> None:
    user = pending(cast, world)

    gone = cast.ann.delete("/user", {"id": user.id})

    assert gone.json() == {"id": user.id, "status": "deleted"}
    assert world.tenant().user(auth0.subject(user.id)) is None
    assert dynamodb.get(EmailGuard, user.email_key) is None


def test_a_location_is_removed_once(cast: Cast) -> None:
    place = cast.place()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: cast.ann.delete(f"/location/{place.id}"), range(2)))

    assert sorted(answer.status_code for answer in answers) in ([200, 404], [200, 409])


def test_who_gains_a_location_gains_no_more_than_the_giver_holds(cast: Cast, world: World) -> None:
    both = [cast.boston.id, cast.denver.id]
    regional = newcomer(cast, world, role="manager", locations=both)
    extra = sorted(permissions.ROLES["staff"] | {"phone:purchase"})
    user = cast.fresh(permissions=extra)

    refused = manage(regional, user.id, locations=both)

    assert (refused.status_code, problem(refused)["code"]) == (403, "grant_refused")
    assert manage(cast.ann, user.id, locations=both).status_code == 200


def test_a_change_is_made_whatever_if_none_match_says(cast: Cast) -> None:
    user = cast.fresh()
    body = {"id": user.id, "name": "Changed"}

    answer = cast.ann.patch("/userManagement", body, headers={"If-None-Match": "*"})

    assert (answer.status_code, answer.json()["name"]) == (200, "Changed")


def test_all_locations_and_one_are_all(cast: Cast) -> None:
    places = ["*", cast.boston.id]
    made = cast.ann.post("/user", cast.new_user(locations=places))

    assert made.json()["locations"] == ["*"]
    changed = manage(cast.ann, cast.fresh().id, locations=places)
    assert changed.json()["locations"] == ["*"]


def test_who_is_confined_does_not_change_the_customer(cast: Cast, world: World) -> None:
    local = newcomer(cast, world, role="admin", locations=[cast.boston.id])

    assert local.patch("/customer", {"name": "Mine"}).status_code == 403


def test_a_short_page_reads_no_more_than_a_long_one(cast: Cast, world: World) -> None:
    for _ in range(30):
        cast.fresh(locations=[cast.denver.id])
    cast.mia.get("/userManagement?limit=1")
    with world.plan() as plan:
        page = cast.mia.get("/userManagement?limit=1").json()
    assert len(page["items"]) == 1
    assert sum(call.what == "Query" for call in plan.calls) == 1


def test_a_domain_of_another_script_is_an_address_like_any(cast: Cast) -> None:
    names = [f"x{time.time_ns()}@\u05d0\u05d11.com", f"x{time.time_ns()}@fa\u00df.example"]
    for email in names:
        made = cast.ann.post("/user", cast.new_user(email=email))
        assert made.status_code == 201, made.text
        again = email.replace("x", "X", 1)
        assert cast.ann.post("/user", cast.new_user(email=again)).status_code == 409
    other = names[1].replace("\u00df", "ss")
    assert cast.ann.post("/user", cast.new_user(email=other)).status_code == 201


def test_a_get_with_a_body_is_answered(cast: Cast) -> None:
    for _ in range(20):
        answer = cast.ann.call("GET", "/userManagement?limit=1", content=b"x" * 200_000)
        assert answer.status_code == 200
    refused = httpx.post(f"{cast.ann.web}/user", content=b"x" * 200_000)
    assert refused.status_code == 401
