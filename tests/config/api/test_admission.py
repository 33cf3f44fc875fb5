"""Who gets a thread, who waits and who is refused, when more arrives than a process can answer."""

import asyncio
import operator
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from config import errors
from config.api.admission import LOOK_SECONDS, Admission
from config.api.concurrency import ClientGone, WatchClient
from config.api.customers_of_people import CustomersOfPeople
from config.web_threads import WebThreads

SERVICE_SECONDS = 0.3
MAX_WAIT_SECONDS = 5.5 * SERVICE_SECONDS
"""With one place, five requests may wait."""


def stay_connected() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


class Requests:
    """Requests of groups that want a place of an `Admission`; names of those that got one."""

    def __init__(
        self, places: int = 1, max_wait_seconds: float = MAX_WAIT_SECONDS, *, max_unbegun: int | None = None
    ) -> None:
        """With ``max_unbegun``, the test itself says when threads begin."""
        self.turn_seconds = SERVICE_SECONDS / places
        self.admission = Admission("test", places, max_wait_seconds, self.turn_seconds, max_unbegun=max_unbegun)
        self.begins = max_unbegun is None
        self.begun: list[str] = []
        self.refused: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def send(self, *names: str, seconds: float = 60, watch_client: WatchClient = stay_connected) -> None:
        """Send requests; the first letter of a name is the group."""
        for name in names:
            deadline = time.monotonic() + seconds
            self.tasks[name] = asyncio.create_task(self._enter(name, deadline, watch_client))
        await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        """Answer a request that was begun."""
        self.admission.leave(name[0])
        for _ in range(3):
            await asyncio.sleep(0)

    async def _enter(self, name: str, deadline: float, watch_client: WatchClient) -> None:
        error = await self.admission.enter(name[0], deadline, watch_client)
        assert error is None or isinstance(error, errors.Unavailable)
        if error is None and self.begins:
            self.admission.note_begun(self.turn_seconds)
        (self.refused if error else self.begun).append(name)


def test_a_request_waits_only_if_its_turn_is_near() -> None:
    async def run() -> None:
        requests = Requests()
        await requests.send(*(f"a{number}" for number in range(9)))
        assert requests.begun == ["a0"]
        assert requests.refused == ["a6", "a7", "a8"], "at once"
        for number in range(6):
            assert requests.begun[-1] == f"a{number}", "in the order of arrival"
            await requests.end("a")
        await requests.send("a9")
        assert requests.begun[-1] == "a9", "all places are free again"
        assert (requests.admission.state().waiting, requests.admission.state().refused) == (0, 3)

    asyncio.run(run())


def test_slow_answers_make_the_queue_shorter() -> None:
    async def run() -> None:
        requests = Requests()
        await requests.send("a0")
        for _ in range(100):
            await requests.send("a1")
            requests.turn_seconds = 3 * SERVICE_SECONDS
            requests.admission.leave("a")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await requests.send("a2", "a3", "a4")
        assert requests.refused == ["a3", "a4"]

    asyncio.run(run())


def test_nobody_waits_while_nothing_moves() -> None:
    """All threads wait for something that hangs: how long answers took before says nothing."""

    async def run() -> None:
        requests = Requests(max_wait_seconds=2.1 * SERVICE_SECONDS)
        await requests.send("a0", "a1")
        await asyncio.sleep(2.2 * SERVICE_SECONDS)
        await requests.send("a2")
        assert requests.refused == ["a2"]

    asyncio.run(run())


def test_a_group_that_sends_much_waits_for_itself_and_is_refused_first() -> None:
    async def run() -> None:
        requests = Requests(places=2, max_wait_seconds=2.9 * SERVICE_SECONDS)
        await requests.send(*(f"a{number}" for number in range(8)))
        assert requests.refused == ["a7"]
        await requests.send("b0", "b1", "c0")
        await asyncio.sleep(0)
        assert requests.refused == ["a7", "a6", "a5", "a4"], "the newest of the longest queue"
        for name in ("a0", "b0", "c0", "a1"):
            await requests.end(name)
        assert requests.begun == ["a0", "a1", "b0", "c0", "b1", "a2"]

    asyncio.run(run())


