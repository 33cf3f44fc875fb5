"""The pass of the board: all customers, bounded reads, killed workers, failing checks."""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from accounts.models import Customer, Location
from config import celery, costs, dynamodb, outbox
from config.backoffice.board import load_kinds
from config.board import items, passes
from config.board.models import BoardItem
from config.board.sources import Findings, Problem, Source, customer_sources, platform_sources
from config.dev import services
from config.outbox import worker
from tests.support.board import MAX_SLICES, check, kinds_of, problems_of, run_pass
from tests.support.bulk import delete_records, put_records
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now, process_outbox
from tests.support.waiting import wait_until

CUSTOMERS = 300
MAX_TRIPS, MAX_TRIPS_PER_LOCATION = 12, 6
"""Of the check of a customer: its schedules of each location are read in three ranges, and in three
again where a number is active and nobody has a shift in the next days; measured: 10 and 3 to 6."""


@pytest.fixture(scope="module")
def many_customers(test_users: UserFixtures) -> Iterator[list[Customer]]:
    """Customers who have nothing; the first half is suspended."""
    created = []
    for number in range(CUSTOMERS):
        id = dynamodb.new_id("cus", now())
        status = "suspended" if number < CUSTOMERS // 2 else "active"
        name = f"Crowd {number:03}"
        created.append(Customer(id=id, name=name, name_key=f"crowd {id}", status=status, created_at=now()))
    put_records(created)
    yield created
    delete_records(created)


@pytest.fixture
def start_worker(env: Environment) -> Iterator[Callable[[], int]]:
    """Starts a worker, which is stopped afterwards."""

    def start() -> int:
        return env.fork("worker", services.worker_command()).pid

    yield start
    if "worker" in env.processes:
        env.stop("worker")


def pass_message() -> outbox.OutboxMessage | None:
    return dynamodb.get_record(outbox.OutboxMessage, passes.MESSAGE_ID)


def progress() -> passes.Progress | None:
    message = pass_message()
    return passes.Progress.parse(str(message.progress)) if message and message.progress else None


def scan_records(record_class: type[dynamodb.Record]) -> list[Any]:
    pages = dynamodb.iter_pages("Scan", TableName=record_class.table_name(), ConsistentRead=True)
    return [record_class.from_item(item) for page in pages for item in page]


def test_a_pass_checks_all_customers_with_few_reads(
    many_customers: list[Customer], record_figure: Callable[[str], None]
) -> None:
    """Customers of earlier tests are checked too: what these have counts by location."""
    process_outbox(seconds_ahead=MAX_SLICES * (passes.PAUSE_SECONDS + 1))
    keys_before, began_at = {(item.scope, item.key) for item in scan_records(BoardItem)}, now()
    with costs.measure() as cost:
        last_pass = run_pass()

    assert last_pass.customers >= CUSTOMERS
    assert last_pass.failures == 0
    assert kinds_of(many_customers[0]) == {"customer-suspended"}
    assert kinds_of(many_customers[-1]) == set()
    board_items = scan_records(BoardItem)
    writes = sum(item.last_seen_at >= began_at for item in board_items)
    writes += len(keys_before - {(item.scope, item.key) for item in board_items})
    assert writes >= CUSTOMERS // 2
    reads, locations = cost.round_trips - writes, len(scan_records(Location))
    record_figure(
        f"board: {reads / last_pass.customers:.1f} round trips for each of {last_pass.customers} customers with "
        f"{locations} locations in a pass"
    )
    assert reads <= MAX_TRIPS * last_pass.customers + MAX_TRIPS_PER_LOCATION * locations
    with costs.measure() as cost:
        check(many_customers[-1])
    assert cost.round_trips <= MAX_TRIPS


