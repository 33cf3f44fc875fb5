"""PDFs that a worker prints: what a client sees, who may fetch them, and how long they exist."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.core.files.storage import default_storage

from accounts.models import PreparedExport
from accounts.privacy import pdf_process, prepared_exports, print_slots
from config import dynamodb, errors, outbox, storage
from config.audit import reader
from config.dynamodb import unaudited
from config.journal import two_phase
from config.outbox import celery_tasks
from config.outbox.worker import PassReport
from tests.config.journal.test_journal import temporary_audit_entries
from tests.support.bulk import put_records
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import Environment, free_port
from tests.support.exports import store_export
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now, parse_problem, process_outbox

PATH = "/user/export/my-data"


@pytest.fixture
def person(test_users: UserFixtures, env: Environment) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, test_users.create_user())


@pytest.fixture
def active_person(test_users: UserFixtures, person: SignedInUser) -> Iterator[SignedInUser]:
    """A person whose document is long."""
    with temporary_audit_entries(test_users, person.id, 160):
        yield person


def stored_export(user_id: str) -> PreparedExport:
    record = dynamodb.get_record(PreparedExport, user_id, user_id)
    assert record
    return record


def files_of(user_id: str) -> list[str]:
    return storage.list_files(f"{prepared_exports.FOLDER}/{user_id}")


def test_a_long_export_is_printed_by_a_worker(active_person: SignedInUser) -> None:
    response = active_person.get(PATH)
    assert response.status_code == 202, response.text
    location = response.headers["Location"]
    assert location == f"{PATH}/{response.json()['id']}"
    assert response.headers["Retry-After"] == "5"
    assert active_person.get(location).status_code == 202

    report = process_outbox()

    assert report.counts["accounts.print_export", "done"] == 1
    first, second, repeated = (active_person.get(path) for path in (location, location, PATH))
    assert [answer.status_code for answer in (first, second, repeated)] == [200, 200, 200]
    assert first.headers["Content-Type"] == "application/pdf"
    assert first.headers["Cache-Control"] == "no-store"
    assert first.content == second.content == repeated.content
    (name,) = files_of(active_person.id)
    assert b"%PDF" not in storage.read_file(f"{prepared_exports.FOLDER}/{active_person.id}/{name}"), "it is encrypted"

    process_outbox(seconds_ahead=prepared_exports.LIFETIME.total_seconds())
    assert active_person.get(location).status_code == 404
    assert files_of(active_person.id) == []


def test_a_client_that_waits_gets_a_long_export_at_once(active_person: SignedInUser, env: Environment) -> None:
    """A worker that is quick enough: the request itself answers 200."""
    patient_web = env.start_web("patient", free_port(), EXPORT_WAIT_MILLISECONDS="5000")
    person = replace(active_person, web=patient_web)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            process_outbox()
            time.sleep(0.1)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        deadline = time.monotonic() + 90
        while (response := person.get(PATH)).status_code == 202 and time.monotonic() < deadline:
            pass
    finally:
        stop.set()
        worker.join()
        env.stop("patient")
    assert response.status_code == 200, response.text
    assert response.content.startswith(b"%PDF")


def test_requests_at_once_have_one_export_printed(active_person: SignedInUser) -> None:
    responses: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: responses.append(active_person.get(PATH))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = {response.headers["Location"] for response in responses if response.status_code == 202}
    assert len(accepted) == 1, [response.text[:200] for response in responses]
    assert process_outbox().counts["accounts.print_export", "done"] == 1


def test_a_customer_has_some_slots_among_what_waits(active_person: SignedInUser) -> None:
    """Without a bound the people of one business would have those of others wait for hours."""
    customer_id = active_person.user.customer_id
    rows = [
        PreparedExport(user_id=customer_id, requester_id=slot, id=f"exp_{slot}", requested_at=now(), expires_at=2**32)
        for slot in print_slots.SLOTS
    ]
    put_records(rows)
    try:
        refused = active_person.get(PATH)
        assert (refused.status_code, parse_problem(refused)["code"]) == (429, "rate_limited")
        assert refused.headers["Retry-After"] == "60"
        assert dynamodb.get_record(PreparedExport, active_person.id, active_person.id) is None

        rows[1].requested_at = now() - timedelta(minutes=30)  # a crash has left it
        put_records(rows)
        assert active_person.get(PATH).status_code == 202
        taken = dynamodb.get_record(PreparedExport, customer_id, print_slots.SLOTS[1])
        assert taken
        assert taken.id == stored_export(active_person.id).id
        assert process_outbox().counts["accounts.print_export", "done"] == 1
        assert dynamodb.get_record(PreparedExport, customer_id, print_slots.SLOTS[1]) is None
    finally:
        for row in rows:
            unaudited.remove(row, PreparedExport.id.exists())


def test_another_person_finds_nothing(test_users: UserFixtures, person: SignedInUser) -> None:
    record = store_export(person.id, "ready")
    path = f"{PATH}/{record.id}"
    assert person.get(path).status_code == 200
    for other in (test_users.ann, test_users.sam, test_users.cleo):
        assert other.get(path).status_code == 404
    assert test_users.ann.patch("/userManagement", {"id": person.id, "status": "blocked"}).is_success
    assert person.get(path).status_code in (401, 403), "rights are checked at each request"


def test_an_erased_person_leaves_no_export(test_users: UserFixtures, person: SignedInUser) -> None:
    store_export(person.id, "ready")
    store_export(person.id, "ready", requester_id="opr_of_support")
    assert len(files_of(person.id)) == 2

    assert test_users.ann.delete("/userManagement", {"id": person.id, "erase": "now"}).status_code == 200
    process_outbox(seconds_ahead=two_phase.FINISHER_DELAY.total_seconds())

    assert files_of(person.id) == []
    values = {":user": {"S": person.id}}
    assert not list(dynamodb.iter_records(PreparedExport, "#user_id = :user", values, ConsistentRead=True))


def test_files_that_nobody_knows_any_more_are_deleted_daily(person: SignedInUser) -> None:
    record = store_export(person.id, "ready")
    orphan = prepared_exports._save(record, b"stored by an attempt that outlived its export", "lost")
    two_days_ago = (now() - timedelta(days=2)).timestamp()
    os.utime(default_storage.path(orphan), (two_days_ago, two_days_ago))

    celery_tasks.run_daily_tasks()

    assert [f"{prepared_exports.FOLDER}/{person.id}/{name}" for name in files_of(person.id)] == [record.file]


def test_an_export_that_cannot_be_printed_is_a_problem(person: SignedInUser) -> None:
    record = store_export(person.id, "failed")
    for path in (PATH, f"{PATH}/{record.id}"):
        response = person.get(path)
        assert response.status_code == 409
        assert parse_problem(response)["code"] == "export_failed"
    assert person.get(PATH, params={"format": "json"}).status_code == 200


def test_an_export_nobody_printed_in_time_has_failed(person: SignedInUser) -> None:
    """Not even a worker that returns hours later prints it: nobody waits any more."""
    record = store_export(person.id, "preparing")
    late = record.requested_at + timedelta(minutes=21)
    assert record.state(late) == "failed"
    with pytest.raises(prepared_exports.ExportFailed):
        prepared_exports.get_prepared(str(record.id), actor=person.actor, at=late)


def test_a_worker_that_is_killed_leaves_the_export_to_another(env: Environment, active_person: SignedInUser) -> None:
    """``kill -9`` while it prints, and between storing the file and noting it."""
    location = active_person.get(PATH).headers["Location"]
    script = "import django; django.setup(); from tests.support.users import process_outbox; process_outbox()"
    environment = {**os.environ, **env.process_environment(proxied=False), "DJANGO_SETTINGS_MODULE": "config.settings"}
    worker = subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True)
    while stored_export(active_person.id).state(now()) == "preparing" and not is_printing():
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    orphan = prepared_exports._save(stored_export(active_person.id), b"an attempt that was never noted", "lost")

    process_outbox(seconds_ahead=61)  # once the lease has run out

    response = active_person.get(location)
    assert response.status_code == 200, response.text
    assert response.content.startswith(b"%PDF")
    process_outbox(seconds_ahead=prepared_exports.LIFETIME.total_seconds())
    assert files_of(active_person.id) == [], f"{orphan} is deleted, too"


def test_an_export_whose_printing_process_is_killed_is_printed_by_the_next_attempt(active_person: SignedInUser) -> None:
    """As by the kernel for want of memory, or at a deployment; only the last attempt is final."""
    location = active_person.get(PATH).headers["Location"]
    pdf_process.render_pdf("<p>x</p>", b"{}", seconds=60)  # the server runs
    server_pid = pdf_process._current.get()._process.pid

    report = process_outbox_and_kill_forks_of(server_pid)
    assert report.counts["accounts.print_export", "failed"] == 1
    assert active_person.get(location).status_code == 202

    assert process_outbox(seconds_ahead=31).counts["accounts.print_export", "done"] == 1
    assert active_person.get(location).content.startswith(b"%PDF")


def test_an_export_whose_printing_process_is_always_killed_fails(active_person: SignedInUser) -> None:
    record = prepared_exports._request(active_person.user, active_person.actor, now())
    pdf_process.render_pdf("<p>x</p>", b"{}", seconds=60)
    server_pid = pdf_process._current.get()._process.pid
    message = dynamodb.get_record(outbox.OutboxMessage, f"print-{record.id}")
    assert message
    unaudited.update(message, [outbox.OutboxMessage.attempts.set(4)], outbox.OutboxMessage.id.exists())

    assert process_outbox_and_kill_forks_of(server_pid).counts["accounts.print_export", "done"] == 1
    assert stored_export(active_person.id).state(now()) == "failed"


def process_outbox_and_kill_forks_of(pid: int) -> PassReport:
    """Process the outbox; the process of the first document is killed once it has begun."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while children.read_text():  # of the document before
        time.sleep(0.01)

    def kill_first() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for fork_pid in children.read_text().split():
                if re.search(r"Max cpu time +\d", Path(f"/proc/{fork_pid}/limits").read_text()):
                    os.kill(int(fork_pid), signal.SIGKILL)
                    return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_first)
    killer.start()
    try:
        return process_outbox()
    finally:
        killer.join()


