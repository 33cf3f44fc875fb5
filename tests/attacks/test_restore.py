"""A restore of the tables does not bring back whom we erased."""

import json
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import pytest

from accounts import users
from accounts.clients import auth0
from accounts.models import User
from accounts.users import delete
from config import dynamodb, errors
from config.audit import verification
from config.dynamodb import encryption
from config.privacy import erasure_log
from telephony.twilio import client
from tests.accounts.privacy.test_erasure import CANARY, list_file_traces, list_redis_traces, list_table_traces
from tests.support.environment import Environment
from tests.support.table_rows import read_tables, restore_tables
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now, process_outbox


def create_canary(test_users: UserFixtures, env: Environment) -> SignedInUser:
    """A person whose every value can be recognized."""
    fields = {name: CANARY[name] for name in ("email", "name", "userSkills")}
    body = {**fields, "customerId": test_users.customer.id, "locations": [test_users.boston.id]}
    creation = test_users.ann.post("/userManagement", body)
    assert creation.status_code == 201, creation.text
    process_outbox()
    person = accept_invitation(env, test_users.ann.web, users.get_user(creation.json()["id"]))
    headers = {"User-Agent": "zyxwagent"}
    own_changes = {name: CANARY[name] for name in ("profileName", "phone", "settings")}
    assert person.patch("/user", own_changes, headers=headers).status_code == 200
    assert person.post("/user/push-token", {"token": "ExponentPushToken[zyxwcanary]"}).is_success
    assert person.post("/user/accept-terms", {}, headers=headers).is_success
    return person


def restored(env: Environment, at: datetime, *words: str) -> list[str]:
    completed = env.run_management_command("restored", "--at", at.isoformat(), *words)
    assert "Traceback" not in completed.stderr
    return [*completed.stdout.splitlines(), completed.stderr.strip()]


def test_restore_drill_leaves_no_trace(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    """M10: after a restore the log showed "Gerda Person" and her address again."""
    person = create_canary(test_users, env)
    removed_at_auth0, blocked_at_auth0 = test_users.create_user(), test_users.create_user()
    released, retained = test_users.purchase_number().number, test_users.purchase_number().number
    process_outbox()
    restored_to = now()
    backup = read_tables()
    time.sleep(0.01)
    assert test_users.abe.delete("/user", {"id": person.id, "erase": "now"}).status_code == 200
    created_since = test_users.create_user()
    bought_since = test_users.purchase_number().number
    process_outbox(seconds_ahead=60)
    auth0.delete_user(removed_at_auth0.id)
    auth0.update_user(user_id=blocked_at_auth0.id, name="x", blocked=True)
    client.release_number(str(released.sid))
    assert list_table_traces() == []

    restore_tables(backup)

    assert list_table_traces(), "the restore brought the person back"
    key = dynamodb.get_record(encryption.PersonKey, person.id)
    assert key is not None
    assert f"{person.id} was deleted and is back; --erase deletes them again" in restored(env, restored_to)
    assert dynamodb.get_record(User, person.id), "nothing is erased without the word"
    lines = restored(env, restored_to, "--erase")
    process_outbox(seconds_ahead=60)
    assert list_table_traces() == []
    assert list_redis_traces(env) == []
    assert list_file_traces(env) == []
    assert dynamodb.get_record(encryption.PersonKey, person.id) is None
    assert dynamodb.get_record(User, person.id) is None
    assert person.get("/user").status_code == 401
    assert verification.verify_audit().findings == []
    assert f"{person.id} is deleted again" in lines
    differing = {line.partition(" ")[0].rstrip(":") for line in lines[:-1]}
    expected = {removed_at_auth0.id, blocked_at_auth0.id, created_since.id, released.number, bought_since.number}
    assert expected <= differing, lines
    assert retained.number not in differing
    assert lines[-1].endswith("difference(s) need attention.")

    assert not [line for line in restored(env, restored_to) if "again" in line and "run again" not in line], (
        "it may be repeated"
    )
    record_figure("restore drill: no trace of the deleted person in tables, Redis, files; 5 of 5 differences reported")


def test_a_key_that_came_back_alone_is_destroyed(test_users: UserFixtures, env: Environment) -> None:
    """M10: the row of `keys` alone made the log readable again."""
    started = now()
    user = test_users.create_user()
    process_outbox()
    key = dynamodb.get_record(encryption.PersonKey, user.id)
    assert key
    delete.delete_user(user.id, actor=test_users.ann.actor, at=now(), erases_now=True)
    dynamodb.call("PutItem", TableName=encryption.PersonKey.table_name(), Item=key.serialize())

    assert f"the key of {user.id} is destroyed again" in restored(env, started, "--erase")
    assert dynamodb.get_record(encryption.PersonKey, user.id) is None


def test_nobody_is_erased_before_it_is_logged(test_users: UserFixtures, env: Environment) -> None:
    """M10: the log outlives the tables, so the deletion waits for it."""
    user = test_users.create_user()
    process_outbox()
    at = now()
    folder = env.folder / "files" / "erasures"
    folder.mkdir(parents=True, exist_ok=True)
    blocked = folder / f"{at:%Y-%m-%d}"
    moved = folder.with_name("moved")
    folder.rename(moved)
    folder.write_text("a file where the folder should be")
    try:
        with pytest.raises(errors.Unavailable):
            delete.delete_user(user.id, actor=test_users.ann.actor, at=at, erases_now=True)
    finally:
        folder.unlink()
        moved.rename(folder)
    stored = dynamodb.get_record(User, user.id)
    assert stored
    assert stored.status == "deleting"

    process_outbox(seconds_ahead=60)

    assert dynamodb.get_record(User, user.id) is None
    assert user.id in list(erasure_log.list_erased_ids(at, at + timedelta(days=1)))
    contents = [path.read_text() for path in blocked.parent.rglob(f"{user.id}*")]
    assert contents
    assert all(set(httpx.Response(200, text=text).json()) == {"id", "at"} for text in contents)


@pytest.mark.parametrize("at", ["yesterday", "2026-11-28T09:00:00", "2999-01-01T00:00:00Z"])
def test_a_wrong_time_is_refused(env: Environment, at: str) -> None:
    completed = env.run_management_command("restored", "--at", at)
    assert completed.returncode == 1
    assert "--at must" in completed.stderr


def test_new_accounts_are_listed_after_a_day_of_many(test_users: UserFixtures, env: Environment) -> None:
    """Auth0 lists at most 1,000: with the oldest first, those of later times were missing."""
    before = now()
    user = test_users.create_user()
    process_outbox()
    earlier = before.replace(hour=0, minute=0, second=0, microsecond=0).isoformat(timespec="milliseconds")
    with sqlite3.connect(env.folder / "identity", timeout=10) as database:
        query = "select value from things where kind = 'user' and id = ?"
        account = json.loads(database.execute(query, (auth0.subject_of_user(user.id),)).fetchone()[0])
        ids = [f"auth0|earlier{number:04}" for number in range(1_001)]
        rows = [
            ("user", id, json.dumps({**account, "user_id": id, "created_at": earlier.replace("+00:00", "Z")}))
            for id in ids
        ]
        database.executemany("insert into things (kind, id, value) values (?, ?, ?)", rows)
    try:
        assert user.id in auth0.list_user_ids_created_since(before)
    finally:
        with sqlite3.connect(env.folder / "identity", timeout=10) as database:
            database.executemany("delete from things where kind = 'user' and id = ?", [(id,) for id in ids])
