"""F1: one person with many connections took all threads; calls of others were not answered."""

import asyncio
import gc
import hashlib
import itertools
import secrets
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import httpx
import jwt
import pytest
from django.conf import settings
from django.test import RequestFactory

from config import errors
from config.api import throttling
from config.api.address_limit import AddressLimitMiddleware
from config.api.admission import Admission
from config.api.concurrency import MAX_WAITING, REFUSAL, ClientGone, PersonPlaces, TokenQueue, refusal
from config.api.middleware import RequestLogMiddleware
from config.web_requests import Client, Message
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, create_line, new_sid, post_webhook
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, parse_problem

CONNECTIONS = 48
LATENCY_SECONDS = 0.15


@contextmanager
def lists_at_once(person: SignedInUser, tokens: list[str], count: int) -> Iterator[list[httpx.Response]]:
    """Lists of shifts that one person asks for at the same time; the responses so far."""
    query = {"customerId": person.user.customer_id, "from": "2032-01-01T00:00:00Z", "to": "2032-02-01T00:00:00Z"}
    responses: list[httpx.Response] = []

    def ask(token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        responses.append(httpx.get(f"{person.web}/staffSchedule", params=query, headers=headers, timeout=30))

    with ThreadPoolExecutor(count) as connections:
        requests = [connections.submit(ask, token) for token in itertools.islice(itertools.cycle(tokens), count)]
        yield responses
        for request in requests:
            request.result()


def begin_call(url: str, number: str) -> httpx.Response:
    body = {"AccountSid": settings.TWILIO["account_sid"], "CallSid": new_sid(), "To": number, "From": "+16175550199"}
    body["LocalTime"] = WEDNESDAY_NOON.isoformat()
    return post_webhook(url, body, **{"X-Twilio-Signature": sign_webhook(url, body, "local-twilio-token")})


def test_lists_of_one_person_delay_neither_calls_nor_others(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    line = create_line(test_users)
    with (
        env.apply_plan(FaultPlan(latency=LATENCY_SECONDS)) as plan,
        lists_at_once(test_users.mia, [test_users.mia.token], CONNECTIONS) as lists,
    ):
        while len(plan.calls) < settings.REQUESTS_AT_ONCE_PER_TOKEN:
            pass
        user = test_users.cleo.get("/user")
        before_user = len(lists)
        call = begin_call(f"{test_users.ann.web}/telephony/voice", line.number)
        before_call = len(lists)
    record_figure(
        f"of {CONNECTIONS} lists at once, {before_user} before GET /user of another, {before_call} before a call"
    )
    assert user.status_code == call.status_code == 200
    assert before_call < CONNECTIONS - settings.WEB_THREADS, "else the call waited behind the lists"
    assert {response.status_code for response in lists} == {200}, "they wait, and are answered"


def test_a_call_does_not_wait_for_requests_of_many_people(test_users: UserFixtures, env: Environment) -> None:
    line = create_line(test_users)
    people = [test_users.ann, test_users.abe, test_users.mia, test_users.sam, test_users.cleo]
    requests = [person for person in people for _ in range(settings.REQUESTS_AT_ONCE_PER_TOKEN)]
    assert len(requests) > settings.WEB_THREADS
    with env.apply_plan(FaultPlan(latency=1.0)) as plan, ThreadPoolExecutor(len(requests)) as connections:
        answers = [connections.submit(person.get, "/user") for person in requests]
        while len(plan.calls) < settings.WEB_THREADS:
            pass
        call = begin_call(f"{test_users.ann.web}/telephony/voice", line.number)
        statuses = Counter(answer.result().status_code for answer in answers)
    assert statuses.keys() <= {200, 503}, "those that would wait for long are refused"
    assert statuses[200] >= settings.WEB_THREADS
    first_end = min(proxied.ended_at for proxied in plan.calls)
    assert call.status_code == 200
    assert sum(proxied.began_at < first_end for proxied in plan.calls) > settings.WEB_THREADS


def another_token(env: Environment, person: SignedInUser, seconds: int) -> str:
    """A token of the same person that was issued earlier."""
    claims = jwt.decode(person.token, options={"verify_signature": False})
    return env.tenant().sign({**claims, "iat": claims["iat"] - seconds})


def test_more_tokens_of_a_person_do_not_help(test_users: UserFixtures, env: Environment) -> None:
    tokens = [another_token(env, test_users.mia, seconds) for seconds in range(6)]
    with env.apply_plan(FaultPlan(latency=LATENCY_SECONDS)) as plan:
        with lists_at_once(test_users.mia, tokens, 24) as lists:
            pass
        people_read = sum(call.operation == "BatchGetItem" for call in plan.calls)
    refused = [response for response in lists if response.status_code == 429]
    answered = [response for response in lists if response.status_code == 200]
    assert refused
    assert answered
    assert {response.status_code for response in lists} <= {200, 429, 503}, "503 while the process is overloaded"
    assert people_read <= 2 * len(answered), "nothing is read for those that are refused"
    assert parse_problem(refused[0])["code"] == "rate_limited"
    assert refused[0].headers["Retry-After"] == "1"
    assert refused[0].headers["RateLimit-Policy"].startswith('"read";'), "it is counted as one of the person's"
    assert test_users.mia.get("/user").status_code == 200, "places are free again"


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def stay_connected() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def test_a_person_waits_for_their_own_requests_only() -> None:
    """Who knows what a token says of its owner takes none of the owner's places."""

    async def run() -> list[str]:
        verified = {digest_of("a.one.x"): "one", digest_of("a.later.x"): "one"}
        queue, order, gate = TokenQueue(2, verified.get), [], asyncio.Event()

        async def request(name: str, authorization: str, method: str = "GET") -> None:
            async with queue.place(method, authorization, time.monotonic() + 60, stay_connected) as refusal:
                order.append(f"{name} refused" if refusal else name)
                await gate.wait()

        tokens = ["Bearer a.one.x", "bearer  a.later.x", "BEARER a.one.x ", "Bearer a.one.forged", " ", "opaque"]
        tasks = [asyncio.create_task(request(str(number), token)) for number, token in enumerate(tokens)]
        tasks.append(asyncio.create_task(request("change", tokens[0], "POST")))
        await asyncio.sleep(0)
        assert order == ["0", "1", "3", "4", "5", "change"], "changes do not wait for reads"
        waiting = [asyncio.create_task(request("late", tokens[0])) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        assert order[-1] == "late refused", "one waits already"
        waiting[0].cancel()
        gate.set()
        await asyncio.gather(*tasks, *waiting, return_exceptions=True)
        return order

    order = asyncio.run(run())
    assert order.count("late") == MAX_WAITING - 2
    assert order[7] == "2", "in the order of arrival"


def test_a_client_is_watched_once_however_often_its_request_waits() -> None:
    """The server answered the second question with a disconnect: the client got 500."""

    async def run() -> int:
        questions = 0

        async def receive() -> Message:
            nonlocal questions
            questions += 1
            if questions == 1:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        client, lane = Client(receive), Admission("test", 1, 60)
        queue = TokenQueue(1, lambda digest: None)
        assert await lane.enter("a", time.monotonic() + 60, client.watch) is None

        async def wait_twice() -> object:
            async with queue.place("GET", "Bearer a.b.c", time.monotonic() + 60, client.watch):
                return await lane.enter("a", time.monotonic() + 60, client.watch)

        async with queue.place("GET", "Bearer a.b.c", time.monotonic() + 60, client.watch):
            task = asyncio.create_task(wait_twice())
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        lane.note_begun()
        lane.leave("a")
        assert await task is None
        client.forget()
        return questions

    assert asyncio.run(run()) == 1


def test_a_client_that_was_watched_leaves_nothing_to_the_collector_of_cycles() -> None:
    """A collection stops all threads of a process: on a busy core for a third of a second."""

    async def watch(*messages: str) -> weakref.ref[Client]:
        remaining = iter(messages)

        async def receive() -> Message:
            if kind := next(remaining, None):
                return {"type": kind}
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        client = Client(receive)
        client.watch()
        await asyncio.sleep(0.01)
        client.forget()
        await asyncio.sleep(0.01)
        return weakref.ref(client)

    gc.disable()
    try:
        assert asyncio.run(watch())() is None
        assert asyncio.run(watch("http.request"))() is None, "the end of a body that was read"
        assert asyncio.run(watch("http.disconnect"))() is None
    finally:
        gc.enable()


def test_a_request_waits_for_a_bounded_time_and_for_a_client_that_listens() -> None:
    async def run() -> None:
        queue, gone = TokenQueue(1, lambda digest: None), stay_connected()

        async def wait(seconds: float) -> object:
            deadline = time.monotonic() + seconds
            async with queue.place("POST", "Bearer a.b.c", deadline, lambda: gone) as refusal:
                return refusal

        async with queue.place("POST", "Bearer a.b.c", 0, stay_connected) as refusal:
            assert refusal is None
            late = await wait(0.01)
            assert isinstance(late, errors.Unavailable)
            abandoned, patient = asyncio.create_task(wait(60)), asyncio.create_task(wait(60))
            await asyncio.sleep(0)
            gone.set_result(None)
            with pytest.raises(ClientGone):
                await abandoned
        with pytest.raises(ClientGone):
            await patient
        assert await wait(0) is None, "no place was lost"

    asyncio.run(run())


def test_changes_do_not_happen_when_their_clients_are_gone(test_users: UserFixtures, env: Environment) -> None:
    ann = test_users.ann
    first = settings.REQUESTS_AT_ONCE_PER_TOKEN

    def create(number: int) -> None:
        body = {"name": f"Given up {number}", "address": "2 Long Wharf, Boston", "timeZone": "America/New_York"}
        with suppress(httpx.TimeoutException):
            httpx.post(f"{ann.web}/location", json=body, headers={"Authorization": f"Bearer {ann.token}"}, timeout=1)

    assert ann.get("/user").status_code == 200  # the token is verified
    with env.apply_plan(FaultPlan(latency=0.5)), ThreadPoolExecutor(3 * first) as connections:
        list(connections.map(create, range(3 * first)))
    time.sleep(3)
    names = [item["name"] for item in ann.get("/location?limit=100").json()["items"]]
    assert sum(name.startswith("Given up") for name in names) <= first, "others were waiting"


def test_places_of_a_person_are_counted() -> None:
    places = PersonPlaces(2)
    places.take("usr_1")
    places.take("usr_1")
    places.take("usr_2")
    with pytest.raises(errors.TooManyRequests):
        places.take("usr_1")
    places.free("usr_1")
    places.take("usr_1")


def end_process(request: Any) -> NoReturn:
    throttling.take_place(request, "usr_ended")
    raise SystemExit


def test_a_place_is_free_whatever_ends_the_request() -> None:
    for _ in range(2 * settings.REQUESTS_AT_ONCE_PER_TOKEN + 1):
        with pytest.raises(SystemExit):
            RequestLogMiddleware(end_process)(RequestFactory().get("/user"))


def test_a_request_that_may_not_wait_is_counted(env: Environment) -> None:
    request = RequestFactory().get("/user", REMOTE_ADDR=f"2001:db8::{secrets.token_hex(2)}")
    request.META[REFUSAL] = refusal()
    response = AddressLimitMiddleware(end_process).process_view(request, None)
    key = ("anonymous", request.META["REMOTE_ADDR"])
    assert response is not None
    assert response.status_code == 429
    assert throttling.get_limiter().counters.add({key: 0}) == {key: 1}
