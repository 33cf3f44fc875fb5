"""Limits per minute: leases of processes, how far all together exceed a quota, Redis away."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from django.conf import settings
from redis import Redis
from ulid import ULID

from config.api import rate_counters
from config.api.rate_counters import LEASE_DIVISOR, RateCounters
from config.api.throttling import QuotaExceeded, RateLimiter
from config.costs import Cost
from tests.support import rate_limits
from tests.support.environment import Environment, free_port
from tests.support.silent_servers import SilentServer
from tests.support.users import UserFixtures

PROCESSES = 4
QUOTA = settings.RATE_LIMITS["read"]


class Clock:
    """A clock that stands still in a minute of its own."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiters(env: Environment, clock: Clock) -> Iterator[list[RateLimiter]]:
    """One for each process, with leases that last as long as the test."""
    counters = [RateCounters(settings.REDIS_URL, settings.RATE_LIMITS, 30, clock) for _ in range(PROCESSES)]
    yield [RateLimiter(each) for each in counters]
    for each in counters:
        each.close()


@pytest.fixture
def person() -> str:
    return f"usr_{ULID()}"


def used_of(limiter: RateLimiter, person: str) -> int:
    """What Redis says."""
    return limiter.counters.add({("read", person): 0})["read", person]


def admitted_by(limiter: RateLimiter, person: str) -> int:
    """How many requests a process admits until it refuses one."""
    for number in range(2 * QUOTA):
        try:
            limiter.count_request("read", person, "cus_1")
        except QuotaExceeded:
            return number
    raise AssertionError("nothing was refused")


