"""Answers to invalid requests are short and cost little, however much is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from config import errors
from tests.attacks.processes import ProcessCost
from tests.support.environment import Environment
from tests.support.users import UserFixtures, parse_problem

MANY = {f"unknownName{number}": 1 for number in range(10_000)}
MAX_CPU_SECONDS = 0.5
MAX_ANSWER_BYTES = 8_000
BODIES: dict[str, tuple[str, str, Any]] = {
    "unknown names": ("PATCH", "/user", MANY),
    "unknown names in an object": ("PATCH", "/user", {"settings": MANY}),
    "unknown names of a new record": ("POST", "/user", MANY),
    "unknown names beside null": ("POST", "/user", dict.fromkeys(MANY)),
    "wrong items": ("PATCH", "/user", {"userSkills": [7] * 60_000}),
    "many items": ("PATCH", "/user", {"permissions": [f"p{n}" for n in range(20_000)]}),
    "long names": ("PATCH", "/user", {f"{n}{'n' * 10_000}": 1 for n in range(20)}),
    "one long name": ("PATCH", "/user", {"n" * 200_000: 1}),
    "unknown names in a configuration": ("PUT", "/ivrConfiguration/{id}", {"configuration": MANY}),
}


@pytest.mark.parametrize("name", BODIES)
def test_invalid_bodies_are_answered_shortly(
    test_users: UserFixtures, env: Environment, name: str, record_figure: Callable[[str], None]
) -> None:
    """13,000 unknown names took 4.6 CPU s, and were answered with 1 MB."""
    method, path, body = BODIES[name]
    path = path.format(id=test_users.boston_number.number.location_id)
    test_users.ann.request(method, path, json={})  # what the first request of a process loads
    cost = ProcessCost(env.processes["web"].pid)
    before = cost.cpu_seconds()
    response = test_users.ann.request(method, path, json=body)
    seconds = cost.cpu_seconds() - before

    record_figure(f"{name}: {seconds:.2f} CPU s, {len(response.content):,} bytes")
    assert response.status_code == 400
    assert 1 <= len(parse_problem(response)["errors"]) <= errors.MAX_FIELD_ERRORS
    assert len(response.content) < MAX_ANSWER_BYTES
    assert seconds < MAX_CPU_SECONDS


def test_a_cut_answer_says_so(test_users: UserFixtures) -> None:
    unknown = {f"roll{number}": 1 for number in range(errors.MAX_FIELD_ERRORS)}
    whole = parse_problem(test_users.ann.patch("/user", unknown))
    cut = parse_problem(test_users.ann.patch("/user", {**unknown, "more": 1, "phone": 7}))
    assert [len(problem["errors"]) for problem in (whole, cut)] == [20, 20]
    assert whole["detail"] == "Some fields are missing or invalid; see `errors`."
    assert cut["detail"] == f"{whole['detail']} Only the first 20 errors are listed."
    assert cut["errors"][0]["pointer"] == "/phone", "those of known fields come first"


def test_repeated_parameters_are_answered_shortly(test_users: UserFixtures) -> None:
    query = "&".join(f"a{number}=1&a{number}=1" for number in range(300))
    problem = parse_problem(test_users.ann.get(f"/user?{query}"))
    assert len(problem["errors"]) == errors.MAX_FIELD_ERRORS
