"""Deleting a user erases all their values except those the data map retains as evidence."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import redis
from cryptography.exceptions import InvalidTag

from accounts.models import Location, User
from config import dynamodb, errors, outbox
from config.audit import reader, verification
from config.dynamodb import encryption
from config.dynamodb.attributes import Erasure, RecordAttribute
from config.privacy import data_map
from tests.support.environment import ROOT, Environment
from tests.support.users import UserFixtures, accept_invitation, now, process_outbox

CANARY = {
    "email": "zyxwcanary@cast.example",
    "name": "Zyxwcanary Quandle",
    "profileName": "Zyxwcanary-Nick",
    "phone": "+493098712345",
    "userSkills": ["zyxwcanary-juggling"],
    "settings": {"timeZone": "Etc/GMT-13"},  # no place, so no location has it
}
TRACES = (  # no other test has these
    "zyxwcanary",
    "quandle",
    "+493098712345",
    "zyxwagent",
    "etc/gmt-13",
)


def test_all_stored_attributes_are_in_the_data_map() -> None:
    for record in dynamodb.record_classes():
        declared = {attribute.attr_name: attribute for attribute in record.declared_attributes()}

        assert set(declared) == set(record.get_attributes()), f"{record.__name__}: an attribute without `personal_data`"


@pytest.mark.parametrize("attribute_class", RecordAttribute.__subclasses__())
def test_attribute_requires_its_facts(attribute_class: Any) -> None:
    with pytest.raises(TypeError, match="personal_data"):
        attribute_class(null=True)


def test_data_map_describes_all_attributes() -> None:
    data_maps = data_map.load_data_maps()
    erased = {
        record
        for part in data_maps
        for step in (part.records_to_erase, part.erase_in_batches, part.erase_afterwards)
        for record in step
    }
    for record in dynamodb.record_classes():
        for attribute in record.declared_attributes():
            label = f"{record.__name__}.{attribute.attr_name}"
            facts = attribute.personal_data
            assert facts.category, label
            assert facts.purpose, label
            assert facts.retention, label
            is_erased = facts.erasure in (Erasure.REMOVED, Erasure.FUTURE_REMOVED)
            assert is_erased == (record in erased), f"{label}: no step erases it"


def test_data_map_document_is_current() -> None:
    assert (ROOT / "docs/personal-data.md").read_text() == data_map.render_markdown()


def iter_items() -> Iterator[tuple[str, dict[str, Any]]]:
    for record in dynamodb.record_classes():
        for items in dynamodb.iter_pages("Scan", TableName=record.table_name(), ConsistentRead=True):
            yield from ((record.table_name(), item) for item in items)


def list_table_traces() -> list[str]:
    lowercase_items = (
        (table, json.dumps(item, ensure_ascii=False, default=str).lower()) for table, item in iter_items()
    )
    return [f"{table}: {row}" for table, row in lowercase_items if any(trace in row for trace in TRACES)]


def list_redis_traces(env: Environment) -> list[str]:
    with redis.Redis.from_url(f"redis://127.0.0.1:{env.ports['redis']}/0") as store:
        entries = [str((key, store.dump(key))).lower() for key in store.scan_iter()]
    return [entry for entry in entries if any(trace in entry for trace in TRACES)]


def list_file_traces(env: Environment) -> list[str]:
    """Server files that contain a trace; e-mails in the user's own mailbox do not count."""
    files = [path for path in env.folder.rglob("*") if path.is_file()]
    server_files = [path for path in files if "mail" not in path.relative_to(env.folder).parts]
    assert any(path.name == "web.log" for path in server_files)
    contents = ((str(path), path.read_bytes().lower()) for path in server_files)
    return [name for name, content in contents if any(trace.encode() in content for trace in TRACES)]


