"""Who may see, take, release and close call-backs, and what others get."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts import locations
from config import dynamodb
from telephony.models import Callback, OpenCallback, caller_key
from tests.support.environment import Environment
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    create_shift,
    leave_callback,
    now,
    parse_problem,
)

_keys = (f"callback-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def shift_end(test_users: UserFixtures) -> datetime:
    """Sam is on duty in Boston until then."""
    start, end = (now() + timedelta(hours=hours) for hours in (-1, 3))
    create_shift(test_users.ann.actor, test_users.boston, test_users.sam.id, start=start, end=end)
    return end


@pytest.fixture
def callback_id(test_users: UserFixtures, shift_end: datetime) -> str:
    """An open call-back at Boston while Sam is on duty there."""
    return test_users.create_callback()


def change(user: SignedInUser, callback_id: str, what: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return user.post(f"/callback/{callback_id}/{what}", body or {})


def get(user: SignedInUser, callback_id: str) -> dict[str, Any]:
    response = user.get(f"/callback/{callback_id}")
    assert response.status_code == 200, response.text
    return dict(response.json())


def list_ids(user: SignedInUser, **query: str) -> list[str]:
    response = user.get("/callback", params={"limit": "1000", **query})
    assert response.status_code == 200, response.text
    return [callback["id"] for callback in response.json()["items"]]


def test_staff_take_and_close_while_on_duty(test_users: UserFixtures, callback_id: str, shift_end: datetime) -> None:
    taken = change(test_users.sam, callback_id, "take").json()
    closed = change(test_users.sam, callback_id, "close", {"outcome": "no_answer", "note": "Busy.\nTwice."}).json()

    assert (taken["status"], taken["takenBy"], taken["version"]) == ("taken", test_users.sam.id, 2)
    assert abs(datetime.fromisoformat(taken["takenUntil"]) - shift_end - timedelta(minutes=15)) < timedelta(seconds=2)
    assert (closed["status"], closed["outcome"], closed["note"]) == ("done", "no_answer", "Busy.\nTwice.")
    assert (closed["takenBy"], closed["takenUntil"]) == (test_users.sam.id, None)
    assert get(test_users.sam, callback_id) == closed
    assert callback_id in list_ids(test_users.sam, locationId=test_users.boston.id, mine="true", status="done")
    assert callback_id not in list_ids(test_users.sam, locationId=test_users.boston.id)


def test_who_is_in_charge_holds_it_for_two_hours(test_users: UserFixtures, callback_id: str) -> None:
    taken = change(test_users.mia, callback_id, "take").json()

    until = datetime.fromisoformat(taken["takenUntil"])
    assert abs(until - now() - timedelta(hours=2)) < timedelta(minutes=1)
    assert change(test_users.mia, callback_id, "take").json() == taken


def test_second_taker_learns_who_was_faster(test_users: UserFixtures, callback_id: str) -> None:
    takers = [test_users.sam, test_users.mia, test_users.abe, test_users.ann]

    with ThreadPoolExecutor(4) as executor:
        responses = list(executor.map(lambda user: change(user, callback_id, "take"), takers))

    assert sorted(response.status_code for response in responses) == [200, 409, 409, 409]
    holder = next(user for user, response in zip(takers, responses, strict=True) if response.status_code == 200)
    problems = [parse_problem(response) for response in responses if response.status_code == 409]
    assert {(problem["code"], problem["detail"]) for problem in problems} == {
        (
            "callback_taken",
            f"{holder.user.name} has taken this call-back. "
            "Others can take it once it is released or not closed in time.",
        )
    }
    current = get(test_users.ann, callback_id)
    (item,) = problems[0]["errors"]
    assert (item["takenBy"], item["code"]) == (holder.id, "callback_taken")
    assert datetime.fromisoformat(item["takenUntil"]) == datetime.fromisoformat(current["takenUntil"])
    for what, body in (("close", {"outcome": "reached"}), ("take", {})):
        others = change(next(user for user in takers if user is not holder), callback_id, what, body)
        assert (others.status_code, others.json()["code"]) == (409, "callback_taken")


def test_release_by_the_holder_and_by_who_is_in_charge(test_users: UserFixtures, callback_id: str) -> None:
    change(test_users.mia, callback_id, "take")
    assert parse_problem(change(test_users.sam, callback_id, "release"))["code"] == "callback_taken"

    released = change(test_users.ann, callback_id, "release").json()
    taken = change(test_users.sam, callback_id, "take").json()
    again = change(test_users.sam, callback_id, "release").json()

    assert (released["status"], released["takenBy"], released["takenUntil"]) == ("open", None, None)
    assert (taken["status"], again["status"], again["version"]) == ("taken", "open", 5)
    assert change(test_users.sam, callback_id, "release").json() == again


@pytest.mark.parametrize(("what", "body"), [("take", {}), ("release", {}), ("close", {"outcome": "spam"})])
def test_closed_callback_does_not_change(
    test_users: UserFixtures, callback_id: str, what: str, body: dict[str, Any]
) -> None:
    closed = change(test_users.sam, callback_id, "close", {"outcome": "spam"}).json()

    problem = parse_problem(change(test_users.ann, callback_id, what, body))

    assert (closed["status"], problem["status"], problem["code"]) == ("dropped", 409, "callback_closed")
    assert get(test_users.ann, callback_id) == closed


@pytest.mark.parametrize(("what", "body"), [("take", {}), ("release", {}), ("close", {"outcome": "reached"})])
def test_repeated_request_changes_nothing(
    test_users: UserFixtures, callback_id: str, what: str, body: dict[str, Any]
) -> None:
    if what == "release":
        change(test_users.sam, callback_id, "take")
    headers = {"Idempotency-Key": next(_keys)}
    path = f"/callback/{callback_id}/{what}"

    first, second = (test_users.sam.post(path, body, headers=headers) for _ in range(2))

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"


def test_nobody_else_sees_it(test_users: UserFixtures, callback_id: str) -> None:
    """Another customer finds nothing; who works elsewhere or is off duty may not."""
    elsewhere = test_users.create_location()
    other_id = test_users.foreign_callback_id

    assert test_users.cleo.get(f"/callback/{callback_id}").status_code == 404
    assert test_users.sam.get(f"/callback/{other_id}").status_code == 404
    assert change(test_users.cleo, callback_id, "take").status_code == 404
    held = test_users.purchase_number(elsewhere)
    there = leave_callback(held)
    for what in ("take", "release", "close"):
        body = {"outcome": "reached"} if what == "close" else {}
        assert change(test_users.sam, there, what, body).status_code == 403
    assert parse_problem(test_users.sam.get(f"/callback/{there}"))["code"] == "forbidden"
    assert test_users.mia.get(f"/callback/{there}").status_code == 403
    assert test_users.sam.get("/callback", params={"locationId": elsewhere.id}).status_code == 403
    for query in ({}, {"customerId": test_users.customer.id}):
        assert parse_problem(test_users.sam.get("/callback", params=query))["code"] == "not_on_duty"
        assert test_users.sam.get("/callback", params={**query, "mine": "true"}).status_code == 200


def test_off_duty_is_an_error_of_its_own(test_users: UserFixtures, env: Environment, web: str) -> None:
    held = test_users.purchase_number()
    idle = accept_invitation(env, web, test_users.create_user(locations=[held.number.location_id]))
    waiting = leave_callback(held)
    responses = [
        idle.get("/callback", params={"locationId": held.number.location_id}),
        idle.get(f"/callback/{waiting}"),
        *(change(idle, waiting, what) for what in ("take", "release", "call")),
    ]
    assert {(response.status_code, parse_problem(response)["code"]) for response in responses} == {(403, "not_on_duty")}


@pytest.mark.parametrize(("what", "body"), [("take", {}), ("release", {}), ("close", {"outcome": "spam"})])
def test_changes_take_if_match(test_users: UserFixtures, callback_id: str, what: str, body: dict[str, Any]) -> None:
    etag = test_users.ann.get(f"/callback/{callback_id}").headers["ETag"]
    path = f"/callback/{callback_id}/{what}"
    change(test_users.ann, callback_id, "take")

    refused = test_users.ann.post(path, body, headers={"If-Match": etag})
    assert (refused.status_code, parse_problem(refused)["code"]) == (412, "precondition_failed")
    etag = test_users.ann.get(f"/callback/{callback_id}").headers["ETag"]
    assert test_users.ann.post(path, body, headers={"If-Match": etag}).status_code == 200


def test_list_of_the_customer_has_the_places_of_who_asks(test_users: UserFixtures, callback_id: str) -> None:
    held = test_users.purchase_number()
    there = leave_callback(held)
    customer = {"customerId": test_users.customer.id}

    assert {callback_id, there} <= set(list_ids(test_users.ann, **customer))
    visible = list_ids(test_users.mia, **customer)
    assert callback_id in visible
    assert there not in visible
    change(test_users.sam, callback_id, "take")
    assert list_ids(test_users.sam, **customer, mine="true").count(callback_id) == 1


def test_lists_are_in_the_order_of_the_queue_on_any_page(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    ids = [leave_callback(held) for _ in range(5)]
    change(test_users.ann, ids[0], "take")
    change(test_users.ann, ids[1], "close", {"outcome": "reached"})
    expected = [ids[2], ids[3], ids[4], ids[0], ids[1]]
    for query in ({"locationId": held.number.location_id}, {"customerId": test_users.customer.id}):
        pages: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            params = {**query, "status": "open,taken,done,dropped", "limit": "2", **cursor}
            page = test_users.ann.get("/callback", params=params).json()
            pages += [callback["id"] for callback in page["items"]]
            if page["nextCursor"] is None:
                break
            cursor = {"cursor": page["nextCursor"]}
        assert [id for id in pages if id in ids] == expected


def test_callback_on_request(test_users: UserFixtures, shift_end: datetime) -> None:
    due_at = (now() + timedelta(days=1)).replace(microsecond=0)
    body = {"callId": test_users.create_call(), "dueAt": due_at.isoformat()}
    headers = {"Idempotency-Key": next(_keys)}

    created, replayed = (test_users.mia.post("/callback", body, headers=headers) for _ in range(2))
    existing = test_users.mia.post("/callback", body)

    assert (created.status_code, replayed.status_code, existing.status_code) == (201, 201, 200)
    assert created.json() == replayed.json() == existing.json()
    assert created.headers["Location"] == f"/callback/{created.json()['id']}"
    assert datetime.fromisoformat(created.json()["dueAt"]) == due_at
    for late in (timedelta(minutes=4), None):
        due = {"dueAt": (now() - late).isoformat()} if late else {"dueAt": ""}
        opened = test_users.mia.post("/callback", {"callId": test_users.create_call(), **due})
        assert opened.status_code == 201, opened.text
        assert abs(datetime.fromisoformat(opened.json()["dueAt"]) - now()) < timedelta(minutes=1)
    past = test_users.mia.post("/callback", {**body, "dueAt": "2020-01-01T09:00:00"})
    assert parse_problem(past)["errors"][0]["pointer"] == "/dueAt"
    assert test_users.sam.post("/callback", body).status_code == 403  # not a call of theirs
    withheld = test_users.mia.post("/callback", {"callId": test_users.create_withheld_call()})
    assert (withheld.status_code, parse_problem(withheld)["code"]) == (409, "caller_withheld")


def test_open_at_most_once_whatever_comes(test_users: UserFixtures, shift_end: datetime) -> None:
    """Random requests of several people at once leave one record per caller that is not closed."""
    held = test_users.purchase_number(test_users.create_location())
    choices = random.Random(19)
    ids = [leave_callback(held) for _ in range(2)]
    bodies = {"take": {}, "release": {}, "close": {"outcome": "reached"}}

    def act(step: tuple[SignedInUser, str, str]) -> int:
        user, id, what = step
        return change(user, id, what, bodies[what]).status_code

    for _ in range(4):
        steps = [
            (choices.choice([test_users.ann, test_users.abe]), choices.choice(ids), choices.choice(list(bodies)))
            for _ in range(8)
        ]
        with ThreadPoolExecutor(8) as executor:
            assert set(executor.map(act, steps)) <= {200, 409}
        for id in ids:
            callback = dynamodb.get_record(Callback, id)
            assert callback
            marker = dynamodb.get_record(OpenCallback, caller_key(held.number.location_id, callback.caller))
            assert (marker is None) == callback.is_closed
            assert (callback.taken_until is not None) == (callback.status == "taken")
            assert (callback.outcome is not None) == callback.is_closed


def test_who_is_in_charge_and_just_went_off_duty_holds_it_for_two_hours(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    location = locations.load_locations([held.number.location_id], test_users.customer.id)[held.number.location_id]
    start, end = now() - timedelta(hours=4), now() - timedelta(minutes=14)
    create_shift(test_users.ann.actor, location, test_users.abe.id, start=start, end=end)

    taken = change(test_users.abe, leave_callback(held), "take").json()

    assert datetime.fromisoformat(taken["takenUntil"]) - now() > timedelta(hours=1, minutes=58)


def test_location_that_no_id_can_name_is_not_found(test_users: UserFixtures) -> None:
    problem = parse_problem(test_users.ann.get("/callback", params={"locationId": "loc_x"}))

    assert (problem["status"], problem["detail"]) == (404, "Location not found.")
