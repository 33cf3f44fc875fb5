"""What countries demand for numbers, and the profiles that customers have for them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from accounts import locations, permissions
from config import dynamodb, errors, outbox
from config.dynamodb import encryption
from config.outbox import postponement
from telephony.models import NumberProfile, PhoneNumber, Quota
from telephony.numbers import address_registration, profiles, requirements
from telephony.twilio import addresses, available_numbers, client
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
ADDRESSES_PATTERN = r"/2010-04-01/Accounts/[^/]+/Addresses.*"
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


def inject_address_fault(env: Environment, kind: str, *, times: int = 1, seconds: float = 1) -> None:
    """A fault when an address is created or changed."""
    fault_rule = {"method": "POST", "path": ADDRESSES_PATTERN, "fault": kind, "times": times, "seconds": seconds}
    httpx.post(f"{env.twilio}/_local/faults", json=fault_rule).raise_for_status()


def addresses_of(env: Environment, user: SignedInUser, country: str) -> list[dict[str, Any]]:
    prefix = f"dl:{user.actor.customer_id}:{country}:"
    return [item for item in read_twilio_account(env)["addresses"] if item["friendly_name"].startswith(prefix)]


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
    process_outbox()
    assert test_users.ann.put("/numberProfile/f\u0131", ADDRESS_BODY).status_code == 404


@pytest.mark.parametrize("query", ["country=PE", "country=Germany", "type=local", "country=DE&type=premium"])
def test_invalid_requirement_query_returns_400(test_users: UserFixtures, query: str) -> None:
    assert parse_problem(test_users.ann.get(f"/numberRequirement?{query}"))["status"] == 400


def test_address_is_stored_encrypted_and_registered_once(test_users: UserFixtures, env: Environment) -> None:
    process_outbox()  # removals of other tests
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
    assert b"Canari" not in NumberProfile.encrypted_address.deserialize(item["encrypted_address"]["B"])
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


def test_address_is_registered_although_a_bundle_was_recorded_first(
    test_users: UserFixtures, twilio: Environment
) -> None:
    inject_address_fault(twilio, "503")
    assert test_users.cleo.put("/numberProfile/NL", ADDRESS_BODY).json()["addressStatus"] == "pending"
    record_bundle(create_bundle(twilio, "NL"), permissions.system_actor(test_users.other_customer.id), country="NL")
    process_outbox(600)
    assert test_users.cleo.get("/numberProfile/NL").json()["addressStatus"] == "registered"
    assert test_users.cleo.get("/numberRequirement?country=NL").json()["missing"] == []


def test_other_refusals_of_twilio_are_for_operators(test_users: UserFixtures, twilio: Environment) -> None:
    """A refusal that does not concern the address is a dead letter; the same PUT begins anew."""
    dead_before = outbox.read_outbox_status(now()).dead
    inject_address_fault(twilio, "400", times=postponement.MAX_ATTEMPTS)
    path = "/numberProfile/ES"
    assert test_users.cleo.put(path, ADDRESS_BODY).json()["addressStatus"] == "pending"
    for hours in range(1, postponement.MAX_ATTEMPTS):
        process_outbox(3600 * hours)
    assert test_users.cleo.get(path).json()["addressStatus"] == "pending"
    assert outbox.read_outbox_status(now()).dead == dead_before + 1

    assert test_users.cleo.put(path, ADDRESS_BODY).json()["addressStatus"] == "registered"
    assert outbox.read_outbox_status(now()).dead == dead_before


def test_address_that_twilio_lost_is_registered_anew(test_users: UserFixtures, env: Environment) -> None:
    vienna = locations.create_location(actor=test_users.cleo.actor, name="New", time_zone="Europe/Vienna", at=now())
    number = available_numbers.search_numbers("AT", area_code=None, prefix="+431")[7].number
    purchase_body = {"phoneNumber": number, "locationId": vienna.id}
    stored = test_users.cleo.put("/numberProfile/AT", ADDRESS_BODY).json()
    addresses.delete_by_sid([address["sid"] for address in addresses_of(env, test_users.cleo, "AT")])

    refused = parse_problem(test_users.cleo.post(PATH, purchase_body))
    assert refused["code"] == "profile_required"
    assert "send the same one again" in refused["detail"]
    repaired = test_users.cleo.put("/numberProfile/AT", ADDRESS_BODY).json()
    assert (repaired["addressStatus"], repaired["version"]) == ("registered", stored["version"] + 1)
    assert test_users.cleo.post(PATH, purchase_body).status_code == 200


@pytest.mark.parametrize("is_new", [True, False], ids=["created", "changed"])
def test_slow_registration_does_not_replace_a_later_address(
    test_users: UserFixtures, twilio: Environment, is_new: bool
) -> None:
    """The last address is at Twilio, once, however the requests overlapped."""
    path, user = ("/numberProfile/IE", test_users.cleo)
    user.delete(path)
    process_outbox()
    if not is_new:
        user.put(path, ADDRESS_BODY)
    inject_address_fault(twilio, "slow", seconds=1.5)
    with ThreadPoolExecutor() as pool:
        slow_put = pool.submit(user.put, path, {**ADDRESS_BODY, "street": "Slow 1"})
        while user.get(path).json().get("street") != "Slow 1":
            assert not slow_put.done()
        later = user.put(path, {**ADDRESS_BODY, "street": "Later 2"})
        assert later.json()["addressStatus"] == "registered"
        assert slow_put.result().status_code == 200
    process_outbox(600)
    stored = dynamodb.get_record(NumberProfile, user.actor.customer_id, "IE")
    assert stored
    at_twilio = [(address["sid"], address["street"]) for address in addresses_of(twilio, user, "IE")]
    assert at_twilio == [(stored.address_sid, "Later 2")]


def test_removal_leaves_the_address_of_a_new_profile(test_users: UserFixtures, env: Environment) -> None:
    """The removal runs late; a new profile has another address at Twilio from the beginning."""
    test_users.cleo.put("/numberProfile/FR", ADDRESS_BODY)
    removed = [address["sid"] for address in addresses_of(env, test_users.cleo, "FR")]
    assert test_users.cleo.delete("/numberProfile/FR").status_code == 200
    assert test_users.cleo.put("/numberProfile/FR", ADDRESS_BODY).json()["addressStatus"] == "registered"
    assert len(addresses_of(env, test_users.cleo, "FR")) == 2
    process_outbox()
    stored = dynamodb.get_record(NumberProfile, test_users.other_customer.id, "FR")
    assert stored
    assert [address["sid"] for address in addresses_of(env, test_users.cleo, "FR")] == [stored.address_sid]
    assert stored.address_sid not in removed


def test_registration_after_the_removal_leaves_nothing_at_twilio(test_users: UserFixtures, twilio: Environment) -> None:
    """The answer of Twilio was lost, and the profile removed before the outbox tried again."""
    inject_address_fault(twilio, "503_after")
    assert test_users.cleo.put("/numberProfile/CH", ADDRESS_BODY).json()["addressStatus"] == "pending"
    assert len(addresses_of(twilio, test_users.cleo, "CH")) == 1
    assert test_users.cleo.delete("/numberProfile/CH").status_code == 200
    process_outbox(600)
    assert addresses_of(twilio, test_users.cleo, "CH") == []


def test_refusal_by_twilio_withdraws_the_purchase(
    test_users: UserFixtures, twilio: Environment, berlin_body: dict[str, Any]
) -> None:
    """A recorded bundle that is examined again: nothing is left, the sentence says so."""
    put_profile(test_users.cleo.actor, "DE")
    bundle = create_bundle(twilio, "DE")
    system_actor = permissions.system_actor(test_users.other_customer.id)
    record_bundle(bundle, system_actor)
    status = {"sid": bundle, "status": "in-review"}
    httpx.patch(f"{twilio.twilio}/_local/bundles", json=status).raise_for_status()
    held = held_numbers(test_users.other_customer.id)

    key = {"Idempotency-Key": "bought with a bundle in review"}
    responses = [test_users.cleo.post(PATH, berlin_body, headers=key) for _ in range(2)]

    assert [parse_problem(response)["code"] for response in responses] == ["profile_required"] * 2
    assert ["contact support" in parse_problem(response)["detail"] for response in responses] == [True] * 2
    assert dynamodb.get_record(PhoneNumber, berlin_body["phoneNumber"]) is None
    assert held_numbers(test_users.other_customer.id) == held
    assert berlin_body["phoneNumber"] not in read_twilio_account(twilio)["bought"]
    record_bundle(create_bundle(twilio, "DE", addresses=["AD0"]), system_actor)
    other_address = test_users.cleo.post(PATH, berlin_body)
    assert parse_problem(other_address)["code"] == "profile_required"


def create_bundle(env: Environment, country: str, **values: Any) -> str:
    response = httpx.post(f"{env.twilio}/_local/bundles", json={"country": country, **values})
    return str(response.raise_for_status().json()["sid"])


def record_bundle(sid: str, actor: permissions.Actor, *, country: str = "DE", address_sid: str = "") -> None:
    profiles.record_bundle(country, actor.customer_id, bundle_sid=sid, address_sid=address_sid, actor=actor, at=now())


def test_bundles_and_addresses_are_looked_up_before_they_are_recorded(
    test_users: UserFixtures, env: Environment
) -> None:
    put_profile(test_users.cleo.actor, "GB")
    put_profile(test_users.cleo.actor, "FR")
    french_address = addresses_of(env, test_users.cleo, "FR")[-1]["sid"]
    british_bundle = create_bundle(env, "GB")
    actor = permissions.system_actor(test_users.other_customer.id)
    refusals = [
        ("BU" + "0" * 32, "", "no bundle"),
        (create_bundle(env, "FR"), "", "another country"),
        (create_bundle(env, "GB", status="pending-review"), "", "status is pending-review"),
        (british_bundle, "AD" + "0" * 32, "no address"),
        (british_bundle, french_address, "no address"),
    ]
    for bundle_sid, address_sid, sentence in refusals:
        with pytest.raises(errors.InvalidRequest, match=sentence):
            record_bundle(bundle_sid, actor, country="GB", address_sid=address_sid)
    test_users.cleo.put("/numberProfile/CH", {**ADDRESS_BODY, "street": "Nowhere 1"})
    with pytest.raises(errors.InvalidRequest, match="not registered"):
        record_bundle(create_bundle(env, "CH"), actor, country="CH")


def test_customers_are_not_sent_to_an_address_that_they_cannot_change(
    test_users: UserFixtures, env: Environment, berlin_body: dict[str, Any]
) -> None:
    """The address in a recorded bundle is deleted at Twilio; only support can repair it."""
    put_profile(test_users.cleo.actor, "DE")
    profile = dynamodb.get_record(NumberProfile, test_users.other_customer.id, "DE")
    assert profile
    other_address, _ = addresses.register_address(
        tag="console",
        country="DE",
        fields={**address_registration.open_profile(profile).address.__dict__, "region": "B"},
    )
    bundle = create_bundle(env, "DE", addresses=[other_address])
    record_bundle(bundle, permissions.system_actor(test_users.other_customer.id), address_sid=other_address)
    addresses.delete_by_sid([other_address])
    refused = parse_problem(test_users.cleo.post(PATH, berlin_body))
    assert refused["code"] == "profile_required"
    assert "contact support" in refused["detail"]
    assert "numberProfile" not in refused["detail"]


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("http://127.0.0.1:8002", "http://127.0.0.1:8002/v2/RegulatoryCompliance/Bundles/BU1?a=1"),
        ("https://api.twilio.com", "https://numbers.twilio.com/v2/RegulatoryCompliance/Bundles/BU1?a=1"),
    ],
)
def test_bundles_are_read_at_their_own_host(settings: Any, base_url: str, expected: str) -> None:
    settings.TWILIO = {**settings.TWILIO, "base_url": base_url}
    assert client.target_url("https://numbers.twilio.com/v2/RegulatoryCompliance/Bundles/BU1?a=1") == expected
    assert client.target_url("https://api.twilio.com/2010-04-01/Accounts") == f"{base_url}/2010-04-01/Accounts"


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
    renewed = address_registration.ADDRESSES.renew(profile)
    assert renewed != bytes(profile.encrypted_address)
    context = f"{test_users.customer.id} IE"
    assert encryption.decrypt_application_json("number profiles", renewed, context)["city"] == "Port"