@pytest.mark.parametrize("way", ["now", "after the grace"])
def test_erasure_leaves_no_trace(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None], way: str
) -> None:
    creation = test_users.ann.post(
        "/userManagement",
        {
            "email": CANARY["email"],
            "name": CANARY["name"],
            "customerId": test_users.customer.id,
            "userSkills": CANARY["userSkills"],
            "locations": [test_users.boston.id],
        },
        headers={"Idempotency-Key": f"zyxwcanary {way}"},
    )
    assert creation.status_code == 201, creation.text
    process_outbox()
    person = accept_invitation(env, test_users.ann.web, User.from_item(get_user_item(creation.json()["id"])))
    headers = {"User-Agent": "zyxwagent"}
    own_changes = {name: CANARY[name] for name in ("profileName", "phone", "settings")}
    assert person.patch("/user", own_changes, headers=headers).status_code == 200
    assert person.post("/user/accept-terms", {}, headers=headers).is_success
    push_token_body = {"token": "ExponentPushToken[zyxwcanary]"}
    assert person.post("/user/push-token", push_token_body, headers=headers).is_success
    assert person.get("/user/export/my-data", headers=headers).is_success
    denied_response = person.patch("/user", {"locations": ["*"]}, headers=headers)
    assert denied_response.status_code == 403
    assert test_users.ann.patch("/userManagement", {"id": person.id, "userRole": "manager"}).status_code == 200
    assert person.post("/user", test_users.user_body(locations=[test_users.boston.id]), headers=headers).is_success
    email_change = {"id": person.id, "email": f"other.{CANARY['email']}", "userRole": "staff"}
    assert test_users.ann.patch("/userManagement", email_change).status_code == 200
    assert test_users.abe.patch("/userManagement", {"id": person.id, "status": "blocked"}).is_success
    assert test_users.abe.patch("/userManagement", {"id": person.id, "status": "active"}).is_success
    process_outbox()
    assert list_table_traces(), "the canary must be stored before the deletion"
    assert list_file_traces(env), "the Auth0 emulator stores the canary"
    report = verification.verify_audit()
    assert report.findings == []
    entries_before = reader.read_page(person.id, last=99, offset=0, limit=99)
    person_key = dynamodb.get_record(encryption.PersonKey, person.id)
    assert person_key is not None

    erase = "now" if way == "now" else "later"
    deletion = test_users.abe.delete("/user", {"id": person.id, "erase": erase})

    assert deletion.status_code == 200, deletion.text
    process_outbox(seconds_ahead=60)
    if way != "now":
        assert list_table_traces(), "what is needed to restore them"
        with pytest.raises(errors.Unavailable):  # it waits for its time
            erase_after(person.id, timedelta(days=29))
        erase_after(person.id, timedelta(days=31))
    assert list_table_traces() == []
    assert list_redis_traces(env) == []
    assert list_file_traces(env) == []
    assert verification.verify_audit().findings == []
    entries_after = reader.read_page(person.id, last=99, offset=0, limit=99)
    assert [entry.hash for entry in entries_after][-len(entries_before) :] == [entry.hash for entry in entries_before]
    assert dynamodb.get_record(encryption.PersonKey, person.id) is None
    assert (dynamodb.get_record(Location, test_users.boston.id) or test_users.boston).people == count_boston_users(
        test_users
    )
    audit_log = test_users.ann.get(f"/user/{person.id}/audit-logs?limit=100").json()
    added = 2 if way == "now" else 4
    assert audit_log["total"] == len(entries_before) + added, "the handover has removed the device already"
    assert not any(trace in json.dumps(audit_log).lower() for trace in TRACES)
    listed_users = test_users.ann.get("/userManagement").json()["items"]
    assert person.id not in [user["id"] for user in listed_users]
    record_figure(f"erasure: {audit_log['total']} audit entries unreadable; no trace in tables, Redis, files")


def erase_after(user_id: str, time: timedelta) -> None:
    """What the outbox does about a deleted person by then, and with nothing else."""
    due_message = dynamodb.get_record(outbox.OutboxMessage, f"erase-{user_id}")
    assert due_message
    if due_message.due_at > now() + time:
        raise errors.Unavailable("Not due yet.")
    outbox.run_message_now(due_message.id, clock=lambda: now() + time)


def get_user_item(user_id: str) -> dict[str, Any]:
    key = {"id": {"S": user_id}}
    return dict(dynamodb.call("GetItem", TableName=User.table_name(), Key=key)["Item"])


def count_boston_users(test_users: UserFixtures) -> int:
    return sum(
        test_users.boston.id in user["locations"] for user in test_users.ann.get("/userManagement").json()["items"]
    )


def test_encrypted_value_requires_its_own_key(test_users: UserFixtures) -> None:
    key = dynamodb.get_record(encryption.PersonKey, test_users.sam.id)
    assert key is not None
    encrypted = encryption.encrypt_json(key.unwrap(), "x", "context")
    other_key = dynamodb.get_record(encryption.PersonKey, test_users.mia.id)
    assert other_key is not None
    with pytest.raises(InvalidTag):
        encryption.decrypt_json(other_key.unwrap(), encrypted, "context")


def test_email_of_a_deleted_user_can_be_reused(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    assert test_users.ann.delete("/user", {"id": user.id}).status_code == 200

    response = test_users.ann.post("/user", test_users.user_body(email=user.email))

    assert response.status_code == 201
    assert response.json()["id"] != user.id
    assert httpx.get(f"{env.web}/healthz").status_code == 200
