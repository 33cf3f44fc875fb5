"""The sample app in a browser, against this product: sign-in, shifts, a conflict, voicemail."""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.clients.conftest import CLIENTS_FOLDER
from tests.clients.static_server import serve_app
from tests.config.journal.test_journal import temporary_audit_entries
from tests.support.calls import local_times_around
from tests.support.environment import Environment
from tests.support.sign_in import AUDIENCE, WEB_APP, allow_app_at
from tests.support.users import (
    PASSWORD,
    SignedInUser,
    UserFixtures,
    accept_invitation,
    create_shift,
    now,
    phone_number_of,
    process_outbox,
    simulate_call,
)
from tests.test_journeys import launch_browser

ALLOWED_URL = re.compile(r"(blob:)?http://127\.0\.0\.1:\d+/")
PHONE, DESKTOP = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)
BOSTON_ZONE = "America/New_York"
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


def sign_in(page: Page, user: SignedInUser, *, heading: str = "My week") -> None:
    """Sign in at the identity provider and come back."""
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Email").fill(user.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name=heading).wait_for()


def day_of_this_week(index: int, zone: str) -> date:
    """A day of the week that is now at a place; 0 is Monday."""
    today = datetime.now(ZoneInfo(zone)).date()
    return today + timedelta(days=index - today.weekday())


def plan_shift(users: UserFixtures, user: SignedInUser, location: Any, day: date, hours: tuple[int, int]) -> None:
    """Plan a shift by the clock of the location."""
    start, end = (datetime.combine(day, time(hour)) for hour in hours)
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
    plan_shift(test_users, test_users.mia, test_users.boston, day_of_this_week(2, BOSTON_ZONE), (7, 15))
    plan_shift(test_users, test_users.sam, test_users.boston, day_of_this_week(3, BOSTON_ZONE), (9, 17))
    note_path = f"/location/{test_users.boston.id}/days/{day_of_this_week(3, BOSTON_ZONE)}"
    assert test_users.ann.put(note_path, {"note": "Stocktaking, all hands."}).status_code == 200
    thursday = long_date(day_of_this_week(3, BOSTON_ZONE))
    page = open_app()

    sign_in(page, test_users.mia)
    assert page.url.endswith("/"), "the code must not stay in the address"
    page.get_by_text("All times are Eastern Time.").wait_for()
    my_day = page.get_by_role("listitem", name=long_date(day_of_this_week(2, BOSTON_ZONE)))
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
    day = day_of_this_week(4, BOSTON_ZONE)  # the app begins with the week of Ann's first location
    plan_shift(test_users, test_users.abe, test_users.denver, day, (8, 16))
    friday = long_date(day)
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


def miss_call(users: UserFixtures, caller: str, **parameters: Any) -> str:
    """A caller to Boston reaches nobody; the id of the call-back."""
    simulate_call(users.boston_number.number.number, **{"from": caller, **parameters})
    process_outbox()
    response = users.ann.get("/callback", params={"locationId": users.boston.id})
    return next(str(item["id"]) for item in response.json()["items"] if item["caller"] == caller)


def put_on_duty(users: UserFixtures, user: SignedInUser) -> None:
    """Plan a shift in Boston around this moment."""
    start, end = (datetime.fromisoformat(text) for text in local_times_around(now(), hours=3))
    create_shift(users.ann.actor, users.boston, user.id, start=start, end=end)


@pytest.fixture(scope="module")
def staffed(test_users: UserFixtures) -> UserFixtures:
    """Sam is on duty in Boston, with a verified phone."""
    assert test_users.phones_verified
    put_on_duty(test_users, test_users.sam)
    return test_users


