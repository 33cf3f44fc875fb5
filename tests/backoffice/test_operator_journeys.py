"""The daily work of operators, in a browser against the running product."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from accounts import users
from accounts.users import delete
from config import dynamodb, outbox
from config.audit import AuditEntry, verification
from config.outbox import OutboxMessage
from telephony import blocked_callers
from telephony.models import PhoneNumber
from tests.backoffice.browser import NARROW_VIEWPORT, WIDE_VIEWPORT, sign_in_with_auth0
from tests.backoffice.test_permissions import create_dead_letter
from tests.support.attempts import forget_denied_attempts
from tests.support.board import run_pass
from tests.support.environment import Environment
from tests.support.operators import age_sessions, create_many_users, create_operator, set_operator_roles
from tests.support.users import UserFixtures, create_shift, emails_to, now, process_outbox


def list_entries(stream: str, action: str) -> list[AuditEntry]:
    """Audit entries of a stream and action, newest first."""
    records = dynamodb.query_records(
        AuditEntry, "#stream = :stream", {":stream": {"S": stream}}, ScanIndexForward=False, ConsistentRead=True
    )
    return [entry for entry in records if entry.seq and entry.action == action]


def latest_operator_entry(stream: str, action: str) -> AuditEntry:
    """The newest audit entry of an action; its actor must be an operator."""
    entry = list_entries(stream, action)[0]
    assert entry.body["actor"]["type"] == "operator"
    assert entry.body["actor"]["id"].startswith("opr_")
    return entry


@pytest.mark.usefixtures("operators_database")
def test_operators_need_a_role_to_sign_in(browser: Browser, backoffice_url: str, env: Environment) -> None:
    email = create_operator(env, "rolf", ["support"])
    with browser.new_context(viewport=WIDE_VIEWPORT) as context:  # type: ignore[arg-type]
        page = context.new_page()
        sign_in_with_auth0(page, backoffice_url, email)
        page.get_by_role("heading", name="Attention").wait_for()
        set_operator_roles(env, email, [])
        age_sessions(700)
        page.locator("#nav-sidebar a", has_text="Customers").click()
        page.get_by_role("heading", name="Not an operator").wait_for()
        page.goto(f"{backoffice_url}/admin/accounts/customer/")
        page.get_by_role("button", name="Sign in with Auth0").wait_for()
    with browser.new_context() as context:
        page = context.new_page()
        sign_in_with_auth0(page, backoffice_url, "nora@dutyline.example")
        page.get_by_role("heading", name="Not an operator").wait_for()


def test_user_is_searched_by_email_and_changed(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    user = test_users.create_user(name="Paula Found")
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/")
    page.locator("#bo-find").fill(user.email.upper())
    page.get_by_role("button", name="Go").click()
    page.wait_for_url("**/accounts/user/**/change/")
    assert latest_operator_entry(user.id, "user.viewed")
    page.locator("#id_userRole").select_option("manager")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("was changed successfully").wait_for()
    assert users.get_user(user.id).role == "manager"
    assert latest_operator_entry(user.id, "user.changed")

    forget_denied_attempts("opr_")
    page.locator("#id_userRole").select_option("owner")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("Only owners can assign the role `owner`.").wait_for()
    assert page.locator("#id_userRole").input_value() == "owner", "the selected value is still in the form"
    assert users.get_user(user.id).role == "manager"
    assert latest_operator_entry(user.id, "grant.refused")

    page.goto(f"{backoffice_url}/admin/find/?q={test_users.ann.user.email}")
    page.locator("#id_name").fill("Ann Renamed")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("is not lower than yours").wait_for()


def test_invitation_is_resent(
    test_users: UserFixtures, backoffice_url: str, env: Environment, open_tab: Callable[..., Page]
) -> None:
    user = test_users.create_user(name="Ivy Invited")
    process_outbox()
    count_before = len(emails_to(env, user.email))
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/find/?q={user.id}")
    page.get_by_role("link", name="Resend invitation").click()
    page.get_by_role("button", name="Resend invitation").click()
    page.get_by_text("is being sent.").wait_for()
    process_outbox()

    assert len(emails_to(env, user.email)) == count_before + 1
    assert latest_operator_entry(user.id, "user.invitation_resent")
    page.get_by_role("link", name="Resend invitation").click()
    page.get_by_role("button", name="Resend invitation").click()
    page.get_by_text("An invitation can be resent once a minute").wait_for()


def test_conflicting_edit_in_a_second_tab_loses_nothing(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    location = test_users.create_location()
    first_tab, second_tab = open_tab(), open_tab()
    for page in (first_tab, second_tab):
        page.goto(f"{backoffice_url}/admin/find/?q={location.id}")
    first_tab.locator("#id_name").fill("Harbour West")
    first_tab.get_by_role("button", name="Save and continue editing").click()
    first_tab.get_by_text("was changed successfully").wait_for()

    second_tab.locator("#id_name").fill("Harbour East")
    second_tab.locator("#id_address").fill("1 Pier Road")
    second_tab.get_by_role("button", name="Save and continue editing").click()
    second_tab.get_by_text("Nothing was saved yet").wait_for()
    second_tab.get_by_text("Stored value: Harbour West.").wait_for()
    assert second_tab.locator("#id_name").input_value() == "Harbour East"
    assert second_tab.locator("#id_address").input_value() == "1 Pier Road"
    second_tab.get_by_role("button", name="Save and continue editing").click()
    second_tab.get_by_text("was changed successfully").wait_for()
    changed_fields = [entry.body["fields"] for entry in list_entries(test_users.customer.id, "location.changed")[:2]]
    assert changed_fields == [["name", "address"], ["name"]]


def test_series_is_created_and_shown_in_rota_and_api(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/find/?q={test_users.customer.id}")
    follow_related_link(page, "Schedules")
    page.get_by_role("link", name="Add schedule").click()
    select_record(page, "Location", "Denver")
    select_record(page, "Person", "Mia")
    page.locator("#id_startTime").fill("2033-01-03T09:00")
    page.locator("#id_endTime").fill("2033-01-03T17:00")
    page.locator("#id_frequency").select_option("weekly")
    for day in ("Mon", "Wed"):
        page.get_by_label(day, exact=True).check()
    page.locator("#id_count").fill("4")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("was added successfully").wait_for()
    url_match = re.search(r"sch_5F(\w{26})", page.url)
    assert url_match
    schedule = test_users.ann.get(f"/staffSchedule/sch_{url_match[1]}").json()
    assert schedule["recurrencePattern"]["count"] == 4
    assert [weekday["day"] for weekday in schedule["recurrencePattern"]["byDay"]] == ["mo", "we"]
    assert latest_operator_entry(test_users.mia.id, "schedule.created")

    follow_related_link(page, "Rota")
    page.goto(page.url.partition("?")[0] + "?show=week&day=2033-01-03")
    assert page.locator(".bo-shift", has_text="09:00–17:00").count() == 2
    page.get_by_role("link", name="Month", exact=True).click()
    assert page.locator(".bo-shift", has_text="09:00–17:00").count() == 4
    conflicting_fields = {
        "customer_id": test_users.customer.id,
        "locationId": test_users.boston.id,
        "staffId": test_users.mia.id,
    }
    query = "&".join(f"{name}={value}" for name, value in conflicting_fields.items())
    page.goto(f"{backoffice_url}/admin/staffing/schedule/add/?{query}")
    page.locator("#id_startTime").fill("2033-01-05T16:00")
    page.locator("#id_endTime").fill("2033-01-05T20:00")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Overlaps another shift").wait_for()
    page.get_by_label("Allow overlap").check(force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    page.goto(f"{backoffice_url}/admin/staffing/schedule/rota/{test_users.denver.id}/?show=week&day=2033-01-03")
    page.get_by_text("1 shift overlaps another shift of the same person").wait_for()
    page.locator(".bo-shift", has_text="⚠ overlap").click()
    assert page.locator("#id_scope").input_value() == "occurrence"
    assert page.locator("#id_recurrenceId").input_value() == "2033-01-05T09:00"
    assert page.locator("#id_endTime").input_value() == "2033-01-05T17:00"
    page.locator("#id_endTime").fill("2033-01-05T13:30")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("heading", name="Week of 3 Jan to 9 Jan 2033").wait_for()
    shifts = page.locator(".bo-shift").all_inner_texts()
    assert [text.split()[0] for text in shifts] == ["09:00–17:00", "09:00–13:30"]
    assert page.get_by_text("overlap").count() == 0


def follow_related_link(page: Page, name: str) -> None:
    """Follow a link to a related record."""
    page.get_by_role("navigation", name="Related").get_by_role("link", name=name, exact=True).click()


def select_record(page: Page, label: str, name: str) -> None:
    """Select a record in an autocomplete field by typing its name."""
    box = page.locator(f"label:has-text('{label}')").first
    target = box.get_attribute("for")
    page.locator(f"#select2-{target}-container").click()
    page.locator(".select2-search__field").fill(name)
    page.locator(".select2-results__option", has_text=name).first.click()


def test_number_is_purchased_previewed_and_its_voicemail_played(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    location = test_users.create_location()
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/telephony/phonenumber/buy/{location.id}/")
    page.get_by_label("Country").select_option("US")
    page.get_by_label("Area code").fill("617")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name=re.compile("^Buy ")).first.click()
    page.get_by_text("It costs 1.15 USD a month.").wait_for()
    page.get_by_role("button", name="Buy", exact=True).click()
    page.get_by_text("was bought and takes calls").wait_for()
    heading = page.get_by_role("heading", level=1).inner_text()
    number = "+" + "".join(filter(str.isdigit, heading.partition("+")[2]))
    phone_number = dynamodb.get_record(PhoneNumber, number)
    assert phone_number is not None
    assert phone_number.location_id == location.id
    assert latest_operator_entry(test_users.customer.id, "number.purchased")

    follow_related_link(page, "IVR configuration")
    page.get_by_role("link", name="Preview a call").click()
    page.get_by_role("heading", name="Preview a call").first.wait_for()
    page.get_by_text("voicemail").first.wait_for()

    call_id = test_users.recorded_call_id
    page.goto(f"{backoffice_url}/admin/find/?q={call_id}")
    audio_url = page.locator("audio").get_attribute("src")
    audio_response = page.request.get(backoffice_url + str(audio_url))
    assert audio_response.headers["content-type"] == "audio/wav"
    assert audio_response.body()[:4] == b"RIFF"
    assert latest_operator_entry(test_users.customer.id, "call.listened")
    assert latest_operator_entry(test_users.customer.id, "call.viewed")


def test_bulk_block_over_several_pages(
    test_users: UserFixtures,
    backoffice_url: str,
    open_tab: Callable[..., Page],
    work: Callable[..., None],
    record_figure: Callable[[str], None],
) -> None:
    created_users = create_many_users(test_users.customer.id, 120, name_prefix="Aaron")
    page = open_tab()
    page.goto(f"{backoffice_url}/admin/find/?q={test_users.customer.id}")
    follow_related_link(page, "People")
    page.locator("#searchbar").fill("aaron")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=aaron**")
    assert page.locator("#result_list tbody tr").count() == 50
    page.get_by_role("link", name="Next →").click()
    page.locator("#action-toggle").check()
    page.get_by_text("Select all matches").click()
    page.locator("select[name=action]").select_option("block")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Block: 120 people").click()
    page.get_by_text("It is running").wait_for()
    started = datetime.now(UTC)
    work(60)
    elapsed = (datetime.now(UTC) - started).total_seconds()
    page.get_by_text("It ended").wait_for()  # the page reloads by itself
    assert {users.get_user(user.id).status for user in created_users} == {"blocked"}
    for user in (created_users[0], created_users[-1]):
        assert latest_operator_entry(user.id, "user.blocked")
    record_figure(f"120 users blocked over three pages in {elapsed:.1f} s")


def test_suspending_a_customer_requires_typing_its_name(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    page = open_tab()
    page.goto(f"{backoffice_url}/admin/find/?q={test_users.other_customer.id}")
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label(re.compile("^Type")).fill("Another")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("The name does not match.").wait_for()
    assert test_users.cleo.get("/user").status_code == 200
    page.get_by_label(re.compile("^Type")).fill(test_users.other_customer.name)
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("is suspended").wait_for()
    assert test_users.cleo.get("/user").status_code == 401
    assert latest_operator_entry(test_users.other_customer.id, "customer.suspended")
    page.get_by_role("link", name="Resume").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("is active again").wait_for()
    assert test_users.cleo.get("/user").status_code == 200


def test_dead_letter_is_retried(test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]) -> None:
    user = test_users.create_user(name="Dora Dead")
    message_id = create_dead_letter(test_users.customer.id)
    dynamodb.call(
        "UpdateItem",
        TableName=OutboxMessage.table_name(),
        Key=OutboxMessage.to_dynamodb_key(message_id),
        UpdateExpression="SET arguments = :a",
        ExpressionAttributeValues={":a": {"S": f'{{"user_id":"{user.id}"}}'}},
    )
    run_pass()
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/")
    page.get_by_role("navigation", name="Kinds").get_by_role("link", name="Failed work").click()
    page.get_by_role("link", name="Retry or discard").first.wait_for()
    page.goto(f"{backoffice_url}/admin/config/outboxentry/{message_id.replace('_', '_5F')}/change/")
    page.get_by_role("link", name="Retry").click()
    page.get_by_role("button", name="Retry").click()
    page.get_by_text("will be retried").wait_for()
    message = dynamodb.get_record(OutboxMessage, message_id)
    assert message is not None
    assert message.shard in outbox.SHARDS
    process_outbox()
    assert dynamodb.get_record(OutboxMessage, message_id) is None
    assert users.get_user(user.id).invitation_sent_at is not None
    assert latest_operator_entry(test_users.customer.id, "errand.revived")


ADMIN_PAGES = {
    "attention": "/admin/",
    "customers": "/admin/accounts/customer/",
    "results": "/admin/find/?q=sam",
    "no results": "/admin/find/?q=nobody-at-all",
    "customer": "/admin/find/?q={customer}",
    "export everything": "/admin/accounts/customer/export/{customer}/",
    "new customer": "/admin/accounts/customer/add/",
    "bulk actions": "/admin/bulk/",
    "set up locations": "/admin/accounts/customer/setup/{customer}/locations/",
    "set up people": "/admin/accounts/customer/setup/{customer}/people/",
    "set up the rota": "/admin/accounts/customer/setup/{customer}/rota/",
    "set up numbers": "/admin/accounts/customer/setup/{customer}/number/",
    "people": "/admin/accounts/user/",
    "person": "/admin/find/?q={sam}",
    "new person": "/admin/accounts/user/add/?customer_id={customer}",
    "block": "/admin/accounts/user/{sam}/do/block/",
    "delete": "/admin/accounts/user/{sam}/do/delete/",
    "deleted people": "/admin/accounts/deleteduser/",
    "deleted person": "/admin/find/?q={deleted}",
    "restore a person": "/admin/accounts/deleteduser/{deleted}/do/restore/",
    "erase a person": "/admin/accounts/deleteduser/{deleted}/do/erase/",
    "import people": "/admin/accounts/user/import/{customer}/",
    "import a rota": "/admin/staffing/schedule/import/{customer}/?location=Boston",
    "locations": "/admin/accounts/location/",
    "location": "/admin/find/?q={boston}",
    "schedules": "/admin/staffing/schedule/",
    "schedule": "/admin/find/?q={shift}",
    "week": "/admin/staffing/schedule/rota/{boston}/?day={day}",
    "month": "/admin/staffing/schedule/rota/{boston}/?show=month&day={day}",
    "rota of a person": "/admin/staffing/schedule/rota-of/{sam}/?day={day}",
    "move shifts": "/admin/staffing/schedule/rota-of/{sam}/move/?from={day}&until={day}&to=mia",
    "move shifts of a location": "/admin/staffing/schedule/rota/{boston}/move/",
    "calls by hour": "/admin/telephony/call/by-hour/{boston}/",
    "note of a day": "/admin/staffing/schedule/day-note/{boston}/?day={day}",
    "templates": "/admin/staffing/template/",
    "template": "/admin/find/?q={template}",
    "numbers": "/admin/telephony/phonenumber/",
    "number": "/admin/find/?q={number}",
    "buy": "/admin/telephony/phonenumber/buy/{boston}/?country=US&areaCode=617",
    "lines": "/admin/telephony/line/",
    "line": "/admin/telephony/line/{boston}/change/",
    "change a line": "/admin/telephony/line/{boston}/edit/",
    "line as JSON": "/admin/telephony/line/{boston}/json/",
    "revisions of a line": "/admin/telephony/line/{boston}/revisions/",
    "location without a line": "/admin/telephony/line/{denver}/change/",
    "calls": "/admin/telephony/call/?location_id__exact={boston}",
    "call": "/admin/find/?q={call}",
    "unassigned numbers": "/admin/telephony/orphan/",
    "blocked callers": "/admin/telephony/blockedcaller/?customer_id__exact={customer}",
    "blocked caller": "/admin/telephony/blockedcaller/{blocked}/change/",
    "block a caller": "/admin/telephony/blockedcaller/add/?customer_id={customer}",
    "block the caller of a call": "/admin/telephony/call/{call}/do/block-caller/",
    "number profiles": "/admin/telephony/numberprofile/?customer_id__exact={customer}",
    "number profile": "/admin/telephony/numberprofile/{customer}~DE/change/",
    "new number profile": "/admin/telephony/numberprofile/add/?customer_id={customer}",
    "record a bundle": "/admin/telephony/numberprofile/{customer}~DE/do/bundle/",
    "reserve a number": "/admin/telephony/phonenumber/reserve/{customer}/",
    "terms acceptances": "/admin/accounts/termsacceptance/",
    "audit": "/admin/config/auditentry/",
    "audit entry": "/admin/config/auditentry/{ann}~1/change/",
    "outbox": "/admin/config/outboxentry/",
    "nothing here": "/admin/nothing/here/",
}


def test_all_pages_are_accessible(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    """With SCREENSHOTS=folder, screenshots of each page, dark and light, are saved there."""
    shift = test_users.create_shift()
    test_users.put_profile("DE", has_bundle=True)
    test_users.reserve_number()
    path_values: dict[str, Any] = {
        "customer": test_users.customer.id,
        "sam": test_users.sam.id,
        "ann": test_users.ann.id,
        "boston": test_users.boston.id,
        "deleted": delete.delete_user(test_users.create_user().id, actor=test_users.ann.actor, at=now()).id,
        "denver": test_users.create_location().id,
        "shift": shift.id,
        "day": shift.start[:10],
        "template": test_users.create_template().id,
        "number": test_users.boston_number.number.number.replace("+", "%2B"),
        "call": test_users.recorded_call_id,
        "blocked": blocked_callers.block_caller(
            "+16175550100", location_id=test_users.boston.id, reason="Advertising", actor=test_users.ann.actor, at=now()
        ).record.id,
    }
    screenshot_folder = os.environ.get("SCREENSHOTS")
    page, axe = open_tab(), Axe()
    problems: list[str] = []
    for name, path in ADMIN_PAGES.items():
        page.set_viewport_size(WIDE_VIEWPORT)  # type: ignore[arg-type]
        page.goto(backoffice_url + path.format(**path_values))
        for width, size in (("wide", WIDE_VIEWPORT), ("narrow", NARROW_VIEWPORT)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            if screenshot_folder:
                for scheme in ("dark", "light"):
                    page.emulate_media(color_scheme=scheme)
                    page.reload()
                    page.screenshot(path=Path(screenshot_folder) / f"{name} {width} {scheme}.png", full_page=True)
            inner_width, overflow = page.evaluate(
                "[window.innerWidth, document.documentElement.scrollWidth - window.innerWidth]"
            )
            assert inner_width == size["width"]
            if overflow > 1:
                problems.append(f"{name} {width}: {overflow} px too wide")
            if width == "wide" or name in ("attention", "person", "week"):
                for violation in axe.run(page).response["violations"]:
                    if violation["impact"] in ("serious", "critical"):
                        nodes = [node["html"][:120] for node in violation["nodes"][:3]]
                        problems.append(f"{name} {width}: {violation['id']}: {nodes}")
    assert not problems, "\n".join(problems)
    record_figure(f"back office: {len(ADMIN_PAGES)} pages at two widths; no serious axe violations")


def test_pasted_rota_is_previewed_and_imported(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    """With SCREENSHOTS=folder, a screenshot of the preview is saved there."""
    name = test_users.sam.user.name
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/staffing/schedule/rota/{test_users.boston.id}/")
    page.get_by_role("link", name="Import", exact=True).click()
    assert page.get_by_label("Location").input_value() == "Boston"
    rows = [["Name", "Date", "Start", "End"], [name, "2028-05-01", "9:00", "17:00"]]
    rows += [[name, "2028-05-01", "16:00", "18:00"], ["Nobody Here", "5/1/2028", "9", "10"]]
    page.get_by_label("Or paste its text").fill("\n".join("\t".join(row) for row in rows))
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="What would happen").wait_for()
    for width, size in (("wide", WIDE_VIEWPORT), ("narrow", NARROW_VIEWPORT)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"import preview {width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1
    serious = [
        item["id"] for item in Axe().run(page).response["violations"] if item["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.get_by_role("button", name="Import 1 shift").click()
    page.get_by_text("Created: 1 shift.").wait_for()
    page.goto(f"{backoffice_url}/admin/staffing/schedule/rota/{test_users.boston.id}/?day=2028-05-01")
    page.get_by_role("link", name=f"09:00–17:00 {name}").wait_for()


def test_rota_shows_nights_weeks_and_holidays(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    """With SCREENSHOTS=folder, screenshots are saved there."""
    location = test_users.create_location()
    for start, end in (("2034-12-17T22:00", "2034-12-18T06:00"), ("2034-12-20T09:00", "2034-12-27T09:00")):
        person = test_users.create_user(locations=[location.id])
        times = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end)}
        create_shift(test_users.ann.actor, location, person.id, **times)
    page = open_tab("oscar")
    for show, day in (("week", "2034-12-18"), ("week", "2034-12-25"), ("month", "2034-12-01")):
        page.goto(f"{backoffice_url}/admin/staffing/schedule/rota/{location.id}/?show={show}&day={day}")
        for width, size in (("wide", WIDE_VIEWPORT), ("narrow", NARROW_VIEWPORT)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"rota {show} {day} {width}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1
        text = " ".join(page.locator("#content").inner_text().split())
        expected = {
            "2034-12-18": [
                "until 06:00 (since Sun 22:00)",
                "09:00 – Wed 27 Dec 09:00",
                "all day (since Wed 20 Dec 09:00)",
            ],
            "2034-12-25": ["Christmas Day", "until 09:00 (since Wed 20 Dec 09:00)"],
            "2034-12-01": ["22:00–06:00 New Person", "Christmas Day", "until 09:00 (since Wed 20 Dec 09:00)"],
        }
        for part in expected[day]:
            assert part in text, text


def test_note_of_a_day_is_set_and_removed_in_the_rota(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    location = test_users.create_location()
    page = open_tab("oscar")
    rota_url = f"{backoffice_url}/admin/staffing/schedule/rota/{location.id}/"
    page.goto(f"{rota_url}?show=month&day=2034-12-01")
    page.get_by_role("link", name="Add note: 27 December").click()
    page.get_by_label("Note").fill("x" * 501)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("no more than 500").wait_for()
    page.get_by_label("Note").fill("Stocktaking,\nall hands.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The note was saved.").wait_for()
    days = test_users.ann.get(f"/location/{location.id}/days?from=2034-12-26&to=2034-12-31").json()["items"]
    assert [(day["date"], day["note"]) for day in days] == [("2034-12-27", "Stocktaking,\nall hands.")]

    for show in ("month", "week"):
        page.goto(f"{rota_url}?show={show}&day=2034-12-27")
        for width, size in (("wide", WIDE_VIEWPORT), ("narrow", NARROW_VIEWPORT)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"note {show} {width}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1
        assert "Stocktaking,\nall hands." in page.locator("#content").inner_text()
    page.get_by_role("link", name="Change note: 27 December").click()
    path = f"/location/{location.id}/days/2034-12-27"
    assert test_users.ann.put(path, {"note": "Closed"}).status_code == 200
    page.get_by_label("Note").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("has changed since you read it").wait_for()
    page.goto(f"{backoffice_url}/admin/staffing/schedule/day-note/{location.id}/?day=2034-12-27")
    page.get_by_label("Note").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The day has no note.").wait_for()
    assert test_users.ann.delete(path).status_code == 404


def test_skip_link_works_with_the_keyboard(backoffice_url: str, open_tab: Callable[..., Page]) -> None:
    page = open_tab()
    page.goto(f"{backoffice_url}/admin/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "bo-skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


def test_operator_changes_are_audited_and_all_logs_verify(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    """After this view, and the journeys above if they ran here, all streams verify."""
    open_tab().goto(f"{backoffice_url}/admin/find/?q={test_users.sam.id}")
    actions = {"user.viewed", "user.changed", "user.blocked", "schedule.created", "location.changed"}
    operator_streams = {
        entry.body["actor"]["id"]
        for stream in (test_users.customer.id, test_users.sam.id, test_users.mia.id)
        for action in actions
        for entry in list_entries(stream, action)
        if entry.body["actor"]["type"] == "operator"
    }
    assert operator_streams, "no operator changes were audited"
    for stream in [*operator_streams, test_users.customer.id, test_users.sam.id, test_users.mia.id]:
        assert isinstance(verification.verify_stream(stream), verification.IntactStream), stream
