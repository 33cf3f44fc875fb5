"""Outbox processing: leases, back-off, dead letters, and real workers that are killed."""

import itertools
import json
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.conf import settings

from accounts import users
from config import costs, dynamodb, errors, journal, outbox
from config.dev import engines, services
from config.outbox import postponement, tasks, worker
from config.outbox.status import DeadTask
from tests.support.environment import IS_SCALE_RUN, Environment, wait_for_port
from tests.support.users import UserFixtures, emails_to, now, process_outbox
from tests.support.waiting import wait_until

COMPLETED: list[str] = []


@outbox.task("test.works")
def succeeding_task(*, job: outbox.TaskContext, mark: str) -> None:
    """Record that it ran, and on behalf of which author."""
    COMPLETED.append(f"{mark} for {job.author.name} at {job.author.ip}")


@outbox.task("test.breaks")
def failing_task() -> None:
    """Fails with an unexpected error."""
    raise ZeroDivisionError("canary of a person")


@outbox.task("test.waits")
def unavailable_task() -> None:
    """Fails because a vendor is unavailable."""
    raise errors.Unavailable("away", retry_after=1, cause="oracle: timeout")


def enqueue_message(test_users: UserFixtures, task: str, **arguments: Any) -> str:
    """Enqueue a message in an audited write; its id."""
    message_id = f"{task}-{time.time_ns()}"
    with journal.write(test_users.ann.actor, "test.happened", test_users.sam.user, now()) as write:
        write.enqueue(task, id=message_id, **arguments)
    return message_id


def get_message(message_id: str) -> outbox.OutboxMessage | None:
    return dynamodb.get_record(outbox.OutboxMessage, message_id)


def test_all_enqueued_tasks_exist() -> None:
    registered = tasks.load_tasks()
    apps = ("accounts", "staffing", "telephony")
    folders = [services.ROOT / app for app in (*apps, "config/board", "config/bulk")]
    code = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    enqueued_names = set(re.findall(r'\bwrite\.enqueue\(\s*"([\w.]+)"', code))
    enqueued_names |= set(re.findall(r'(?:cleanup_task=|two_phase\.Flow\()\s*"([\w.]+)"', code))
    constants = re.findall(r"TASK(?:, \w+)? = (.+)", code)
    enqueued_names |= {name for names in constants for name in re.findall(r'"([\w.]+)"', names)}
    enqueued_names |= {*settings.ACCESS_LOSS_TASKS, *settings.ROTA_CHANGE_TASKS}

    assert enqueued_names == {name for name in registered if not name.startswith("test.")}


def test_message_is_processed_once_on_behalf_of_its_author(test_users: UserFixtures) -> None:
    message_id = enqueue_message(test_users, "test.works", mark="one")

    process_outbox()
    process_outbox()

    assert [mark for mark in COMPLETED if mark.startswith("one")] == [f"one for {test_users.ann.user.name} at "]
    assert get_message(message_id) is None


def test_message_waits_until_due(test_users: UserFixtures) -> None:
    with journal.write(test_users.ann.actor, "test.happened", test_users.sam.user, now()) as write:
        write.enqueue("test.works", due=now() + timedelta(hours=1), mark="reminder")

    process_outbox()
    assert not [mark for mark in COMPLETED if mark.startswith("reminder")]
    process_outbox(seconds_ahead=3601)
    assert [mark for mark in COMPLETED if mark.startswith("reminder")]


def test_failing_message_becomes_a_dead_letter_after_five_attempts(test_users: UserFixtures) -> None:
    message_id = enqueue_message(test_users, "test.breaks")
    outcomes = []
    for hour in range(1, 8):
        report = process_outbox(seconds_ahead=3600 * hour)
        outcomes += [outcome for (name, outcome), _ in report.counts.items() if name == "test.breaks"]

    assert outcomes == ["failed"] * 4 + ["dead"]
    message = get_message(message_id)
    assert message
    assert (message.shard, message.error) == ("dead", "ZeroDivisionError")
    status = outbox.read_outbox_status(now())
    assert status.dead >= 1
    assert status.dead_tasks[DeadTask("test.breaks", "")] >= 1
    assert status.dead_tasks.total() == status.dead
    assert not [deferral for deferral in status.deferred if deferral.task == "test.breaks"]


def test_a_message_of_a_newer_release_waits_for_it(test_users: UserFixtures) -> None:
    """During a deployment: five attempts took 8 minutes, then it was a dead letter."""
    message_id = enqueue_message(test_users, "test.of_tomorrow")
    for hour in range(1, 8):
        report = process_outbox(seconds_ahead=3600 * hour)
        assert report.counts["test.of_tomorrow", "deferred"] >= 1
    message = get_message(message_id)
    assert message
    assert (message.attempts, message.error) == (0, "unknown_task")
    marks: list[str] = []
    try:
        outbox.task("test.of_tomorrow")(lambda: marks.append("ran"))
        process_outbox(seconds_ahead=3600 * 8)
    finally:
        del tasks._registered_tasks["test.of_tomorrow"]
    assert marks == ["ran"]
    assert get_message(message_id) is None


