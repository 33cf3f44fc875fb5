"""Numbers of the Twilio account that are nobody's, reserved, or being adopted by somebody."""

from dataclasses import replace

import pytest
from django.core.management import CommandError

from accounts import locations, permissions
from config import audit, dynamodb, errors, outbox
from config.dynamodb import unaudited
from telephony.models import Orphan, PhoneNumber
from telephony.numbers import adoption, unassigned, webhooks
from telephony.twilio import client
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, free_number, now, parse_problem, process_outbox
from tests.telephony.numbers import test_adoption
from tests.telephony.numbers.test_adoption import PATH, body_for
from tests.telephony.numbers.test_purchase import (
    account_has_number,
    buy_foreign_number,
    configure_emulator,
    list_audit_actions,
    run_numbers_command,
)

UNREACHABLE = FaultPlan(always={"twilio": "503"})
OPERATOR = permissions.system_actor(audit.PLATFORM_STREAM)


def listed_numbers() -> list[str]:
    return [orphan.number for orphan in unassigned.update_list(now())]


def reserve_tagged_number(test_users: UserFixtures, env: Environment) -> str:
    """A number with a tag of ours whose record was lost, reserved for Ann's customer."""
    number = free_number()
    buy_foreign_number(env, number, "dl:pur_lost")
    adoption.reserve_number(number, actor=permissions.system_actor(test_users.customer.id), at=now())
    return number


def test_release_never_takes_a_customer_s_number(test_users: UserFixtures, env: Environment) -> None:
    number = reserve_tagged_number(test_users, env)
    orphan = dynamodb.get_record(Orphan, number)
    assert orphan
    body = body_for(test_users, number)
    with env.apply_plan(UNREACHABLE):
        assert test_users.ann.post(PATH, body).status_code == 503

    assert number not in listed_numbers(), "its adoption is pending"
    changes = [Orphan.sid.set(orphan.sid), Orphan.tag.set(orphan.tag), Orphan.found_at.set(now())]
    unaudited.update(Orphan(number), changes, Orphan.number.does_not_exist())  # as an older release does
    for _ in range(2):
        with pytest.raises(errors.Conflict, match="no longer unassigned"):
            unassigned.release_number(number, actor=OPERATOR, at=now())
        process_outbox(60)

    assert number not in listed_numbers()
    test_adoption.check_adopted(env, number, body["locationId"])


def test_a_release_that_was_begun_cannot_be_overtaken(test_users: UserFixtures, env: Environment) -> None:
    number = free_number()
    buy_foreign_number(env, number, "dl:pur_spare")
    assert number in listed_numbers()
    with env.apply_plan(UNREACHABLE), pytest.raises(errors.Unavailable):
        unassigned.release_number(number, actor=OPERATOR, at=now())
    system_actor = permissions.system_actor(test_users.customer.id)
    with pytest.raises(errors.Conflict, match="being released"):
        adoption.reserve_number(number, actor=system_actor, at=now())
    with pytest.raises(errors.Conflict):
        adoption.assign_number(number, test_users.create_location().id, actor=system_actor, at=now())

    process_outbox(60)

    assert not account_has_number(env, number)
    assert dynamodb.get_record(Orphan, number) is None
    assert "number.orphan_released" in list_audit_actions(audit.PLATFORM_STREAM)


def test_a_purchase_does_not_block_an_adoption(test_users: UserFixtures, env: Environment) -> None:
    number = test_users.reserve_number()
    location = locations.create_location(actor=test_users.cleo.actor, name="US", time_zone="America/Denver", at=now())
    purchase_path = "/userManagement/purchase-phone-number"
    with env.apply_plan(UNREACHABLE):
        foreign = test_users.cleo.post(purchase_path, {"phoneNumber": number, "locationId": location.id})
        own = test_users.ann.post(purchase_path, body_for(test_users, number))
    assert [(answer.status_code, parse_problem(answer)["code"]) for answer in (foreign, own)] == [
        (409, "number_taken")
    ] * 2
    assert "reserved" not in foreign.text
    assert "/phoneNumber/adopt" in own.text

    body = body_for(test_users, number)

    assert test_users.ann.post(PATH, body).status_code == 200
    test_adoption.check_adopted(env, number, body["locationId"])


