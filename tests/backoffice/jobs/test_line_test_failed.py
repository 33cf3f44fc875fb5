"""Job: the test of a line failed. From the board to what mends it, and tested again: 3 actions."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from config import dynamodb
from config.board import passes
from telephony.line_tests import results
from telephony.models import LineTest
from tests.backoffice.browser import NARROW_VIEWPORT, CountedPage
from tests.support.environment import Environment
from tests.support.http_client import HTTP
from tests.support.operators import OperatorSession
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, now

MAX_ACTIONS, MAX_TRIPS = 3, 6


def test_failed_test_leads_to_its_line_and_is_repeated(
    test_users: UserFixtures,
    env: Environment,
    backoffice_url: str,
    open_tab: Callable[..., Page],
    record_figure: Callable[[str], None],
) -> None:
    number = test_users.boston_number.number
    path = f"/ivrConfiguration/{number.location_id}"
    configuration = test_users.ann.get(path).json()["configuration"]
    hours = {"mode": "always"}
    ring = {"type": "ring", "target": {"numbers": ["+16175550123"]}, "strategy": "sequence"}
    changed = {**configuration, "hours": hours, "open": ring}
    assert test_users.ann.put(path, {"configuration": changed}).status_code == 200
    webhooks = f"{env.twilio}/_local/webhooks"
    HTTP.post(webhooks, json={"number": number.number, "VoiceUrl": "https://elsewhere.example/"})
    assert results.test_now(number.location_id, actor=test_users.ann.actor, at=now()).result == "failed"
    passes.check_customer(test_users.customer.id, now())
    desk = CountedPage(open_tab("oscar"))
    page = desk.page
    page.goto(f"{backoffice_url}/admin/?customer={test_users.customer.id}")

    desk.click(page.locator("li").filter(has_text="the line test of").get_by_role("link", name="Open line"))
    checks = page.locator(".bo-checks")
    checks.get_by_text("The telephone service sends the calls of the number to another address.").wait_for()
    violations = Axe().run(page).response["violations"]
    assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []
    assert checks.get_by_role("link", name="Open number").is_visible()
    HTTP.post(webhooks, json={"number": number.number, "VoiceUrl": f"{test_users.ann.web}/telephony/voice"})
    desk.click(page.get_by_role("link", name="Test now"))
    desk.click(page.get_by_role("button", name="Test now"))

    page.get_by_text("The test succeeded.").wait_for()
    checks.get_by_text("went as configured").wait_for()
    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"a line test failed: {len(desk.actions)} actions")
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_line_page_reads_little_and_only_who_may_write_tests(
    test_users: UserFixtures, env: Environment, operator_sessions: dict[str, OperatorSession]
) -> None:
    location_id = test_users.boston_number.number.location_id
    path = f"/admin/telephony/line/{location_id}/"
    assert operator_sessions["read-only"].get(f"{path}do/test/").status_code == 403
    assert operator_sessions["read-only"].post(f"{path}do/test/").status_code == 403

    assert operator_sessions["support"].post(f"{path}do/test/").status_code in (200, 302)
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        page = operator_sessions["support"].get(f"{path}change/")

    assert "Did the last test of this line succeed?" in page.text
    assert dynamodb.get_record(LineTest, location_id) is not None
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    assert count_sequential_trips(calls) <= MAX_TRIPS
    assert {call.operation for call in calls} <= {"BatchGetItem", "Query", "GetItem"}
