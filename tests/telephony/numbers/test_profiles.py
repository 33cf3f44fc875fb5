"""What countries demand for numbers, and the profiles that customers have for them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from accounts import locations, permissions
from config import dynamodb, errors
from config.dynamodb import encryption
from telephony.models import NumberProfile, PhoneNumber, Quota
from telephony.numbers import profiles, requirements
from tests.support.environment import Environment
from tests.support.users import (
    ADDRESS_BODY,
    SignedInUser,
    UserFixtures,
    now,
    parse_problem,
    process_outbox,
    put_profile,
)
from tests.telephony.numbers.test_purchase import configure_emulator, read_twilio_account

PATH = "/userManagement/purchase-phone-number"
ADDRESSES_PATTERN = r"/2010-04-01/Accounts/[^/]+/Addresses\.json"
_german_numbers = (f"+4930{digits}" for digits in range(7_000_000, 8_000_000))


@pytest.fixture
def twilio(env: Environment) -> Iterator[Environment]:
    """The environment; faults of the Twilio emulator are reset afterwards."""
    yield env
    httpx.delete(f"{env.twilio}/_local/faults").raise_for_status()
    configure_emulator(env, rebuy="update", list_lag=0)


@pytest.fixture
def berlin_body(test_users: UserFixtures) -> dict[str, Any]:
    """A purchase of a German number, for a new location of Cleo."""
    location = locations.create_location(actor=test_users.cleo.actor, name="New", time_zone="Europe/Berlin", at=now())
    return {"phoneNumber": next(_german_numbers), "locationId": location.id}


def inject_address_fault(env: Environment, kind: str) -> None:
    fault_rule = {"method": "POST", "path": ADDRESSES_PATTERN, "fault": kind}
    httpx.post(f"{env.twilio}/_local/faults", json=fault_rule).raise_for_status()


def addresses_of(env: Environment, user: SignedInUser, country: str) -> list[dict[str, Any]]:
    tag = f"dl:{user.actor.customer_id}:{country}"
    return [item for item in read_twilio_account(env)["addresses"] if item["friendly_name"] == tag]


@pytest.mark.parametrize(
    ("country", "number_type", "requires", "missing"),
    [
        ("US", "local", "none", []),
        ("CA", "tollFree", "none", []),
        ("AT", "local", "address", ["address"]),
        ("AT", "mobile", "bundle", ["address", "bundle"]),
        ("FR", "local", "bundle", ["address", "bundle"]),
        ("gb", "local", "bundle", ["address", "bundle"]),
        ("GB", "tollFree", "none", []),
    ],
)
def test_requirement_of_a_country(
    test_users: UserFixtures, country: str, number_type: str, requires: str, missing: list[str]
) -> None:
    response = test_users.mia.get(f"/numberRequirement?country={country}&type={number_type}")
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["requires"], answer["missing"]) == (requires, missing)
    assert ("numberProfile" in answer["detail"]) == bool(missing)


@pytest.mark.parametrize(
    ("country", "number_type"), [("SE", "mobile"), ("PR", "local"), ("GB", "tollFree"), ("SE", "local")]
)
def test_where_nothing_is_known_twilio_decides(country: str, number_type: str) -> None:
    requirement = requirements.get_requirement(country, number_type, None)
    assert (requirement.requires, requirement.missing) == ("none", ())
    assert "decides at the purchase" in requirement.detail
    requirements.check_profile(country, number_type, None)


def test_refusal_of_a_number_without_known_requirement_says_what_to_do(
    test_users: UserFixtures, env: Environment
) -> None:
    """British toll-free numbers: Twilio refuses without an address, then without a bundle."""
    london = locations.create_location(actor=test_users.cleo.actor, name="New", time_zone="Europe/London", at=now())
    body = {"phoneNumber": "+448081570234", "locationId": london.id, "type": "tollFree"}
    without_address = test_users.cleo.post(PATH, body)
    assert (without_address.status_code, parse_problem(without_address)["code"]) == (409, "profile_required")
    assert "PUT /numberProfile/GB" in parse_problem(without_address)["detail"]
    put_profile(test_users.cleo.actor, "GB")
    assert "regulatory bundle" in parse_problem(test_users.cleo.post(PATH, body))["detail"]
    put_profile(test_users.cleo.actor, "GB", has_bundle=True)
    assert test_users.cleo.post(PATH, body).status_code == 200


def test_country_of_the_path_is_read_in_any_case(test_users: UserFixtures) -> None:
    stored = test_users.ann.put("/numberProfile/fr", ADDRESS_BODY)
    assert (stored.status_code, stored.json()["country"]) == (200, "FR")
    assert test_users.ann.get("/numberProfile/Fr").json() == stored.json()
    assert test_users.ann.delete("/numberProfile/fR").json() == {"id": "FR", "status": "removed"}
    assert test_users.ann.put("/numberProfile/f\u0131", ADDRESS_BODY).status_code == 404


@pytest.mark.parametrize("query", ["country=PE", "country=Germany", "type=local", "country=DE&type=premium"])
def test_invalid_requirement_query_returns_400(test_users: UserFixtures, query: str) -> None:
    assert parse_problem(test_users.ann.get(f"/numberRequirement?{query}"))["status"] == 400


def test_address_is_stored_encrypted_and_registered_once(test_users: UserFixtures, env: Environment) -> None:
    responses = [
        test_users.ann.put("/numberProfile/FR", {**ADDRESS_BODY, "street": street})
        for street in ("Rue Canari 1", "Rue Canari 2", "Rue Canari 2")
    ]
    assert [response.json()["addressStatus"] for response in responses] == ["registered"] * 3
    assert responses[1].json() == responses[2].json()
    addresses = addresses_of(env, test_users.ann, "FR")
    assert [address["street"] for address in addresses] == ["Rue Canari 2"]
    item = dynamodb.call(
        "GetItem", TableName=NumberProfile.table_name(), Key=NumberProfile.to_dynamodb_key(test_users.customer.id, "FR")
    )["Item"]
    assert b"Canari" not in bytes(item["encrypted_address"]["B"])
    assert "Canari" not in str(item)
    assert [row["country"] for row in test_users.ann.get("/numberProfile").json()["items"]] == ["FR"]
    assert test_users.cleo.get("/numberProfile/FR").status_code == 404
    assert test_users.mia.put("/numberProfile/FR", ADDRESS_BODY).status_code == 403
    echo = test_users.ann.put("/numberProfile/FR", responses[2].json())
    assert echo.json() == responses[2].json()
    named = test_users.ann.put("/numberProfile/FR", {**responses[2].json(), "hasBundle": True})
    assert named.status_code == 400, "customers cannot claim a bundle"


def test_unknown_address_is_rejected_until_it_is_corrected(test_users: UserFixtures, env: Environment) -> None:
    rejected = test_users.ann.put("/numberProfile/CH", {**ADDRESS_BODY, "street": "Nowhere 1"})
    assert rejected.json()["addressStatus"] == "rejected"
    requirement = test_users.ann.get("/numberRequirement?country=CH").json()
    assert requirement["missing"] == ["address"]
    assert "correct it" in requirement["detail"]
    assert test_users.ann.put("/numberProfile/CH", ADDRESS_BODY).json()["addressStatus"] == "registered"
    assert test_users.ann.get("/numberRequirement?country=CH").json()["missing"] == []


@pytest.mark.parametrize(("fault", "country"), [("503", "IE"), ("503_after", "NL"), ("drop_after", "GB")])
def test_outbox_registers_an_address_once(
    test_users: UserFixtures, twilio: Environment, fault: str, country: str
) -> None:
    """The answer of Twilio is lost, or Twilio is down: the tag finds what was created."""
    inject_address_fault(twilio, fault)
    pending = test_users.ann.put(f"/numberProfile/{country}", ADDRESS_BODY)
    assert (pending.status_code, pending.json()["addressStatus"]) == (200, "pending")
    assert "being registered" in test_users.ann.get(f"/numberRequirement?country={country}").json()["detail"]
    process_outbox(600)
    assert test_users.ann.get(f"/numberProfile/{country}").json()["addressStatus"] == "registered"
    assert len(addresses_of(twilio, test_users.ann, country)) == 1


def test_refusal_by_twilio_withdraws_the_purchase(
    test_users: UserFixtures, twilio: Environment, berlin_body: dict[str, Any]
) -> None:
    """A recorded bundle that Twilio has not approved: nothing is left, the sentence says so."""
    put_profile(test_users.cleo.actor, "DE")
    bundle = httpx.post(f"{twilio.twilio}/_local/bundles", json={"country": "DE", "status": "in-review"}).json()
    system_actor = permissions.system_actor(test_users.other_customer.id)
    record_bundle(bundle["sid"], system_actor)
    held = held_numbers(test_users.other_customer.id)

    key = {"Idempotency-Key": "bought with a bundle in review"}
    responses = [test_users.cleo.post(PATH, berlin_body, headers=key) for _ in range(2)]

    assert [parse_problem(response)["code"] for response in responses] == ["profile_required"] * 2
    assert "contact support" in parse_problem(responses[0])["detail"]
    assert dynamodb.get_record(PhoneNumber, berlin_body["phoneNumber"]) is None
    assert held_numbers(test_users.other_customer.id) == held
    assert berlin_body["phoneNumber"] not in read_twilio_account(twilio)["bought"]
    foreign_bundle = httpx.post(f"{twilio.twilio}/_local/bundles", json={"country": "DE", "addresses": ["AD0"]}).json()
    record_bundle(foreign_bundle["sid"], system_actor)
    other_address = test_users.cleo.post(PATH, berlin_body)
    assert parse_problem(other_address)["code"] == "profile_required"


def record_bundle(sid: str, actor: permissions.Actor) -> None:
    profiles.record_bundle("DE", actor.customer_id, bundle_sid=sid, address_sid="", actor=actor, at=now())


def held_numbers(customer_id: str) -> int:
    quota = dynamodb.get_record(Quota, customer_id)
    return int(quota.held) if quota else 0


def test_a_profile_in_use_stays_and_another_is_deleted_at_twilio(test_users: UserFixtures, env: Environment) -> None:
    assert test_users.boston_number.number.number.startswith("+1415")
    put_profile(test_users.ann.actor, "US")
    in_use = test_users.ann.delete("/numberProfile/US")
    assert (in_use.status_code, parse_problem(in_use)["code"]) == (409, "profile_in_use")
    put_profile(test_users.ann.actor, "ES")
    assert len(addresses_of(env, test_users.ann, "ES")) == 1
    assert test_users.ann.delete("/numberProfile/ES").status_code == 200
    process_outbox()
    assert addresses_of(env, test_users.ann, "ES") == []
    assert test_users.ann.get("/numberProfile/ES").status_code == 404


def test_only_leads_record_bundles(test_users: UserFixtures) -> None:
    put_profile(test_users.ann.actor, "IE")
    values: dict[str, Any] = {"bundle_sid": "BU" + "0" * 32, "address_sid": "", "at": now()}
    with pytest.raises(errors.Forbidden):
        profiles.record_bundle("IE", test_users.customer.id, actor=test_users.ann.actor, **values)
    with pytest.raises(errors.NotFound):
        profiles.record_bundle(
            "IE", test_users.customer.id, actor=permissions.system_actor(test_users.other_customer.id), **values
        )
    system_actor = permissions.system_actor(test_users.customer.id)
    with pytest.raises(errors.InvalidRequest):
        profiles.record_bundle("IE", test_users.customer.id, actor=system_actor, **{**values, "bundle_sid": "BU1"})


def test_addresses_are_renewed_when_keys_are_rotated(test_users: UserFixtures) -> None:
    put_profile(test_users.ann.actor, "IE")
    profile = dynamodb.get_record(NumberProfile, test_users.customer.id, "IE")
    assert profile
    renewed = profiles.ADDRESSES.renew(profile)
    assert renewed != bytes(profile.encrypted_address)
    context = f"{test_users.customer.id} IE"
    assert encryption.decrypt_application_json("number profiles", renewed, context)["city"] == "Port"