def test_unavailable_vendor_counts_no_attempts_for_three_days(test_users: UserFixtures) -> None:
    message_id = enqueue_message(test_users, "test.waits")
    delays = []
    for hour in range(1, 12):
        process_outbox(seconds_ahead=3600 * hour)
        message = get_message(message_id)
        assert message
        assert message.attempts == 0
        delays.append((message.due_at - now()).total_seconds() - 3600 * hour)
    assert 25 < delays[0] < 31
    assert all(next_delay > delay - 1 for delay, next_delay in itertools.pairwise(delays))
    assert 890 < delays[-1] < 901

    process_outbox(seconds_ahead=73 * 3600)

    message = get_message(message_id)
    assert message
    assert message.shard == "dead"


def test_deferred_messages_show_in_the_status_and_in_the_log(
    test_users: UserFixtures, caplog: pytest.LogCaptureFixture
) -> None:
    """A vendor that refused quickly showed nowhere: what waits for it was never due."""
    caplog.set_level("INFO", "dutyline.outbox")
    message_id = enqueue_message(test_users, "test.waits")
    counted = outbox.Deferral("test.waits", "oracle: timeout")
    before = outbox.read_outbox_status(now()).deferred[counted]

    process_outbox()
    process_outbox(seconds_ahead=60)

    status = outbox.read_outbox_status(now() + timedelta(hours=1))
    assert status.deferred[counted] == before + 1
    assert status.oldest_due_seconds >= 3600
    message = get_message(message_id)
    assert message
    first, second = [vars(record) for record in caplog.records if vars(record).get("message_id") == message_id]
    assert (first["levelname"], second["levelname"]) == ("WARNING", "INFO")
    for line in (first, second):
        assert (line["msg"], line["task"], line["reason"]) == ("task deferred", "test.waits", "oracle: timeout")
        assert line["request_id"] == message.author["request"]
    assert 0 < first["seconds"] < second["seconds"]

    process_outbox(seconds_ahead=73 * 3600)

    assert outbox.read_outbox_status(now()).deferred[counted] == before
    (dead,) = [vars(record) for record in caplog.records if record.levelname == "ERROR"]
    assert (dead["task"], dead["reason"]) == ("test.waits", "oracle: timeout for 3 days, 0:00:00")
    assert dead["seconds"] > 72 * 3600


def test_the_status_takes_bounded_reads(test_users: UserFixtures) -> None:
    with costs.measure() as cost:
        status = outbox.read_outbox_status(now())
    assert cost.round_trips == (16 if status.dead else 15)


def test_retry_period_begins_when_the_message_is_due(test_users: UserFixtures) -> None:
    with journal.write(test_users.ann.actor, "test.happened", test_users.sam.user, now()) as write:
        write.enqueue("test.waits", id="far away", due=now() + timedelta(hours=80))

    report = process_outbox(seconds_ahead=81 * 3600)

    assert report.counts["test.waits", "deferred"] >= 1
    message = get_message("far away")
    assert message
    assert message.shard != "dead"


def test_lost_claim_becomes_due_again(test_users: UserFixtures) -> None:
    message_id = enqueue_message(test_users, "test.works", mark="leased")
    (due_message,) = [candidate for candidate in list_due_messages() if candidate.id == message_id]
    assert worker._claim(due_message, now())
    assert worker._claim(due_message, now()) is None, "a message is claimed once"

    process_outbox()
    assert not [mark for mark in COMPLETED if mark.startswith("leased")]
    process_outbox(seconds_ahead=worker.LEASE.total_seconds() + 1)
    assert [mark for mark in COMPLETED if mark.startswith("leased")]


def test_message_that_always_crashes_becomes_a_dead_letter(test_users: UserFixtures) -> None:
    message_id = enqueue_message(test_users, "test.works", mark="poison")
    for attempt in range(postponement.MAX_ATTEMPTS):
        claimed_at = now() + timedelta(minutes=5 * attempt)
        (due_message,) = [candidate for candidate in list_due_messages(claimed_at) if candidate.id == message_id]
        assert worker._claim(due_message, claimed_at)

    report = process_outbox(seconds_ahead=3600)

    assert report.counts["test.works", "dead"] == 1
    assert not [mark for mark in COMPLETED if mark.startswith("poison")]


def list_due_messages(due_at: datetime | None = None) -> list[outbox.OutboxMessage]:
    return [
        message for shard in outbox.SHARDS for message in outbox.fetch_due_messages(shard, due_at or now(), limit=500)
    ]


