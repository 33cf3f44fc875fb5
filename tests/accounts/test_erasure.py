"""Deleting somebody: every value of theirs is gone, but for what the data map keeps as evidence."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import redis
from cryptography.exceptions import InvalidTag

from accounts.models import Location, User
from config import dynamodb
from config.audit import reader, verification
from config.dynamodb import encryption
from config.privacy import data_map
from config.privacy.data_map import Erasure
from tests.conftest import Cast, come, sweep
from tests.support.environment import ROOT, World

CANARY = {
    "email": "zyxwcanary@cast.example",
    "name": "Zyxwcanary Quandle",
    "profileName": "Zyxwcanary-Nick",
    "phone": "+493012345678",
    "userSkills": ["zyxwcanary-juggling"],
    "settings": {"timeZone": "Pacific/Chatham"},
}
TRACES = ("zyxwcanary", "quandle", "+493012345678", "zyxwagent", "pacific/chatham")


def attributes() -> Iterator[tuple[type[dynamodb.Record], str]]:
    for record in dynamodb.records():
        for attribute in record.get_attributes().values():
            yield record, attribute.attr_name


def test_every_stored_attribute_is_in_the_data_map() -> None:
    mapped = [(h.record, a.name) for h in data_map.holdings() for a in h.attributes]

    assert sorted(map(str, mapped)) == sorted(map(str, attributes())), "each once, none else"


def test_the_data_map_says_all_of_each() -> None:
    for holding in data_map.holdings():
        for attribute in holding.attributes:
            told = f"{holding.record.__name__}.{attribute.name}"
            assert attribute.category, told
            assert attribute.purpose, told
            assert attribute.retention, told
            removed = attribute.erasure in (Erasure.REMOVED, Erasure.ENDED)
            assert removed == bool(holding.of_person or holding.in_steps), (
                f"{told}: erased by nobody"
            )


def test_the_printed_data_map_is_the_one_in_force() -> None:
    assert (ROOT / "docs/personal-data.md").read_text() == data_map.page()


def rows() -> Iterator[tuple[str, dict[str, Any]]]:
    for record in dynamodb.records():
        for items in dynamodb.pages("Scan", TableName=record.table_name(), ConsistentRead=True):
            yield from ((record.table_name(), item) for item in items)


def found_in_tables() -> list[str]:
    every = (
        (table, json.dumps(item, ensure_ascii=False, default=str).lower()) for table, item in rows()
    )
    return [f"{table}: {row}" for table, row in every if any(trace in row for trace in TRACES)]


def found_in_redis(world: World) -> list[str]:
    with redis.Redis.from_url(f"redis://127.0.0.1:{world.ports['redis']}/0") as store:
        dumped = [str((key, store.dump(key))).lower() for key in store.scan_iter()]
    return [pair for pair in dumped if any(trace in pair for trace in TRACES)]


def found_in_files(world: World) -> list[str]:
    """Every file of every process, but for the mailbox of the person, which is theirs."""
    every = [path for path in world.folder.rglob("*") if path.is_file()]
    ours = [path for path in every if "mail" not in path.relative_to(world.folder).parts]
    assert any(path.name == "web.log" for path in ours)
    read = ((str(path), path.read_bytes().lower()) for path in ours)
    return [name for name, content in read if any(t.encode() in content for t in TRACES)]


def test_after_deletion_no_trace_is_found(
    cast: Cast, world: World, say: Callable[[str], None]
) -> None:
    made = cast.ann.post(
        "/userManagement",
        {
            "email": CANARY["email"],
            "name": CANARY["name"],
            "customerId": cast.customer.id,
            "userSkills": CANARY["userSkills"],
            "locations": [cast.boston.id],
        },
        headers={"Idempotency-Key": "zyxwcanary"},
    )
    assert made.status_code == 201, made.text
    sweep()
    person = come(world, cast.ann.web, User.read(row_of(made.json()["id"])))
    agent = {"User-Agent": "zyxwagent"}
    own = {name: CANARY[name] for name in ("profileName", "phone", "settings")}
    assert person.patch("/user", own, headers=agent).status_code == 200
    assert person.post("/user/accept-terms", {}, headers=agent).is_success
    device = {"token": "ExponentPushToken[zyxwcanary]"}
    assert person.post("/user/push-token", device, headers=agent).is_success
    assert person.get("/user/export/my-data", headers=agent).is_success
    wider = person.patch("/user", {"locations": ["*"]}, headers=agent)
    assert wider.status_code == 403
    moved = {"id": person.id, "email": f"other.{CANARY['email']}", "userRole": "manager"}
    assert cast.ann.patch("/userManagement", moved).status_code == 200
    assert cast.abe.patch("/userManagement", {"id": person.id, "status": "blocked"}).is_success
    assert cast.abe.patch("/userManagement", {"id": person.id, "status": "active"}).is_success
    assert person.post("/user", cast.new_user(locations=[cast.boston.id]), headers=agent).is_success
    sweep()
    assert found_in_tables(), "the canary must be there to be missed"
    assert found_in_files(world), "at the Auth0 stand-in"
    chains = verification.verify()
    assert chains.findings == []
    before = reader.page(person.id, last=99, offset=0, limit=99)
    key = dynamodb.get(encryption.PersonKey, person.id)
    assert key is not None

    gone = cast.abe.delete("/user", {"id": person.id})

    assert gone.status_code == 200, gone.text
    sweep(later=60)
    assert found_in_tables() == []
    assert found_in_redis(world) == []
    assert found_in_files(world) == []
    assert verification.verify().findings == []
    evidence = reader.page(person.id, last=99, offset=0, limit=99)
    assert [entry.hash for entry in evidence][-len(before) :] == [entry.hash for entry in before]
    assert dynamodb.get(encryption.PersonKey, person.id) is None
    assert (dynamodb.get(Location, cast.boston.id) or cast.boston).people == boston_people(cast)
    log = cast.ann.get(f"/user/{person.id}/audit-logs?limit=100").json()
    assert log["total"] == len(before) + 3
    assert not any(trace in json.dumps(log).lower() for trace in TRACES)
    lists = cast.ann.get("/userManagement").json()["items"]
    assert person.id not in [user["id"] for user in lists]
    say(f"erasure: {log['total']} audit entries kept, unreadable; no trace in tables, Redis, files")


def row_of(user_id: str) -> dict[str, Any]:
    key = {"id": {"S": user_id}}
    return dict(dynamodb.call("GetItem", TableName=User.table_name(), Key=key)["Item"])


def boston_people(cast: Cast) -> int:
    return sum(
        cast.boston.id in user["locations"]
        for user in cast.ann.get("/userManagement").json()["items"]
    )


def test_a_sealed_value_does_not_open_under_another_key(cast: Cast) -> None:
    key = dynamodb.get(encryption.PersonKey, cast.sam.id)
    assert key is not None
    sealed = encryption.seal(key.open(), "x", "context")
    other = dynamodb.get(encryption.PersonKey, cast.mia.id)
    assert other is not None
    with pytest.raises(InvalidTag):
        encryption.unseal(other.open(), sealed, "context")


def test_the_address_is_free_again(cast: Cast, world: World) -> None:
    user = cast.fresh()
    assert cast.ann.delete("/user", {"id": user.id}).status_code == 200

    again = cast.ann.post("/user", cast.new_user(email=user.email))

    assert again.status_code == 201
    assert again.json()["id"] != user.id
    assert httpx.get(f"{world.web}/healthz").status_code == 200
