"""Lists of users and locations: complete, ordered, without duplicates, and access-checked."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from config import dynamodb
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, create_user_fixtures, parse_problem


@pytest.fixture(scope="module")
def large_customer(env: Environment, web: str) -> UserFixtures:
    """A customer with 40 more users in several locations."""
    test_users = create_user_fixtures(env, web)
    location_choices = [
        [test_users.boston.id],
        [test_users.denver.id],
        [test_users.boston.id, test_users.denver.id],
        [],
    ]
    for index in range(40):
        test_users.create_user(locations=location_choices[index % 4])
    return test_users


def fetch_all_pages(person: SignedInUser, path: str, limit: int) -> list[dict[str, Any]]:
    """Fetch all pages of a list; no page is empty unless it is the only one."""
    items: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": limit}
    for _ in range(200):
        response = person.get(path, params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["nextCursor"] is None:
            return items
        query["cursor"] = page["nextCursor"]
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 7, 45, 46, 1000])
def test_pages_of_any_size_list_each_user_once_by_name(large_customer: UserFixtures, limit: int) -> None:
    users = fetch_all_pages(large_customer.ann, "/userManagement", limit)

    names = [user["name"] for user in users]
    assert len({user["id"] for user in users}) == len(users) == 44
    assert names == sorted(names, key=str.casefold)


def test_default_page_lists_all_users(large_customer: UserFixtures) -> None:
    page = large_customer.ann.get("/userManagement").json()
    assert (len(page["items"]), page["nextCursor"]) == (44, None)
    filtered_page = large_customer.ann.get("/userManagement", params={"customerId": large_customer.customer.id}).json()
    assert filtered_page == page


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_confined_manager_lists_users_of_own_location(large_customer: UserFixtures, limit: int) -> None:
    users = fetch_all_pages(large_customer.mia, "/userManagement", limit)

    boston = large_customer.boston.id
    assert all(boston in user["locations"] or "*" in user["locations"] for user in users)
    assert len(users) == 20 + 4, "half of the added users, and the test users of Boston"


def test_cursor_is_valid_only_for_its_own_list(large_customer: UserFixtures) -> None:
    cursor = large_customer.ann.get("/userManagement?limit=1").json()["nextCursor"]
    attempts = [
        (large_customer.abe, "/userManagement", cursor),
        (large_customer.ann, "/location", cursor),
        (large_customer.ann, "/userManagement", cursor + "x"),
        (large_customer.ann, "/userManagement", "é" + cursor),
        (large_customer.ann, "/userManagement", "e30.x"),
        (large_customer.ann, "/userManagement", "x"),
    ]
    for person, path, sent_cursor in attempts:
        response = person.get(path, params={"cursor": sent_cursor})
        assert response.status_code == 400
        assert parse_problem(response)["errors"][0]["pointer"] == "?cursor"


def test_accessible_locations_are_listed_by_name(large_customer: UserFixtures, env: Environment) -> None:
    for limit in (1, 2, 1000):
        names = [location["name"] for location in fetch_all_pages(large_customer.ann, "/location", limit)]
        assert names == ["Boston", "Denver"]
        assert [location["name"] for location in fetch_all_pages(large_customer.mia, "/location", limit)] == ["Boston"]
    both_locations = [large_customer.denver.id, large_customer.boston.id]
    regional_manager = accept_invitation(
        env, large_customer.ann.web, large_customer.create_user(role="manager", locations=both_locations)
    )
    assert [location["name"] for location in fetch_all_pages(regional_manager, "/location", 1)] == ["Boston", "Denver"]
    unassigned_user = accept_invitation(env, large_customer.ann.web, large_customer.create_user(locations=[]))
    assert fetch_all_pages(unassigned_user, "/location", 10) == []


def test_location_in_use_cannot_be_removed(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    user: User = test_users.create_user(locations=[location.id])

    in_use_response = test_users.ann.delete(f"/location/{location.id}")
    user_change = {"id": user.id, "locations": [test_users.boston.id]}
    assert test_users.ann.patch("/userManagement", user_change).status_code == 200
    removal = test_users.ann.delete(f"/location/{location.id}")

    assert (in_use_response.status_code, parse_problem(in_use_response)["code"]) == (409, "location_in_use")
    assert removal.json() == {"id": location.id, "status": "removed"}
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 404
    reassignment = {"id": user.id, "locations": [location.id]}
    assert test_users.ann.patch("/userManagement", reassignment).status_code == 404


def test_confined_admin_changes_only_own_locations(test_users: UserFixtures, env: Environment) -> None:
    admin_user = test_users.create_user(role="admin", locations=[test_users.boston.id])
    confined_admin = accept_invitation(env, test_users.ann.web, admin_user)
    location_body = {"name": "Mine", "timeZone": "America/New_York"}

    assert confined_admin.post("/location", location_body).status_code == 403
    assert confined_admin.patch(f"/location/{test_users.denver.id}", {"name": "X"}).status_code == 403
    assert confined_admin.delete(f"/location/{test_users.denver.id}").status_code == 403
    assert confined_admin.patch(f"/location/{test_users.boston.id}", {"name": "Boston"}).status_code == 200


def test_location_shows_its_phone_number(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    path = f"/location/{location.id}"
    before = test_users.ann.get(path)

    number = test_users.purchase_number(location).number.number

    after = test_users.ann.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert (before.json()["phoneNumber"], after.status_code) == (None, 200), after.text
    assert after.json() == {**before.json(), "phoneNumber": number}
    assert after.json() in test_users.ann.get("/location").json()["items"]
    assert test_users.ann.get(path, headers={"If-None-Match": after.headers["ETag"]}).status_code == 304
    changed = test_users.ann.patch(path, {"address": "1 Quay"}, headers={"If-Match": after.headers["ETag"]})
    assert changed.json() == {**after.json(), "address": "1 Quay", "version": 2}
    stale = test_users.ann.patch(path, {"address": "2 Quay"}, headers={"If-Match": after.headers["ETag"]})
    assert stale.status_code == 412
    assert test_users.ann.delete(f"/phoneNumber/{number}").status_code == 200
    assert test_users.ann.get(path).json()["phoneNumber"] is None
    assert test_users.mia.get(f"/location/{test_users.denver.id}").status_code == 403


def test_idempotency_key_creates_a_single_location(test_users: UserFixtures) -> None:
    headers = {"Idempotency-Key": f"one {test_users.customer.id}"}
    body = {"name": "Once", "timeZone": "Asia/Tokyo", "address": "1-1 Chiyoda"}

    responses = [test_users.ann.post("/location", body, headers=headers) for _ in range(3)]

    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 1
    conflict_response = test_users.ann.post("/location", {**body, "name": "Twice"}, headers=headers)
    assert conflict_response.status_code == 422


def test_page_cost_does_not_grow_with_user_count(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """All rows have the same size, so that only their number differs."""
    costs = {}
    for user_count in (100, 10_000 if IS_SCALE_RUN else 1_000):
        test_users = create_user_fixtures(env, web)
        copies = write_user_copies(test_users.create_user(), user_count)
        test_users.ann.get("/user")
        with env.apply_plan() as fault_plan:
            page = test_users.ann.get("/userManagement?limit=50").json()
        assert len(page["items"]) == 50
        assert page["nextCursor"]
        calls = [call for call in fault_plan.calls if call.service == "dynamodb"]
        costs[user_count] = (len(calls), sum(call.capacity for call in calls))
        delete_users(copies)
    record_figure(f"a page of 50 users (round trips, capacity units) by number of users: {costs}")
    small_cost, large_cost = costs.values()
    assert small_cost == large_cost
    assert small_cost[0] == 2


def write_user_copies(original: User, count: int) -> list[User]:
    """Write copies of a user straight to the table: only their number matters."""
    copies = [
        original.with_changes(id=f"usr_{number:026d}{original.id[-6:]}", name_key=f"a{number:08d}", version=1)
        for number in range(count)
    ]
    write_users([{"PutRequest": {"Item": copy.serialize()}} for copy in copies])
    return copies


def delete_users(copies: list[User]) -> None:
    """Delete them again: other tests read whole tables."""
    write_users([{"DeleteRequest": {"Key": User.to_dynamodb_key(copy.id)}} for copy in copies])


def write_users(requests: list[dict[str, Any]]) -> None:
    for start in range(0, len(requests), 25):
        dynamodb.call("BatchWriteItem", RequestItems={User.table_name(): requests[start : start + 25]})
