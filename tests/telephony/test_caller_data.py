"""Callers ask what is stored about them, and to be erased."""

import io
import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts import locations
from config import costs, dynamodb, errors
from config.audit import reader
from config.dynamodb import unaudited
from config.outbox import OutboxMessage
from telephony import lines
from telephony.callbacks.bridge import outbound_call
from telephony.caller_data import erasure, export, search
from telephony.calls.rota.routing import RingCandidate
from telephony.calls.state import call_creation
from telephony.models import BlockedCaller, Call, Callback, LastConversation, OpenCallback, caller_key
from tests.support.callbacks import put_callback, put_record
from tests.support.calls import LineFixture, create_line, new_call_ids
from tests.support.environment import Environment
from tests.support.table_rows import find_rows, read_tables, restore_tables
from tests.support.users import UserFixtures, now, process_outbox, simulate_call


def leave_voicemails(line: LineFixture, caller: str, count: int = 1, **parameters: Any) -> list[str]:
    """Call the line and leave a voicemail each time; the ids of the calls."""
    ids = [str(simulate_call(line.number, **{"from": caller}, **parameters)["sid"]) for _ in range(count)]
    process_outbox()
    return ids


def list_traces(env: Environment, *numbers: str) -> list[str]:
    """Rows and files of Dutyline that contain the digits of one of these numbers."""
    digits = [number.lstrip("+") for number in numbers]
    files = [path for path in (env.folder / "files").rglob("*") if path.is_file()]
    return find_rows(digits) + [str(file) for file in files if _contains(file.read_bytes(), digits)]


def _contains(content: bytes, texts: list[str]) -> bool:
    return any(text.encode() in content for text in texts)


def audio_files(env: Environment, call_id: str) -> list[Path]:
    return list((env.folder / "files" / "recordings" / call_id).glob("*"))


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users, name="Data Street")


def test_export_has_all_that_is_stored(test_users: UserFixtures, line: LineFixture) -> None:
    caller = "+16175557101"
    (call_id,) = leave_voicemails(line, caller)
    put_callback(line.location, caller, call_id, now(), note="Wants a new appointment")
    leave_voicemails(line, "+16175557109")

    caller_export = export.export_for_operator("+1 (617) 555-7101", actor=test_users.ann.actor, at=now())

    document = json.loads(caller_export.document)
    (call,) = document["calls"]
    assert (call["id"], call["caller"], call["location"]) == (call_id, caller, "Data Street")
    assert datetime.fromisoformat(call["startedAt"]).utcoffset() in (timedelta(hours=-5), timedelta(hours=-4))
    assert document["callBacks"][0]["note"] == "Wants a new appointment"
    assert document["callMinutesPerDay"]
    (recording,) = call["recordings"]
    target = io.BytesIO()
    export.save_zip(caller_export, target)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.read(recording["file"])[:4] == b"RIFF"
        assert json.loads(archive.read("caller-data.json")) == document


def test_foreign_customer_finds_nothing(test_users: UserFixtures, line: LineFixture) -> None:
    caller = "+16175557102"
    leave_voicemails(line, caller)

    with pytest.raises(errors.NotFound):
        export.export_for_operator(caller, actor=test_users.cleo.actor, at=now())
    erasure.begin(caller, actor=test_users.cleo.actor, at=now())
    process_outbox()

    assert search.find(search.parse_caller(caller), test_users.customer.id, at=now()).calls


