"""What people see: the invitation in their mailbox, the password page, signing in, the docs."""

import base64
import hashlib
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, Request, sync_playwright

from config.dev.bootstrap import CHROMIUM
from tests.conftest import Cast, mails_to, sweep
from tests.support.environment import World

LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+/|data:|about:")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        started = launch(play)
        yield started
        started.close()


def launch(play: Playwright) -> Browser:
    """A headless browser; on a busy machine its first start may be cut short, so three tries."""
    for attempt in range(3):
        try:
            return play.chromium.launch(
                executable_path=CHROMIUM,
                headless=True,
                args=["--disable-gpu", "--disable-dev-shm-usage"],
            )
        except Error:
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may speak to this machine only, and must not stumble."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    strayed: list[str] = []
    stumbled: list[str] = []

    def watch(request: Request) -> None:
        if not LOOPBACK.match(request.url):
            strayed.append(request.url)

    opened.on("request", watch)
    opened.on("pageerror", lambda error: stumbled.append(str(error)))
    yield opened
    context.close()
    assert strayed == [], "the page asked somebody outside this machine"
    assert stumbled == []


def test_an_invited_person_comes_in(cast: Cast, world: World, page: Page) -> None:
    body = cast.new_user(name="Zoë O'Hara <b>", locations=[cast.boston.id])
    assert cast.ann.post("/user", body).status_code == 201
    sweep()

    page.goto(world.mail)
    row = page.get_by_role("row").filter(has_text=body["email"])
    row.get_by_role("link", name="Harbour Dental invites you").click()
    letter = page.frame_locator("iframe")
    letter.get_by_text("Hello Zoë O'Hara <b>,").wait_for()
    assert letter.locator("b").count() == 0, "a name is text"
    link = letter.get_by_role("link", name="Set your password").get_attribute("href")
    assert link

    page.goto(link)
    page.get_by_label("New password").fill("my own words")
    page.get_by_role("button", name="Set password").click()
    page.get_by_role("heading", name="Your password is set").wait_for()
    page.goto(link)
    page.get_by_role("heading", name="This link was used").wait_for()

    token = sign_in_by_code(world, page, body["email"], "my own words")
    me = httpx.get(f"{cast.ann.web}/user", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 200
    assert me.json()["name"] == body["name"]
    assert me.json()["status"] == "active"


def sign_in_by_code(world: World, page: Page, email: str, password: str) -> str:
    """Sign in at the login page as a web app does: code, PKCE, state and nonce."""
    back = f"{world.web}/signed-in"  # where an app would wait
    verifier = "a-verifier-of-enough-letters-and-numbers-0123456789"
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": "dutyline-app",
        "redirect_uri": back,
        "audience": "https://api.dutyline.example/",
        "scope": "openid",
        "state": "a-state",
        "nonce": "a-nonce",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    page.goto(f"{world.issuer}authorize?{urlencode(query)}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("alert").get_by_text("Wrong email or password").wait_for()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{back}?**")
    found = parse_qs(urlsplit(page.url).query)
    assert found["state"] == ["a-state"]
    answer = httpx.post(
        f"{world.issuer}oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": found["code"][0],
            "redirect_uri": back,
            "code_verifier": verifier,
            "client_id": "dutyline-app",
            "client_secret": "local-app-secret",
        },
    )
    return str(answer.raise_for_status().json()["access_token"])


def test_the_reference_can_be_read_offline(web: str, page: Page) -> None:
    page.goto(f"{web}/docs/")

    page.get_by_text("Create a user").first.wait_for()
    page.get_by_text("Create a user").first.click()
    page.get_by_text("Idempotency-Key").first.wait_for()


def test_the_mail_reads_without_html_too(cast: Cast, world: World) -> None:
    body = cast.new_user(name="R & D")
    assert cast.ann.post("/user", body).status_code == 201
    sweep()

    (mail,) = mails_to(world, body["email"])

    assert "Hello R & D," in mail["text"]
    assert cast.ann.user.name in mail["text"]
    assert "works once, until" in mail["text"]
    assert mail["messageId"].endswith("@dutyline.example>")
