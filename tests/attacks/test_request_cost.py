"""What requests cost is counted: per person, per customer, and per address without a token."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from django.conf import settings

from config.api import rate_counters
from config.costs import Cost
from tests.attacks.processes import ProcessCost
from tests.support import rate_limits
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, parse_problem

ANONYMOUS_PATHS = (
    *("/openapi.json", "/openapi.yaml", "/docs/", "/docs", "/", "/docs/errors", "/legal/", "/unknown"),
    *("/schemas/ivr-1.json", "/calendar/usr_x/secret.ics", "/admin/login/", "/admin/", "/user"),
    "/static/backoffice/style.css",
)


@pytest.fixture(scope="module")
def strict_web(env: Environment) -> Iterator[str]:
    """A web process with small limits."""
    yield env.start_web(
        "strict",
        free_port(),
        TRUSTED_PROXIES="127.0.0.0/8",
        REQUESTS_PER_ADDRESS="20",
        COST_PER_USER="300",
        COST_PER_CUSTOMER="900",
    )
    env.stop("strict")


@pytest.mark.parametrize("path", ANONYMOUS_PATHS)
def test_requests_without_a_token_count_against_their_address(strict_web: str, path: str) -> None:
    """M1: nothing limited who asked for documents, pages, feeds or the admin's login page."""
    address = {"X-Forwarded-For": f"192.0.2.{ANONYMOUS_PATHS.index(path) + 1}"}
    rate_limits.await_minute(5)
    with httpx.Client(base_url=strict_web, headers=address) as client:
        statuses = [client.get(path).status_code for _ in range(20)]
        refused = client.get(path)
        assert 429 not in statuses
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert client.get("/healthz").status_code == 200, "load balancers are not limited"
        other = {"X-Forwarded-For": f"192.0.2.{ANONYMOUS_PATHS.index(path) + 101}"}
        assert httpx.get(strict_web + path, headers=other).status_code != 429, "others are not"
        if not path.startswith("/admin"):
            assert parse_problem(refused)["code"] == "rate_limited"
            assert refused.headers["RateLimit-Policy"] == '"anonymous";q=20;w=60'


def test_preflights_and_refused_methods_count_too(strict_web: str) -> None:
    headers = {"X-Forwarded-For": "192.0.2.200", "Origin": "https://app.dutyline.example"}
    preflight = {**headers, "Access-Control-Request-Method": "GET"}
    rate_limits.await_minute(5)
    with httpx.Client(base_url=strict_web) as client:
        for _ in range(10):
            assert client.options("/user", headers=preflight).status_code == 200
            assert client.put("/user", headers=headers).status_code == 405
        assert client.options("/user", headers=preflight).status_code == 429
        assert client.put("/user", headers=headers).status_code == 429


def test_signed_webhooks_do_not_count(test_users: UserFixtures, env: Environment) -> None:
    """Twilio's requests come from few addresses; only those without a valid signature count."""
    number = test_users.boston_number.number.number
    assert number
    with rate_limits.use_up(["anonymous"], "127.0.0.1"):
        unsigned = httpx.post(f"{test_users.ann.web}/telephony/voice", data={"To": number})
        call = httpx.post(f"{env.twilio}/_local/calls", json={"to": number}, timeout=60).json()
        assert unsigned.status_code == 429
        assert "429" not in str(call)
        assert call["sid"]
        assert test_users.ann.get("/user").status_code == 200, "nor do requests with a token"


def test_a_person_has_a_budget_of_computing_time(strict_web: str, test_users: UserFixtures) -> None:
    """H2, M1: limits counted requests only, so that dear ones were as free as cheap ones."""
    sam, ann = (replace(person, web=strict_web) for person in (test_users.sam, test_users.ann))
    rate_limits.await_minute()
    forget_costs(sam, ann)
    responses = spend_budget(sam)
    refused = responses[-1]
    assert refused.status_code == 429
    assert refused.headers["RateLimit-Policy"] == '"cost";q=300;w=60'
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "computing time" in parse_problem(refused)["detail"]
    assert len(responses) <= 301, "300 units: a request costs one round trip at least"
    assert ann.get("/user").status_code == 200


def test_a_customer_has_a_budget_of_computing_time(strict_web: str, test_users: UserFixtures) -> None:
    people = [
        replace(person, web=strict_web) for person in (test_users.mia, test_users.abe, test_users.sam, test_users.ann)
    ]
    rate_limits.await_minute()
    forget_costs(*people)
    last_responses = [spend_budget(person)[-1] for person in people]
    assert last_responses[-1].headers["RateLimit-Policy"] == '"customer-cost";q=900;w=60'
    assert replace(test_users.cleo, web=strict_web).get("/user").status_code == 200, "other customers are not refused"


def forget_costs(*people: SignedInUser) -> None:
    """What the fixtures of this minute cost."""
    for person in people:
        rate_limits.clear(["cost"], person.user.id)
        rate_limits.clear(["customer-cost"], person.user.customer_id)