def test_requests_with_which_no_thread_begins_wait_in_the_queue_that_is_fair() -> None:
    """Threads that compute begin with nothing else; as soon as they wait, others get places."""

    async def run() -> None:
        requests = Requests(places=8, max_wait_seconds=8.5 / 8 * SERVICE_SECONDS, max_unbegun=2)
        await requests.send("a0", "a1")
        assert not requests.admission.is_full()
        await requests.send(*(f"a{number}" for number in range(2, 9)))
        assert requests.begun == ["a0", "a1"], "six places are free"
        assert requests.refused == ["a8"], "the two without a thread are in front, too"
        await requests.send("b0")
        requests.admission.note_begun()
        await requests.send("b1")
        await asyncio.sleep(0.1 * LOOK_SECONDS)
        assert requests.begun == ["a0", "a1", "b0"], "the group with fewer at work"
        requests.admission.note_begun()
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert requests.begun == ["a0", "a1", "b0", "b1"], "without another request"
        for _ in range(8):
            requests.admission.note_begun()
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert requests.admission.state().at_work == 8

    asyncio.run(run())


def test_a_request_that_computes_for_long_has_no_others_refused() -> None:
    """Such as a large export: the other threads begin before anybody has waited too long."""
    is_over, threads = threading.Event(), WebThreads(8, "test", max_computing=1)

    async def run() -> None:
        lane = Admission("test", places=8, max_wait_seconds=0.1, max_unbegun=2)

        async def answer(task: Callable[[], object]) -> object:
            came_at, in_front = time.monotonic(), lane.in_front()
            if refusal := await lane.enter("a", came_at + 10, stay_connected):
                return refusal

            def work() -> object:
                lane.note_begun(time.monotonic() - came_at, in_front)
                return task()

            try:
                return await threads.run(work)
            finally:
                lane.leave("a")

        long = asyncio.create_task(answer(partial(is_over.wait, 10)))
        answers = []
        for _ in range(30):
            await asyncio.sleep(0.01)
            answers.append(asyncio.create_task(answer(partial(operator.neg, 1))))
        assert set(await asyncio.gather(*answers)) == {-1}
        is_over.set()
        assert await long

    asyncio.run(run())
    threads.close()


def test_a_full_lane_refuses_unread_what_would_be_refused_after_reading() -> None:
    async def run() -> None:
        requests = Requests(places=2, max_wait_seconds=2.9 * SERVICE_SECONDS)
        await requests.send(*(f"a{number}" for number in range(6)))
        assert not requests.admission.is_full()
        await requests.send("a6")
        assert requests.admission.is_full()
        assert isinstance(requests.admission.refuse_beside("a"), errors.Unavailable)
        assert requests.admission.refuse_beside("b") is None, "the last one of the other group must go"
        await requests.send("b0")
        await asyncio.sleep(0)
        assert requests.refused == ["a6"]
        assert (requests.admission.state().waiting, requests.admission.state().refused) == (5, 2)

    asyncio.run(run())


def test_whoever_gives_up_loses_no_place() -> None:
    async def run() -> None:
        requests, gone = Requests(), stay_connected()
        await requests.send("a0")
        await requests.send("a1", watch_client=lambda: gone)
        await requests.send("a2", seconds=0.01)
        await requests.send("a3", "a4")
        requests.tasks["a3"].cancel()
        gone.set_result(None)
        with pytest.raises(ClientGone):
            await requests.tasks["a1"]
        await requests.tasks["a2"]
        assert requests.refused == ["a2"]
        await requests.end("a0")
        assert requests.begun == ["a0", "a4"]
        requests.admission.leave("a")
        await requests.send("a5", "a6")
        requests.admission.leave("a")
        requests.tasks["a6"].cancel()  # in the moment in which it got the place
        await asyncio.sleep(0)
        await requests.send("a7")
        assert requests.begun == ["a0", "a4", "a5", "a7"]
        state = requests.admission.state()
        assert (state.at_work, state.waiting, state.abandoned) == (1, 0, 1)

    asyncio.run(run())


def test_customers_are_those_who_paid() -> None:
    customers = CustomersOfPeople()
    customers.note("usr_1", {"dutyline.payer": ("usr_1", "cus_1")})
    customers.note(b"digest of a token", {"dutyline.payer": ("usr_1", "cus_1")})
    customers.note("usr_2", {})
    assert [customers.get(subject) for subject in ("usr_1", "usr_2", b"digest of a token", None)] == [
        "cus_1",
        "",
        "",
        "",
    ]
