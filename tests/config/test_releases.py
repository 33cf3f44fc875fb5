"""This release and the one before work on the same data at the same time.

`tests/releases/0.2.0.json` is what the release before declared and wrote, so this needs no history
of git. ``python -m tests.releases`` runs both releases for real.
"""

import base64
import copy
import json
from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest

from accounts.models import Customer, Location, User
from config import dynamodb, outbox
from config.outbox.tasks import load_tasks
from staffing.models import Schedule, Template
from tests.releases import contract
from tests.support.environment import ROOT
from tests.support.users import UserFixtures

RECORDED: dict[str, Any] = json.loads((ROOT / contract.RECORDING).read_text())
UNKNOWN = "attributeOfANewerRelease"


def test_changes_of_tables_and_tasks_are_additive() -> None:
    present = contract.describe()
    assert contract.list_breaks(RECORDED, present) == []
    assert contract.list_breaks(RECORDED, RECORDED) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda of: of["tables"].pop("users"), "The table users is gone."),
        (lambda of: of["tables"]["users"]["indexes"].clear(), "users: the index byCustomer has changed or is gone."),
        (lambda of: of["tables"]["users"].update(key=["email"]), "users: its key has changed."),
        (lambda of: of["tables"]["users"]["required"].update(name="M"), "users: the attribute name was S and is M."),
        (
            lambda of: of["tables"]["users"]["required"].update(badge="S"),
            "users: badge is required, and items of the former release lack it.",
        ),
        (
            lambda of: of["tables"]["users"]["optional"].update(
                {"customer_id": of["tables"]["users"]["required"].pop("customer_id")}
            ),
            "users: items may lack customer_id, which the former release needs.",
        ),
        (
            lambda of: of["tasks"].pop("accounts.send_invitation"),
            "The task accounts.send_invitation is gone: its messages would wait for nobody.",
        ),
        (
            lambda of: of["tasks"]["accounts.send_invitation"]["required"].append("by"),
            "The task accounts.send_invitation needs ['by'], which messages of the former release lack.",
        ),
    ],
)
def test_a_change_that_is_not_additive_is_named(change: Callable[[Any], Any], sentence: str) -> None:
    changed = copy.deepcopy(RECORDED)
    change(changed)
    assert sentence in contract.list_breaks(RECORDED, changed)


def test_records_of_the_release_before_are_read_and_written_unchanged() -> None:
    classes = {record.table_name(): record for record in dynamodb.record_classes()}
    assert sum(map(len, RECORDED["items"].values())) > 150
    for table, items in RECORDED["items"].items():
        record_class = classes[dynamodb.full_table_name(table)]
        for item in items:
            written = record_class.from_item(item).serialize()
            assert {name: _normalize(written[name]) for name in item} == {
                name: _normalize(item[name]) for name in item
            }, table


def _normalize(value: dict[str, Any]) -> dict[str, Any]:
    """A value with bytes where the recording has base64, and sets in one order."""
    if "B" in value:
        return {"B": base64.b64decode(value["B"]) if isinstance(value["B"], str) else value["B"]}
    return {"SS": sorted(value["SS"])} if "SS" in value else value


def test_messages_of_the_release_before_have_a_task_that_takes_them() -> None:
    messages = [outbox.OutboxMessage.from_item(item) for item in RECORDED["items"]["outbox"]]
    assert len({message.task for message in messages}) >= 4
    for message in messages:
        parameters = signature(load_tasks()[message.task]).parameters.values()
        needed = {item.name for item in parameters if item.default is item.empty} - {"job"}
        assert needed <= message.arguments.keys(), message.task


def test_attributes_of_a_newer_release_survive_changes(test_users: UserFixtures) -> None:
    """As after a rollback: this release changes records that have attributes it does not know."""
    ann, boston = test_users.ann, test_users.boston.id
    schedule, template = test_users.create_shift(), test_users.create_template()
    changes: list[tuple[type[dynamodb.Record], str, tuple[str, str, Any]]] = [
        (User, test_users.sam.id, ("PATCH", "/userManagement", {"id": test_users.sam.id, "name": "Samuel"})),
        (Customer, test_users.customer.id, ("PATCH", "/customer", {"name": "Harbor"})),
        (Location, boston, ("PATCH", f"/location/{boston}", {"name": "Boston 2"})),
        (Schedule, schedule.id, ("PUT", f"/staffSchedule/{schedule.id}?scope=all", {"notes": "Other"})),
        (Template, template.id, ("PATCH", "/scheduleTemplate", {"id": template.id, "locationId": boston, "name": "L"})),
    ]
    for record_class, id, (method, path, body) in changes:
        key = record_class.to_dynamodb_key(id)
        _set_unknown(record_class, key)
        response = ann.request(method, path, json=body)
        assert response.status_code == 200, response.text
        item = dynamodb.call("GetItem", TableName=record_class.table_name(), Key=key, ConsistentRead=True)["Item"]
        assert item[UNKNOWN] == {"S": "kept"}, record_class


def _set_unknown(record_class: type[dynamodb.Record], key: dict[str, Any]) -> None:
    dynamodb.call(
        "UpdateItem",
        TableName=record_class.table_name(),
        Key=key,
        UpdateExpression="SET #unknown = :value",
        ExpressionAttributeNames={"#unknown": UNKNOWN},
        ExpressionAttributeValues={":value": {"S": "kept"}},
    )
