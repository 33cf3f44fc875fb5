"""What operators do so that customers get numbers: addresses, bundles, reservations."""

import httpx

from accounts import locations
from config import dynamodb
from telephony.models import NumberProfile, Orphan, PhoneNumber
from telephony.twilio import client
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, free_number, now

ADD_PATH = "/admin/telephony/numberprofile/add/?customer_id="
ADDRESS_FORM = {"country": "de", "businessName": "Praxis", "street": "Ring 1", "city": "Berlin", "postalCode": "10115"}


def test_a_german_number_is_bought_with_the_documents_of_the_customer(
    test_users: UserFixtures, env: Environment, operator_sessions: dict[str, OperatorSession]
) -> None:
    support, lead, customer_id = operator_sessions["support"], operator_sessions["lead"], test_users.customer.id
    kiel = locations.create_location(actor=test_users.ann.actor, name="Kiel", time_zone="Europe/Berlin", at=now())
    buy_path = f"/admin/telephony/phonenumber/buy/{kiel.id}/?country=DE&areaCode=030"
    support.get("/admin/")

    assert "cannot be purchased" in support.post(ADD_PATH + customer_id, **{**ADDRESS_FORM, "country": "PE"}).text
    assert "was added" in support.post(ADD_PATH + customer_id, **ADDRESS_FORM).text
    profile_path = f"/admin/telephony/numberprofile/{customer_id}~DE"
    changed = support.post(f"{profile_path}/change/", **{**ADDRESS_FORM, "street": "Ring 2", "version": "2"})
    assert "was changed" in changed.text
    refused = support.post(buy_path, number="+493012349876", confirmed="yes")
    assert "regulatory bundle" in refused.text
    assert dynamodb.get_record(PhoneNumber, "+493012349876") is None

    lead.get("/admin/")
    assert "32 hexadecimal digits" in lead.post(f"{profile_path}/do/bundle/", bundle="BU1").text
    bundle = httpx.post(f"{env.twilio}/_local/bundles", json={"country": "DE"}).json()["sid"]
    assert "name this bundle" in lead.post(f"{profile_path}/do/bundle/", bundle=bundle).text
    assert "was bought" in support.post(buy_path, number="+493012349876", confirmed="yes").text

    profile = dynamodb.get_record(NumberProfile, customer_id, "DE")
    assert profile
    assert profile.bundle_sid == bundle
    assert "release them first" in support.post(f"{profile_path}/do/remove/", typed="DE").text


def test_a_lead_reserves_a_number_and_withdraws_it(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    lead, number = operator_sessions["lead"], free_number()
    lead.get("/admin/")
    reserve_path = f"/admin/telephony/phonenumber/reserve/{test_users.customer.id}/"
    assert "not in the Twilio account" in lead.post(reserve_path, number=number).text
    client.buy_number(number, tag="ported")
    assert f"can adopt {number}" in lead.post(reserve_path, number=number).text
    orphan = dynamodb.get_record(Orphan, number)
    assert orphan
    assert orphan.reserved_for == test_users.customer.id
    assert "not reserved any more" in lead.post(f"/admin/telephony/orphan/{number}/do/withdraw/").text
    assert dynamodb.get_record(Orphan, number) is None