@pytest.mark.parametrize("text", ["", "anonymous", "abc", "+", "\u202e", "x" * 2_000, "sip:"])
def test_what_is_no_caller_is_refused(test_users: UserFixtures, text: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        erasure.begin(text, actor=test_users.ann.actor, at=now())


def test_erasure_leaves_no_trace(test_users: UserFixtures, line: LineFixture, env: Environment) -> None:
    caller = "+16175557103"
    call_ids = leave_voicemails(line, caller, 2)
    leave_voicemails(line, f"sip:{caller}@pbx.example")
    leave_voicemails(line, f"sip:%2B{caller[1:]}@pbx.example")
    other_ids = leave_voicemails(line, "+16175557104")
    put_callback(line.location, caller, call_ids[1], now(), note="Wants a new appointment")
    assert list_traces(env, caller)
    outcomes = [line.get_call(id)["outcome"] for id in call_ids]

    erasure.begin(caller, actor=test_users.ann.actor, at=now())
    process_outbox()

    assert list_traces(env, caller) == []
    data = search.find(search.parse_caller(caller), test_users.customer.id, at=now())
    assert data.is_empty
    for call_id, outcome in zip(call_ids, outcomes, strict=True):
        call = line.get_call(call_id)
        assert (call["outcome"], call["caller"], call["recordings"]) == (outcome, "", [])
        assert call["callerErasedAt"]
        assert audio_files(env, call_id) == []
        assert test_users.ann.get(f"/call/{call_id}/recording").status_code == 404
    assert line.get_call(other_ids[0])["callerErasedAt"] is None
    assert audio_files(env, other_ids[0])
    entries = [entry for entry in reader.iter_stream(test_users.customer.id) if entry.action == "caller.erased"]
    assert entries[-1].body["subject"]["id"] == "…7103"
    assert test_users.audit_findings() == []


def test_deleted_at_twilio_too(test_users: UserFixtures, line: LineFixture, env: Environment) -> None:
    """A recording that arrives after the erasure is not kept, here or there."""
    caller = "+16175557105"
    call_id = str(simulate_call(line.number, **{"from": caller})["sid"])
    row = dynamodb.get_record(Call, call_id)
    assert row
    assert row.recordings, "it is not fetched yet"
    assert erasure.is_under_way(row, now())
    erased = row.serialize() | {"erased_at": {"S": dynamodb.format_timestamp(now())}, "caller": {"S": ""}}
    dynamodb.call("PutItem", TableName=Call.table_name(), Item=erased)

    process_outbox()

    assert audio_files(env, call_id) == []
    deleted = [e for e in env.exchanges("twilio") if e.method == "DELETE" and "/Recordings/" in e.path]
    assert any(json.loads(row.recordings[0])["sid"] in exchange.path for exchange in deleted)


def test_call_under_way_is_erased_when_it_is_over(test_users: UserFixtures, line: LineFixture) -> None:
    caller = "+16175557106"
    (call_id,) = leave_voicemails(line, caller)
    row = dynamodb.get_record(Call, call_id)
    assert row
    item = row.serialize()
    ended_at = item.pop("ended_at")
    put_record(Call.from_item(item))

    erasure.begin(caller, actor=test_users.ann.actor, at=now())
    process_outbox()
    unfinished = dynamodb.get_record(Call, call_id)
    assert unfinished
    assert unfinished.caller == caller, "its phones may ring yet"
    dynamodb.call("PutItem", TableName=Call.table_name(), Item={**item, "ended_at": ended_at})
    process_outbox(seconds_ahead=erasure.RETRY_TIME.total_seconds() + 5)

    finished = dynamodb.get_record(Call, call_id)
    assert finished
    assert finished.caller == ""


def test_who_calls_again_meanwhile_is_a_new_caller(test_users: UserFixtures, line: LineFixture) -> None:
    caller = "+16175557107"
    (old_id,) = leave_voicemails(line, caller)
    begun = now()
    erasure.begin(caller, actor=test_users.ann.actor, at=begun)
    new_id = str(simulate_call(line.number, **{"from": caller})["sid"])
    joined = put_callback(line.location, caller, new_id, now(), note="Wants a new appointment")
    process_outbox()

    assert line.get_call(old_id)["caller"] == ""
    assert line.get_call(new_id)["caller"] == caller
    assert dynamodb.get_record(Callback, joined.id)
    assert dynamodb.get_record(OpenCallback, caller_key(str(line.location.id), caller))


def test_erasure_of_many_calls_goes_on_in_parts(test_users: UserFixtures, line: LineFixture) -> None:
    """More than one part, with a repetition of the first: as after a crash."""
    caller = "+16175557108"
    (call_id,) = leave_voicemails(line, caller)
    row = dynamodb.get_record(Call, call_id)
    assert row
    ids = new_call_ids(2 * erasure.MAX_CALLS + 3)
    for id in ids:
        put_record(Call.from_item({**row.serialize(), "id": {"S": id}, "recordings": {"L": []}}))
    message_id = erasure.begin(caller, actor=test_users.ann.actor, at=now())
    message = dynamodb.get_record(OutboxMessage, message_id)
    process_outbox()
    assert message
    put_record(message)
    process_outbox()

    records = dynamodb.batch_get(dynamodb.RecordKey(Call, id) for id in [call_id, *ids])
    assert {record.caller for id in [call_id, *ids] if (record := records.get(Call, id))} == {""}
    entries = [entry for entry in reader.iter_stream(test_users.customer.id) if entry.action == "caller.erased"]
    assert entries[-2].body["subject"]["id"] == "…7108"
    assert dynamodb.get_record(OutboxMessage, message_id) is None


def test_calls_to_removed_locations_count(test_users: UserFixtures) -> None:
    caller, removed = "+16175557110", create_line(test_users, name="Removed Street")
    (call_id,) = leave_voicemails(removed, caller)
    call = dynamodb.get_record(Call, call_id)
    assert call
    location = test_users.create_location()
    put_record(Call.from_item({**call.serialize(), "id": {"S": "CA" + "9" * 32}, "location_id": {"S": location.id}}))
    locations.delete_location(location.id, actor=test_users.ann.actor, at=now())

    data = search.find(search.parse_caller(caller), test_users.customer.id, at=now())

    assert {call.id for call in data.calls} == {call_id, "CA" + "9" * 32}


def test_restore_does_not_bring_a_caller_back(test_users: UserFixtures, line: LineFixture, env: Environment) -> None:
    caller = "+16175557111"
    leave_voicemails(line, caller)
    restored_to, backup = now(), read_tables()
    erasure.begin(caller, actor=test_users.ann.actor, at=now())
    process_outbox()
    restore_tables(backup)
    assert list_traces(env, caller)

    completed = env.run_management_command("restored", "--at", restored_to.isoformat(), "--erase")

    assert f"a caller of {test_users.customer.id} is erased again" in completed.stdout, completed.stderr
    assert list_traces(env, caller) == []
    again = env.run_management_command("restored", "--at", restored_to.isoformat(), "--erase")
    assert "a caller of" not in again.stdout


def test_commands(test_users: UserFixtures, line: LineFixture, env: Environment, tmp_path: Path) -> None:
    caller = "+16175557112"
    (call_id,) = leave_voicemails(line, caller)
    only = ("--customer", str(test_users.customer.id))

    exported = env.run_management_command("export_caller", caller, "--out", str(tmp_path / "out"))
    dry = env.run_management_command("forget_caller", caller, "--dry-run")
    elsewhere = env.run_management_command("forget_caller", caller, "--customer", str(test_users.other_customer.id))
    assert line.get_call(call_id)["caller"] == caller
    erased = env.run_management_command("forget_caller", caller, *only)
    repeated = env.run_management_command("forget_caller", caller, *only)
    refused = env.run_management_command("forget_caller", "anonymous")

    assert "1 recording(s)" in exported.stdout, exported.stderr
    folder = tmp_path / "out" / str(test_users.customer.id)
    assert json.loads((folder / "caller-data.json").read_text())["caller"] == caller
    assert len(list((folder / "recordings").glob("*.wav"))) == 1
    assert "1 calls, 1 recordings" in dry.stdout
    assert "Nothing is stored" in elsewhere.stdout
    assert ": erased; the worker deletes recordings at Twilio" in erased.stdout, erased.stderr
    assert "Nothing is stored" in repeated.stdout
    assert refused.returncode == 1
    assert line.get_call(call_id)["caller"] == ""


def test_all_records_about_callers_are_erased(test_users: UserFixtures, line: LineFixture, env: Environment) -> None:
    """A new record about callers has to be added to the search, the export and the erasure."""
    about_callers = {
        record
        for record in dynamodb.record_classes()
        for attribute in record.declared_attributes()
        if attribute.personal_data.category == "callers"
    }
    assert about_callers == {Call, Callback, BlockedCaller}

    caller = "+16175557113"
    leave_voicemails(line, caller)
    body = {"number": caller, "reason": "Shouts"}
    assert test_users.ann.post("/blockedCaller", body).status_code == 201
    key = caller_key(str(line.location.id), caller)
    expires_at = int(now().timestamp()) + 86_400
    put_record(LastConversation(key=key, user_id=test_users.sam.id, at=now(), expires_at=expires_at))
    caller_export = export.export_for_operator(caller, actor=test_users.ann.actor, at=now())
    document = json.loads(caller_export.document)
    assert document["blocked"][0]["reason"] == "Shouts"
    assert len(document["lastConversations"]) == 1

    erasure.begin(caller, actor=test_users.ann.actor, at=now())
    process_outbox()

    assert list_traces(env, caller) == []
    assert dynamodb.get_record(LastConversation, key) is None
    assert test_users.ann.get("/blockedCaller").json()["items"] == []


def test_a_call_back_placed_after_the_request_is_erased(test_users: UserFixtures, line: LineFixture) -> None:
    caller = "+16175557114"
    (call_id,) = leave_voicemails(line, caller)
    callback = put_callback(line.location, caller, call_id, now())
    resolved = lines.find_active_line(str(line.location.id), str(test_users.customer.id))
    assert resolved
    begun = now()
    erasure.begin(caller, actor=test_users.ann.actor, at=begun)
    candidate = RingCandidate(test_users.ann.id, "", "calling_back")
    placed = outbound_call.new_call(callback, resolved, candidate, begun + timedelta(seconds=1))
    placed.row.ended_at = begun + timedelta(seconds=1)
    placed.save()
    key = caller_key(str(test_users.denver.id), caller)  # of a conversation whose call is erased already
    put_record(LastConversation(key=key, user_id=test_users.sam.id, at=begun, expires_at=2_000_000_000))
    process_outbox()

    assert search.find(search.parse_caller(caller), test_users.customer.id, at=now()).is_empty


def test_erasure_among_many_calls(test_users: UserFixtures, line: LineFixture) -> None:
    """No part reads whole calls of other callers, nor more of the index than its bound."""
    caller, at = "+16175557115", now() - timedelta(days=1)
    resolved = lines.find_active_line(str(line.location.id), str(test_users.customer.id))
    assert resolved
    rows = [
        call_creation.new_call(
            f"CA{number:031x}e",
            resolved,
            caller=caller if number % 100 == 0 else "+16175557116",
            entrance="open",
            at=at + timedelta(seconds=number),
        ).row
        for number in range(4_000)
    ]
    for row in rows:
        row.ended_at, row.pinned = row.started_at, None
    unaudited.write_all(puts=rows)

    message_id: str | None = erasure.begin(caller, actor=test_users.ann.actor, at=now())
    with costs.measure() as cost:
        erasure.run_now(str(message_id), clock=now)

    records = dynamodb.batch_get(dynamodb.RecordKey(Call, str(row.id)) for row in rows if row.caller == caller)
    assert {record.caller for row in rows if (record := records.get(Call, str(row.id)))} == {""}
    assert cost.round_trips < 80, cost
    unaudited.write_all(removals=rows)
