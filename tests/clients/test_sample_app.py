"""The sample app in a browser, against this product: sign-in, shifts, a conflict, voicemail."""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.clients.conftest import CLIENTS_FOLDER
from tests.clients.static_server import serve_app
from tests.support.environment import Environment
from tests.support.sign_in import AUDIENCE, WEB_APP, allow_app_at
from tests.support.users import PASSWORD, SignedInUser, UserFixtures, create_shift
from tests.test_journeys import launch_browser

ALLOWED_URL = re.compile(r"(blob:)?http://127\.0\.0\.1:\d+/")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
NOT_AT_ANY_LOCATION = "Asia/Tokyo"
"""The time zone of the device: no time on the screen may depend on it."""


@pytest.fixture(scope="module")
def app(env: Environment, web: str, clients_build: Path) -> Iterator[str]:
    """The URL of the app."""
    allow_app_at(env, origin=env.app, callback=f"{env.app}/callback")
    allow_app_at(env, callback=f"{env.app}/")
    settings = {"api": web, "issuer": env.issuer, "audience": AUDIENCE, "clientId": WEB_APP}
    with serve_app(CLIENTS_FOLDER / "sample/build", env.ports["app"], settings):
        yield env.app


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch_browser(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def open_app(browser: Browser, app: str) -> Iterator[Callable[..., Page]]:
    """Opens the app on a new device; no script error and no external request may occur."""
    problems: list[str] = []

    def open_page(viewport: Any = PHONE, **options: Any) -> Page:
        context = browser.new_context(viewport=viewport, timezone_id=NOT_AT_ANY_LOCATION, locale="en-US", **options)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda sent: problems.extend([] if ALLOWED_URL.match(sent.url) else [sent.url]))
        page.goto(app)
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert problems == []


def sign_in(page: Page, user: SignedInUser) -> None:
    """Sign in at the identity provider and come back."""
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Email").fill(user.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="My week").wait_for()


def day_of_this_week(index: int, zone: str) -> date:
    """A day of the week that is now at a place; 0 is Monday."""
    today = datetime.now(ZoneInfo(zone)).date()
    return today + timedelta(days=index - today.weekday())


def plan_shift(users: UserFixtures, user: SignedInUser, location: Any, day: int, hours: tuple[int, int]) -> None:
    """Plan a shift in this week, by the clock of the location."""
    local_day = day_of_this_week(day, location.time_zone)
    start, end = (datetime.combine(local_day, time(hour)) for hour in hours)
    create_shift(users.ann.actor, location, user.id, start=start, end=end)


def read_tokens(page: Page) -> dict[str, Any]:
    """What the app stores about the session."""
    return dict(json.loads(page.evaluate("localStorage.getItem('dutyline.tokens')")))


def expire_access_token(page: Page) -> str:
    """Let the access token be expired; the refresh token."""
    tokens = {**read_tokens(page), "expiresAt": 0}
    page.evaluate("text => localStorage.setItem('dutyline.tokens', text)", json.dumps(tokens))
    return str(tokens["refreshToken"])


def read_alert(page: Page) -> str:
    return (page.get_by_role("alert").text_content() or "").replace("\u00a0", " ")


def long_date(day: date) -> str:
    return f"{day:%A, %B} {day.day}"


def test_a_week_a_colleague_a_conflict_and_sign_out(test_users: UserFixtures, open_app: Callable[..., Page]) -> None:
    plan_shift(test_users, test_users.mia, test_users.boston, 2, (7, 15))
    plan_shift(test_users, test_users.sam, test_users.boston, 3, (9, 17))
    note_path = f"/location/{test_users.boston.id}/days/{day_of_this_week(3, 'America/New_York')}"
    assert test_users.ann.put(note_path, {"note": "Stocktaking, all hands."}).status_code == 200
    thursday = long_date(day_of_this_week(3, "America/New_York"))
    page = open_app()

    sign_in(page, test_users.mia)
    assert page.url.endswith("/"), "the code must not stay in the address"
    page.get_by_text("All times are Eastern Time.").wait_for()
    my_day = page.get_by_role("listitem", name=long_date(day_of_this_week(2, "America/New_York")))
    my_day.get_by_text("7:00 AM – 3:00 PM").wait_for()
    assert page.get_by_text("9:00 AM – 5:00 PM").count() == 0, "only her own shifts"

    page.get_by_role("radio", name="Boston").click()
    sams_day = page.get_by_role("listitem", name=thursday)
    sams_day.get_by_text("Sam Canary-Har").wait_for()
    assert sams_day.get_by_text("9:00 AM – 5:00 PM").is_visible()
    assert sams_day.get_by_text("Stocktaking, all hands.").is_visible()

    page.get_by_role("button", name="Add a shift").click()
    page.get_by_role("radio", name="Sam Canary-Har").click()
    page.get_by_role("radio", name="Thu").click()
    page.get_by_label("From").fill("16:30")
    page.get_by_label("To").fill("9 pm")
    page.get_by_role("button", name="Add the shift").click()
    assert read_alert(page) == f"Sam Canary-Har already works then: Boston, {thursday}, 9:00 AM – 5:00 PM."

    page.get_by_label("From").fill("5 pm")
    page.get_by_role("button", name="Add the shift").click()
    page.get_by_text(f"Sam Canary-Har works at Boston on {thursday}, 5:00 PM – 9:00 PM.").wait_for()

    refresh_token = expire_access_token(page)
    page.reload()
    page.get_by_role("heading", name="My week").wait_for()
    assert read_tokens(page)["refreshToken"] != refresh_token, "refresh tokens rotate"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    assert page.evaluate("localStorage.length") == 0
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Password").wait_for()  # signed out at the identity provider as well


