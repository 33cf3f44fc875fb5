"""An export of everything of a customer: complete, of nobody else, and prepared despite crashes."""

import csv
import io
import json
import zipfile
from collections.abc import Callable

import pytest

from accounts import permissions
from accounts.models import CustomerExport
from accounts.privacy import customer_export
from accounts.users import delete
from config import dynamodb, errors, storage
from config.privacy import customer_data
from config.spreadsheets import neutralize
from tests.support.calls import create_line
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import IS_SCALE_RUN
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now, process_outbox


def prepare(customer_id: str) -> CustomerExport:
    actor = permissions.system_actor(customer_id)
    customer_export.request_export(customer_id, actor=actor, at=now())
    process_outbox()
    record = customer_export.find_export(customer_id, actor=actor, at=now())
    assert record
    return record


def read_zip(customer_id: str) -> zipfile.ZipFile:
    chunks = customer_export.download(customer_id, actor=permissions.system_actor(customer_id), at=now())
    return zipfile.ZipFile(io.BytesIO(b"".join(chunks)))


def read_json(archive: zipfile.ZipFile, name: str) -> list[dict[str, object]]:
    """The rows of one kind, from one file or several."""
    names = [each for each in archive.namelist() if each.startswith(name) and each.endswith(".json")]
    return [row for each in sorted(names) for row in json.loads(archive.read(each))]


def test_the_export_has_everything_and_nobody_elses(test_users: UserFixtures) -> None:
    hostile = test_users.create_user(name="=HYPERLINK(1)")
    gone = test_users.create_user(name="Gerda Gone")
    delete.delete_user(gone.id, actor=test_users.ann.actor, at=now())
    shift, template = test_users.create_shift(), test_users.create_template()
    call_id = test_users.recorded_call_id
    test_users.put_profile("DE")
    create_line(test_users).update_configuration(greeting={"say": "Exported."})

    record = prepare(test_users.customer.id)

    assert record.completed_at
    archive = read_zip(test_users.customer.id)
    assert archive.testzip() is None
    names = archive.namelist()
    assert len(names) == len(set(names))
    assert "README.txt" in names
    for source in customer_data.load_sources():
        if not source.file_name:
            assert any(name.startswith(source.name) for name in names), source.name
    people = read_json(archive, "people")
    assert {hostile.id, test_users.sam.id} <= {row["id"] for row in people}
    assert [row["name"] for row in read_json(archive, "deleted-people")].count("Gerda Gone") == 1
    for user_id in (test_users.sam.id, gone.id):
        personal = json.loads(
            archive.read(next(name for name in archive.namelist() if name.endswith(f"-{user_id[-6:].lower()}.json")))
        )
        assert personal["person"]["id"] == user_id
        assert personal["data"]["history"]
    assert shift.id in {row["id"] for row in read_json(archive, "schedules")}
    assert template.id in {row["id"] for row in read_json(archive, "shift-templates")}
    assert "Exported." in str(read_json(archive, "ivr-revisions"))
    (call,) = [row for row in read_json(archive, "calls") if row["id"] == call_id]
    (recording,) = call["recordings"][:1]  # type: ignore[index]
    assert archive.read(recording["file"])[:4] == b"RIFF"
    assert "user.invited" in {row["action"] for row in read_json(archive, "audit")}
    table = archive.read("people.csv").decode("utf-8-sig")
    assert neutralize(hostile.name) in [row["name"] for row in csv.DictReader(io.StringIO(table))]
    content = "".join(archive.read(name).decode() for name in names if name.endswith((".json", ".csv")))
    others = (test_users.other_customer.id, test_users.cleo.id, test_users.cleo.user.email)
    assert [text for text in others if text in content] == []
    assert test_users.audit_findings() == []


def test_only_leads_of_support_can_ask_for_it_and_it_ends(test_users: UserFixtures) -> None:
    customer_id = test_users.other_customer.id
    for actor in (test_users.ann.actor, permissions.user_actor(test_users.cleo.user)):
        with pytest.raises(errors.Forbidden):
            customer_export.request_export(customer_id, actor=actor, at=now())
    with pytest.raises(customer_export.ExportNotReady):
        read_zip(customer_id)
    first = prepare(customer_id)
    folder = f"{customer_export.FOLDER}/{customer_id}/{first.id}"
    assert all(b"Cleo" not in storage.read_file(f"{folder}/{name}") for name in storage.list_files(folder))
    second = prepare(customer_id)
    assert second.id != first.id
    assert storage.list_files(folder) == [], "a new export replaces the old one"
    customer_export.forget(customer_id, str(first.id))
    assert read_zip(customer_id).namelist()
    customer_export.forget(customer_id, str(second.id))
    assert dynamodb.get_record(CustomerExport, customer_id) is None
    with pytest.raises(customer_export.ExportNotReady):
        read_zip(customer_id)


@pytest.mark.parametrize("mode", CRASH_MODES if IS_SCALE_RUN else CRASH_MODES[:1])
def test_the_preparation_survives_faults(
    harness: CrashHarness, test_users: UserFixtures, mode: str, record_figure: Callable[[str], None]
) -> None:
    customer_id = test_users.other_customer.id
    actor = permissions.system_actor(customer_id)
    harness.process_outbox_until_idle()
    customer_export.request_export(customer_id, actor=actor, at=now())
    baseline = FaultPlan()
    harness.process_outbox(seconds_ahead=1, plan=baseline)
    expected = sorted(read_zip(customer_id).namelist())
    calls = [call for call in baseline.calls if is_worth_trying(call)]
    chosen = calls if IS_SCALE_RUN else calls[:: max(1, len(calls) // 6)]
    cases = 0
    for call in chosen:
        customer_export.request_export(customer_id, actor=actor, at=now())
        plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=1, plan=plan)
        harness.process_outbox_until_idle()
        if plan.fired_faults:
            assert sorted(read_zip(customer_id).namelist()) == expected, plan.fired_faults
            cases += 1
    assert cases > 2
    record_figure(f"export of a customer, {mode}: {cases} of {cases} survived")
