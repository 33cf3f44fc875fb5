"""Operator sessions of each group and browser tabs, for all back office tests."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django import DjangoDbBlocker

from tests.backoffice.browser import WIDE_VIEWPORT, sign_in_with_auth0
from tests.support.operators import OperatorSession, open_operator_session
from tests.support.users import process_outbox
from tests.test_journeys import ALLOWED_URL, launch_browser


@pytest.fixture(scope="session")
def operator_sessions(backoffice_url: str) -> Iterator[dict[str, OperatorSession]]:
    """A signed-in operator of each group, by group."""
    names_by_group = {"lead": "olive", "support": "oscar", "read-only": "rita"}
    with ExitStack() as stack:
        sessions = {group: stack.enter_context(open_operator_session(backoffice_url)) for group in names_by_group}
        for group, name in names_by_group.items():
            response = sessions[group].sign_in(f"{name}@dutyline.example")
            assert response.status_code == 200, response.text
            assert f", {group}</p>" in response.text
        yield sessions


@pytest.fixture
def operators_database(backoffice_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of the web process, through Django: pytest-django would refuse it otherwise."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch_browser(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def browser_context_for(browser: Browser, backoffice_url: str) -> Callable[[str], BrowserContext]:
    """Opens a browser context signed in with an e-mail address, once per address."""
    contexts: dict[str, BrowserContext] = {}

    def open_context(email: str) -> BrowserContext:
        if email not in contexts:
            contexts[email] = browser.new_context(viewport=WIDE_VIEWPORT)  # type: ignore[arg-type]
            page = contexts[email].new_page()
            sign_in_with_auth0(page, backoffice_url, email)
            page.close()
        return contexts[email]

    return open_context


@pytest.fixture
def open_tab(browser_context_for: Callable[[str], BrowserContext]) -> Iterator[Callable[[str], Page]]:
    """Opens a tab of a lead (olive) or support (oscar); no script, CSP or URL error may occur."""
    pages: list[Page] = []
    page_errors: list[str] = []

    def open_page(name: str = "olive") -> Page:
        page = browser_context_for(f"{name}@dutyline.example").new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: page_errors.append(str(error)))
        page.on(
            "console", lambda message: page_errors.append(message.text) if "Content Security" in message.text else None
        )
        page.on(
            "request", lambda request: page_errors.append(request.url) if not ALLOWED_URL.match(request.url) else None
        )
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert page_errors == []


@pytest.fixture
def work(backoffice_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[..., None]]:
    """Processes the outbox until nothing is due; in a thread: in this one Playwright has a loop."""

    def process_all(seconds: float = 0) -> None:
        while process_outbox(seconds).counts:
            seconds += 2
        connections.close_all()

    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:
        yield lambda seconds=0: pool.submit(process_all, seconds).result()
