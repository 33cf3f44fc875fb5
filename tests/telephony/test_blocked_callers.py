"""Blocked callers: who may block whom, where, and how many."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from accounts import locations
from config import dynamodb
from config.audit import AuditEntry
from telephony import blocked_callers, callers
from telephony.callbacks import callback_record
from telephony.models import BlockedCaller, Quota
from tests.support.callbacks import put_callback
from tests.support.calls import create_line, new_sid
from tests.support.samples import set_blocked_count
from tests.support.users import UserFixtures, free_number, now, parse_problem, process_outbox

LOCATION = "loc_01J00000000000000000000000"


@pytest.mark.parametrize(
    ("typed", "country", "identity", "delivered"),
    [
        ("+1 (617) 555-0199", None, "+16175550199", "+16175550199"),
        ("617-555-0199", "US", "+16175550199", "+16175550199"),
        ("tel:+1-617-555-0199", None, "+16175550199", "sip:+16175550199@carrier.com;user=phone"),
        ("+16175550199x7", None, "+16175550199", "+16175550199;ext=9"),
        ("030 1234567", "DE", "+49301234567", "0301234567"),
        ("0301234567", "DE", "+49301234567", "+49301234567"),
        ("911", "US", "911", "911"),
        ("SIPS:ann@Example.com:5061;transport=tls", None, "sip:ann@example.com", "sip:ann@example.com"),
        ("+1 617 555 0199", None, "+16175550199", "sip:%2B16175550199@carrier.com"),
        ("+1 617 555 0199", None, "+16175550199", "sip:+1-617-555-0199@carrier.com"),
        ("+1 617 555 0199", None, "+16175550199", "sip:+1.617.555.0199;npdi:secret@carrier.com"),
        ("+1 617 555 0199", None, "+16175550199", "sip:0016175550199:secret@carrier.com"),
        ("+1 617 555 0199", None, "+16175550199", "01116175550199"),
        ("sip:2125012671@carrier.com", "US", "sip:2125012671@carrier.com", "sip:212-501-2671:x@CARRIER.com:5060"),
        ("sip:ann:secret@example.com", None, "sip:ann@example.com", "sip:%61nn;tag=1@example.com"),
        ("client:ann", None, "client:ann", "client:ann"),
    ],
)
def test_a_caller_is_blocked_in_each_form(typed: str, country: str | None, identity: str, delivered: str) -> None:
    assert callers.parse_blockable(typed, country) == identity
    assert identity in callers.list_identities(callers.normalize_caller(delivered), country)


def test_a_blocked_address_does_not_block_the_owner_of_its_number() -> None:
    """Anybody can call with somebody else's number as the user of an address."""
    blocked = callers.parse_blockable("sip:+16175550199@attacker.example", "US")
    assert blocked == "sip:+16175550199@attacker.example"
    for caller in ("+16175550199", "sip:+16175550199@carrier.com"):
        assert blocked not in callers.list_identities(caller, "US")


@pytest.mark.parametrize("address", ["client:ann/desk", "sip:ann/1@example.com", "sip:a%40b@example.com", "client:a?#"])
def test_each_address_is_unblocked(test_users: UserFixtures, address: str) -> None:
    blocked = test_users.ann.post("/blockedCaller", {"number": address})
    assert blocked.status_code == 201
    assert test_users.ann.delete(f"/blockedCaller/{quote(blocked.json()['number'], safe='')}").status_code == 200


def test_waiting_callbacks_of_a_blocked_caller_are_closed_in_each_form(test_users: UserFixtures) -> None:
    line, number = create_line(test_users), "+12125559831"
    forms = [number, f"sip:%2B{number[1:]}@carrier.com", number[2:]]
    waiting = [put_callback(line.location, form, new_sid(), now()) for form in [*forms, "+12125559832"]]

    assert test_users.ann.post("/blockedCaller", {"number": number}).status_code == 201
    process_outbox()

    records = [callback_record.load(callback.id) for callback in waiting]
    assert [(record.status, record.outcome) for record in records if record] == [
        *[("dropped", "spam")] * len(forms),
        ("open", None),
    ]