def test_a_conflict_elsewhere_is_in_the_time_of_that_place(
    test_users: UserFixtures, open_app: Callable[..., Page]
) -> None:
    plan_shift(test_users, test_users.abe, test_users.denver, 4, (8, 16))
    friday = long_date(day_of_this_week(4, "America/Denver"))
    page = open_app(DESKTOP)

    sign_in(page, test_users.ann)
    page.get_by_text("Times are those of each location.").wait_for()
    page.get_by_role("button", name="Add a shift").click()
    page.get_by_role("radio", name="Abe Canary-Har").click()
    page.get_by_role("radio", name="Boston").click()
    page.get_by_role("radio", name="Fri").click()
    page.get_by_label("From").fill("1 pm")
    page.get_by_role("button", name="Add the shift").click()

    assert read_alert(page) == f"Abe Canary-Har already works then: Denver, {friday}, 8:00 AM – 4:00 PM."


def test_voicemail_plays_and_staff_have_their_own(test_users: UserFixtures, open_app: Callable[..., Page]) -> None:
    assert test_users.recorded_call_id
    page = open_app()
    sign_in(page, test_users.ann)
    page.get_by_role("button", name="Voicemail").click()
    page.get_by_role("radio", name="Boston").click()
    page.get_by_role("button", name="Listen").click()
    player = page.get_by_label("Message from")
    player.wait_for()
    page.wait_for_function("document.querySelector('audio').duration > 1")

    staff_page = open_app()
    sign_in(staff_page, test_users.sam)
    assert staff_page.get_by_role("button", name="Add a shift").count() == 0
    staff_page.get_by_role("button", name="Voicemail").click()
    staff_page.get_by_text("No messages. When a caller leaves one for Boston").wait_for()


def test_a_refused_sign_in_and_a_lost_connection_are_explained(
    test_users: UserFixtures, open_app: Callable[..., Page], app: str
) -> None:
    page = open_app()
    page.goto(f"{app}/callback?error=access_denied&state=unknown")
    page.get_by_role("alert").get_by_text("You were not signed in. Please try again.").wait_for()

    sign_in(page, test_users.sam)
    page.route("**/on-duty", lambda route: route.abort())
    page.get_by_role("button", name="On duty").click()
    page.get_by_role("alert").get_by_text("No connection. Check your network and try again.").wait_for()
    page.unroute("**/on-duty")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("heading", name="Boston").wait_for()


def test_all_screens_are_accessible(
    test_users: UserFixtures, open_app: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    """With SCREENSHOTS=folder, a screenshot of each screen is saved there."""
    folder = os.environ.get("SCREENSHOTS")
    problems: list[str] = []

    def check(page: Page, name: str) -> None:
        page.wait_for_function("!document.querySelector('[aria-label=Loading]')")
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")
        if page.evaluate("document.documentElement.scrollWidth - window.innerWidth") > 1:
            problems.append(f"{name}: too wide")
        for violation in Axe().run(page).response["violations"]:
            problems.append(f"{name}: {violation['id']}: {[node['html'][:120] for node in violation['nodes'][:3]]}")

    for scheme, viewport in (("light", PHONE), ("dark", DESKTOP)):
        page = open_app(viewport, color_scheme=scheme)
        page.get_by_role("button", name="Sign in").wait_for()
        check(page, f"sign in {scheme}")
        sign_in(page, test_users.mia)
        check(page, f"week {scheme}")
        page.get_by_role("radio", name="Boston").click()
        check(page, f"location {scheme}")
        page.get_by_role("button", name="On duty").click()
        check(page, f"on duty {scheme}")
        page.get_by_role("button", name="Voicemail").click()
        check(page, f"voicemail {scheme}")
        page.get_by_role("button", name="Week").click()
        page.get_by_role("button", name="Add a shift").click()
        page.get_by_label("From").fill("never")
        check(page, f"add {scheme}")
    assert not problems, "\n".join(problems)
    record_figure("sample app: 6 screens, light and dark; no axe violations")
