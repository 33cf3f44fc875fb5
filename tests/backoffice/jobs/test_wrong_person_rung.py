"""Job: why did our phone ring the wrong person? At most 4 actions."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from config.backoffice.links import admin_change_url
from tests.backoffice.browser import NARROW_VIEWPORT, CountedPage
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, create_shift, enable_ringing, now, simulate_call

MAX_ACTIONS = 4
MAX_TRIPS = 10


@pytest.fixture(scope="module")
def answered_call(test_users: UserFixtures) -> str:
    """A call that rang Sam, who is on duty; Mia is too, but calls do not ring her phone."""
    start = now().replace(tzinfo=None, minute=0, second=0, microsecond=0) - timedelta(hours=6)
    phone = enable_ringing(test_users.sam.user)
    for user in (test_users.sam, test_users.mia):
        create_shift(test_users.ann.actor, test_users.boston, user.id, start=start, end=start + timedelta(hours=14))
    number = test_users.boston_number.number.number
    return str(simulate_call(number, phones={phone: "answers"})["sid"])


def test_the_call_says_who_rang_and_which_shift_put_them_there(
    test_users: UserFixtures,
    backoffice_url: str,
    answered_call: str,
    open_tab: Callable[..., Page],
    record_figure: Callable[[str], None],
) -> None:
    desk = CountedPage(open_tab("oscar"))
    page = desk.page
    page.goto(f"{backoffice_url}/admin/")

    desk.type(page.locator("#bo-find"), test_users.boston_number.number.number)
    desk.press_enter(page.locator("#bo-find"))
    desk.click(page.locator(".bo-record").get_by_role("link", name="Calls", exact=True))
    desk.click(page.locator(f"#result_list a[href*='{answered_call}']").first)

    ladder = page.locator(".bo-ladder")
    steps = ladder.locator("ol").inner_text()
    assert re.search(r"\d\d:\d\d:\d\d", steps)
    assert f"Rings {test_users.sam.user.name}" in steps
    assert re.search(rf"{test_users.sam.user.name} answers( after \d+ s)? and presses 1", steps)
    row = ladder.locator("tr", has_text=test_users.sam.user.name)
    assert "On duty" in row.inner_text()
    not_rung = ladder.locator("tr", has_text=test_users.mia.user.name)
    assert "Not rung:" in not_rung.inner_text()
    assert "usr_" not in ladder.inner_text()
    desk.click(row.get_by_role("link", name=re.compile(r"\d\d:\d\d")))
    page.wait_for_url("**/staffing/schedule/**")
    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"why the phone rang somebody: {len(desk.actions)} actions")

    page.go_back()
    page.get_by_role("link", name="Rota of that day").click()
    page.wait_for_url("**/rota/**")


def test_the_page_of_the_customer_leads_to_the_call(
    test_users: UserFixtures, backoffice_url: str, answered_call: str, open_tab: Callable[..., Page]
) -> None:
    """Somebody new took 6 actions, by way of the menu."""
    sue = test_users.create_user(name="Sue Absent", locations=[test_users.boston.id])
    start = now().replace(tzinfo=None, minute=0, second=0, microsecond=0) - timedelta(hours=30)
    create_shift(test_users.ann.actor, test_users.boston, sue.id, start=start, end=start + timedelta(hours=4))
    desk = CountedPage(open_tab("oscar"))
    page = desk.page
    page.goto(f"{backoffice_url}/admin/")

    desk.type(page.locator("#bo-find"), str(test_users.customer.id))
    desk.press_enter(page.locator("#bo-find"))
    last_calls = page.locator(".bo-panel", has_text="Last calls")
    desk.click(last_calls.locator(f"a[href*='{answered_call}']"))
    absent = page.locator(".bo-whys tr", has_text="Sue Absent")
    assert "Not on duty: the last shift before was over" in absent.inner_text()
    desk.click(absent.get_by_role("link", name=re.compile(r"\d\d:\d\d")))
    page.wait_for_url("**/staffing/schedule/**")
    assert len(desk.actions) <= MAX_ACTIONS - 1, desk.actions
    page.goto(f"{backoffice_url}{admin_change_url('accounts', 'location', test_users.boston.id)}")
    assert last_calls.locator(f"a[href*='{answered_call}']").count() == 1
    page.goto(f"{backoffice_url}/admin/telephony/call/?location_id__exact={test_users.boston.id}")
    assert test_users.sam.user.name in page.locator(".field-ringing_people").first.inner_text()


def test_a_call_fits_a_phone_and_is_accessible(
    backoffice_url: str, answered_call: str, open_tab: Callable[..., Page]
) -> None:
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/telephony/call/{answered_call}/change/")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        violations = Axe().run(page).response["violations"]
        assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_of_a_call_reads_little(
    env: Environment,
    answered_call: str,
    operator_sessions: dict[str, OperatorSession],
    record_figure: Callable[[str], None],
) -> None:
    session, path = operator_sessions["read-only"], f"/admin/telephony/call/{answered_call}/change/"
    session.get(path)
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert session.get(path).status_code == 200
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    trips = count_sequential_trips(calls)
    record_figure(f"page of a call: {trips} sequential trips, {len(calls)} calls")
    assert trips <= MAX_TRIPS