def test_older_releases_do_not_finish_an_adoption(test_users: UserFixtures, env: Environment) -> None:
    """Their task buys, finds the number in the account, and would withdraw."""
    number = test_users.reserve_number()
    with env.apply_plan(UNREACHABLE):
        test_users.ann.post(PATH, body_for(test_users, number))
    record = dynamodb.get_record(PhoneNumber, number)
    assert record
    message = dynamodb.get_record(outbox.OutboxMessage, f"purchase-{record.purchase_id}")
    assert message
    assert message.task == "telephony.finish_adoption"
    process_outbox(60)
    assert dynamodb.get_record(outbox.OutboxMessage, message.id) is None


def test_a_withdrawn_adoption_is_reserved_until_the_number_is_known_to_be_gone(test_users: UserFixtures) -> None:
    number = test_users.reserve_number()
    client.release_number(client.find_owned_numbers(number)[0].sid)

    refused = test_users.ann.post(PATH, body_for(test_users, number))

    assert parse_problem(refused)["code"] == "number_taken"
    orphan = dynamodb.get_record(Orphan, number)
    assert orphan
    assert orphan.reserved_for == test_users.customer.id
    assert number not in listed_numbers()
    assert "number.reservation_lost" in list_audit_actions(test_users.customer.id)


def test_a_reservation_outlives_a_list_that_lacks_the_number(test_users: UserFixtures, env: Environment) -> None:
    number = free_number()
    configure_emulator(env, list_lag=3600)
    try:
        sid = client.buy_number(number, tag="brought by a customer").sid
        changes = [Orphan.sid.set(sid), Orphan.tag.set(""), Orphan.found_at.set(now())]
        reservation = Orphan.reserved_for.set(test_users.customer.id)
        unaudited.update(Orphan(number), [*changes, reservation], Orphan.number.does_not_exist())
        assert client.find_owned_numbers(number) == []
        assert number in listed_numbers()
    finally:
        configure_emulator(env, list_lag=0)
    assert test_users.ann.post(PATH, body_for(test_users, number)).status_code == 200


def test_numbers_that_no_location_can_have_are_not_reserved(test_users: UserFixtures) -> None:
    for number in ("+81312345678", "+18765550123"):  # Japan, Jamaica
        with pytest.raises(errors.InvalidRequest, match="this country cannot be used"):
            adoption.reserve_number(number, actor=permissions.system_actor(test_users.customer.id), at=now())


def test_operators_read_for_whom_a_number_is_reserved(test_users: UserFixtures, env: Environment) -> None:
    reserved_number, spare_number = reserve_tagged_number(test_users, env), free_number()
    buy_foreign_number(env, spare_number, "dl:pur_spare")

    report = run_numbers_command("unexplained").splitlines()

    lines = {line.split()[0]: line for line in report}
    assert lines[reserved_number].endswith(f"reserved for {test_users.customer.id}")
    assert "reserved" not in lines[spare_number]
    reserved_count = sum("reserved for" in line for line in report)
    unassigned_count = len(report) - 1 - reserved_count
    assert report[-1] == f"{unassigned_count} unassigned numbers at Twilio, {reserved_count} reserved"
    with pytest.raises(CommandError, match="withdraw the reservation first"):
        run_numbers_command("release", reserved_number)
    assert "not reserved" in run_numbers_command("withdraw", reserved_number)
    assert "is released" in run_numbers_command("release", reserved_number)
    assert "is released" in run_numbers_command("release", spare_number)


def test_webhooks_of_a_number_are_updated_one_time(test_users: UserFixtures, env: Environment) -> None:
    """Twilio's list may tell an older tag, and other settings than those that were set."""
    record = test_users.purchase_number().number
    owned_number = client.OwnedNumber(record.number, str(record.sid), "dl:pur_older", has_old_webhooks=True)
    others = [replace(owned_number, number=f"+1415555{1000 + index}") for index in range(webhooks.MAX_UPDATES)]

    for expected in (1, 0):
        webhooks.enqueue_updates([*others, owned_number], now())
        updates = process_outbox().counts["telephony.update_webhooks", "done"]
        assert updates == expected

    assert client.find_owned_numbers(record.number)[0].tag == f"dl:{record.purchase_id}"
