"""What support people do all day, in a browser, against the running product."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts import users
from config import dynamodb, outbox
from config.audit import verification
from config.audit.log import AuditEntry
from config.outbox.models import OutboxEntry
from telephony.models import PhoneNumber
from tests.backoffice.test_doors import dead
from tests.backoffice.test_sign_in import age_sessions
from tests.conftest import Cast, mails_to, sweep
from tests.emulators.auth0 import operators
from tests.support.environment import World
from tests.support.operators import crowd, employ, give_roles
from tests.test_journeys import LOOPBACK, launch

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        started = launch(play)
        yield started
        started.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, office: str) -> Callable[[str], BrowserContext]:
    """A browser in which somebody of this name is signed in; the same each time."""
    kept: dict[str, BrowserContext] = {}

    def enter(email: str) -> BrowserContext:
        if email not in kept:
            kept[email] = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
            page = kept[email].new_page()
            come_in(page, office, email)
            page.close()
        return kept[email]

    return enter


def come_in(page: Page, office: str, email: str) -> None:
    """Sign in as a person does it."""
    page.goto(f"{office}/admin/")
    page.get_by_role("button", name="Sign in with Auth0").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(operators.PASSWORD)
    page.get_by_role("button", name="Continue").click()


@pytest.fixture
def tab(signed_in: Callable[[str], BrowserContext]) -> Iterator[Callable[[str], Page]]:
    """A page of a lead (olive) or support (oscar); it may stumble over nothing."""
    opened: list[Page] = []
    wrong: list[str] = []

    def open_one(name: str = "olive") -> Page:
        page = signed_in(f"{name}@dutyline.example").new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: wrong.append(said.text) if "Content Security" in said.text else None,
        )
        page.on(
            "request",
            lambda asked: wrong.append(asked.url) if not LOOPBACK.match(asked.url) else None,
        )
        opened.append(page)
        return page

    yield open_one
    for page in opened:
        page.close()
    assert wrong == []


def entries(stream: str, action: str) -> list[AuditEntry]:
    """The entries of an action in somebody's log, newest first."""
    found = dynamodb.query(
        AuditEntry,
        "#stream = :stream",
        {":stream": {"S": stream}},
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return [one for one in found if one.seq and one.action == action]


def by_operator(stream: str, action: str) -> AuditEntry:
    """The newest entry of an action, which an operator did."""
    entry = entries(stream, action)[0]
    assert entry.body["actor"]["type"] == "operator"
    assert entry.body["actor"]["id"].startswith("opr_")
    return entry


def test_who_may_comes_in_and_who_may_not_does_not(
    browser: Browser, office: str, world: World
) -> None:
    email = employ(world, "rolf", ["support"])
    with browser.new_context(viewport=WIDE) as context:  # type: ignore[arg-type]
        page = context.new_page()
        come_in(page, office, email)
        page.get_by_role("heading", name="Attention").wait_for()
        give_roles(world, email, [])
        age_sessions(world, 700)
        page.locator("#nav-sidebar a", has_text="Customers").click()
        page.get_by_role("heading", name="Not an operator").wait_for()
        page.goto(f"{office}/admin/accounts/customer/")
        page.get_by_role("button", name="Sign in with Auth0").wait_for()
    with browser.new_context() as context:
        page = context.new_page()
        come_in(page, office, "nora@dutyline.example")
        page.get_by_role("heading", name="Not an operator").wait_for()


def test_a_person_is_found_by_their_address_and_changed(
    cast: Cast, office: str, tab: Callable[..., Page]
) -> None:
    user = cast.fresh(name="Paula Found")
    page = tab("oscar")
    page.goto(f"{office}/admin/")
    page.locator("#bo-find").fill(user.email.upper())
    page.get_by_role("button", name="Go").click()
    page.wait_for_url("**/accounts/user/**/change/")
    assert by_operator(user.id, "user.viewed")
    page.locator("#id_userRole").select_option("manager")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("was changed successfully").wait_for()
    assert users.get(user.id).role == "manager"
    assert by_operator(user.id, "user.changed")

    page.locator("#id_userRole").select_option("owner")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("Only an owner makes owners.").wait_for()
    assert page.locator("#id_userRole").input_value() == "owner", "what was chosen is still there"
    assert users.get(user.id).role == "manager"
    assert by_operator(user.id, "grant.refused")

    page.goto(f"{office}/admin/find/?q={cast.ann.user.email}")
    page.locator("#id_name").fill("Ann Renamed")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("not of lower rank").wait_for()


def test_an_invitation_is_sent_again(
    cast: Cast, office: str, world: World, tab: Callable[..., Page]
) -> None:
    user = cast.fresh(name="Ivy Invited")
    sweep()
    before = len(mails_to(world, user.email))
    page = tab("oscar")
    page.goto(f"{office}/admin/find/?q={user.id}")
    page.get_by_role("link", name="Resend invitation").click()
    page.get_by_role("button", name="Resend invitation").click()
    page.get_by_text("is on its way").wait_for()
    sweep()

    assert len(mails_to(world, user.email)) == before + 1
    assert by_operator(user.id, "user.invitation_resent")
    page.get_by_role("link", name="Resend invitation").click()
    page.get_by_role("button", name="Resend invitation").click()
    page.get_by_text("At most one invitation a minute").wait_for()


def test_of_two_tabs_the_second_is_refused_and_loses_nothing(
    cast: Cast, office: str, tab: Callable[..., Page]
) -> None:
    place = cast.place()
    first, second = tab(), tab()
    for page in (first, second):
        page.goto(f"{office}/admin/find/?q={place.id}")
    first.locator("#id_name").fill("Harbour West")
    first.get_by_role("button", name="Save and continue editing").click()
    first.get_by_text("was changed successfully").wait_for()

    second.locator("#id_name").fill("Harbour East")
    second.locator("#id_address").fill("1 Pier Road")
    second.get_by_role("button", name="Save and continue editing").click()
    second.get_by_text("Nothing was saved and nothing you typed is lost").wait_for()
    second.get_by_text("Stored now: Harbour West.").wait_for()
    assert second.locator("#id_name").input_value() == "Harbour East"
    assert second.locator("#id_address").input_value() == "1 Pier Road"
    second.get_by_role("button", name="Save and continue editing").click()
    second.get_by_text("was changed successfully").wait_for()
    told = [one.body["fields"] for one in entries(cast.customer.id, "location.changed")[:2]]
    assert told == [["name", "address"], ["name"]]


def test_a_series_is_planned_and_stands_in_the_calendar_and_the_api(
    cast: Cast, office: str, tab: Callable[..., Page]
) -> None:
    page = tab("oscar")
    page.goto(f"{office}/admin/find/?q={cast.customer.id}")
    related(page, "Schedules")
    page.get_by_role("link", name="Add schedule").click()
    choose(page, "Location", "Denver")
    choose(page, "Person", "Mia")
    page.locator("#id_startTime").fill("2033-01-03T09:00")
    page.locator("#id_endTime").fill("2033-01-03T17:00")
    page.locator("#id_frequency").select_option("weekly")
    for day in ("Mo", "We"):
        page.get_by_label(day, exact=True).check()
    page.locator("#id_count").fill("4")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("was added successfully").wait_for()
    found = re.search(r"sch_5F(\w{26})", page.url)
    assert found
    kept = cast.ann.get(f"/staffSchedule/sch_{found[1]}").json()
    assert kept["recurrencePattern"]["count"] == 4
    assert [one["day"] for one in kept["recurrencePattern"]["byDay"]] == ["mo", "we"]
    assert by_operator(cast.mia.id, "schedule.created")

    related(page, "Rota")
    page.goto(page.url.partition("?")[0] + "?show=week&day=2033-01-03")
    assert page.get_by_text("09:00–17:00").count() == 2
    page.get_by_role("link", name="Month", exact=True).click()
    assert page.get_by_text("09:00–17:00").count() == 4
    clash = {"customer_id": cast.customer.id, "locationId": cast.boston.id, "staffId": cast.mia.id}
    query = "&".join(f"{name}={value}" for name, value in clash.items())
    page.goto(f"{office}/admin/staffing/schedule/add/?{query}")
    page.locator("#id_startTime").fill("2033-01-05T16:00")
    page.locator("#id_endTime").fill("2033-01-05T20:00")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("It overlaps schedule").wait_for()
    page.get_by_label("Even if they are on duty elsewhere then").check(force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    page.goto(f"{office}/admin/staffing/schedule/rota/{cast.denver.id}/?show=week&day=2033-01-03")
    page.get_by_text("overlaps").first.wait_for()


def related(page: Page, name: str) -> None:
    """Follow a link from one thing to another."""
    page.get_by_role("navigation", name="Related").get_by_role("link", name=name).click()


def choose(page: Page, label: str, name: str) -> None:
    """Find another record by typing its name."""
    box = page.locator(f"label:has-text('{label}')").first
    target = box.get_attribute("for")
    page.locator(f"#select2-{target}-container").click()
    page.locator(".select2-search__field").fill(name)
    page.locator(".select2-results__option", has_text=name).first.click()


def test_a_number_is_bought_previewed_and_its_voicemail_heard(
    cast: Cast, office: str, tab: Callable[..., Page]
) -> None:
    place = cast.place()
    page = tab("oscar")
    page.goto(f"{office}/admin/telephony/phonenumber/buy/{place.id}/")
    page.get_by_label("Country").fill("US")
    page.get_by_label("Area code").fill("617")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name=re.compile("^Buy ")).first.click()
    page.get_by_text("is bought and answers").wait_for()
    number = page.get_by_role("heading", level=1).inner_text().split()[-1]
    held = dynamodb.get(PhoneNumber, number)
    assert held is not None
    assert held.location_id == place.id
    assert by_operator(cast.customer.id, "number.purchased")

    related(page, "IVR configuration")
    page.get_by_role("link", name="Preview a call").click()
    page.get_by_role("button", name="Preview a call").click()
    page.get_by_role("heading", name="What a caller would meet").wait_for()
    page.get_by_text("voicemail").first.wait_for()

    call = cast.recorded
    page.goto(f"{office}/admin/find/?q={call}")
    sound = page.locator("audio").get_attribute("src")
    heard = page.request.get(office + str(sound))
    assert heard.headers["content-type"] == "audio/wav"
    assert heard.body()[:4] == b"RIFF"
    assert by_operator(cast.customer.id, "call.listened")
    assert by_operator(cast.customer.id, "call.viewed")


def test_many_are_blocked_at_once_over_pages(
    cast: Cast, office: str, tab: Callable[..., Page], say: Callable[[str], None]
) -> None:
    people = crowd(cast.customer.id, 120, first="Aaron")
    page = tab()
    page.goto(f"{office}/admin/find/?q={cast.customer.id}")
    related(page, "People")
    page.locator("#searchbar").fill("aaron")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=aaron**")
    assert page.locator("#result_list tbody tr").count() == 50
    page.get_by_role("link", name="Next →").click()
    page.locator("#action-toggle").check()
    page.get_by_text("Select all that match").click()
    page.locator("select[name=action]").select_option("block")
    began = datetime.now(UTC)
    page.get_by_role("button", name="Run").click()
    page.get_by_text("120 people blocked.").wait_for(timeout=60_000)
    took = (datetime.now(UTC) - began).total_seconds()
    assert {users.get(one.id).status for one in people} == {"blocked"}
    for one in (people[0], people[-1]):
        assert by_operator(one.id, "user.blocked")
    say(f"120 people blocked over three pages in {took:.1f} s")


def test_a_customer_is_suspended_by_typing_its_name(
    cast: Cast, office: str, tab: Callable[..., Page]
) -> None:
    page = tab()
    page.goto(f"{office}/admin/find/?q={cast.elsewhere.id}")
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label(re.compile("^Type")).fill("Another")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("That is another name.").wait_for()
    assert cast.cleo.get("/user").status_code == 200
    page.get_by_label(re.compile("^Type")).fill(cast.elsewhere.name)
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("is suspended").wait_for()
    assert cast.cleo.get("/user").status_code == 401
    assert by_operator(cast.elsewhere.id, "customer.suspended")
    page.get_by_role("link", name="Resume").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("works again").wait_for()
    assert cast.cleo.get("/user").status_code == 200


def test_a_dead_errand_is_revived(cast: Cast, office: str, tab: Callable[..., Page]) -> None:
    user = cast.fresh(name="Dora Dead")
    id = dead(cast.customer.id)
    dynamodb.call(
        "UpdateItem",
        TableName=OutboxEntry.table_name(),
        Key=OutboxEntry.wire_key(id),
        UpdateExpression="SET arguments = :a",
        ExpressionAttributeValues={":a": {"S": f'{{"user_id":"{user.id}"}}'}},
    )
    page = tab("oscar")
    page.goto(f"{office}/admin/")
    page.get_by_role("link", name="Failed work").click()
    page.goto(f"{office}/admin/config/outboxentry/{id.replace('_', '_5F')}/change/")
    page.get_by_role("link", name="Revive").click()
    page.get_by_role("button", name="Revive").click()
    page.get_by_text("is tried again").wait_for()
    kept = dynamodb.get(OutboxEntry, id)
    assert kept is not None
    assert kept.shard in outbox.SHARDS
    sweep()
    assert dynamodb.get(OutboxEntry, id) is None
    assert users.get(user.id).invitation_sent_at is not None
    assert by_operator(cast.customer.id, "errand.revived")


PAGES = {
    "attention": "/admin/",
    "customers": "/admin/accounts/customer/",
    "customer": "/admin/find/?q={customer}",
    "people": "/admin/accounts/user/",
    "person": "/admin/find/?q={sam}",
    "new person": "/admin/accounts/user/add/?customer_id={customer}",
    "block": "/admin/accounts/user/{sam}/do/block/",
    "delete": "/admin/accounts/user/{sam}/do/delete/",
    "locations": "/admin/accounts/location/",
    "location": "/admin/find/?q={boston}",
    "schedules": "/admin/staffing/schedule/",
    "schedule": "/admin/find/?q={shift}",
    "week": "/admin/staffing/schedule/rota/{boston}/?day={day}",
    "month": "/admin/staffing/schedule/rota/{boston}/?show=month&day={day}",
    "rota of a person": "/admin/staffing/schedule/rota-of/{sam}/?day={day}",
    "templates": "/admin/staffing/template/",
    "template": "/admin/find/?q={template}",
    "numbers": "/admin/telephony/phonenumber/",
    "number": "/admin/find/?q={number}",
    "buy": "/admin/telephony/phonenumber/buy/{boston}/?country=US&areaCode=617",
    "lines": "/admin/telephony/line/",
    "line": "/admin/telephony/line/{boston}/change/",
    "calls": "/admin/telephony/call/?location_id__exact={boston}",
    "call": "/admin/find/?q={call}",
    "unexplained numbers": "/admin/telephony/orphan/",
    "terms accepted": "/admin/accounts/termsacceptance/",
    "audit": "/admin/config/auditentry/",
    "audit entry": "/admin/config/auditentry/{ann}~1/change/",
    "outbox": "/admin/config/outboxentry/",
    "nothing here": "/admin/nothing/here/",
}


def test_every_page_can_be_used_by_everybody(
    cast: Cast, office: str, tab: Callable[..., Page], say: Callable[[str], None]
) -> None:
    """With SCREENSHOTS=folder, each page is kept as a picture there, to be looked at."""
    shift = cast.shift()
    names: dict[str, Any] = {
        "customer": cast.customer.id,
        "sam": cast.sam.id,
        "ann": cast.ann.id,
        "boston": cast.boston.id,
        "shift": shift.id,
        "day": shift.start[:10],
        "template": cast.template().id,
        "number": cast.held.number.number.replace("+", "%2B"),
        "call": cast.recorded,
    }
    folder = os.environ.get("SCREENSHOTS")
    page, axe = tab(), Axe()
    found: list[str] = []
    for width, size in (("wide", WIDE), ("narrow", NARROW)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for name, path in PAGES.items():
            page.goto(office + path.format(**names))
            if folder:
                page.screenshot(path=Path(folder) / f"{name} {width}.png", full_page=True)
            spill = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if spill > 1:
                found.append(f"{name} {width}: {spill} px too wide")
            if width == "wide" or name in ("attention", "person", "week"):
                for one in axe.run(page).response["violations"]:
                    if one["impact"] in ("serious", "critical"):
                        nodes = [node["html"][:120] for node in one["nodes"][:3]]
                        found.append(f"{name} {width}: {one['id']}: {nodes}")
    assert not found, "\n".join(found)
    say(f"back office: {len(PAGES)} pages at two widths; axe found nothing serious")


def test_the_keyboard_reaches_what_the_mouse_does(office: str, tab: Callable[..., Page]) -> None:
    page = tab()
    page.goto(f"{office}/admin/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "bo-skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


def test_every_change_has_its_entry_and_every_log_verifies(cast: Cast, office: str) -> None:
    """After all the journeys above: what operators did stands in logs that are sound."""
    done = {"user.viewed", "user.changed", "user.blocked", "schedule.created", "location.changed"}
    operators_logs = {
        one.body["actor"]["id"]
        for stream in (cast.customer.id, cast.sam.id, cast.mia.id)
        for action in done
        for one in entries(stream, action)
        if one.body["actor"]["type"] == "operator"
    }
    assert operators_logs, "operators were at work"
    for stream in [*operators_logs, cast.customer.id, cast.sam.id, cast.mia.id]:
        assert isinstance(verification.read(stream), verification.Sound), stream