def spend_budget(person: SignedInUser) -> list[httpx.Response]:
    """Requests until one is refused."""
    responses: list[httpx.Response] = []
    while len(responses) < 400:
        responses.append(person.get("/user"))
        if responses[-1].status_code != 200:
            break
    return responses


def test_costs_take_no_round_trip_of_their_own(test_users: UserFixtures, env: Environment) -> None:
    """Counting a request took three round trips to Redis; with costs it takes one."""
    with env.apply_plan() as plan:
        assert test_users.sam.get("/user").status_code == 200
    redis_calls = [call for call in plan.calls if call.service == "redis"]
    assert len(redis_calls) <= 1, redis_calls


def test_without_redis_requests_are_allowed_and_limited(
    test_users: UserFixtures, strict_web: str, env: Environment
) -> None:
    """While Redis was down, or answered late once, most limits were off for five seconds."""
    cleo = replace(test_users.cleo, web=strict_web)
    address = {"X-Forwarded-For": "192.0.2.150"}
    rate_limits.await_minute()
    with env.apply_plan(FaultPlan(always={"redis": "lost"})), httpx.Client(base_url=strict_web) as client:
        remaining = [re.findall(r"r=(\d+)", cleo.get("/user").headers["RateLimit"]) for _ in range(2)]
        assert int(remaining[0][0]) == int(remaining[1][0]) + 1
        statuses = [client.get("/openapi.json", headers=address).status_code for _ in range(21)]
        assert statuses == [200] * 20 + [429]
        spent = spend_budget(cleo)
        assert spent[-1].headers["RateLimit-Policy"] == '"cost";q=300;w=60'
    time.sleep(rate_counters.REDIS_RETRY_SECONDS)
    deadline = time.monotonic() + 10
    with env.apply_plan() as plan:
        while not any(call.service == "redis" for call in plan.calls):
            assert time.monotonic() < deadline, "it is asked again"
            assert "RateLimit" in test_users.mia.get("/user").headers


def get_when_not_refused(url: str, headers: dict[str, str]) -> httpx.Response:
    """The answer of a process that may refuse for a moment: the machine runs other tests, too."""
    for _ in range(50):
        if (response := httpx.get(url, headers=headers)).status_code != 503:
            return response
        time.sleep(0.1)
    return response


def test_documents_are_cheap(
    test_users: UserFixtures, env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """M1: 60 requests for the OpenAPI document, 20 at once, took 11 CPU s."""
    cost = ProcessCost(env.processes["web"].pid)
    headers = {"Accept-Encoding": "gzip"}
    etag = httpx.get(f"{web}/openapi.json", headers=headers).headers["ETag"]
    before = cost.cpu_seconds()
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: get_when_not_refused(f"{web}/openapi.json", headers), range(60)))
    used, before = cost.cpu_seconds() - before, cost.cpu_seconds()
    unchanged = [httpx.get(f"{web}/openapi.json", headers={**headers, "If-None-Match": etag}) for _ in range(60)]
    used_unchanged = cost.cpu_seconds() - before
    record_figure(f"/openapi.json x 60: {used:.2f} CPU s; 304 x 60: {used_unchanged:.2f} CPU s")
    assert {response.status_code for response in responses} == {200}
    assert {response.status_code for response in unchanged} == {304}
    assert used < 2
    assert used_unchanged < 1


def test_real_use_is_far_below_the_budgets(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    """What an app asks when it is opened, and what planning a shift takes."""
    query = {"customerId": test_users.customer.id, "from": "2032-01-01T00:00:00Z", "to": "2032-02-01T00:00:00Z"}
    paths = ["/user", "/location", f"/location/{test_users.boston.id}/on-duty", "/user/terms"]
    offset = len(env.read_log("web"))
    for path in paths:
        test_users.mia.get(path)
    test_users.mia.get("/staffSchedule", params={**query, "expand": "occurrences"})
    opened = len(env.read_log("web"))
    assert test_users.mia.post("/staffSchedule", test_users.shift_body()).status_code == 201
    log = env.read_log("web")
    opening, planning = (sum_units(log[start:end]) for start, end in ((offset, opened), (opened, len(log))))
    record_figure(f"opening an app costs {opening} units, planning a shift {planning}; a user has 20,000 a minute")
    assert opening * 50 < settings.RATE_LIMITS["cost"]
    assert planning * 100 < settings.RATE_LIMITS["cost"]


def sum_units(log: str) -> int:
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    requests = [line for line in lines if "cpu_milliseconds" in line]
    assert requests
    return round(sum(float(line["cpu_milliseconds"]) + int(line["round_trips"]) for line in requests))


def test_a_cost_is_one_number() -> None:
    assert Cost(cpu_seconds=0.0125, round_trips=3).units == 15
