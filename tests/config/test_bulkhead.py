"""Bounded calls to a dependency: how long they wait, and how many threads an owner takes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event

import pytest

from config import errors
from config.bulkhead import Bulkhead


@contextmanager
def hold_slots(bulkhead: Bulkhead, number: int, *, owner: str) -> Iterator[Event]:
    """Hold that many slots of an owner until the block ends, or the event is set."""
    is_done, are_running = Event(), [Event() for _ in range(number)]

    def task(number: int) -> None:
        are_running[number].set()
        is_done.wait(10)

    with ThreadPoolExecutor(number) as pool:
        for index in range(number):
            pool.submit(bulkhead.call, lambda index=index: task(index), owner=owner)
        try:
            assert all(event.wait(5) for event in are_running), "each has a slot"
            yield is_done
        finally:
            is_done.set()


def test_an_owner_takes_half_of_the_slots_while_others_are_idle() -> None:
    """A location got 4 of 16 threads although 12 were idle; the rest stays for others."""
    bulkhead = Bulkhead("The rota", max_concurrent=8, max_per_owner=2, budget_seconds=1)
    with ExitStack() as held:
        held.enter_context(hold_slots(bulkhead, 4, owner="loc_a"))
        with pytest.raises(errors.Unavailable, match="busy"):
            bulkhead.call(lambda: "result", owner="loc_a")
        held.enter_context(hold_slots(bulkhead, 2, owner="loc_b"))
        with pytest.raises(errors.Unavailable, match="busy"):
            bulkhead.call(lambda: "result", owner="loc_b")
        assert bulkhead.call(lambda: "result", owner="loc_c") == "result"
        assert bulkhead.call(lambda: "result") == "result"
    assert bulkhead.call(lambda: "result", owner="loc_a") == "result", "all are free again"


def test_a_call_waits_once_for_its_slot() -> None:
    """It waited for its owner, then for a thread, until no time was left to run in."""
    bulkhead = Bulkhead("The rota", max_concurrent=2, max_per_owner=1, budget_seconds=1)
    is_done = Event()
    with (
        ThreadPoolExecutor(2) as pool,
        hold_slots(bulkhead, 1, owner=""),
        hold_slots(bulkhead, 1, owner="loc_a") as of_owner,
    ):
        next_in_line = pool.submit(bulkhead.call, lambda: is_done.wait(10))
        time.sleep(0.1)
        started_at = time.monotonic()
        waiting = pool.submit(bulkhead.call, lambda: "result", owner="loc_a")
        time.sleep(0.2)
        of_owner.set()
        error = waiting.exception(5)
        assert time.monotonic() - started_at < 0.65, "half of the budget, for both together"
        assert error is None or "busy" in str(error)
        is_done.set()
        next_in_line.exception(5)


def test_a_caller_who_has_spent_their_time_does_not_blame_the_dependency() -> None:
    """For five seconds, nobody else would have waited for a thread."""
    bulkhead = Bulkhead("The rota", max_concurrent=1, budget_seconds=1)
    with pytest.raises(errors.Unavailable):
        bulkhead.call(lambda: time.sleep(0.3), deadline=time.monotonic() + 0.05)

    assert bulkhead.call(lambda: "result") == "result", "after the thread was free"
