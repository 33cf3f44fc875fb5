"""Fixtures for all tests."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings

from accounts.auth import tokens
from accounts.clients import auth0_http, expo
from telephony.twilio import client
from tests.support import messages
from tests.support.chaos import CHAOS
from tests.support.crash_harness import CrashHarness
from tests.support.environment import Environment
from tests.support.http_client import HTTP
from tests.support.users import UserFixtures, create_user_fixtures

AUDIT_ACTIONS = dict.fromkeys(
    [f"test.{name}" for name in ("counted", "happened", "large", "refused", "saved", "torn")], "Written by a test."
)
settings.AUDIT_ACTIONS = [*settings.AUDIT_ACTIONS, f"{__name__}.AUDIT_ACTIONS"]


READ_ALL_ROWS = (
    "tests/config/journal/",
    "tests/config/audit/",
    "tests/attacks/test_keys.py",
    "tests/attacks/test_restore.py",
    "tests/accounts/privacy/test_erasure.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that read the whole audit, or all tables, first: later there is much of it."""
    items.sort(key=lambda item: not item.nodeid.startswith(READ_ALL_ROWS))


def pytest_collection_finish() -> None:
    """Spare the garbage collector all modules and tests: it would look through them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def django_test_environment() -> None:
    """Disable pytest-django's fixture, which would replace the e-mail backend."""


@pytest.fixture(scope="session", autouse=True)
def close_http_clients() -> Iterator[None]:
    """Close the HTTP clients of this process at the end."""
    yield
    HTTP.close()
    tokens.http_client().close()
    auth0_http.http_client().close()
    expo.http_client().close()
    client.close_connections()


@pytest.fixture(scope="module")
def test_users(env: Environment, web: str) -> UserFixtures:
    """The test users of this module; the web process has loaded Auth0's keys.

    No outbox message of an earlier module is left, which a module that sets the clock ahead would
    process.
    """
    messages.remove_messages()
    fixtures = create_user_fixtures(env, web)
    assert fixtures.ann.get("/user").status_code == 200
    return fixtures


@pytest.fixture(scope="session")
def harness(env: Environment) -> CrashHarness:
    """The crash harness."""
    return CrashHarness(env)


@pytest.fixture(scope="session")
def backoffice_url(env: Environment, web: str) -> str:
    """The URL of a web process with a migrated operators' database."""
    completed = env.run_management_command("migrate", "--verbosity", "0")
    assert completed.returncode == 0, completed.stderr
    return web


@pytest.fixture(scope="session")
def openapi(web: str) -> dict[str, Any]:
    """The OpenAPI document that the product serves."""
    return dict(httpx.get(f"{web}/openapi.json", timeout=60).raise_for_status().json())


@pytest.fixture
def record_figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Record a measured figure; all figures are printed at the end of the run."""
    return lambda text: record_property("figure", text)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that prints the summary what faults those of ``-n`` have met."""
    if CHAOS and hasattr(session.config, "workeroutput"):
        session.config.workeroutput["chaos"] = CHAOS.counts()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up the faults that a process of ``-n`` has met."""
    if CHAOS and hasattr(node, "workeroutput"):
        CHAOS.add_counts(*node.workeroutput["chaos"])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the recorded transcripts and figures."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    for report in reports:
        for name, text in report.user_properties:
            if name == "transcript":
                terminalreporter.section(str(text).partition("\n")[0], sep="·")
                terminalreporter.line(str(text).partition("\n")[2])
    figures = [text for r in reports for name, text in r.user_properties if name == "figure"]
    if CHAOS:
        figures.append(CHAOS.summary())
    if figures:
        terminalreporter.section("figures")
        for text in sorted(figures):
            terminalreporter.line(f"· {text}")
