"""A late or distorted answer of DynamoDB never reaches another request."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from accounts.clients import auth0
from accounts.models import User
from config.dynamodb.waiting import READ_TIMEOUT
from tests.support import bulk
from tests.support.chaos import CHANCES, LATE_SECONDS, Chaos
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.samples import token_for
from tests.support.users import UserFixtures

PEOPLE, CONNECTIONS = 64, 16
REQUESTS = 10_000 if IS_SCALE_RUN else 1_000


@pytest.fixture(scope="module")
def people(test_users: UserFixtures) -> dict[str, str]:
    """Names of people, by their tokens."""
    fields = {name: getattr(test_users.sam.user, name) for name in User.get_attributes()}
    users = [
        User(**{**fields, "id": f"{test_users.sam.id[:-2]}{number:02}", "name": f"Person {number}"})
        for number in range(PEOPLE)
    ]
    bulk.put_records(users)
    return {token_for(auth0.subject_of_user(str(user.id))): str(user.name) for user in users}


@contextmanager
def chaos(env: Environment) -> Iterator[Chaos]:
    """A hostile network in front of DynamoDB."""
    network, previous = Chaos(22), env.dynamodb_proxy.chaos
    env.dynamodb_proxy.chaos = network
    try:
        yield network
    finally:
        env.dynamodb_proxy.chaos = previous


def test_everybody_gets_their_own_answer_under_chaos(
    people: dict[str, str], web: str, env: Environment, record_figure: Callable[[str], None]
) -> None:
    assert LATE_SECONDS > READ_TIMEOUT

    def ask(number: int) -> str:
        token, name = askers[number % PEOPLE]
        response = client.get("/user", headers={"Authorization": f"Bearer {token}"})
        if response.status_code != 200:
            return str(response.status_code)
        return "own" if response.json()["name"] == name else f"foreign: {response.json()['name']}"

    askers = list(people.items())
    with (
        chaos(env) as network,
        httpx.Client(base_url=web, timeout=30) as client,
        ThreadPoolExecutor(CONNECTIONS) as connections,
    ):
        results = Counter(connections.map(ask, range(REQUESTS)))
    record_figure(f"{REQUESTS} GET /user of {PEOPLE} people: {dict(results)}; {network.summary()}")
    assert set(results) <= {"own", "503"}
    assert results["own"] > REQUESTS * 0.99, "retries win nearly always"
    assert all(network.faults[kind] for kind in CHANCES)