def test_processes_together_exceed_a_quota_by_a_hundredth_each_at_most(
    limiters: list[RateLimiter], person: str, record_figure: Callable[[str], None]
) -> None:
    others, limiter = limiters[1:], limiters[0]
    for _ in range(QUOTA // LEASE_DIVISOR + 1):
        for other in others:  # which use a whole lease, and then get no more requests
            other.count_request("read", person, "cus_1")
    admitted = (PROCESSES - 1) * (QUOTA // LEASE_DIVISOR + 1) + admitted_by(limiter, person)
    record_figure(f"{PROCESSES} processes admitted {admitted} requests of {QUOTA} at worst")
    assert QUOTA < admitted <= QUOTA + PROCESSES * (QUOTA // LEASE_DIVISOR)


def test_processes_that_get_requests_admit_a_quota_together(limiters: list[RateLimiter], person: str) -> None:
    with ThreadPoolExecutor(2 * PROCESSES) as pool:
        admitted = sum(pool.map(lambda limiter: admitted_by(limiter, person), limiters * 2))
    assert QUOTA <= admitted <= QUOTA + PROCESSES * (QUOTA // LEASE_DIVISOR)


def test_a_process_counts_a_hundredth_of_a_quota_by_itself(limiters: list[RateLimiter], person: str) -> None:
    ours, theirs = limiters[:2]
    remaining = [ours.count_request("read", person, "cus_1").remaining for _ in range(QUOTA // LEASE_DIVISOR + 1)]
    assert remaining == list(range(QUOTA - 1, QUOTA - 2 - QUOTA // LEASE_DIVISOR, -1))
    assert used_of(theirs, person) == 1, "the others are pending"
    assert ours.count_request("read", person, "cus_1").remaining == remaining[-1] - 1
    assert used_of(theirs, person) == QUOTA // LEASE_DIVISOR + 2, "a lease is used up: all are sent"


def test_in_the_last_quarter_of_a_quota_each_request_counts_at_once(limiters: list[RateLimiter], person: str) -> None:
    ours, theirs = limiters[:2]
    for limiter in (ours, theirs):
        limiter.count_request("read", person, "cus_1")
    ours.counters.add({("read", person): QUOTA * 3 // 4})
    theirs.counters.add({("read", person): 0})
    remaining = [limiter.count_request("read", person, "cus_1").remaining for limiter in (ours, theirs) * 3]
    assert remaining == list(range(QUOTA // 4 - 3, QUOTA // 4 - 9, -1))


def test_costs_are_settled_before_they_are_a_hundredth_of_a_budget(limiters: list[RateLimiter], person: str) -> None:
    ours, theirs = limiters[:2]
    customer = f"cus_{ULID()}"
    ours.count_request("read", person, customer)
    lease = settings.RATE_LIMITS["cost"] // LEASE_DIVISOR
    for _ in range(2):
        ours.charge(person, customer, Cost(round_trips=lease))
        ours.count_request("read", person, customer)
    assert theirs.counters.add({("cost", person): 0}) == {("cost", person): 2 * lease}


def test_what_costs_money_is_never_counted_on_a_lease(limiters: list[RateLimiter], person: str) -> None:
    for number, limiter in enumerate(limiters * 2):
        status = limiter.count_request("costly", person, "cus_1")
        assert status.remaining == settings.RATE_LIMITS["costly"] - number - 1


def test_without_redis_a_process_counts_by_itself_and_does_not_wait(person: str, clock: Clock) -> None:
    limiter = RateLimiter(RateCounters(f"redis://127.0.0.1:{free_port()}/0", settings.RATE_LIMITS, 30, clock))
    started = time.monotonic()
    for _ in range(QUOTA):
        limiter.count_request("read", person, "cus_1")
    with pytest.raises(QuotaExceeded):
        limiter.count_request("read", person, "cus_1")
    assert time.monotonic() - started < rate_counters.REDIS_RETRY_SECONDS


def test_no_request_waits_for_a_redis_that_goes_on_hanging(person: str, clock: Clock) -> None:
    """Every five seconds one waited for the trial, so p99 of others was that of a hanging Redis."""
    server = SilentServer()
    counters = RateCounters(f"redis://127.0.0.1:{server.port}/0", settings.RATE_LIMITS, 30, clock, retry_seconds=0.3)
    limiter = RateLimiter(counters)
    limiter.count_request("read", person, "cus_1")  # which finds out
    deadline = time.monotonic() + 10
    slowest = 0.0
    while server.connections < 4:
        assert time.monotonic() < deadline, "it is tried again"
        began_at = time.monotonic()
        limiter.count_request("costly", f"usr_{ULID()}", "cus_1")
        slowest = max(slowest, time.monotonic() - began_at)
        time.sleep(0.02)
    server.close()
    counters.close()
    assert slowest < 0.2, "less than a trial takes"


def test_a_new_minute_forgets_requests_and_charges_the_last_costs(
    limiters: list[RateLimiter], person: str, clock: Clock
) -> None:
    limiter, customer = limiters[0], f"cus_{ULID()}"
    for _ in range(3):
        limiter.count_request("read", person, customer)
    limiter.charge(person, customer, Cost(round_trips=50))
    clock.now += rate_counters.WINDOW_SECONDS
    assert limiter.count_request("read", person, customer).remaining == QUOTA - 1
    assert limiter.counters.add({("cost", person): 0}) == {("cost", person): 50}


def test_addresses_do_not_make_a_process_forget_people(person: str, clock: Clock) -> None:
    counters = RateCounters(f"redis://127.0.0.1:{free_port()}/0", settings.RATE_LIMITS, 30, clock)
    counters.add({("read", person): 3})
    for number in range(rate_counters.MAX_COUNTERS + 1):
        counters.add({("anonymous", f"2001:db8::{number:x}"): 1})
    assert counters.add({("read", person): 0, ("anonymous", "2001:db8::0"): 0, ("anonymous", "2001:db8::2"): 0}) == {
        ("read", person): 3,
        ("anonymous", "2001:db8::0"): 0,
        ("anonymous", "2001:db8::2"): 1,
    }


def test_a_missing_right_in_redis_is_logged_as_an_error(
    env: Environment, person: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    administrator, name = Redis.from_url(settings.REDIS_URL), f"limited-{ULID()}"
    administrator.acl_setuser(name, enabled=True, nopass=True, keys="*", categories=["+@all"], commands=["-evalsha"])
    try:
        address = settings.REDIS_URL.replace("://", f"://{name}:any@")
        with closing(RateCounters(address, settings.RATE_LIMITS, 30, clock)) as counters:
            assert counters.add({("read", person): 1}) == {("read", person): 1}
    finally:
        administrator.acl_deluser(name)
        administrator.close()
    [record] = [record for record in caplog.records if record.name == "dutyline.web"]
    assert record.levelname == "ERROR"
    assert "NoPermissionError" in str(vars(record)["why"])


@pytest.mark.parametrize(
    "path",
    ["/staffSchedule?" + "a=1&" * 1001, "/user?" + "a=1&" * 1001, "/user?a=1", "/location/loc_x", "/location?limit=x"],
)
def test_invalid_requests_of_a_person_are_counted(test_users: UserFixtures, path: str) -> None:
    rate_limits.await_minute()
    responses = [test_users.sam.get(each) for each in ("/user", path, "/user")]
    remaining = [int(re.findall(r"r=(\d+)", response.headers["RateLimit"])[0]) for response in responses]
    assert 400 <= responses[1].status_code < 500
    assert remaining == list(range(remaining[0], remaining[0] - 3, -1))


@pytest.fixture(scope="module")
def leasing_web(env: Environment) -> Iterator[str]:
    """A web process with leases, as in production, and a limit that an operator has lowered."""
    port = free_port()
    yield env.start_web("leasing", port, RATE_LIMIT_LEASE_SECONDS="30", READS_PER_USER="3000")
    env.stop("leasing")


def test_cheap_reads_take_no_round_trip_to_redis(test_users: UserFixtures, leasing_web: str, env: Environment) -> None:
    rate_limits.await_minute()
    sam = replace(test_users.sam, web=leasing_web)
    assert {sam.get("/user").status_code for _ in range(3)} == {200}  # first requests are dear
    with env.apply_plan() as plan:
        responses = [sam.get("/user") for _ in range(20)]
    assert sum(call.service == "redis" for call in plan.calls) == 0
    assert {response.headers["RateLimit-Policy"] for response in responses} == {'"read";q=3000;w=60'}
    remaining = [int(re.findall(r"r=(\d+)", response.headers["RateLimit"])[0]) for response in responses]
    assert remaining == list(range(remaining[0], remaining[0] - 20, -1))
