"""The job: move all of Sue's shifts of next week to Mia, with overlaps shown before."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from config.audit import reader
from staffing.schedules import listing
from staffing.schedules.queries import ScheduleFilter
from tests.backoffice.browser import NARROW_VIEWPORT, WIDE_VIEWPORT, CountedPage
from tests.support.users import UserFixtures, create_shift, now

WEEKDAYS = {"frequency": "weekly", "byDay": [{"day": day} for day in ("mo", "tu", "we", "th", "fr")]}


def next_monday(zone: str) -> datetime:
    """Midnight of the next Monday, by the clock of a zone."""
    today = now().astimezone(ZoneInfo(zone)).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=7 - today.weekday())


def test_all_shifts_of_a_week_move_in_six_actions(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    """It took 34, shift by shift. With SCREENSHOTS=folder, screenshots are saved there."""
    sue = test_users.create_user(name="Sue Stone", skills=["dental"])
    monday = next_monday("America/New_York")
    start = monday - timedelta(days=14) + timedelta(hours=9)
    create_shift(test_users.ann.actor, test_users.boston, sue.id, start=start, pattern=WEEKDAYS, recurring=True)
    wednesday = monday + timedelta(days=2, hours=12)
    create_shift(
        test_users.ann.actor, test_users.denver, test_users.mia.id, start=wednesday, end=wednesday + timedelta(hours=1)
    )
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/")
    desk = CountedPage(page)

    search = page.get_by_role("searchbox", name="Find")
    desk.type(search, sue.email)
    desk.press_enter(search)
    desk.click(page.get_by_role("navigation", name="Related").get_by_role("link", name="Rota", exact=True))
    desk.click(page.get_by_role("link", name="Later →"))
    target = page.get_by_label("Move Sue Stone's shifts of this week to")
    desk.type(target, test_users.mia.user.name)
    desk.press_enter(target)
    page.get_by_role("heading", name=f"4 of 5 shifts can move to {test_users.mia.user.name}").wait_for()
    assert page.get_by_text(f"Overlap: {test_users.mia.user.name} has Wed").count() == 1
    assert page.get_by_text("at Denver").count() == 1
    assert page.get_by_text("lacks the skill dental").count() == 4
    look_at(page, "move preview")
    desk.click(page.get_by_role("button", name="Move the chosen shifts"))
    page.get_by_role("heading", name=f"4 of 4 shifts moved to {test_users.mia.user.name}").wait_for()
    look_at(page, "move report")

    assert len(desk.actions) <= 6, desk.actions
    record_figure(f"job: move a week of shifts in {len(desk.actions)} actions")
    since = monday.replace(tzinfo=UTC)
    shift_filter = ScheduleFilter(location_id=test_users.boston.id, since=since, until=since + timedelta(days=6))
    shifts = listing.list_shifts(shift_filter, actor=test_users.ann.actor, at=now(), limit=50, cursor=None).records
    mia = test_users.mia.id
    assert [shift.staff_id for shift in shifts if shift.schedule.staff_id == sue.id] == [mia, mia, sue.id, mia, mia]
    entries = [entry for entry in reader.iter_stream(test_users.mia.id) if entry.seq]
    actions = [entry.action for entry in entries if entry.body["actor"]["type"] == "operator"]
    assert actions.count("schedule.changed") == 4


def look_at(page: Page, name: str) -> None:
    """Check a page at both widths."""
    for width, size in (("wide", WIDE_VIEWPORT), ("narrow", NARROW_VIEWPORT)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name} {width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1
    page.set_viewport_size(WIDE_VIEWPORT)  # type: ignore[arg-type]
    violations = Axe().run(page).response["violations"]
    assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []
