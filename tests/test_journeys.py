"""User journeys in a browser: invitation e-mail, password page, sign-in, API reference."""

import base64
import hashlib
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, Playwright, Request, sync_playwright

from config.dev.bootstrap import CHROMIUM_PATH
from tests.support.environment import Environment
from tests.support.sign_in import WEB_APP, PublicApp, allow_app_at
from tests.support.users import PASSWORD, UserFixtures, emails_to, process_outbox

ALLOWED_URL = re.compile(r"http://127\.0\.0\.1:\d+/|data:|about:")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch_browser(playwright)
        yield chromium
        chromium.close()


def launch_browser(playwright: Playwright) -> Browser:
    """Launch a headless browser, in up to three attempts: the first may fail on a busy machine."""
    for attempt in range(3):
        try:
            return playwright.chromium.launch(
                executable_path=CHROMIUM_PATH, headless=True, args=["--disable-gpu", "--disable-dev-shm-usage"]
            )
        except Error:
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser page; external requests and script errors fail the test."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    browser_page = context.new_page()
    external_requests: list[str] = []
    page_errors: list[str] = []

    def record_external(request: Request) -> None:
        if not ALLOWED_URL.match(request.url):
            external_requests.append(request.url)

    browser_page.on("request", record_external)
    browser_page.on("pageerror", lambda error: page_errors.append(str(error)))
    yield browser_page
    context.close()
    assert external_requests == [], "the page sent external requests"
    assert page_errors == []


def test_an_invited_user_signs_in(test_users: UserFixtures, env: Environment, page: Page) -> None:
    body = test_users.user_body(name="Zoë O'Hara <b>", locations=[test_users.boston.id])
    assert test_users.ann.post("/user", body).status_code == 201
    process_outbox()

    page.goto(env.mail)
    row = page.get_by_role("row").filter(has_text=body["email"])
    row.get_by_role("link", name="Invitation to Dutyline from Harbour Dental").click()
    email_frame = page.frame_locator("iframe")
    email_frame.get_by_text("A Dutyline account for Zoë O'Hara <b> at Harbour Dental").wait_for()
    assert email_frame.locator("b").count() == 0, "names must be escaped"
    link = email_frame.get_by_role("link", name="Set your password").get_attribute("href")
    assert link

    page.goto(link)
    page.get_by_label("New password").fill("my own words")
    page.get_by_role("button", name="Set password").click()
    page.get_by_role("heading", name="Your password is set").wait_for()
    page.goto(link)
    page.get_by_role("heading", name="This link was used").wait_for()

    token = sign_in_with_code(env, page, body["email"], "my own words")
    response = httpx.get(f"{test_users.ann.web}/user", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert response.json()["name"] == body["name"]
    assert response.json()["status"] == "active"


def sign_in_with_code(env: Environment, page: Page, email: str, password: str) -> str:
    """Sign in at the login page as a web app does: code, PKCE, state and nonce."""
    redirect_uri = f"{env.web}/signed-in"  # the callback of an app
    allow_app_at(env, callback=redirect_uri)
    verifier = "a-verifier-of-enough-letters-and-numbers-0123456789"
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": WEB_APP,
        "redirect_uri": redirect_uri,
        "audience": "https://api.dutyline.example/",
        "scope": "openid",
        "state": "a-state",
        "nonce": "a-nonce",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    page.goto(f"{env.issuer}authorize?{urlencode(query)}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("alert").get_by_text("Wrong email or password").wait_for()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{redirect_uri}?**")
    parameters = parse_qs(urlsplit(page.url).query)
    assert parameters["state"] == ["a-state"]
    response = httpx.post(
        f"{env.issuer}oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": parameters["code"][0],
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": WEB_APP,
        },
    )
    return str(response.raise_for_status().json()["access_token"])


@pytest.mark.parametrize("width", [360, 1100])
def test_the_login_page_is_accessible(env: Environment, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(PublicApp(env.issuer).authorization_url())
    page.get_by_text("to continue to Dutyline web").wait_for()
    assert Axe().run(page).response["violations"] == []

    page.keyboard.type("nobody@cast.example")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("Wrong email or password").wait_for()

    assert Axe().run(page).response["violations"] == []
    assert page.get_by_label("Email").input_value() == "nobody@cast.example"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_api_reference_works_offline(web: str, page: Page) -> None:
    page.goto(f"{web}/docs/")

    page.get_by_text("Create a user").first.wait_for()
    page.get_by_text("Create a user").first.click()
    page.get_by_text("Idempotency-Key").first.wait_for()


def test_api_reference_signs_in_by_itself(test_users: UserFixtures, page: Page) -> None:
    page.goto(f"{test_users.ann.web}/docs/")
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    assert dialog.get_by_label("client_id").input_value() == WEB_APP
    with page.expect_popup() as opening:
        dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    popup = opening.value
    popup.get_by_label("Email").fill(test_users.ann.user.email)
    popup.get_by_label("Password").fill(PASSWORD)
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Continue").click()
    dialog.get_by_role("button", name="Remove authorization").wait_for()
    dialog.get_by_role("button", name="Close").last.click()

    operation = page.locator("[id$=-getCurrentUser]")
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    operation.locator(".live-responses-table").get_by_text(test_users.ann.user.email).wait_for()


def test_invitation_email_has_a_plain_text_part(test_users: UserFixtures, env: Environment) -> None:
    body = test_users.user_body(name="R & D")
    assert test_users.ann.post("/user", body).status_code == 201
    process_outbox()

    (email,) = emails_to(env, body["email"])

    assert "account for R & D at" in email["text"]
    assert test_users.ann.user.name in email["text"]
    assert "works only once, until" in email["text"]
    assert email["messageId"].endswith("@dutyline.example>")
