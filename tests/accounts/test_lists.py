"""Lists of people and locations: whole, in order, once each, and within one's reach."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from config import dynamodb
from tests.conftest import Cast, Person, come, make_cast, problem
from tests.support.environment import SCALE, World


@pytest.fixture(scope="module")
def crowd(world: World, web: str) -> Cast:
    """A business with 40 people more, in several places."""
    cast = make_cast(world, web)
    places = [[cast.boston.id], [cast.denver.id], [cast.boston.id, cast.denver.id], []]
    for number in range(40):
        cast.fresh(locations=places[number % 4])
    return cast


def pages(person: Person, path: str, limit: int) -> list[dict[str, Any]]:
    """All pages of a list; none is empty but perhaps the only one."""
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": limit}
    for _ in range(200):
        answer = person.get(path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        query["cursor"] = page["nextCursor"]
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 7, 45, 46, 1000])
def test_every_page_size_shows_everybody_once_by_name(crowd: Cast, limit: int) -> None:
    shown = pages(crowd.ann, "/userManagement", limit)

    names = [user["name"] for user in shown]
    assert len({user["id"] for user in shown}) == len(shown) == 44
    assert names == sorted(names, key=str.casefold)


def test_the_default_page_is_everybody(crowd: Cast) -> None:
    page = crowd.ann.get("/userManagement").json()
    assert (len(page["items"]), page["nextCursor"]) == (44, None)
    same = crowd.ann.get("/userManagement", params={"customerId": crowd.customer.id}).json()
    assert same == page


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_who_is_confined_sees_who_works_there_too(crowd: Cast, limit: int) -> None:
    shown = pages(crowd.mia, "/userManagement", limit)

    boston = crowd.boston.id
    assert all(boston in user["locations"] or "*" in user["locations"] for user in shown)
    assert len(shown) == 20 + 4, "half of the crowd, and the cast"


def test_a_cursor_opens_nobody_elses_list(crowd: Cast) -> None:
    cursor = crowd.ann.get("/userManagement?limit=1").json()["nextCursor"]
    attempts = [
        (crowd.abe, "/userManagement", cursor),
        (crowd.ann, "/location", cursor),
        (crowd.ann, "/userManagement", cursor + "x"),
        (crowd.ann, "/userManagement", "é" + cursor),
        (crowd.ann, "/userManagement", "e30.x"),
        (crowd.ann, "/userManagement", "x"),
    ]
    for person, path, given in attempts:
        answer = person.get(path, params={"cursor": given})
        assert answer.status_code == 400
        assert problem(answer)["errors"][0]["pointer"] == "?cursor"


def test_locations_are_listed_by_name_within_reach(crowd: Cast, world: World) -> None:
    for limit in (1, 2, 1000):
        names = [place["name"] for place in pages(crowd.ann, "/location", limit)]
        assert names == ["Boston", "Denver"]
        assert [place["name"] for place in pages(crowd.mia, "/location", limit)] == ["Boston"]
    both = [crowd.denver.id, crowd.boston.id]
    regional = come(world, crowd.ann.web, crowd.fresh(role="manager", locations=both))
    assert [place["name"] for place in pages(regional, "/location", 1)] == ["Boston", "Denver"]
    nowhere = come(world, crowd.ann.web, crowd.fresh(locations=[]))
    assert pages(nowhere, "/location", 10) == []


def test_a_location_goes_when_nobody_is_confined_to_it(cast: Cast) -> None:
    place = cast.place()
    user: User = cast.fresh(locations=[place.id])

    held = cast.ann.delete(f"/location/{place.id}")
    moved = {"id": user.id, "locations": [cast.boston.id]}
    assert cast.ann.patch("/userManagement", moved).status_code == 200
    gone = cast.ann.delete(f"/location/{place.id}")

    assert (held.status_code, problem(held)["code"]) == (409, "location_in_use")
    assert gone.json() == {"id": place.id, "status": "removed"}
    assert cast.ann.delete(f"/location/{place.id}").status_code == 404
    back = {"id": user.id, "locations": [place.id]}
    assert cast.ann.patch("/userManagement", back).status_code == 404


def test_who_is_confined_adds_and_changes_no_other_location(cast: Cast, world: World) -> None:
    wanted = cast.fresh(role="admin", locations=[cast.boston.id])
    local = come(world, cast.ann.web, wanted)
    new = {"name": "Mine", "timeZone": "UTC"}

    assert local.post("/location", new).status_code == 403
    assert local.patch(f"/location/{cast.denver.id}", {"name": "X"}).status_code == 403
    assert local.delete(f"/location/{cast.denver.id}").status_code == 403
    assert local.patch(f"/location/{cast.boston.id}", {"name": "Boston"}).status_code == 200


def test_a_repeated_location_is_one(cast: Cast) -> None:
    headers = {"Idempotency-Key": f"one {cast.customer.id}"}
    body = {"name": "Once", "timeZone": "Asia/Tokyo", "address": "1-1 Chiyoda"}

    answers = [cast.ann.post("/location", body, headers=headers) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = cast.ann.post("/location", {**body, "name": "Twice"}, headers=headers)
    assert other.status_code == 422


def test_a_page_of_many_costs_what_a_page_of_few_does(
    world: World, web: str, say: Callable[[str], None]
) -> None:
    """Rows of one width, so that nothing but their number differs."""
    costs = {}
    for many in (100, 10_000 if SCALE else 1_000):
        cast = make_cast(world, web)
        fill(cast.fresh(), many)
        cast.ann.get("/user")
        with world.plan() as plan:
            page = cast.ann.get("/userManagement?limit=50").json()
        assert len(page["items"]) == 50
        assert page["nextCursor"]
        calls = [call for call in plan.calls if call.service == "dynamodb"]
        costs[many] = (len(calls), sum(call.capacity for call in calls))
    say(f"a page of 50 (trips, units), by how many people there are: {costs}")
    few, most = costs.values()
    assert few == most
    assert few[0] == 2


def fill(like: User, many: int) -> None:
    """More people like one, written past the product: only their number matters."""
    for start in range(0, many, 25):
        copies = [
            like.changed(
                id=f"usr_{start + n:026d}{like.id[-6:]}", name_key=f"a{start + n:08d}", version=1
            )
            for n in range(25)
        ]
        puts = [{"PutRequest": {"Item": copy.serialize()}} for copy in copies]
        dynamodb.call("BatchWriteItem", RequestItems={User.table_name(): puts})
