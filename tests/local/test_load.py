"""The load generator of `deploy/load`: its rate does not depend on answers, and it counts them."""

import itertools
from urllib.parse import urlsplit

import pytest

from deploy.load.generator import Answer, Generator, Load, Target
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
