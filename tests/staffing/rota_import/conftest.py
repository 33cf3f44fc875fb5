"""A customer whose rota is empty."""

import pytest

from tests.support.environment import Environment
from tests.support.users import UserFixtures, create_user_fixtures


@pytest.fixture(scope="package")
def users(env: Environment, web: str) -> UserFixtures:
    """A customer whose rota is empty."""
    return create_user_fixtures(env, web)
