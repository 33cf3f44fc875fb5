"""Job: everybody of a customer is blocked, after a look at who; at most 7 actions."""

import csv
import io
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.db import connections
from playwright.sync_api import Page

from accounts import users
from config.audit import reader
from config.backoffice import operators
from config.bulk import runs
from config.bulk.models import BulkRun
from tests.backoffice.browser import NARROW_VIEWPORT, WIDE_VIEWPORT, CountedPage
from tests.support.crash_harness import CrashHarness
from tests.support.environment import IS_SCALE_RUN
from tests.support.operators import OperatorSession, create_many_users
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, create_shift, now

PEOPLE = 120
MANY = 2_000 if IS_SCALE_RUN else 250


def look_at(page: Page, name: str) -> None:
    """Save pictures, if asked for by SCREENSHOTS=folder, and check the page with axe."""
    violations = [
        violation
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert not violations, violations
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    for width, size in (("wide", {**WIDE_VIEWPORT, "width": 1440}), ("narrow", NARROW_VIEWPORT)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
            page.screenshot(path=Path(folder) / f"{name} {width} {scheme}.png", full_page=True)
    page.evaluate("document.documentElement.classList.remove('dark')")
    page.set_viewport_size(WIDE_VIEWPORT)  # type: ignore[arg-type]


def find_reader() -> Any:
    """The account of an operator who may only read."""
    accounts = list(get_user_model().objects.all())
    reader_account = next(account for account in accounts if operators.rights_of(account) == {operators.READ})
    connections.close_all()
    return reader_account


def preview_all(operator: OperatorSession, action: str, people: list[Any]) -> str:
    """Select people in the list; the path of the page that asks."""
    path = f"/admin/accounts/user/?customer_id__exact={people[0].customer_id}"
    operator.get(path)
    form = {"action": action, "index": "0", "select_across": "0"}
    return operator.post(path, **form, _selected_action=[user.id for user in people]).url.path


def test_everybody_of_a_filter_is_blocked(
    test_users: UserFixtures,
    backoffice_url: str,
    open_tab: Callable[..., Page],
    work: Callable[..., None],
    record_figure: Callable[[str], None],
) -> None:
    people = create_many_users(test_users.customer.id, PEOPLE, name_prefix="Bulky")
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/accounts/user/?customer_id__exact={test_users.customer.id}&q=bulky")
    desk = CountedPage(page)
    desk.click(page.locator("#action-toggle"))
    desk.click(page.get_by_text("Select all matches"))
    desk.pick(page.locator("select[name=action]"), "Block")
    desk.click(page.get_by_role("button", name="Preview"))
    page.get_by_text(f"To be changed: {PEOPLE}.").wait_for()
    assert page.get_by_text("Bulky 00000 <").count() == 1
    assert {users.get_user(user.id).status for user in people} == {"invited"}, "nothing was asked yet"
    look_at(page, "bulk preview")
    desk.click(page.get_by_role("button", name=f"Block: {PEOPLE} people"))
    page.get_by_text("It is running").wait_for()
    work()
    page.get_by_text("It ended").wait_for()  # the page reloads by itself
    look_at(page, "bulk report")
    with page.expect_download() as download:
        desk.click(page.get_by_role("link", name="Download the report"))
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert len(rows) == PEOPLE + 1
    assert {row[1] for row in rows[1:]} == {"done"}
    assert {users.get_user(user.id).status for user in people} == {"blocked"}
    assert page.get_by_role("link", name="Bulky 00000 <").count() == 1, "the report names them"
    entries = [entry for entry in reader.iter_stream(people[0].id) if entry.action == "user.blocked"]
    assert [entry.body["actor"]["type"] for entry in entries] == ["operator"]
    assert len(desk.actions) <= 7, desk.actions
    record_figure(f"block {PEOPLE} people: {len(desk.actions)} actions")


def test_more_people_than_a_page_reads_are_changed(
    test_users: UserFixtures,
    operator_sessions: dict[str, OperatorSession],
    work: Callable[..., None],
    record_figure: Callable[[str], None],
) -> None:
    create_many_users(test_users.customer.id, MANY, name_prefix="Masses")
    support = operator_sessions["support"]
    path = f"/admin/accounts/user/?customer_id__exact={test_users.customer.id}&name_key__startswith=masses"
    page = support.get(path)
    key = page.text.partition('name="_selected_action" value="')[2].partition('"')[0]
    began_at = monotonic()
    preview = support.post(path, action="block", index="0", select_across="1", _selected_action=key)
    assert f"To be changed: {MANY}." in preview.text
    shown_after = monotonic() - began_at
    support.post(preview.url.path)
    began_at = monotonic()
    work(20)
    ended = support.get(preview.url.path)
    assert f"<dt>Done</dt><dd>{MANY}</dd>" in ended.text
    report = support.get(f"{preview.url.path}report/")
    assert report.text.count("\r\n") == MANY + 1
    assert [entry.action for entry in reader.iter_stream(test_users.customer.id)][-1] == "list.exported"
    record_figure(f"{MANY} people: preview {shown_after:.1f} s, blocked in {monotonic() - began_at:.0f} s")


def test_what_cannot_be_changed_is_left_out_with_the_reason(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], work: Callable[..., None]
) -> None:
    support = operator_sessions["support"]
    people = create_many_users(test_users.customer.id, 3, name_prefix="Mixed")
    path = preview_all(support, "block", people[:1])
    support.post(path)
    work()
    second = support.get(preview_all(support, "block", people))
    assert "To be changed: 2." in second.text
    assert "Left out: 1." in second.text
    assert "Not possible: it is blocked." in second.text
    assert "Nobody of them is on duty now." in second.text
    assert test_users.customer.name in support.get("/admin/bulk/").text
    role = preview_all(support, "change-role", people[1:])
    assert "bo-error" in support.post(role, role="emperor").text
    support.post(role, role="manager")
    support.post(role, role="admin")  # again: it has begun already
    work()
    assert [users.get_user(user.id).role for user in people[1:]] == ["manager", "manager"]
    for name, expected in (("add-location", [test_users.denver.id]), ("remove-location", [])):
        location = preview_all(support, name, people[1:])
        support.post(location, location="DENVER")
        work()
        assert users.get_user(people[1].id).locations == expected


def test_a_bulk_action_is_undone_for_the_same_people(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], work: Callable[..., None]
) -> None:
    """Blocking says who is on duty; the report leads to the preview of the opposite."""
    support = operator_sessions["support"]
    people = create_many_users(test_users.customer.id, 2, name_prefix="Regret")
    start, end = (at.astimezone(UTC) for at in (now() - timedelta(hours=1), now() + timedelta(hours=3)))
    create_shift(test_users.ann.actor, test_users.boston, people[0].id, start=start, end=end)
    path = preview_all(support, "block", people)
    assert re.search(r"On duty now: Regret 00000[^<]* at [^<]*, until ", support.get(path).text)
    support.post(path)
    work()
    ended = support.get(path)
    assert "Undo: Unblock" in ended.text
    undo = support.post(f"{path}undo/")
    assert "To be changed: 2." in undo.text
    support.post(undo.url.path)
    work()
    assert {users.get_user(user.id).status for user in people} == {"invited"}
    assert support.client.get(f"{support.web}{path}undo/").status_code == 405
    resent = preview_all(support, "resend", people)
    assert support.post(f"{resent}undo/").status_code == 409