# --- real workers ---------------------------------------------------------------------------------
@pytest.fixture
def start_worker(env: Environment) -> Iterator[Callable[[str], int]]:
    """Starts workers and beats by name; they are stopped afterwards."""
    started = []

    def start_process(name: str) -> int:
        command = services.beat_command(env.folder) if name.startswith("beat") else services.worker_command()
        if name == "beat2":
            command = services.beat_command(env.folder / "second")
            (env.folder / "second").mkdir(exist_ok=True)
        started.append(name)
        return env.fork(name, command).pid

    yield start_process
    for name in started:
        if name in env.processes:
            env.stop(name)


def test_forked_processes_share_no_database_connection(test_users: UserFixtures) -> None:
    """Celery forks after the check of the data keys has opened a connection."""
    parent_connection = dynamodb.get_transport()
    expected_users = [test_users.ann.user, test_users.sam.user, test_users.mia.user, test_users.ann.user]
    processes = multiprocessing.get_context("fork")

    def read_own_user(user_id: str, results: Any) -> None:
        is_shared = dynamodb.get_transport() is parent_connection
        both = dynamodb.gather(*[lambda: users.get_user(user_id).id] * 4)
        results.put((is_shared, {users.get_user(user_id).id for _ in range(100)} | set(both)))

    results = processes.Queue()
    children = [processes.Process(target=read_own_user, args=(user.id, results)) for user in expected_users]
    for child in children:
        child.start()
    answers = [results.get(timeout=60) for _ in children]
    for child in children:
        child.join(10)

    assert sorted(ids.pop() for _, ids in answers if len(ids) == 1) == sorted(user.id for user in expected_users)
    assert not any(is_shared for is_shared, _ in answers)
    assert dynamodb.get_transport() is parent_connection


def test_invitation_is_sent_once_after_redis_recovers(
    test_users: UserFixtures, env: Environment, start_worker: Callable[[str], int]
) -> None:
    start_worker("worker")
    start_worker("beat")
    env.stop("redis")
    body = test_users.user_body()

    created = test_users.ann.post("/user", body)

    assert created.status_code == 201
    assert test_users.ann.get("/user").status_code == 200
    env.spawn("redis", engines.redis_command(env.ports["redis"]))
    wait_for_port(env.ports["redis"])
    wait_until(lambda: emails_to(env, body["email"]), seconds=60)
    time.sleep(1)
    assert len(emails_to(env, body["email"])) == 1
    for name in ("worker", "beat"):
        assert all(json.loads(line)["message"] for line in env.read_log(name).splitlines())


def test_killed_worker_loses_no_message(
    test_users: UserFixtures, env: Environment, start_worker: Callable[[str], int]
) -> None:
    fault_rule = {"path": "/api/v2/tickets/.*", "fault": "slow", "seconds": 30, "times": 1}
    httpx.post(f"{env.issuer}_local/faults", json=fault_rule).raise_for_status()
    pid = start_worker("worker")
    body = test_users.user_body()
    user = test_users.ann.post("/user", body).json()
    wait_until(lambda: any(message.claim for message in _list_messages_of(user["id"])))

    os.killpg(pid, signal.SIGKILL)
    env.processes.pop("worker").wait()
    httpx.delete(f"{env.issuer}_local/faults")

    assert not emails_to(env, body["email"])
    if IS_SCALE_RUN:
        start_worker("worker")
        start_worker("beat")
        wait_until(lambda: emails_to(env, body["email"]), seconds=120)
    else:
        process_outbox(seconds_ahead=worker.LEASE.total_seconds() + 5)
    assert len(emails_to(env, body["email"])) == 1
    assert users.get_user(user["id"]).status == "invited"


def _list_messages_of(user_id: str) -> list[outbox.OutboxMessage]:
    rows = dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"]
    messages = [outbox.OutboxMessage.from_item(row) for row in rows]
    return [message for message in messages if message.arguments.get("user_id") == user_id]


def test_two_beats_and_two_workers_send_no_duplicates(
    test_users: UserFixtures, env: Environment, start_worker: Callable[[str], int], record_figure: Callable[[str], None]
) -> None:
    for name in ("worker", "worker2", "beat", "beat2"):
        start_worker(name)
    bodies = [test_users.user_body() for _ in range(12)]

    for body in bodies:
        assert test_users.ann.post("/user", body).status_code == 201

    wait_until(lambda: all(emails_to(env, body["email"]) for body in bodies), seconds=60)
    time.sleep(6)
    counts = [len(emails_to(env, body["email"])) for body in bodies]
    assert counts == [1] * len(bodies)
    record_figure(f"two workers, two beats: {sum(counts)} invitations for {len(bodies)} users")
