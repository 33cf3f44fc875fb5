"""Numbers that customers bring: adopted after an operator reserved them, and by nobody else."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from accounts import locations, permissions
from config import dynamodb, errors
from telephony.models import Orphan, PhoneNumber
from telephony.numbers import adoption, unassigned
from telephony.twilio import client
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, free_number, now, parse_problem, process_outbox, simulate_call
from tests.telephony.numbers.test_purchase import (
    buy_foreign_number,
    list_audit_actions,
    problem_without_request_id,
    read_twilio_account,
)

PATH = "/phoneNumber/adopt"
_key_numbers = itertools.count(1)


def body_for(test_users: UserFixtures, number: str) -> dict[str, str]:
    return {"phoneNumber": number, "locationId": test_users.create_location().id}


def check_adopted(env: Environment, number: str, location_id: str) -> None:
    """The number has its record and our webhooks, was not bought, and answers calls."""
    record = dynamodb.get_record(PhoneNumber, number)
    assert record
    assert (record.status, record.location_id) == ("active", location_id)
    account = read_twilio_account(env)
    owned_number = next(item for item in account["numbers"] if item["phone_number"] == number)
    assert owned_number["friendly_name"] == f"dl:{record.purchase_id}"
    assert owned_number["voice_url"].endswith("/telephony/voice")
    assert account["bought"].count(number) == 1, "an adoption buys nothing"
    assert "Thank you for calling" in "\n".join(simulate_call(number)["lines"])
    assert dynamodb.get_record(Orphan, number) is None


def test_reserved_number_is_adopted_and_answers(test_users: UserFixtures, env: Environment) -> None:
    number = test_users.reserve_number()
    sid = client.find_owned_numbers(number)[0].sid
    account_url = f"{env.twilio}/2010-04-01/Accounts/{'AC' + '10ca1' * 6 + '00'}"
    httpx.post(
        f"{account_url}/IncomingPhoneNumbers/{sid}.json",
        data={"TrunkSid": "TK" + "0" * 32},
        auth=("AC" + "10ca1" * 6 + "00", "local-twilio-token"),
    ).raise_for_status()
    body = body_for(test_users, number)

    responses = [test_users.ann.post(PATH, body) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 200], responses[0].text
    assert responses[0].json() == responses[1].json()
    check_adopted(env, number, body["locationId"])
    assert {"number.reserved", "number.adopted"} <= set(list_audit_actions(test_users.customer.id))
    elsewhere = test_users.ann.post(PATH, body_for(test_users, number))
    assert (elsewhere.status_code, parse_problem(elsewhere)["code"]) == (409, "number_taken")


def test_numbers_that_are_not_reserved_look_alike(test_users: UserFixtures, env: Environment) -> None:
    """Spare numbers of the vendor, those of other customers or reserved for them, any others."""
    spare_number, tagged_number, brought_number = free_number(), free_number(), free_number()
    buy_foreign_number(env, spare_number, "the fax in the cellar")
    buy_foreign_number(env, tagged_number, "dl:pur_lost")
    buy_foreign_number(env, brought_number, "Cleo's")
    unassigned.update_list(now())
    adoption.reserve_number(brought_number, actor=permissions.system_actor(test_users.other_customer.id), at=now())
    others_location = locations.create_location(
        actor=test_users.cleo.actor, name="US", time_zone="America/Denver", at=now()
    )
    others_number = test_users.purchase_number().number.number
    body = body_for(test_users, free_number())

    answers = [
        problem_without_request_id(test_users.ann.post(PATH, {**body, "phoneNumber": number}))
        for number in (body["phoneNumber"], spare_number, tagged_number, brought_number)
    ]
    answers.append(
        problem_without_request_id(
            test_users.cleo.post(PATH, {"phoneNumber": others_number, "locationId": others_location.id})
        )
    )

    assert answers[0]["status"] == 404
    assert all(answer == answers[0] for answer in answers)
    by_tag = {item["phone_number"]: item["friendly_name"] for item in read_twilio_account(env)["numbers"]}
    assert by_tag[spare_number] == "the fax in the cellar"
    assert by_tag[brought_number] == "Cleo's"
    assert test_users.mia.post(PATH, body).status_code == 403


def test_one_of_several_adoptions_gets_the_number(test_users: UserFixtures, env: Environment) -> None:
    number = test_users.reserve_number()
    bodies = [body_for(test_users, number) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda body: test_users.ann.post(PATH, body), bodies))

    assert sorted(response.status_code for response in responses) == [200, 409, 409, 409]
    winner = next(body for body, response in zip(bodies, responses, strict=True) if response.status_code == 200)
    check_adopted(env, number, winner["locationId"])


def test_operators_reserve_what_is_nobody_s(test_users: UserFixtures, env: Environment) -> None:
    number, system_actor = test_users.reserve_number(), permissions.system_actor(test_users.customer.id)
    other_actor = permissions.system_actor(test_users.other_customer.id)
    adoption.reserve_number(number, actor=system_actor, at=now())
    with pytest.raises(errors.Conflict, match="reserved for another"):
        adoption.reserve_number(number, actor=other_actor, at=now())
    with pytest.raises(errors.Conflict, match="belongs to a customer"):
        adoption.reserve_number(test_users.boston_number.number.number, actor=other_actor, at=now())
    with pytest.raises(errors.NotFound, match="not in the Twilio account"):
        adoption.reserve_number(free_number(), actor=system_actor, at=now())
    with pytest.raises(errors.Forbidden):
        adoption.reserve_number(number, actor=test_users.ann.actor, at=now())
    assert number in [orphan.number for orphan in unassigned.update_list(now())], "of another system, but reserved"
    with pytest.raises(errors.Conflict, match="reserved for a customer"):
        unassigned.release_number(number, actor=system_actor, at=now())
    foreign_location = locations.create_location(
        actor=test_users.cleo.actor, name="New", time_zone="America/Denver", at=now()
    )
    with pytest.raises(errors.Conflict):
        adoption.assign_number(number, foreign_location.id, actor=other_actor, at=now())

    adoption.withdraw_reservation(number, actor=system_actor, at=now())

    assert number not in [orphan.number for orphan in unassigned.update_list(now())]
    assert test_users.ann.post(PATH, body_for(test_users, number)).status_code == 404


def test_adopted_number_is_of_the_location_s_country(test_users: UserFixtures) -> None:
    number = test_users.reserve_number()
    kiel = locations.create_location(actor=test_users.ann.actor, name="Kiel", time_zone="Europe/Berlin", at=now())
    refused = test_users.ann.post(PATH, {"phoneNumber": number, "locationId": kiel.id})
    assert parse_problem(refused)["code"] == "number_not_purchasable"
    occupied = {"phoneNumber": number, "locationId": test_users.boston_number.number.location_id}
    assert parse_problem(test_users.ann.post(PATH, occupied))["code"] == "location_has_number"
    assert test_users.ann.post(PATH, body_for(test_users, number)).status_code == 200, "still reserved"


def test_number_that_left_the_account_is_not_adopted(test_users: UserFixtures) -> None:
    number = test_users.reserve_number()
    client.release_number(client.find_owned_numbers(number)[0].sid)
    refused = test_users.ann.post(PATH, body_for(test_users, number))
    assert parse_problem(refused)["code"] == "number_taken"
    assert dynamodb.get_record(PhoneNumber, number) is None


@pytest.mark.parametrize("mode", CRASH_MODES)
def test_adoption_survives_crashes(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, mode: str, record_figure: Callable[[str], None]
) -> None:
    golden_plan = FaultPlan()
    assert adopt_with_faults(harness, test_users, golden_plan)[2] == 200
    outcomes = []
    for call in [call for call in golden_plan.calls if is_worth_trying(call)]:
        fault_plan = FaultPlan(faults={call.signature: mode})
        outcomes.append(adopt_with_faults(harness, test_users, fault_plan))
    for seconds_ahead in (60, 600, 1500):
        process_outbox(seconds_ahead)
    adopted = 0
    for number, location_id, _ in outcomes:
        if dynamodb.get_record(PhoneNumber, number):
            check_adopted(env, number, location_id)
            adopted += 1
        else:
            orphan = dynamodb.get_record(Orphan, number)
            assert orphan, "neither adopted nor still reserved"
            assert orphan.reserved_for == test_users.customer.id
    assert adopted
    assert test_users.audit_findings() == []
    record_figure(f"adoption, {mode}: {adopted} adopted, {len(outcomes) - adopted} still reserved, of {len(outcomes)}")


def adopt_with_faults(
    harness: CrashHarness, test_users: UserFixtures, fault_plan: FaultPlan
) -> tuple[str, str, int | None]:
    """The number, its location, and the status; None if the process was killed."""
    body = body_for(test_users, test_users.reserve_number())
    key = f"adoption {next(_key_numbers)}"
    response = harness.request(test_users.ann.token, "POST", PATH, body, plan=fault_plan, key=key)
    return body["phoneNumber"], body["locationId"], response["status"] if response else None
