"""Lanes of the outbox: a vendor that hangs delays the messages that wait for it, and no others.

One notification in flight per process cut the outbox from 1,295 to 59 tasks a minute.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config import celery, journal, outbox
from config.dev import services
from config.outbox import tasks
from tests.support.devices import list_pushes, register_device
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.http_client import HTTP
from tests.support.users import SignedInUser, UserFixtures, now

PROCESSES = 4
PUSHES, OTHERS, SECONDS = (60, 600, 30.0) if IS_SCALE_RUN else (12, 60, 12.0)
HANG = {"path": "/--/api/.*", "fault": "slow", "seconds": 30, "times": 1_000}
PUSH, OTHER = "accounts.send_push", "accounts.close_attempts"


@pytest.fixture
def start_worker(env: Environment) -> Iterator[Callable[[], None]]:
    """Starts a worker and waits until it processes messages; it is stopped afterwards."""

    def start() -> None:
        env.fork("lanes-worker", services.worker_command(PROCESSES))

    yield start
    env.stop("lanes-worker")


def enqueue(person: SignedInUser, task: str, count: int) -> set[str]:
    """Enqueue a task many times: a notification, or one that finds nothing to do; the ids."""
    arguments: dict[str, Any] = {
        PUSH: {"user_id": person.id, "event": "rights_changed"},
        OTHER: {"key": "nobody", "action": "test.happened", "code": "none"},
    }
    ids = {f"lanes-{uuid.uuid4()}" for _ in range(count)}
    for id in ids:
        with journal.write_intent(person.actor, now()) as write:
            write.enqueue(task, id=id, **arguments[task])
    return ids


def list_done(env: Environment, task: str) -> set[str]:
    """The ids of the messages of a task that the worker has processed."""
    lines = [json.loads(line) for line in env.read_log("lanes-worker").splitlines()]
    return {line["message_id"] for line in lines if line["message"] == "task done" and line["task"] == task}


def list_due(ids: set[str]) -> set[str]:
    """Which of these notifications are due: other tests may have left other messages."""
    return ids & {message.id for message in outbox.fetch_due_messages("push", now(), limit=1_000)}


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition is true; meanwhile notify the worker of all shards, as beat does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        celery.notify_worker(outbox.SHARDS)
        time.sleep(0.5)


def test_a_vendor_that_hangs_delays_its_own_messages_only(
    test_users: UserFixtures, env: Environment, start_worker: Callable[[], None], record_figure: Callable[[str], None]
) -> None:
    person = register_device(test_users.sam)
    start_worker()
    first = enqueue(person, OTHER, 1)
    wait_for(lambda: first <= list_done(env, OTHER), 60)
    HTTP.post(f"{env.expo}/_local/faults", json=HANG).raise_for_status()
    try:
        pushes = enqueue(person, PUSH, PUSHES)
        celery.notify_worker(outbox.SHARDS)
        began_at = time.monotonic()
        others = enqueue(person, OTHER, OTHERS)
        wait_for(lambda: others <= list_done(env, OTHER) or time.monotonic() - began_at > SECONDS, SECONDS * 2)
        seconds = time.monotonic() - began_at
        done = others & list_done(env, OTHER)
        record_figure(f"outbox while Expo hangs: {60 * len(done) / seconds:.0f} other tasks a minute")
        assert done == others
        assert not pushes & list_done(env, PUSH)
    finally:
        HTTP.delete(f"{env.expo}/_local/faults").raise_for_status()
    waiting = list_due(pushes)
    assert len(waiting) >= PUSHES - 2 * PROCESSES, "unasked, they are still due"
    wait_for(lambda: waiting <= list_done(env, PUSH), 60)
    assert len(list_pushes(person)) >= len(waiting)


def test_lanes_of_all_tasks_are_settings() -> None:
    """A message of another lane would never be processed."""
    lanes = {tasks.lane_of(name, {"channel": channel}) for name in tasks.load_tasks() for channel in ("email", "push")}
    assert lanes == {"", *outbox.SHARDS[4:]}