def test_push_leads_to_the_caller_who_is_taken_and_closed(
    staffed: UserFixtures, open_app: Callable[..., Page], app: str
) -> None:
    miss_call(staffed, "+16175557401", hangUpAfter=20)
    callback_id = miss_call(staffed, "+16175557402")
    page = open_app()
    page.goto(f"{app}/#missed?locationId={staffed.boston.id}&callbackId={callback_id}")
    page.reload()

    sign_in(page, staffed.sam, heading="Missed calls")
    first = page.get_by_role("group").first
    first.get_by_text("(617) 555-7402").wait_for()
    assert page.url == f"{app}/"
    first.get_by_role("button", name="Listen").click()
    first.get_by_label("Message from").wait_for()
    page.wait_for_function("document.querySelector('audio').duration > 1")
    first.get_by_role("button", name="Take").click()
    first.get_by_text(re.compile("You have taken it until")).wait_for()

    manager_page = open_app(DESKTOP)
    sign_in(manager_page, staffed.mia)
    manager_page.get_by_role("button", name="Missed calls").click()
    card = manager_page.get_by_role("group", name="(617) 555-7402")
    card.get_by_text(re.compile("Sam Canary-Har has taken it until")).wait_for()
    assert card.get_by_role("button", name="Close").count() == 0

    first.get_by_role("button", name="Close").click()
    first.get_by_role("radio", name="Reached").click()
    first.get_by_label("Note").fill("Comes on Tuesday at ten.")
    first.get_by_role("button", name="Close the call-back").click()
    page.get_by_text("(617) 555-7402: done.").wait_for()
    card.wait_for(state="detached", timeout=30_000)  # the other device notices by itself
    closed = staffed.ann.get(f"/callback/{callback_id}").json()
    assert (closed["outcome"], closed["note"], closed["takenBy"]) == (
        "reached",
        "Comes on Tuesday at ten.",
        staffed.sam.id,
    )


def test_calling_back_rings_the_own_phone_first(
    staffed: UserFixtures, open_app: Callable[..., Page], env: Environment
) -> None:
    caller = "+16175557407"
    callback_id = miss_call(staffed, caller, hangUpAfter=20)
    for number in (phone_number_of(staffed.sam.user), caller):
        httpx.post(f"{env.twilio}/_local/phones", json={"number": number, "does": "answers"}).raise_for_status()
    page = open_app()
    sign_in(page, staffed.sam)
    page.get_by_role("button", name="Missed calls").click()
    card = page.get_by_role("group", name="(617) 555-7407")

    card.get_by_role("button", name="Call back").click()

    page.get_by_text("Your phone rings now. Pick up and press 1, and we call (617) 555-7407.").wait_for()
    card.get_by_text("Yours").wait_for()
    assert staffed.ann.get(f"/callback/{callback_id}").json()["takenBy"] == staffed.sam.id


def test_two_who_take_one_caller_learn_who_holds_it(staffed: UserFixtures, open_app: Callable[..., Page]) -> None:
    callback_id = miss_call(staffed, "+16175557403", hangUpAfter=20)
    page = open_app()
    sign_in(page, staffed.mia)
    page.get_by_role("button", name="Missed calls").click()
    card = page.get_by_role("group", name="(617) 555-7403")
    card.get_by_text("Open").wait_for()
    page.route("**/callback?*", lambda route: route.abort())  # this device has not heard of it yet
    assert staffed.sam.post(f"/callback/{callback_id}/take", {}).status_code == 200

    card.get_by_role("button", name="Take").click()
    card.get_by_role("alert").get_by_text("Sam Canary-Har has taken this call-back.").wait_for()
    page.unroute("**/callback?*")
    card.get_by_text(re.compile("Sam Canary-Har has taken it")).wait_for(timeout=30_000)
    assert staffed.sam.post(f"/callback/{callback_id}/release", {}).status_code == 200
    card.get_by_text("Open").wait_for(timeout=30_000)


def test_callers_are_shown_to_those_on_duty(
    staffed: UserFixtures, open_app: Callable[..., Page], env: Environment, web: str
) -> None:
    miss_call(staffed, "+16175557404", hangUpAfter=20)
    off_duty = accept_invitation(env, web, staffed.create_user(name="Off Duty"))
    page = open_app()

    sign_in(page, off_duty)
    page.get_by_role("button", name="Missed calls").click()

    page.get_by_text("You see the missed calls of Boston while you are on duty there.").wait_for()
    assert page.get_by_text("(617) 555-7404").count() == 0


