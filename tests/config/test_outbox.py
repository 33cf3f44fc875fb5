"""Work that must still happen: leases, back-off, dead letters, and real workers that are killed."""

import itertools
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts import users
from config import errors, journal, outbox
from config.dev import engines, services
from config.outbox import worker
from tests.conftest import Cast, mails_to, now, sweep
from tests.support.environment import SCALE, World, wait_for

DONE: list[str] = []


@worker.task("test.works")
def works(*, job: worker.Job, mark: str, **_: Any) -> None:
    """Notes that it ran, and in whose name."""
    DONE.append(f"{mark} for {job.author.name} at {job.author.ip}")


@worker.task("test.breaks")
def breaks(*, job: worker.Job, **_: Any) -> None:
    """A defect."""
    raise ZeroDivisionError("canary of a person")


@worker.task("test.waits")
def waits(*, job: worker.Job, **_: Any) -> None:
    """A vendor that is away."""
    raise errors.Unavailable("away", retry_after=1)


def later(cast: Cast, task: str, **arguments: Any) -> str:
    """Put an entry, as a write does; its id."""
    id = f"{task}-{time.time_ns()}"
    with journal.write(
        actor=cast.ann.actor,
        action="test.happened",
        subject=cast.sam.user.party,
        at=now(),
        customer_id=cast.customer.id,
    ) as write:
        write.later(task, id=id, **arguments)
    return id


def stored(id: str) -> outbox.OutboxEntry | None:
    from config import dynamodb

    return dynamodb.get(outbox.OutboxEntry, id)


def test_every_task_that_is_asked_for_exists() -> None:
    asked = set()
    for path in (services.ROOT / "accounts").glob("**/*.py"):
        asked |= set(re.findall(r'write\.later\(\s*"([\w.]+)"', path.read_text()))

    assert asked == {name for name in worker.tasks() if name.startswith("accounts.")}
    assert asked <= set(worker.tasks())


def test_work_is_done_once_in_the_name_of_its_author(cast: Cast) -> None:
    id = later(cast, "test.works", mark="one")

    sweep()
    sweep()

    assert [mark for mark in DONE if mark.startswith("one")] == [
        f"one for {cast.ann.user.name} at "
    ]
    assert stored(id) is None


def test_what_is_not_due_waits(cast: Cast) -> None:
    with journal.write(
        actor=cast.ann.actor,
        action="test.happened",
        subject=cast.sam.user.party,
        at=now(),
        customer_id=cast.customer.id,
    ) as write:
        write.later("test.works", due=now() + timedelta(hours=1), mark="reminder")

    sweep()
    assert not [mark for mark in DONE if mark.startswith("reminder")]
    sweep(later=3601)
    assert [mark for mark in DONE if mark.startswith("reminder")]


def test_a_defect_is_tried_five_times_then_dead_and_kept(cast: Cast) -> None:
    id = later(cast, "test.breaks")
    outcomes = []
    for hour in range(1, 8):
        report = sweep(later=3600 * hour)
        outcomes += [how for (name, how), _ in report.counts.items() if name == "test.breaks"]

    assert outcomes == ["failed"] * 4 + ["dead"]
    entry = stored(id)
    assert entry
    assert (entry.shard, entry.error) == ("dead", "ZeroDivisionError")
    assert outbox.state(now()).dead >= 1


def test_a_vendor_that_is_away_is_no_attempt_until_three_days_are_over(cast: Cast) -> None:
    id = later(cast, "test.waits")
    waited = []
    for round in range(1, 12):
        sweep(later=3600 * round)
        entry = stored(id)
        assert entry
        assert entry.attempts == 0
        waited.append((entry.due_at - now()).total_seconds() - 3600 * round)
    assert 25 < waited[0] < 31
    assert all(later > sooner - 1 for sooner, later in itertools.pairwise(waited))
    assert 890 < waited[-1] < 901

    sweep(later=73 * 3600)

    entry = stored(id)
    assert entry
    assert entry.shard == "dead"


def test_patience_begins_when_the_work_is_due(cast: Cast) -> None:
    with journal.write(
        actor=cast.ann.actor,
        action="test.happened",
        subject=cast.sam.user.party,
        at=now(),
        customer_id=cast.customer.id,
    ) as write:
        write.later("test.waits", id="far away", due=now() + timedelta(hours=80))

    report = sweep(later=81 * 3600)

    assert report.counts["test.waits", "deferred"] >= 1
    entry = stored("far away")
    assert entry
    assert entry.shard != "dead"


