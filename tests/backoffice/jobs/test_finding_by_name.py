""" "Sam never got his invitation": find him by a part of his name, and send it again."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.backoffice.browser import CountedPage
from tests.support.users import UserFixtures


def test_an_invitation_is_sent_again_to_somebody_known_by_name(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    user = test_users.create_user(name="Sam Reédy")
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/")
    desk = CountedPage(page)
    desk.focus_search()
    box = page.locator("#bo-find")
    expect(box).to_be_focused()
    desk.type(box, "reedy")
    desk.press_enter(box)
    people = page.get_by_role("region", name="People")
    row = people.get_by_role("row").filter(has_text="Sam Reédy")
    expect(row).to_contain_text("Harbour Dental")
    expect(row).to_contain_text("invited")
    desk.click(row.get_by_role("link", name="Sam Reédy"))
    page.get_by_role("heading", name="Sam Reédy").first.wait_for()
    assert len(desk.actions) <= 2
    desk.click(page.get_by_role("link", name="Resend invitation"))
    desk.click(page.get_by_role("button", name="Resend invitation"))
    page.get_by_text(f"The invitation to {user.email} is being sent").wait_for()
    assert len(desk.actions) <= 4