def test_a_killed_worker_loses_no_pass(
    many_customers: list[Customer], start_worker: Callable[[], int], env: Environment
) -> None:
    pid = start_worker()
    celery.app.send_task("board.begin", expires=60)
    wait_until(lambda: bool((state := progress()) and state.customers >= passes.CUSTOMERS_PER_PAGE), seconds=60)

    os.killpg(pid, signal.SIGKILL)
    env.processes.pop("worker").wait()

    state = progress()
    assert state is not None
    assert not state.has_ended
    seconds = worker.LEASE.total_seconds() + 5
    while pass_message():
        process_outbox(seconds_ahead=seconds)
        seconds += passes.PAUSE_SECONDS + 1
    last_pass = items.get_last_pass()
    assert last_pass is not None
    assert last_pass.began_at == state.began_at
    assert last_pass.customers >= CUSTOMERS


def test_only_one_pass_is_under_way(test_users: UserFixtures) -> None:
    assert passes.begin_pass(now())

    assert not passes.begin_pass(now())

    process_outbox()


def test_a_pass_that_is_a_dead_letter_begins_anew(test_users: UserFixtures) -> None:
    passes.begin_pass(now())
    message = pass_message()
    assert message is not None
    message.shard, message.due_at = outbox.DEAD_LETTER_SHARD, now() - timedelta(minutes=50)
    put_records([message])
    assert not passes.begin_pass(now())

    assert passes.begin_pass(now() + timedelta(minutes=20))

    delete_records([message])


def test_items_stay_while_their_cause_lasts(test_users: UserFixtures) -> None:
    scope, at = str(test_users.customer.id), now()
    first = [Problem("test", "a", {"n": 1}), Problem("test", "b")]
    items.store(scope, scope, ["test"], first, at)
    items.take(scope, "test#a", "opr_1", at)

    items.store(scope, scope, ["test"], [Problem("test", "a", {"n": 2})], at + timedelta(minutes=5))

    stored = {key: item for key, item in problems_of(test_users.customer).items() if item.kind == "test"}
    assert set(stored) == {"test#a"}
    item = stored["test#a"]
    assert (item.facts, item.owner_id, item.first_seen_at) == ({"n": 2}, "opr_1", at)
    with pytest.raises(items.AlreadyTaken):
        items.take(scope, "test#a", "opr_2", at)
    items.release(scope, "test#a")
    items.take(scope, "test#a", "opr_2", at)
    items.store(scope, scope, ["test"], [], at)
    assert not any(item.kind == "test" for item in problems_of(test_users.customer).values())


def test_other_customers_and_kinds_are_not_touched(test_users: UserFixtures) -> None:
    own, other = str(test_users.customer.id), str(test_users.other_customer.id)
    items.store(own, own, ["test"], [Problem("test", "a")], now())
    items.store(other, other, ["test", "more"], [Problem("test", "a"), Problem("more", "a")], now())

    items.store(own, own, ["test"], [], now())
    items.store(other, other, ["test"], [Problem("test", "a")], now())

    assert "test" not in kinds_of(test_users.customer)
    assert {"test", "more"} <= kinds_of(test_users.other_customer)
    items.store(other, other, ["test", "more"], [], now())


def broken_check(customer: Customer, at: object) -> Findings:
    """Fails."""
    raise KeyError(customer.id)


def test_a_failing_check_leaves_earlier_items(test_users: UserFixtures) -> None:
    scope = str(test_users.customer.id)
    items.store(scope, scope, ["test"], [Problem("test", "a")], now())
    state = passes.Progress(now())
    source = Source("broken", ("test",), broken_check)

    passes._run_source(source, lambda: broken_check(test_users.customer, now()), scope, scope, state, now())

    assert state.failures == 1
    assert "test" in kinds_of(test_users.customer)
    items.store(scope, scope, ["test"], [], now())


def test_all_kinds_of_sources_are_described() -> None:
    kinds = {kind for source in (*customer_sources(), *platform_sources()) for kind in source.kinds}

    assert kinds == set(load_kinds())


def test_a_board_without_a_recent_pass_is_late() -> None:
    at = now()
    last_pass = items.get_last_pass()
    assert last_pass is not None
    assert passes.is_late(None, at)
    assert not passes.is_late(last_pass, last_pass.ended_at + passes.interval())
    assert passes.is_late(last_pass, last_pass.ended_at + timedelta(minutes=4 * settings.BOARD_MINUTES))
    assert BoardItem.Meta.ttl == "expires_at"
