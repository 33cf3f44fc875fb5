"""Threads that work for an event loop: order, errors, one wake-up for many results, the end."""

import asyncio
import operator
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NoReturn

import pytest

from config import computing
from config.web_threads import WebThreads


def fail(error: BaseException) -> NoReturn:
    raise error


def test_results_and_errors_reach_who_waits_for_them() -> None:
    threads = WebThreads(4, "test")

    async def run() -> None:
        results = await asyncio.gather(*(threads.run(partial(operator.neg, number)) for number in range(1000)))
        assert results == [-number for number in range(1000)]
        for error in (KeyError("a"), StopIteration("b"), SystemExit("c")):
            with pytest.raises((type(error), RuntimeError)) as raised:
                await threads.run(partial(fail, error))
            assert error in (raised.value, raised.value.__cause__)

    asyncio.run(run())
    threads.close()


def test_tasks_begin_in_order_and_cancelled_ones_do_not_begin() -> None:
    threads = WebThreads(1, "test")
    begun: list[int] = []
    may_go_on = threading.Event()

    async def run() -> None:
        first = asyncio.create_task(threads.run(may_go_on.wait))
        others = [asyncio.create_task(threads.run(partial(begun.append, number))) for number in range(4)]
        await asyncio.sleep(0)
        others[1].cancel()
        await asyncio.sleep(0)
        may_go_on.set()
        await asyncio.gather(first, *others, return_exceptions=True)

    asyncio.run(run())
    threads.close()
    assert begun == [0, 2, 3]


def test_the_end_waits_for_what_was_begun() -> None:
    """Also for a change whose client has left, and whose loop is closed."""
    threads = WebThreads(1, "test")
    done: list[str] = []

    def change() -> None:
        time.sleep(0.2)
        done.append("changed")

    async def run() -> None:
        task = asyncio.create_task(threads.run(change))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(run())
    with ThreadPoolExecutor(1) as other:
        other.submit(threads.close).result(10)
    assert done == ["changed"]


def test_few_tasks_compute_at_once_while_others_wait_for_answers() -> None:
    threads = WebThreads(6, "test", max_computing=2, max_seconds=60)
    begun: list[int] = []
    may_end, is_answered, have_all_begun = threading.Event(), threading.Event(), threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if len(begun) == 3:
            have_all_begun.set()
        with computing.waiting():
            is_answered.wait(60)

    async def run() -> None:
        computes = [asyncio.create_task(threads.run(partial(may_end.wait, 60))) for _ in "ab"]
        waits = [asyncio.create_task(threads.run(partial(work, number))) for number in range(3)]
        await asyncio.sleep(0.05)
        assert begun == []
        may_end.set()
        assert await asyncio.to_thread(have_all_begun.wait, 60)  # each waits, and lets the next begin
        is_answered.set()
        await asyncio.gather(*computes, *waits)

    asyncio.run(run())
    threads.close()


def test_threads_that_wait_without_saying_so_do_not_stop_others() -> None:
    threads = WebThreads(3, "test", max_computing=1)
    is_over = threading.Event()

    async def run() -> None:
        waits = asyncio.create_task(threads.run(partial(is_over.wait, 10)))
        assert await asyncio.wait_for(threads.run(partial(operator.neg, 1)), 5) == -1
        is_over.set()
        assert await waits

    asyncio.run(run())
    threads.close()
