"""Job: "After 18:00 a Spanish voicemail, and we are closed on 24 December"."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.backoffice.browser import NARROW_VIEWPORT, CountedPage
from tests.support.calls import create_line
from tests.support.users import UserFixtures
from tests.telephony.ivr.test_languages import read_first_reply

MAX_ACTIONS = 10
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def test_spanish_voicemail_after_six_and_a_holiday(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[[str], Page], record_figure: Callable[[str], None]
) -> None:
    line = create_line(test_users)
    line.put_on_duty("2027-06-02T08:00", "2027-06-02T23:00")
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/")
    desk = CountedPage(page)

    find = page.get_by_role("searchbox").or_(page.locator("input[name=q]")).first
    desk.type(find, line.number)
    desk.press_enter(find)
    desk.click(page.get_by_role("link", name="IVR configuration", exact=True))
    desk.click(page.get_by_role("link", name="Change how calls are answered"))
    desk.pick(page.get_by_label("The line is open"), "at fixed hours")
    for day in WEEKDAYS:
        desk.type(page.get_by_label(day, exact=True), "9:00-18:00")
    desk.type(page.get_by_label("Closed day 1"), "2026-12-24")
    closed = page.get_by_role("group", name="When closed")
    desk.pick(closed.get_by_label("Language of this whole branch"), "Spanish (United States)")
    desk.type(page.get_by_label("Preview a call at"), "2026-12-24T10:00")
    desk.click(page.get_by_role("button", name="Review changes"))
    review = page.get_by_role("region", name="What changes")
    assert "Closed day new: Thu 24 Dec 2026" in " ".join(review.inner_text().split())
    assert "En este momento no hay nadie disponible." in review.inner_text()
    assert _list_serious(page) == []
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1
    desk.click(page.get_by_role("button", name="Save: use it from the next call on"))
    page.get_by_text("answers like this from the next call on.").wait_for()

    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"back office job: Spanish voicemail after six and a holiday in {len(desk.actions)} actions")
    for at in ("2027-06-02T18:00:00-04:00", "2026-12-24T10:00:00-05:00"):
        _, closed_text, voicemail = read_first_reply(line.call(at))
        assert [say.attrib["language"] for say in (closed_text, voicemail)] == ["es-US", "es-US"], at
    line.call("2027-06-02T17:59:00-04:00").assert_absent("En este momento")


def _list_serious(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [item["id"] for item in violations if item["impact"] in ("serious", "critical")]
