"""Public reports about buying numbers; the emulator refuses what Twilio refuses."""

from typing import Any

import httpx
import pytest

from accounts import locations
from config import dynamodb
from telephony.models import PhoneNumber
from telephony.twilio import available_numbers, client
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now, parse_problem, put_profile

PATH = "/userManagement/purchase-phone-number"
SEARCH_PATH = "/userManagement/find-phone-numbers"


def find_and_buy(test_users: UserFixtures, country: str, area_code: str, zone: str) -> tuple[httpx.Response, str]:
    """Buy the first number that a search for Cleo finds; the answer and the number."""
    items = test_users.cleo.post(SEARCH_PATH, {"country": country, "areaCode": area_code}).json()["items"]
    assert {item["addressRequirement"] for item in items} == {"local"}
    location = locations.create_location(actor=test_users.cleo.actor, name="New", time_zone=zone, at=now())
    number = items[0]["phoneNumber"]
    return test_users.cleo.post(PATH, {"phoneNumber": number, "locationId": location.id}), number


def account_state(env: Environment) -> dict[str, Any]:
    return dict(httpx.get(f"{env.twilio}/_local/account").json())


def test_preskton_terraform_53_a_german_number_needs_a_bundle(test_users: UserFixtures, env: Environment) -> None:
    """Preskton/terraform-provider-twilio#53: a number is sold only with a compliant bundle."""
    offered_number = available_numbers.search_numbers("DE", area_code=None, prefix="+4930")[0].number
    with pytest.raises(client.TwilioRejected) as rejection:
        client.buy_number(offered_number, tag="dl:pur_none")
    assert rejection.value.code == 21649

    refused, number = find_and_buy(test_users, "DE", "030", "Europe/Berlin")
    assert (refused.status_code, parse_problem(refused)["code"]) == (409, "profile_required")
    assert "PUT /numberProfile/DE" in parse_problem(refused)["detail"]
    put_profile(test_users.cleo.actor, "DE")
    without_bundle, _ = find_and_buy(test_users, "DE", "030", "Europe/Berlin")
    assert (without_bundle.status_code, parse_problem(without_bundle)["code"]) == (409, "profile_required")
    assert "regulatory bundle" in parse_problem(without_bundle)["detail"]
    assert dynamodb.get_record(PhoneNumber, number) is None
    assert number not in account_state(env)["bought"]

    put_profile(test_users.cleo.actor, "DE", has_bundle=True)
    bought, number = find_and_buy(test_users, "DE", "030", "Europe/Berlin")
    assert bought.status_code == 200, bought.text
    stored = next(item for item in account_state(env)["numbers"] if item["phone_number"] == number)
    assert stored["bundle_sid"].startswith("BU")
    assert stored["address_sid"].startswith("AD")


def test_twilio_csharp_67_an_address_is_named_in_the_purchase(test_users: UserFixtures, env: Environment) -> None:
    """twilio/twilio-csharp#67: numbers that require an address are bought with AddressSid."""
    offered_number = available_numbers.search_numbers("AT", area_code=None, prefix="+431")[0].number
    with pytest.raises(client.TwilioRejected) as rejection:
        client.buy_number(offered_number, tag="dl:pur_none")
    assert rejection.value.code == 21631

    refused, number = find_and_buy(test_users, "AT", "01", "Europe/Vienna")
    assert (refused.status_code, parse_problem(refused)["code"]) == (409, "profile_required")
    assert number not in account_state(env)["bought"]

    body = {"businessName": "Praxis", "street": "Ring 1", "city": "Wien", "postalCode": "1010"}
    assert test_users.cleo.put("/numberProfile/AT", body).json()["addressStatus"] == "registered"
    bought, number = find_and_buy(test_users, "AT", "01", "Europe/Vienna")
    assert bought.status_code == 200, bought.text
    stored = next(item for item in account_state(env)["numbers"] if item["phone_number"] == number)
    address = next(item for item in account_state(env)["addresses"] if item["sid"] == stored["address_sid"])
    assert (address["customer_name"], address["city"], address["region"]) == ("Praxis", "Wien", "Wien")


def test_twilio_node_159_toll_free_numbers_have_their_own_search(test_users: UserFixtures, env: Environment) -> None:
    """twilio/twilio-node#159: 800 is no local area code; toll-free is a type of its own."""
    assert available_numbers.search_numbers("US", area_code=800, prefix=None) == []
    as_local = test_users.ann.post(SEARCH_PATH, {"country": "US", "areaCode": "800"})
    assert as_local.status_code == 400
    assert "tollFree" in parse_problem(as_local)["detail"] + str(parse_problem(as_local)["errors"])

    search = {"country": "US", "areaCode": "800", "type": "tollFree"}
    items = test_users.ann.post(SEARCH_PATH, search).json()["items"]
    assert items
    assert all(item["phoneNumber"].startswith("+1800") for item in items)
    body = {"phoneNumber": items[0]["phoneNumber"], "locationId": test_users.create_location().id}
    by_mistake = test_users.ann.post(PATH, body)
    assert (by_mistake.status_code, parse_problem(by_mistake)["code"]) == (400, "number_not_purchasable")
    bought = test_users.ann.post(PATH, {**body, "type": "tollFree"})
    assert bought.status_code == 200, bought.text
    stored = next(item for item in account_state(env)["numbers"] if item["phone_number"] == body["phoneNumber"])
    assert stored["type"] == "toll-free"
