"""Lists of calls: to a location or of a customer, with filters, in pages that cost little."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import customers, users
from config.dynamodb import unaudited
from telephony.calls.state import call_record
from telephony.models import Call
from tests.support.bulk import put_records
from tests.support.calls import LineFixture, create_line, local_times_around, new_call_ids
from tests.support.environment import Environment
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    leave_callback,
    now,
    parse_problem,
    store_missed_call,
)

CALLER = "+16175550144"


@pytest.fixture(scope="module")
def lines(test_users: UserFixtures) -> tuple[LineFixture, LineFixture]:
    """Two lines of one customer."""
    return create_line(test_users), create_line(test_users, name="Canal Street")


@pytest.fixture(scope="module")
def played(lines: tuple[LineFixture, LineFixture]) -> dict[str, str]:
    """The ids of calls by name, the oldest first."""
    harbour, canal = lines
    at = now() - timedelta(hours=2)
    staff, phone = harbour.put_on_duty(*local_times_around(at))
    return {
        "answered": harbour.call(at, phones={phone: "answers"}, **{"from": CALLER}).id,
        "missed": harbour.call(at + timedelta(minutes=1), hangUpAfter=1).id,
        "voicemail": canal.call(at + timedelta(minutes=2), **{"from": CALLER}).id,
        "user": staff.id,
    }


def list_ids(person: SignedInUser, test_users: UserFixtures, **query: Any) -> list[str]:
    """The ids of the calls of the customer, or of a location, of all pages."""
    ids: list[str] = []
    parameters = query if "locationId" in query else {"customerId": test_users.customer.id, **query}
    while True:
        page = person.get("/call", params=parameters).json()
        ids += [call["id"] for call in page["items"]]
        if page["nextCursor"] is None:
            return ids
        parameters["cursor"] = page["nextCursor"]


def test_calls_of_a_customer_are_filtered(
    test_users: UserFixtures, lines: tuple[LineFixture, LineFixture], played: dict[str, str]
) -> None:
    harbour, _ = lines
    answered, missed, voicemail = played["answered"], played["missed"], played["voicemail"]
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [voicemail, missed, answered]),
        ({"limit": 1}, [voicemail, missed, answered]),
        ({"outcome": "missed"}, [missed]),
        ({"outcome": "answered, voicemail", "limit": 1}, [voicemail, answered]),
        ({"answeredBy": played["user"]}, [answered]),
        ({"answeredBy": test_users.sam.id}, []),
        ({"caller": CALLER}, [voicemail, answered]),
        ({"caller": CALLER, "outcome": "voicemail"}, [voicemail]),
        ({"direction": "in", "outcome": "answered"}, [answered]),
        ({"direction": "out"}, []),
    ]
    for query, expected in cases:
        assert list_ids(test_users.abe, test_users, **query) == expected, query
    of_location = {"locationId": harbour.location.id}
    assert list_ids(test_users.abe, test_users, **of_location, outcome="answered,voicemail") == [answered]
    assert list_ids(test_users.abe, test_users, **of_location, answeredBy=played["user"]) == [answered]
    table = test_users.abe.get(
        "/call", params={"customerId": test_users.customer.id, "outcome": "missed"}, headers={"Accept": "text/csv"}
    ).text
    assert [id in table for id in (answered, missed, voicemail)] == [False, True, False]


def test_calls_of_a_customer_are_those_of_the_users_locations(
    test_users: UserFixtures, env: Environment, web: str, lines: tuple[LineFixture, LineFixture], played: dict[str, str]
) -> None:
    harbour, canal = lines
    manager = test_users.create_user(role="manager", locations=[canal.location.id])
    boss = accept_invitation(env, web, manager)
    staff = accept_invitation(env, web, users.get_user(played["user"]))

    assert list_ids(boss, test_users) == [played["voicemail"]]
    assert list_ids(boss, test_users, limit=1) == [played["voicemail"]]
    assert list_ids(boss, test_users, outcome="answered") == []
    assert list_ids(test_users.sam, test_users) == []
    assert list_ids(staff, test_users) == [played["missed"], played["answered"]]
    assert list_ids(staff, test_users, outcome="answered") == [played["answered"]]
    assert list_ids(staff, test_users, limit=1, answeredBy=played["user"]) == [played["answered"]]
    change = {"id": staff.id, "locations": [canal.location.id]}
    assert test_users.ann.patch("/userManagement", change).status_code == 200
    assert list_ids(staff, test_users) == []


@pytest.mark.parametrize("path", ["/call", "/callback", "/blockedCaller"])
def test_lists_are_of_the_own_customer_or_a_location_of_it(test_users: UserFixtures, path: str) -> None:
    location_id, customer_id = test_users.boston.id, test_users.customer.id
    of_customer, own, of_location, narrowed = (
        test_users.ann.get(path, params=query).json()["items"]
        for query in (
            {"customerId": customer_id},
            {},
            {"locationId": location_id},
            {"locationId": location_id, "customerId": customer_id},
        )
    )
    assert own == of_customer
    assert narrowed == of_location
    for query in ({}, {"locationId": location_id}):
        foreign = test_users.ann.get(path, params={**query, "customerId": test_users.other_customer.id})
        assert (foreign.status_code, parse_problem(foreign)["code"]) == (403, "foreign_customer")


def test_calls_that_called_back_are_listed_on_request(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    rows = [store_missed_call(held).row for _ in range(2)]
    rows[0].direction = "out"
    put_records([rows[0]])
    ids = {"in": rows[1].id, "out": rows[0].id}

    def listed(user: SignedInUser, **query: str) -> set[str]:
        items = user.get("/call", params=query).json()["items"]
        return {call["id"] for call in items} & set(ids.values())

    for filters in ({}, {"locationId": held.number.location_id}):
        assert listed(test_users.ann, **filters) == {ids["in"]}
        assert listed(test_users.ann, **filters, direction="out") == {ids["out"]}
        assert listed(test_users.ann, **filters, direction="out,in") == set(ids.values())


def test_order_of_words_in_the_query_does_not_matter(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    for _ in range(2):
        leave_callback(held)
    for path, name, words in (("/call", "outcome", "missed,voicemail"), ("/callback", "status", "open,done,taken")):
        query = {"locationId": held.number.location_id, "limit": "1", name: words}
        first = test_users.ann.get(path, params=query)
        assert first.json()["nextCursor"], path
        turned = {**query, name: ",".join(reversed(words.split(","))), "cursor": first.json()["nextCursor"]}
        assert test_users.ann.get(path, params=turned).status_code == 200, path


def test_words_outside_of_the_set_are_refused(test_users: UserFixtures) -> None:
    customer_id = test_users.customer.id
    for name, value in (("outcome", "missed,lost"), ("outcome", ""), ("answeredBy", "Sam"), ("direction", "both")):
        response = test_users.ann.get("/call", params={"customerId": customer_id, name: value})
        assert response.status_code == 400, (name, value)
        assert parse_problem(response)["errors"][0]["pointer"] == f"?{name}"


def test_local_times_of_a_customer_are_in_its_time_zone(test_users: UserFixtures, played: dict[str, str]) -> None:
    query = {"customerId": test_users.customer.id, "from": "2026-01-01"}
    response = test_users.ann.get("/call", params=query)
    assert (response.status_code, parse_problem(response)["code"]) == (400, "time_zone_unknown")
    called_at = datetime.fromisoformat(test_users.ann.get(f"/call/{played['missed']}").json()["startedAt"])
    customer = customers.get_customer(test_users.customer.id)
    customers.update_customer(customer, {"settings": {"time_zone": "Asia/Tokyo"}}, actor=test_users.ann.actor, at=now())
    tokyo = (called_at + timedelta(hours=9)).replace(tzinfo=None).isoformat(timespec="seconds")
    later = (called_at + timedelta(hours=9, seconds=2)).replace(tzinfo=None).isoformat(timespec="seconds")
    assert list_ids(test_users.ann, test_users, **{"from": tokyo, "to": later}) == [played["missed"]]


def test_pages_of_a_customer_cost_little(
    test_users: UserFixtures,
    env: Environment,
    lines: tuple[LineFixture, LineFixture],
    played: dict[str, str],
    record_figure: Callable[[str], None],
) -> None:
    """Calls are large, as they hold their configuration; the index holds what filters need."""
    harbour, canal = lines
    stored = call_record.load(played["missed"])
    assert stored
    item = stored.row.serialize()
    at = now() - timedelta(days=3)
    calls = [Call.from_item(item) for _ in range(1_200)]
    for number, (call, call_id) in enumerate(zip(calls, new_call_ids(len(calls)), strict=True)):
        call.id, call.started_at = call_id, at - timedelta(minutes=number)
        call.location_id = (harbour if number % 3 else canal).location.id
        call.outcome = "voicemail" if number == 1_150 else "missed"
    unaudited.write_all(puts=calls)
    query = {"customerId": test_users.customer.id, "to": (at + timedelta(seconds=1)).isoformat()}

    figures = []
    for filters in ({}, {"outcome": "voicemail"}, {"outcome": "missed", "direction": "in"}):
        with env.apply_plan() as plan:
            page = test_users.ann.get("/call", params=query | filters).json()
        store_calls = [call for call in plan.calls if call.service == "dynamodb"]
        figures.append((len(page["items"]), len(store_calls), sum(call.capacity for call in store_calls)))

    record_figure(f"calls of a customer with 1,200: {figures} (calls, reads, capacity units)")
    (count, reads, capacity), (match_count, few_reads, few_capacity), (matching, *_) = figures
    assert (count, match_count, matching) == (200, 1, 200)
    assert reads <= 6
    assert few_reads <= 6
    assert few_capacity < 60, "a filter reads the index only"
    assert capacity < 1_000
    everything = list_ids(test_users.ann, test_users, to=query["to"])
    assert everything == [call.id for call in calls]