def test_a_break_from_calls_and_answering_by_picking_up(
    test_users: UserFixtures, open_app: Callable[..., Page]
) -> None:
    page = open_app()
    sign_in(page, test_users.sam)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("radio", name="2 hours").click()
    page.get_by_role("button", name="Begin a break").click()
    page.get_by_role("status").get_by_text("Calls do not ring your phone until").wait_for()
    until = datetime.fromisoformat(test_users.sam.get("/user/phone").json()["breakUntil"])
    local_until = until.astimezone(ZoneInfo(BOSTON_ZONE))
    shown = (page.get_by_role("status").text_content() or "").replace("\u00a0", " ")
    assert shown == f"Calls do not ring your phone until {local_until:%-I:%M %p}."

    page.get_by_role("button", name="End the break").click()
    page.get_by_role("button", name="Begin a break").wait_for()
    assert test_users.sam.get("/user/phone").json()["breakUntil"] is None

    page.get_by_role("radio", name="Answer by picking up").click()
    page.get_by_text("If your mailbox picks up, it takes the call").wait_for()
    page.wait_for_load_state("networkidle")
    assert test_users.sam.get("/user").json()["settings"]["answerWithoutKey"]
    page.get_by_role("button", name="Week").click()
    page.get_by_role("button", name="Settings").click()
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        page.get_by_role("radio", name="Press 1 to answer").click()
    assert not test_users.sam.get("/user").json()["settings"]["answerWithoutKey"]


def test_personal_data_that_take_long_are_waited_for(test_users: UserFixtures, open_app: Callable[..., Page]) -> None:
    """With SCREENSHOTS=folder, a screenshot of the waiting screen is saved there."""
    page = open_app()
    sign_in(page, test_users.sam)
    page.get_by_role("button", name="Settings").click()
    with temporary_audit_entries(test_users, test_users.sam.id, 160):
        page.get_by_role("button", name="Download my data").click()
        page.get_by_role("status").get_by_text("Your PDF is being made.").wait_for()
        for viewport in (DESKTOP, PHONE):  # as a tablet that is turned: it is waited for all the same
            page.set_viewport_size(viewport)
            assert page.get_by_role("status").get_by_text("Your PDF is being made.").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1
        if folder := os.environ.get("SCREENSHOTS"):
            page.get_by_text("Your PDF is being made.").scroll_into_view_if_needed()
            page.screenshot(path=Path(folder) / "data.png")
        with page.expect_download(timeout=60_000) as download:
            process_outbox()
        assert download.value.suggested_filename == "my-data.pdf"
        assert download.value.path().read_bytes().startswith(b"%PDF")
        page.get_by_text("Your PDF is in your downloads.").wait_for()


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
    staffed: UserFixtures, open_app: Callable[..., Page], record_figure: Callable[[str], None]
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

    miss_call(staffed, "+16175557405", hangUpAfter=20)
    miss_call(staffed, "+16175557406")
    for scheme, viewport in (("light", PHONE), ("dark", DESKTOP)):
        page = open_app(viewport, color_scheme=scheme)
        page.get_by_role("button", name="Sign in").wait_for()
        check(page, f"sign in {scheme}")
        sign_in(page, staffed.mia)
        check(page, f"week {scheme}")
        page.get_by_role("radio", name="Boston").click()
        check(page, f"location {scheme}")
        page.get_by_role("button", name="On duty").click()
        check(page, f"on duty {scheme}")
        page.get_by_role("button", name="Missed calls").click()
        page.get_by_role("group").first.wait_for()
        check(page, f"missed calls {scheme}")
        page.get_by_role("button", name="Close").first.click()
        check(page, f"closing {scheme}")
        page.get_by_role("button", name="Voicemail").click()
        check(page, f"voicemail {scheme}")
        page.get_by_role("button", name="Settings").click()
        page.get_by_role("heading", name="Break from calls").wait_for()
        check(page, f"settings {scheme}")
        page.get_by_role("button", name="Begin a break").click()
        page.get_by_role("button", name="End the break").wait_for()
        check(page, f"break {scheme}")
        page.get_by_role("button", name="End the break").click()
        page.get_by_role("button", name="Week").click()
        page.get_by_role("button", name="Add a shift").click()
        page.get_by_label("From").fill("never")
        check(page, f"add {scheme}")
    assert not problems, "\n".join(problems)
    record_figure("sample app: 10 screens, light and dark; no axe violations")