@pytest.mark.parametrize(
    "typed", ["anonymous", "+266696687", "617-555-0199", "", "sip:anonymous@x.invalid", "12", "Ann"]
)
def test_an_unknown_caller_is_not_blocked(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\."):
        callers.parse_blockable(typed, None)


def test_callers_are_blocked_listed_and_unblocked(test_users: UserFixtures) -> None:
    number, boston = free_number(), test_users.boston.id
    national = f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    body = {"number": national, "locationId": boston, "reason": "  Advertising "}

    first, again = (test_users.mia.post("/blockedCaller", body) for _ in range(2))
    everywhere = test_users.ann.post("/blockedCaller", {"number": number})

    assert (first.status_code, again.status_code, everywhere.status_code) == (201, 200, 201)
    assert first.json() == again.json()
    assert first.json() | {"createdAt": ""} == {
        "number": number,
        "customerId": test_users.customer.id,
        "locationId": boston,
        "reason": "Advertising",
        "blockedBy": test_users.mia.id,
        "createdAt": "",
    }
    listed = test_users.mia.get("/blockedCaller", params={"locationId": boston}).json()["items"]
    assert [item["locationId"] for item in listed if item["number"] == number] in ([boston, None], [None, boston])
    denver = test_users.ann.get("/blockedCaller", params={"locationId": test_users.denver.id}).json()["items"]
    assert [item["locationId"] for item in denver if item["number"] == number] == [None]
    audit_text = str([entry.serialize() for entry in _audit_entries(test_users.customer.id)])
    assert audit_text.count("caller.blocked") >= 2
    assert number[2:] not in audit_text
    path = f"/blockedCaller/{number}"
    assert test_users.mia.delete(path).status_code == 403
    assert test_users.mia.delete(f"/blockedCaller/{national}", params={"locationId": boston}).json() == {
        "number": number,
        "locationId": boston,
        "status": "removed",
    }
    assert test_users.mia.delete(path, params={"locationId": boston}).status_code == 404
    assert test_users.ann.delete(path).status_code == 200
    assert number not in test_users.ann.get("/blockedCaller").text


def test_who_may_block_a_caller(test_users: UserFixtures) -> None:
    number, boston = free_number(), {"locationId": test_users.boston.id}
    refused = test_users.mia.post("/blockedCaller", {"number": number})
    assert (refused.status_code, "one of your locations" in parse_problem(refused)["detail"]) == (403, True)
    elsewhere = test_users.mia.post("/blockedCaller", {"number": number, "locationId": test_users.denver.id})
    assert elsewhere.status_code == 403
    assert test_users.sam.post("/blockedCaller", {"number": number, **boston}).status_code == 403
    assert test_users.sam.get("/blockedCaller").status_code == 403
    assert test_users.cleo.post("/blockedCaller", {"number": number, **boston}).status_code == 404
    foreign = test_users.ann.get("/blockedCaller", params={"customerId": test_users.other_customer.id})
    assert parse_problem(foreign)["code"] == "foreign_customer"
    for body, pointer in (
        ({"number": "anonymous"}, "/number"),
        ({"number": "555-0199"}, "/number"),
        ({"number": number, "reason": "x" * 201}, "/reason"),
    ):
        response = test_users.ann.post("/blockedCaller", body)
        assert (response.status_code, parse_problem(response)["errors"][0]["pointer"]) == (400, pointer)


def test_a_repeated_request_gets_its_first_answer(test_users: UserFixtures) -> None:
    body, headers = {"number": free_number(), "reason": ""}, {"Idempotency-Key": "block once"}
    first, again = (test_users.ann.post("/blockedCaller", body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json()["reason"] is None


@pytest.mark.parametrize("caller", ["", "sip:ann@example.com"])
def test_a_blocked_caller_is_unblocked_where_location_says(test_users: UserFixtures, caller: str) -> None:
    number = caller or free_number()
    for filters in ({}, {"locationId": test_users.boston.id}):
        created = test_users.ann.post("/blockedCaller", {"number": number, **filters})
        path = created.headers["Location"]
        assert ("?locationId=" in path) == bool(filters)
        assert "+" not in path
        removed = test_users.ann.delete(path).json()
        assert (removed["number"], removed["locationId"]) == (number, filters.get("locationId"))


def test_five_hundred_callers_are_blocked_at_most(test_users: UserFixtures) -> None:
    quota = dynamodb.get_record(Quota, test_users.customer.id)
    before = int(quota.blocked) if quota else 0
    set_blocked_count(test_users, blocked_callers.MAX_BLOCKED - 2)
    numbers = [free_number() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(lambda number: test_users.ann.post("/blockedCaller", {"number": number}), numbers))

    statuses = sorted(response.status_code for response in responses)
    assert statuses == [201, 201, 409, 409, 409, 409]
    refused = next(response for response in responses if response.status_code == 409)
    assert parse_problem(refused)["code"] == "too_many_blocked_callers"
    blocked = [number for number, response in zip(numbers, responses, strict=True) if response.status_code == 201]
    assert test_users.ann.post("/blockedCaller", {"number": blocked[0]}).status_code == 200
    assert test_users.ann.delete(f"/blockedCaller/{blocked[0]}").status_code == 200
    assert test_users.ann.post("/blockedCaller", {"number": blocked[0]}).status_code == 201
    set_blocked_count(test_users, before + 2)


def test_a_removed_location_blocks_nobody(test_users: UserFixtures) -> None:
    location, number = test_users.create_location(), free_number()
    record = blocked_callers.block_caller(number, location_id=location.id, actor=test_users.ann.actor, at=now()).record

    locations.delete_location(location.id, actor=test_users.ann.actor, at=now())
    process_outbox(seconds_ahead=locations.REMOVAL_GRACE.total_seconds() + 1)

    assert dynamodb.get_record(BlockedCaller, record.id) is None


def _audit_entries(customer_id: str) -> list[AuditEntry]:
    values = {":of": {"S": customer_id}}
    return list(dynamodb.iter_records(AuditEntry, "#stream = :of", values, ConsistentRead=True))