def test_the_right_is_checked_again_when_it_runs(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], work: Callable[..., None]
) -> None:
    (person,) = create_many_users(test_users.customer.id, 1, name_prefix="Spared")
    selection = runs.Selection([person.id], {}, test_users.customer.id)
    with ThreadPoolExecutor(1) as pool:
        reader_account = pool.submit(find_reader).result()
    run = runs.create_preview(
        selection,
        model="accounts.user",
        action="block",
        operator_id=operators.operator_id(reader_account),
        operator_pk=reader_account.pk,
        at=now(),
    )
    assert operator_sessions["read-only"].post(f"/admin/bulk/{run.id}/").status_code == 403
    assert runs.begin(run, {}, author=test_users.ann.actor, subject=test_users.customer.party, at=now())
    assert not runs.begin(run, {}, author=test_users.ann.actor, subject=test_users.customer.party, at=now())
    work()
    ended = operator_sessions["support"].get(f"/admin/bulk/{run.id}/")
    assert "It was stopped" in ended.text
    assert "may no longer do this" in ended.text
    assert users.get_user(person.id).status == "invited"
    assert operator_sessions["support"].get("/admin/bulk/blk_unknown/").status_code == 404
    assert isinstance(runs.find_run(str(run.id), now()), BulkRun)


def test_a_worker_killed_in_the_middle_does_nothing_twice(
    test_users: UserFixtures,
    operator_sessions: dict[str, OperatorSession],
    harness: CrashHarness,
    work: Callable[..., None],
) -> None:
    """It dies after the fourth person is blocked, before that is noted."""
    people = create_many_users(test_users.customer.id, 30, name_prefix="Crash")
    support = operator_sessions["support"]
    work(600)
    path = preview_all(support, "block", people)
    support.post(path)
    plan = FaultPlan(faults={("dynamodb", "TransactWriteItems", 4): "kill_after"})
    assert harness.process_outbox(seconds_ahead=1, plan=plan) is None
    assert plan.fired_faults
    assert sum(users.get_user(user.id).status == "blocked" for user in people) == 4
    assert "It is running" in support.get(path).text
    work(120)  # the lease of the dead worker is over
    assert "<dt>Done</dt><dd>30</dd>" in support.get(path).text
    for user in people:
        actions = [entry.action for entry in reader.iter_stream(user.id)]
        assert actions.count("user.blocked") == 1, actions
