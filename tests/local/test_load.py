"""The load generator of `deploy/load`: its rate does not depend on answers, and it counts them."""

import itertools
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.load.generator import Answer, Generator, Load, Target
from deploy.load.overload import GOOD_SECONDS, Overload, Part, Plan, Result, Round
from tests.support.environment import Environment, free_port
from tests.support.users import UserFixtures

RATE, SECONDS, CLIENTS = 40, 0.5, 4


def request_of(path: str, token: str = "") -> bytes:
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}\r\n".encode()


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


# --- what overloads show --------------------------------------------------------------------------
def part_of(capacity: float, goodput: float, **changes: Any) -> Part:
    """A part of an overload with a refusal and a call."""
    values: dict[str, Any] = {
        "capacity": capacity,
        "offered": 2 * capacity,
        "goodput": goodput,
        "load": Load([Answer(0, 0.2, 200), Answer(0, 0.05, 503)]),
        "calls": Load([Answer(0, 0.2, 200)]),
        "efficiency": 1.0,
        "other_core_busy": 0.5,
    }
    return Part(**(values | changes))


def test_all_parts_are_judged_together() -> None:
    first, second = [part_of(100, 85), part_of(120, 120)], [part_of(80, 72)]
    result = Result([Round(first, 0.0), Round(second, 0.0)])
    assert result.is_reached(), "277 of 300"
    assert "within 0.5 s 92.3% of C (93%, 90%)" in str(result)
    assert not Result([Round([part_of(100, 85), part_of(120, 108), part_of(80, 72)], 0.0)]).is_reached()


@pytest.mark.parametrize(
    ("recovery_seconds", "changes"),
    [
        (0.0, {"load": Load([Answer(0, 0.11, 503)])}),
        (0.0, {"calls": Load([Answer(0, 2.1, 200)])}),
        (0.0, {"calls": Load([Answer(0, 0.2, 503)])}),
        (0.0, {"calls": Load([Answer(0, 0.2, 200, is_right=False)])}),
        (5.1, {}),
    ],
    ids=["a slow refusal", "a late call", "a refused call", "a call that rings nobody", "no recovery"],
)
def test_one_part_can_miss_a_goal(recovery_seconds: float, changes: dict[str, Any]) -> None:
    assert Result([Round([part_of(100, 100)], 5.0)]).is_reached()
    assert not Result([Round([part_of(100, 100), part_of(100, 100, **changes)], recovery_seconds)]).is_reached()


def test_each_part_lies_between_measurements_of_the_capacity(test_users: UserFixtures, env: Environment) -> None:
    port = urlsplit(test_users.ann.web).port
    assert port
    people = [test_users.ann, test_users.sam, test_users.mia]
    web = Target(port, itertools.cycle([request_of("/user", person.token) for person in people]))
    calls = Target(port, itertools.repeat(request_of("/healthz")))
    plan = Plan(overload=0.2, rounds=2, part=0.1, capacity=0.3, settling=0.05, warm_up=0.1, recovery=0.1)
    result = Overload(web, calls, env.processes["web"].pid, plan).run()
    assert [len(each.parts) for each in result.rounds] == [2, 2]
    parts = [part for each in result.rounds for part in each.parts]
    for part, later in itertools.pairwise(parts):
        assert len(part.load.answers) == round(part.offered * plan.part)
        assert part.capacity == (part.offered + later.offered) / 4 > 0
        answered_at = [answer.sent_at + answer.seconds for answer in part.load.good(GOOD_SECONDS)]
        counted = sum(plan.settling <= at <= plan.part for at in answered_at)
        assert part.goodput == pytest.approx(counted / (plan.part - plan.settling))
    assert {part.calls.answers[0].status for part in parts} == {200}