def test_an_export_that_waits_for_another_is_not_put_off_longer_each_time(person: SignedInUser) -> None:
    """Else fresh ones would take each place before it, until it has failed."""
    record = prepared_exports._request(person.user, person.actor, now())
    with prepared_exports._only_print_here():
        for number in range(4):
            report = process_outbox(seconds_ahead=16 * number)
            assert report.counts["accounts.print_export", "deferred"] == 1, number
    assert process_outbox(seconds_ahead=16 * 4).counts["accounts.print_export", "done"] == 1
    assert stored_export(person.id).id == record.id


def is_printing() -> bool:
    try:
        with prepared_exports._only_print_here():
            return False
    except errors.Unavailable:
        return True


def test_each_export_that_an_operator_gets_is_audited(test_users: UserFixtures, person: SignedInUser) -> None:
    """What a worker prints for an operator is theirs, and audited once they get it, each time."""
    actor = test_users.ann.actor
    first = prepared_exports.export_for_operator(person.id, actor=actor, at=now())
    record = store_export(person.id, "preparing", requester_id=actor.id)
    pending = prepared_exports.export_for_operator(person.id, actor=actor, at=now())
    store_export(person.id, "ready", requester_id=actor.id)
    ready = prepared_exports.export_for_operator(person.id, actor=actor, at=now())

    assert isinstance(pending, PreparedExport)
    assert pending.id == record.id
    for pdf in (first, ready):
        assert isinstance(pdf, bytes)
        assert pdf.startswith(b"%PDF")
    actions = [entry.body["action"] for entry in reader.iter_stream(person.id, newest_first=True) if entry.seq]
    assert actions.count("user.exported") == 2
    assert person.get(f"{PATH}/{record.id}").status_code == 404, "it is the operator's"