def test_a_claim_that_was_lost_falls_due_again(cast: Cast) -> None:
    id = later(cast, "test.works", mark="leased")
    (keys,) = [key for key in due_now() if key.id == id]
    assert worker._claim(keys, now())
    assert worker._claim(keys, now()) is None, "claimed once only"

    sweep()
    assert not [mark for mark in DONE if mark.startswith("leased")]
    sweep(later=worker.LEASE.total_seconds() + 1)
    assert [mark for mark in DONE if mark.startswith("leased")]


def test_who_crashes_every_time_is_buried_without_another_try(cast: Cast) -> None:
    id = later(cast, "test.works", mark="poison")
    for crash in range(worker.ATTEMPTS):
        at = now() + timedelta(minutes=5 * crash)
        (keys,) = [key for key in due_now(at) if key.id == id]
        assert worker._claim(keys, at)

    report = sweep(later=3600)

    assert report.counts["test.works", "dead"] == 1
    assert not [mark for mark in DONE if mark.startswith("poison")]


def due_now(at: datetime | None = None) -> list[outbox.OutboxEntry]:
    return [key for shard in outbox.SHARDS for key in outbox.due(shard, at or now(), limit=500)]


# --- real workers ---------------------------------------------------------------------------------
@pytest.fixture
def start_worker(world: World) -> Iterator[Callable[[str], int]]:
    """Starts workers and schedules by name; they are stopped afterwards."""
    started = []

    def start(name: str) -> int:
        command = services.beat(world.folder) if name.startswith("beat") else services.worker()
        if name == "beat2":
            command = services.beat(world.folder / "second")
            (world.folder / "second").mkdir(exist_ok=True)
        started.append(name)
        return world.spawn(name, command).pid

    yield start
    for name in started:
        if name in world.processes:
            world.stop(name)


def until(true: Callable[[], Any], seconds: float = 40) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.1)


def test_an_invitation_goes_out_once_redis_is_back(
    cast: Cast, world: World, start_worker: Callable[[str], int]
) -> None:
    start_worker("worker")
    start_worker("beat")
    world.stop("redis")
    body = cast.new_user()

    created = cast.ann.post("/user", body)

    assert created.status_code == 201
    assert cast.ann.get("/user").status_code == 200
    world.spawn("redis", engines.redis(world.ports["redis"]))
    wait_for(world.ports["redis"])
    until(lambda: mails_to(world, body["email"]), seconds=60)
    time.sleep(1)
    assert len(mails_to(world, body["email"])) == 1


def test_a_worker_killed_in_a_task_loses_nothing(
    cast: Cast, world: World, start_worker: Callable[[str], int]
) -> None:
    fault = {"path": "/api/v2/tickets/.*", "fault": "slow", "seconds": 30, "times": 1}
    httpx.post(f"{world.issuer}_local/faults", json=fault).raise_for_status()
    pid = start_worker("worker")
    body = cast.new_user()
    user = cast.ann.post("/user", body).json()
    until(lambda: any(entry.claim for entry in _entries_of(user["id"])))

    os.killpg(pid, signal.SIGKILL)
    world.processes.pop("worker").wait()
    httpx.delete(f"{world.issuer}_local/faults")

    assert not mails_to(world, body["email"])
    if SCALE:
        start_worker("worker")
        start_worker("beat")
        until(lambda: mails_to(world, body["email"]), seconds=120)
    else:
        sweep(later=worker.LEASE.total_seconds() + 5)
    assert len(mails_to(world, body["email"])) == 1
    assert users.get(user["id"]).status == "invited"


def _entries_of(user_id: str) -> list[outbox.OutboxEntry]:
    from config import dynamodb

    rows = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    entries = [outbox.OutboxEntry.read(row) for row in rows]
    return [entry for entry in entries if entry.arguments.get("user_id") == user_id]


def test_two_schedules_and_two_workers_double_nothing(
    cast: Cast, world: World, start_worker: Callable[[str], int], say: Callable[[str], None]
) -> None:
    for name in ("worker", "worker2", "beat", "beat2"):
        start_worker(name)
    bodies = [cast.new_user() for _ in range(12)]

    for body in bodies:
        assert cast.ann.post("/user", body).status_code == 201

    until(lambda: all(mails_to(world, body["email"]) for body in bodies), seconds=60)
    time.sleep(6)
    counts = [len(mails_to(world, body["email"])) for body in bodies]
    assert counts == [1] * len(bodies)
    say(f"two workers, two schedules: {sum(counts)} invitations for {len(bodies)} people")
