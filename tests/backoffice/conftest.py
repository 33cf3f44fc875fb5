"""Desks of each group, for all tests of the back office."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.environment import World
from tests.support.operators import Operator, at_desk


@pytest.fixture(scope="session")
def office(world: World, web: str) -> str:
    """The address of a web process whose operators can sign in."""
    done = world.manage("migrate", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    return web


@pytest.fixture(scope="session")
def desks(office: str) -> Iterator[dict[str, Operator]]:
    """Somebody of each group, signed in."""
    people = {"lead": "olive", "support": "oscar", "read-only": "rita"}
    with ExitStack() as stack:
        found = {group: stack.enter_context(at_desk(office)) for group in people}
        for group, name in people.items():
            answer = found[group].sign_in(f"{name}@dutyline.example")
            assert answer.status_code == 200, answer.text
            assert f", {group}</p>" in answer.text
        yield found