def test_a_crash_at_any_write_of_a_print_leaves_one_result(
    harness: CrashHarness, person: SignedInUser, record_figure: Callable[[str], None]
) -> None:
    """The worker is killed after each write, or its answer is lost; the next one completes it."""
    process_outbox()
    golden_plan = print_with_faults(harness, person, FaultPlan())
    faults = [(call.signature, mode) for call in golden_plan.calls if is_worth_trying(call) for mode in CRASH_MODES]
    for signature, mode in faults:
        plan = print_with_faults(harness, person, FaultPlan(faults={signature: mode}))
        assert plan.fired_faults, (signature, mode)
    assert len(faults) >= 3 * len(CRASH_MODES), "claim, note, remove"
    record_figure(f"prepared exports: {len(faults)} crashes of a worker, each leaves one result")


def print_with_faults(harness: CrashHarness, person: SignedInUser, plan: FaultPlan) -> FaultPlan:
    record = prepared_exports._request(person.user, person.actor, now())
    harness.process_outbox(seconds_ahead=0, plan=plan)
    process_outbox(seconds_ahead=61)  # once the lease has run out

    result = prepared_exports.get_prepared(str(record.id), actor=person.actor, at=now())
    assert isinstance(result, bytes), plan.fired_faults
    assert result.startswith(b"%PDF")
    assert not dynamodb.get_record(outbox.OutboxMessage, f"print-{record.id}")
    process_outbox(seconds_ahead=prepared_exports.LIFETIME.total_seconds())
    assert files_of(person.id) == [], plan.fired_faults
    return plan
