"""F1: one person with many connections took all threads; calls of others were not answered."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import jwt
import pytest
from django.conf import settings

from config import errors
from config.api.concurrency import MAX_WAITING, PersonPlaces, TokenQueue
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
        assert {answer.result().status_code for answer in answers} == {200}
    first_end = min(proxied.ended_at for proxied in plan.calls)
    assert call.status_code == 200
    assert sum(proxied.began_at < first_end for proxied in plan.calls) > settings.WEB_THREADS


def another_token(env: Environment, person: SignedInUser, seconds: int) -> str:
    """A token of the same person that was issued earlier."""
    claims = jwt.decode(person.token, options={"verify_signature": False})
    return env.tenant().sign({**claims, "iat": claims["iat"] - seconds})


def test_more_tokens_of_a_person_do_not_help(test_users: UserFixtures, env: Environment) -> None:
    tokens = [another_token(env, test_users.mia, seconds) for seconds in range(6)]
    with env.apply_plan(FaultPlan(latency=LATENCY_SECONDS)), lists_at_once(test_users.mia, tokens, 24) as lists:
        pass
    refused = [response for response in lists if response.status_code == 429]
    assert refused
    assert {response.status_code for response in lists} == {200, 429}
    assert parse_problem(refused[0])["code"] == "rate_limited"
    assert refused[0].headers["Retry-After"] == "1"
    assert test_users.mia.get("/user").status_code == 200, "places are free again"


def test_a_token_waits_for_its_own_requests_only() -> None:
    """The signature and the case of the scheme can be varied, and stay the same token."""

    async def run() -> list[str]:
        queue, order, gate = TokenQueue(2), [], asyncio.Event()

        async def request(name: str, authorization: str, method: str = "GET") -> None:
            async with queue.place(method, authorization) as has_place:
                order.append(name if has_place else f"{name} refused")
                await gate.wait()

        tokens = ["Bearer a.one.x", "bearer  a.one.y", "BEARER a.one.z ", "Bearer a.two.x", " ", "opaque"]
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


def test_places_of_a_person_are_counted() -> None:
    places = PersonPlaces(2)
    places.take("usr_1")
    places.take("usr_1")
    places.take("usr_2")
    with pytest.raises(errors.TooManyRequests):
        places.take("usr_1")
    places.free("usr_1")
    places.take("usr_1")
