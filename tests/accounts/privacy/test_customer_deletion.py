"""Deleting a customer: closed at once, restored within the grace, and erased with nothing left."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts import customers, locations, permissions
from accounts.models import Customer, CustomerExport, Location, User
from accounts.privacy import customer_deletion, customer_export, customer_restoration
from accounts.users import delete
from config import dynamodb, errors, outbox
from config.dynamodb import encryption, new_id
from config.privacy import erasure_log
from config.privacy.customer_erasure import Erasure, remove_records
from config.privacy.restoration import Restoration
from telephony import line_lookup
from telephony.models import Call, PhoneNumber, ReachAlert
from telephony.numbers import purchase
from tests.support.bulk import put_records
from tests.support.calls import create_line
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.table_rows import read_tables, restore_tables
from tests.support.users import (
    UserFixtures,
    create_shift,
    create_template,
    free_number,
    now,
    parse_problem,
    process_outbox,
    store_missed_call,
)

COMMANDS = (customer_deletion.delete_customer, customer_deletion.restore_customer, customer_deletion.erase_customer_now)
EXPIRING = ("outbox", "idempotency", "daily-counts", "denied-attempts", "phone-usage", "last-messages")
"""Technical state with ids only, which expires within days."""


def delete_and_erase(customer_id: str) -> None:
    actor = permissions.system_actor(customer_id)
    customer_deletion.delete_customer(customer_id, actor=actor, at=now())
    customer_deletion.erase_customer_now(customer_id, actor=actor, at=now())


def finish_erasure(customer_id: str) -> None:
    """Run what is due, later and later, until the customer is gone."""
    for seconds in range(90, 4_000, 300):
        process_outbox(seconds_ahead=seconds)
        if dynamodb.get_record(Customer, customer_id) is None:
            break
    process_outbox(seconds_ahead=4_000)


def list_ids(test_users: UserFixtures) -> set[str]:
    """The ids by which rows belong to the customer."""
    location_ids = {str(test_users.boston.id), str(test_users.denver.id)}
    people = {str(user.user.id) for user in test_users.users_by_role.values()}
    return {str(test_users.customer.id), *location_ids, *people}


def find_rows_of(ids: set[str]) -> dict[str, list[str]]:
    """The rows that name one of these ids, by table, but for the audit and what expires."""
    rows: dict[str, list[str]] = {}
    for table, items in read_tables().items():
        name = table.split("-", 1)[1] if "-" in table else table
        if name.endswith("audit") or name.endswith(EXPIRING):
            continue
        matching = [str(item) for item in items if any(id in str(item) for id in ids)]
        if matching:
            rows[table] = matching
    return rows


def test_a_deleted_customer_is_closed_at_once_and_restored_as_it_was(test_users: UserFixtures) -> None:
    customer_id, cleo = test_users.other_customer.id, test_users.cleo
    actor = permissions.system_actor(customer_id)
    number = test_users.foreign_number.number.number
    for status in ("active", "suspended"):
        if status == "suspended":
            customers.suspend(customer_id, actor=actor, at=now())
        deleted = customer_deletion.delete_customer(customer_id, actor=actor, at=now())
        again = customer_deletion.delete_customer(customer_id, actor=actor, at=now())
        assert again.erase_at == deleted.erase_at
        assert timedelta(days=29) < deleted.erase_at - now() < timedelta(days=31)
        process_outbox(seconds_ahead=60)
        assert customer_id in dict(erasure_log.list_deletions(now(), now(), prefix="cus"))
        problem = parse_problem(cleo.get("/user"))
        assert (problem["status"], problem["code"]) == (401, "customer_suspended")
        assert "deleted" in problem["detail"]
        line = line_lookup.resolve_line(number)
        assert line
        assert line.is_suspended
        for command in (customers.resume, customers.suspend):
            with pytest.raises(customers.CustomerDeleted):
                command(customer_id, actor=actor, at=now())
        restored = customer_deletion.restore_customer(customer_id, actor=actor, at=now())
        assert restored.status == status
        assert restored.attribute_values.get("erase_at") is None
        process_outbox(seconds_ahead=60)
        assert customer_id not in dict(erasure_log.list_deletions(now(), now(), prefix="cus"))
        with pytest.raises(customer_deletion.CustomerNotDeleted):
            customer_deletion.erase_customer_now(customer_id, actor=actor, at=now())
    customers.resume(customer_id, actor=actor, at=now())
    assert cleo.get("/user").status_code == 200
    process_outbox(seconds_ahead=40 * 86_400)
    assert dynamodb.get_record(Customer, customer_id), "the message of a deletion that was undone erases nothing"


def test_only_leads_of_support_and_nobody_else_deletes(test_users: UserFixtures) -> None:
    customer_id = test_users.other_customer.id
    for actor in (test_users.ann.actor, permissions.user_actor(test_users.cleo.user)):
        for command in COMMANDS:
            with pytest.raises(errors.Forbidden):
                command(customer_id, actor=actor, at=now())
    assert customers.get_customer(customer_id).status == "active"


@pytest.mark.parametrize("mode", CRASH_MODES if IS_SCALE_RUN else CRASH_MODES[:1])
def test_the_erasure_survives_faults(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, mode: str, record_figure: Callable[[str], None]
) -> None:
    def create() -> str:
        customer, owner = customers.create_customer(
            name="Leaving", owner_name="Olga", owner_email=f"olga.{uuid.uuid4().hex}@cast.example", at=now()
        )
        actor = permissions.system_actor(customer.id)
        location = locations.create_location(actor=actor, name="Only", time_zone="America/New_York", at=now())
        create_shift(actor, location, owner.id)
        create_template(actor, location)
        purchase.purchase_number(free_number(), location.id, actor=actor, at=now())
        harness.process_outbox_until_idle()
        delete_and_erase(customer.id)
        return str(customer.id)

    baseline = FaultPlan()
    create()
    harness.process_outbox(seconds_ahead=90, plan=baseline)
    calls = [call for call in baseline.calls if is_worth_trying(call)]
    chosen = calls if IS_SCALE_RUN else calls[:: max(1, len(calls) // 6)]
    cases = 0
    for call in chosen:
        customer_id = create()
        plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=90, plan=plan)
        finish_erasure(customer_id)
        if plan.fired_faults:
            assert find_rows_of({customer_id}) == {}, plan.fired_faults
            cases += 1
    assert cases > 2
    assert test_users.audit_findings() == []
    record_figure(f"erasure of a customer, {mode}: {cases} of {cases} survived")


def test_a_restore_of_the_tables_deletes_customers_again(test_users: UserFixtures) -> None:
    customers_by_name = {}
    for name in ("Erased", "Deleted", "Restored"):
        email = f"{name.lower()}.{uuid.uuid4().hex}@cast.example"
        customer, _ = customers.create_customer(name=name, owner_name="Olga", owner_email=email, at=now())
        customers_by_name[name] = str(customer.id)
    process_outbox()
    restored_to, backup = now(), read_tables()
    erase_ats = {}
    for name, id in customers_by_name.items():
        actor = permissions.system_actor(id)
        erase_ats[name] = customer_deletion.delete_customer(id, actor=actor, at=now()).erase_at
    customer_deletion.erase_customer_now(
        customers_by_name["Erased"], actor=permissions.system_actor(customers_by_name["Erased"]), at=now()
    )
    customer_deletion.restore_customer(
        customers_by_name["Restored"], actor=permissions.system_actor(customers_by_name["Restored"]), at=now()
    )
    finish_erasure(customers_by_name["Erased"])
    assert dynamodb.get_record(Customer, customers_by_name["Erased"]) is None

    restore_tables(backup)

    look = [finding.text for finding in customer_restoration.delete_again(Restoration(restored_to, now()))]
    assert f"{customers_by_name['Erased']} was deleted and is back; --erase deletes it again" in look
    done = [finding.text for finding in customer_restoration.delete_again(Restoration(restored_to, now(), erases=True))]
    assert f"{customers_by_name['Deleted']} is deleted again" in done
    assert not [text for text in done if customers_by_name["Restored"] in text]
    assert customers.get_customer(customers_by_name["Deleted"]).erase_at == erase_ats["Deleted"]
    assert customers.get_customer(customers_by_name["Erased"]).status == "erasing"
    finish_erasure(customers_by_name["Erased"])
    assert find_rows_of({customers_by_name["Erased"]}) == {}


def test_nothing_is_left_of_a_customer_and_everything_of_others(test_users: UserFixtures) -> None:
    customer_id = test_users.customer.id
    actor = permissions.system_actor(customer_id)
    gone, erased = test_users.create_user(name="Gerda Gone"), test_users.create_user(name="Erna Erased")
    process_outbox()
    delete.delete_user(gone.id, actor=test_users.ann.actor, at=now())
    delete.delete_user(erased.id, actor=test_users.ann.actor, at=now(), erases_now=True)
    test_users.create_shift()
    test_users.create_template()
    test_users.put_profile("DE")
    line = create_line(test_users)
    line.update_configuration(greeting={"say": "Erased."})
    put_records([ReachAlert(line.location.id, customer_id=customer_id, updated_at=now())])
    call_id, number = test_users.recorded_call_id, str(test_users.boston_number.number.number)
    process_outbox()
    call = dynamodb.get_record(Call, call_id)
    assert call
    customer_export.request_export(customer_id, actor=actor, at=now())
    process_outbox()
    test_users.create_user(name="Peter Pending")
    ids = list_ids(test_users) | {str(gone.id), str(line.location.id)}
    others = {str(test_users.other_customer.id), str(test_users.cleo.user.id), str(test_users.hilltop.id)}
    assert len(find_rows_of(ids)) > 12
    before = find_rows_of(others)

    delete_and_erase(customer_id)
    finish_erasure(customer_id)

    assert find_rows_of(ids) == {}
    assert find_rows_of(others).keys() == before.keys()
    assert {table: len(rows) for table, rows in find_rows_of(others).items()} == {
        table: len(rows) for table, rows in before.items()
    }
    assert dynamodb.get_record(CustomerExport, customer_id) is None
    assert dynamodb.get_record(encryption.PersonKey, customer_id) is None
    assert dynamodb.get_record(PhoneNumber, number) is None
    assert test_users.cleo.get("/user").status_code == 200


def test_many_records_are_removed_with_what_follows_from_each(test_users: UserFixtures) -> None:
    """Each location has a row to find it by and a message to the lines that it concerns."""
    customer_id = test_users.customer.id
    branches = [
        Location(new_id("loc", now()), customer_id=customer_id, name=f"Branch {number}", time_zone="America/New_York")
        for number in range(45)
    ]
    for branch in branches:
        branch.name_key, branch.created_at, branch.updated_at = f"{branch.name} {branch.id}", now(), now()
    put_records(branches)
    remove_records(branches, Erasure(customer_id, permissions.system_actor(customer_id), now()))
    assert locations.load_locations([str(branch.id) for branch in branches], customer_id) == {}


def test_what_happens_first_wins(test_users: UserFixtures) -> None:
    customer_id = test_users.other_customer.id
    actor = permissions.system_actor(customer_id)
    call = store_missed_call(test_users.foreign_number)
    call.row.ended_at = None
    dynamodb.call("PutItem", TableName=Call.table_name(), Item=call.row.serialize())
    delete_and_erase(customer_id)
    message = dynamodb.get_record(outbox.OutboxMessage, f"erase-{customer_id}")
    assert message
    process_outbox(seconds_ahead=30)
    assert customers.get_customer(customer_id).status == "deleted", "requests from before may be under way"
    customer_deletion.restore_customer(customer_id, actor=actor, at=now())
    dynamodb.call("PutItem", TableName=outbox.OutboxMessage.table_name(), Item=message.serialize())
    process_outbox(seconds_ahead=90)
    assert customers.get_customer(customer_id).status == "active", "a stale message erases nobody"

    delete_and_erase(customer_id)
    process_outbox(seconds_ahead=90)
    assert customers.get_customer(customer_id).status == "erasing", "a call is under way"
    assert dynamodb.get_record(User, test_users.cleo.user.id)
    for command in COMMANDS[1:]:
        with pytest.raises(customer_deletion.CustomerErasing):
            command(customer_id, actor=actor, at=now())
    with pytest.raises(errors.NotFound):
        customer_export.request_export(customer_id, actor=actor, at=now())
    assert parse_problem(test_users.cleo.get("/user"))["code"] == "customer_suspended"

    process_outbox(seconds_ahead=7 * 3_600)
    assert dynamodb.get_record(Customer, customer_id) is None
    assert find_rows_of({customer_id, str(test_users.cleo.user.id)}) == {}
