"""Job: nobody answers a number. The location's page says why, with what mends it: 3 actions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from accounts import locations
from config.backoffice.links import admin_change_url
from telephony import ivr
from telephony.admin.location_health import build_panel
from telephony.calls.health import LocationHealth, PersonOnDuty
from telephony.calls.rota.routing import RingCandidate
from tests.backoffice.browser import NARROW_VIEWPORT, CountedPage
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, create_shift, enable_ringing, now

MAX_ACTIONS, MAX_TRIPS = 3, 9
NAME = "Denver Wash Park"
AT = datetime.fromisoformat("2026-11-29T19:02:00+00:00")
LOCATION = SimpleNamespace(id="loc_1", customer_id="cus_1", time_zone="America/Denver")
OPEN, CLOSED = ivr.Entrance("open", "Somebody is on duty."), ivr.Entrance("closed", "It is outside the opening hours.")
TAKES_CALLS: dict[str, Any] = {"number": "+13035550100", "number_status": "active", "has_configuration": True}
SAM: Any = SimpleNamespace(id="usr_sam", name="Sam Reed")
RINGS_SAM = [RingCandidate("usr_sam", "Sam Reed", "scheduled", phone="+13035550104")]


def test_a_location_without_number_leads_to_buying_one(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    location = locations.create_location(actor=test_users.ann.actor, at=now(), name=NAME, time_zone="America/Denver")
    desk = CountedPage(open_tab("oscar"))
    page = desk.page
    page.goto(f"{backoffice_url}/admin/")

    desk.type(page.locator("#bo-find"), NAME.lower())
    desk.press_enter(page.locator("#bo-find"))
    desk.click(page.get_by_role("region", name="Locations").get_by_role("link", name=NAME).first)
    checks = page.locator(".bo-checks")
    checks.get_by_text("No: this location has no number").wait_for()
    violations = Axe().run(page).response["violations"]
    assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []
    desk.click(checks.get_by_role("link", name="Buy a number"))

    page.wait_for_url(f"**/buy/{location.id}/**")
    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"nobody answers a number: {len(desk.actions)} actions")
    page.go_back()
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_hole_of_next_month_leads_to_what_mends_it(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    ann, number = test_users.ann, test_users.purchase_number()
    location = locations.get_location(str(number.number.location_id), actor=ann.actor)
    configuration = ann.get(f"/ivrConfiguration/{location.id}").json()["configuration"]
    body = {"configuration": {**configuration, "hours": {"mode": "always"}}}
    assert ann.put(f"/ivrConfiguration/{location.id}", body).status_code == 200
    user = test_users.create_user(name="Rhoda Still", locations=[location.id])
    ann.patch(f"/location/{location.id}", {"name": "Denver Highlands"}).raise_for_status()
    noon = (now() + timedelta(days=9)).replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0)
    create_shift(ann.actor, location, user.id, start=noon, end=noon + timedelta(hours=4))
    desk = CountedPage(open_tab("oscar"))
    page = desk.page
    page.goto(f"{backoffice_url}/admin/")

    desk.type(page.locator("#bo-find"), "denver highlands")
    desk.press_enter(page.locator("#bo-find"))
    desk.click(page.get_by_role("region", name="Locations").get_by_role("link", name="Denver Highlands").first)
    strip = page.get_by_role("region", name="Whom calls ring")
    strip.wait_for()
    assert strip.locator(".bo-reach-week li.bo-reach-nobody").count() == 28
    hole = strip.get_by_role("listitem").filter(has_text="Rhoda Still has not accepted the invitation yet.")
    violations = Axe().run(page).response["violations"]
    assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.click(hole.get_by_role("link", name="Resend invitation: Rhoda Still"))

    page.get_by_role("heading", name="Rhoda Still").first.wait_for()
    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"a hole of next month is mended: {len(desk.actions)} actions to the person")


def test_the_page_says_of_each_person_on_duty_why_their_phone_does_not_ring(
    test_users: UserFixtures,
    env: Environment,
    operator_sessions: dict[str, OperatorSession],
    record_figure: Callable[[str], None],
) -> None:
    location_id = str(test_users.purchase_number().number.location_id)
    location = locations.get_location(location_id, actor=test_users.ann.actor)
    path = admin_change_url("accounts", "location", location_id)
    session = operator_sessions["support"]
    assert "Nobody is on duty at any time" in session.get(path).text
    assert "Add a shift" in session.get(path).text
    start = now().replace(tzinfo=None, minute=0, second=0, microsecond=0) - timedelta(hours=10)
    user = test_users.sam.user
    create_shift(test_users.ann.actor, location, user.id, start=start, end=start + timedelta(hours=22))
    page = session.get(path).text
    assert "a call now would ring nobody" in page
    assert "not rung, " in page

    enable_ringing(user)
    assert f"Yes: a call now rings {user.name}." in session.get(path).text

    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert session.get(path).status_code == 200
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    trips = count_sequential_trips(calls)
    record_figure(f"page of a location: {trips} sequential trips, {len(calls)} calls")
    assert trips <= MAX_TRIPS


def person(why_not: str = "") -> PersonOnDuty:
    return PersonOnDuty(SAM, AT + timedelta(hours=3), why_not)


TABLE: list[tuple[LocationHealth, str, str]] = [
    (LocationHealth(None), "danger", "No: this location has no number, so nobody can call it."),
    (
        LocationHealth(**TAKES_CALLS | {"number_status": "releasing"}),
        "danger",
        "No: the number does not take calls yet or any more.",
    ),
    (
        LocationHealth(**TAKES_CALLS | {"has_configuration": False}),
        "danger",
        "No: no IVR configuration says how calls are answered.",
    ),
    (
        LocationHealth(**TAKES_CALLS, is_suspended=True),
        "danger",
        "No: the customer is suspended, so calls are rejected.",
    ),
    (
        LocationHealth(**TAKES_CALLS, entrance=OPEN, is_ringing=True, rings=RINGS_SAM, are_minutes_used_up=True),
        "danger",
        "No: the customer's call minutes of the day are used up.",
    ),
    (
        LocationHealth(**TAKES_CALLS, entrance=OPEN, is_ringing=True, rings=RINGS_SAM),
        "good",
        "Yes: a call now rings Sam Reed.",
    ),
    (
        LocationHealth(**TAKES_CALLS, entrance=OPEN, is_ringing=True),
        "danger",
        "No: the line is open, but a call now would ring nobody.",
    ),
    (
        LocationHealth(**TAKES_CALLS, entrance=OPEN),
        "warning",
        "No: the IVR configuration rings nobody; callers leave a message.",
    ),
    (
        LocationHealth(**TAKES_CALLS, entrance=CLOSED, hours_mode="weekly", is_ringing=True, next_answer=AT),
        "good",
        "Not now, as planned: the line is closed by its hours. "
        "Callers are next answered on Sun 29 Nov 2026, 12:02 MST.",
    ),
    (
        LocationHealth(**TAKES_CALLS, entrance=CLOSED, hours_mode="schedule", next_answer=AT),
        "warning",
        "No: nobody is on duty, and the rota opens the line. Callers are next answered on Sun 29 Nov 2026, 12:02 MST.",
    ),
    (
        LocationHealth(**TAKES_CALLS, entrance=CLOSED, hours_mode="weekly"),
        "danger",
        "No: the line is closed, and nobody would answer within a month.",
    ),
]


@pytest.mark.parametrize(("state", "tone", "verdict"), TABLE)
def test_the_verdict_names_what_keeps_a_call_from_being_answered(
    state: LocationHealth, tone: str, verdict: str
) -> None:
    panel = build_panel(state, LOCATION, None, may_write=True, at=AT)
    assert (panel.tone, panel.verdict) == (tone, verdict)


REASONS = [
    ("phone_not_verified", "phone number is not verified", "Ask to verify: Sam Reed"),
    ("ringing_off", "calls are turned off", "Turn calls on: Sam Reed"),
    ("not_signed_in", "has not accepted the invitation yet", "Resend invitation: Sam Reed"),
    ("no_phone", "no phone number", "Add a phone: Sam Reed"),
    ("blocked", "account is not active", "Open person: Sam Reed"),
    ("other_role", "another role", "Open IVR"),
    ("not_selected", "no step of the IVR configuration rings them", "Open IVR"),
    ("on_a_call", "talks in another call", ""),
    ("on_a_break", "is on a break from calls", ""),
]


@pytest.mark.parametrize(("why_not", "words", "mend"), REASONS)
def test_each_reason_has_words_and_what_mends_it(why_not: str, words: str, mend: str) -> None:
    state = LocationHealth(**TAKES_CALLS, entrance=OPEN, is_ringing=True, on_duty=[person(why_not)])
    check = next(
        check
        for check in build_panel(state, LOCATION, None, may_write=True, at=AT).checks
        if check.label == "On duty now"
    )
    assert words in str(check.text)
    assert [link.label for link in check.mends] == ([mend] if mend else [])
    assert "on duty until Sun 29 Nov 2026, 15:02 MST" in str(check.detail)


def test_who_only_reads_gets_no_link_to_what_they_may_not_do() -> None:
    panel = build_panel(LocationHealth(None), LOCATION, None, may_write=False, at=AT)
    labels = [mend.label for check in panel.checks for mend in check.mends]
    assert "Buy a number" not in labels
    assert "Add a shift" not in labels
    assert "Open rota" in labels
