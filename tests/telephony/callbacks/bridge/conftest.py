"""Fixtures of the tests of calling callers back."""

from collections.abc import Iterator

import pytest

from tests.support.bridge import next_caller, release, set_phone
from tests.support.calls import LineFixture, create_line
from tests.support.environment import Environment
from tests.support.users import UserFixtures, enable_ringing


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    for person in test_users.users_by_role.values():
        enable_ringing(person.user)
    return create_line(test_users)


@pytest.fixture
def caller(env: Environment) -> str:
    """A caller who picks up when they are called back."""
    number = next_caller()
    set_phone(env, number, "answers")
    return number


@pytest.fixture
def ann_phone(env: Environment, test_users: UserFixtures) -> str:
    """Ann's phone, which she answers with key 1."""
    phone = enable_ringing(test_users.ann.user)
    set_phone(env, phone, "answers")
    return phone


@pytest.fixture(autouse=True)
def free_everybody(test_users: UserFixtures) -> Iterator[None]:
    """No test leaves anybody in a call."""
    yield
    for person in test_users.users_by_role.values():
        release(person)
