"""The load generator of `deploy/load`: its rate does not depend on answers, and it counts them."""

import itertools
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.load.generator import Answer, Generator, Load, Target
from deploy.load.overload import Result, Round, overload
from tests.support.environment import Environment, free_port
from tests.support.users import UserFixtures

RATE, SECONDS, CLIENTS = 40, 0.5, 4


def request_of(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def offer(target: Target) -> Load:
    generator = Generator()
    generator.offer({target: RATE}, SECONDS)
    generator.close()
    return target.load


def test_requests_are_sent_at_a_rate_and_answers_are_counted(test_users: UserFixtures, env: Environment) -> None:
    port = urlsplit(test_users.ann.web).port
    assert port
    requests = itertools.cycle((request_of("/healthz"), request_of("/user")))
    load = offer(Target(port, requests, expected='"status":"ok"'))
    assert [answer.status for answer in load.answers].count(200) == RATE * SECONDS / 2
    assert [answer.status for answer in load.answers].count(401) == RATE * SECONDS / 2
    assert {answer.status for answer in load.answers if answer.is_right} == {200}
    assert max(answer.sent_at for answer in load.answers) == pytest.approx(SECONDS, abs=0.4)
    assert len(load.good(5)) == RATE * SECONDS / 2


def test_clients_send_the_next_request_when_one_is_answered(test_users: UserFixtures) -> None:
    port = urlsplit(test_users.ann.web).port
    assert port
    generator, target = Generator(), Target(port, itertools.repeat(request_of("/healthz")))
    load = generator.send_in_turn(target, CLIENTS, SECONDS)
    generator.close()
    assert len(load.answers) > CLIENTS
    assert {answer.status for answer in load.answers} == {200}


def test_requests_without_an_answer_are_counted() -> None:
    load = offer(Target(free_port(), itertools.repeat(request_of("/"))))
    assert {answer.status for answer in load.answers} == {0}
    assert len(load.answers) == RATE * SECONDS
    assert Load([Answer(0, 0.1, 503), Answer(0, 0.1, 429), Answer(0, 0.1, 500)]).refused() == [
        Answer(0, 0.1, 503),
        Answer(0, 0.1, 429),
    ]


# --- what rounds show -----------------------------------------------------------------------------
def round_of(capacity: float, good: int, **changes: Any) -> Round:
    """A round of ten seconds with so many good answers, as many refusals, and one call."""
    answers = [Answer(0, 0.2, 200)] * good + [Answer(0, 0.05, 503)] * good
    values: dict[str, Any] = {
        "capacity": capacity,
        "offered": 2 * capacity,
        "seconds": 10,
        "load": Load(answers),
        "calls": Load([Answer(0, 0.2, 200)]),
        "recovery_seconds": 0.0,
        "efficiency": 1.0,
        "other_core_busy": 0.5,
    }
    return Round(**(values | changes))


def test_rounds_are_judged_together() -> None:
    result = Result([round_of(100, 850), round_of(120, 1200), round_of(80, 720)])
    assert result.is_reached(), "2,770 of 3,000"
    assert "within 0.5 s 92.3% of C (85%, 100%, 90%)" in str(result)
    assert not Result([round_of(100, 850), round_of(120, 1080), round_of(80, 720)]).is_reached()


@pytest.mark.parametrize(
    "changes",
    [
        {"load": Load([Answer(0, 0.2, 200)] * 1000 + [Answer(0, 0.11, 503)] * 1000)},
        {"load": Load([Answer(0, 0.6, 200)] * 1000)},
        {"calls": Load([Answer(0, 2.1, 200)])},
        {"calls": Load([Answer(0, 0.2, 503)])},
        {"calls": Load([Answer(0, 0.2, 200, is_right=False)])},
        {"recovery_seconds": 5.1},
    ],
    ids=["slow refusals", "late answers", "a late call", "a refused call", "a call that rings nobody", "no recovery"],
)
def test_one_round_can_miss_a_goal(changes: dict[str, Any]) -> None:
    assert Result([round_of(100, 1000)]).is_reached()
    assert not Result([round_of(100, 1000), round_of(100, 1000, **changes)]).is_reached()


def test_an_overload_lies_between_measurements_of_the_capacity(test_users: UserFixtures, env: Environment) -> None:
    port = urlsplit(test_users.ann.web).port
    assert port
    web, calls = (Target(port, itertools.repeat(request_of("/healthz"))) for _ in range(2))
    result = overload(web, calls, env.processes["web"].pid, 0.1, 2, measured_seconds=0.3, recovery_seconds=0.1)
    first, second = result.rounds
    assert len(first.load.answers) == round(first.offered * 0.1)
    before, between = first.offered / 2, second.offered / 2
    assert first.capacity == (before + between) / 2 > 0
    assert {each.calls.answers[0].status for each in result.rounds} == {200}
