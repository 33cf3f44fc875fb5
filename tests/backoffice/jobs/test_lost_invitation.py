"""Sam never got his invitation: find him, see why, send it again."""

from collections.abc import Callable

from playwright.sync_api import Page

from accounts import users
from tests.backoffice.browser import CountedPage
from tests.support import email_events
from tests.support.environment import Environment
from tests.support.users import UserFixtures, emails_to, now, process_outbox


def test_a_bounced_invitation_is_seen_and_sent_again(
    test_users: UserFixtures, backoffice_url: str, env: Environment, open_tab: Callable[..., Page]
) -> None:
    sam = test_users.create_user(name="Sam Reed")
    process_outbox()
    reason = "550 5.2.2 <b>mailbox full</b>"
    email_events.report(test_users.ann.web, now(), recipient=sam.email, reason=reason)
    page = open_tab("oscar")
    desk = CountedPage(page)
    page.goto(f"{backoffice_url}/admin/")

    desk.type(page.locator("#bo-find"), sam.email)
    desk.press_enter(page.locator("#bo-find"))
    header = page.locator(".bo-record")
    header.get_by_text("invited", exact=True).wait_for()
    facts = header.locator(".bo-facts").inner_text()
    for text in ("Invitation sent", "Invitation expires", "Invitation bounced: The mailbox is full.", reason):
        assert text in facts
    desk.click(header.get_by_role("link", name="Resend invitation"))
    desk.click(page.get_by_role("button", name="Resend invitation"))
    page.get_by_text("is being sent.").wait_for()

    assert len(desk.actions) <= 4
    assert "being sent again" in page.locator(".bo-record .bo-facts").inner_text()
    process_outbox()
    assert len(emails_to(env, sam.email)) == 2
    page.reload()
    assert "not known whether it arrived" in page.locator(".bo-record .bo-facts").inner_text()
    email_events.report(test_users.ann.web, now(), "delivered", recipient=sam.email)
    page.reload()
    assert "Invitation delivered" in page.locator(".bo-record .bo-facts").inner_text()
    assert users.get_user(sam.id).status == "invited"
