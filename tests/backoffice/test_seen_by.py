"""Operators see what a person sees: audited, told to the person, and nothing more than they see."""

from collections.abc import Callable
from datetime import timedelta

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from config.audit import reader
from config.backoffice.links import admin_change_url
from tests.backoffice.browser import NARROW_VIEWPORT, CountedPage
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, create_shift, emails_to, now, process_outbox, store_missed_call


def see_path(user_id: str) -> str:
    return admin_change_url("accounts", "user", user_id).removesuffix("change/") + "do/see/"


def test_the_page_shows_what_the_api_tells_the_person(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], env: Environment
) -> None:
    sam, session = test_users.sam, operator_sessions["support"]
    start = now().replace(tzinfo=None, microsecond=0) + timedelta(days=2)
    create_shift(test_users.ann.actor, test_users.boston, sam.id, start=start, end=start + timedelta(hours=3))
    foreign_call = store_missed_call(test_users.boston_number)
    process_outbox()
    mails_before = len(emails_to(env, sam.user.email))
    assert "gets an e-mail about it" in session.get(see_path(sam.id)).text

    page = session.post(see_path(sam.id))

    assert page.status_code == 200
    assert f"You see what {sam.user.name} sees." in page.text
    assert "Handle calls and call-backs" in page.text
    assert "Buy numbers" not in page.text
    assert test_users.boston.name in page.text
    listed = sam.get(f"/call?locationId={test_users.boston.id}")
    sees_call = any(item["id"] == foreign_call.id for item in listed.json()["items"])
    assert (str(foreign_call.row.caller) in page.text) == sees_call
    assert session.post(see_path(sam.id)).status_code == 200
    process_outbox()
    assert len(emails_to(env, sam.user.email)) == mails_before + 1  # of two views
    mail = emails_to(env, sam.user.email)[-1]
    assert "support looked at what you see" in str(mail)
    actions = [entry.action for entry in reader.iter_stream(sam.id)]
    assert actions.count("user.seen_as") == 2


def test_nobody_sees_it_without_the_right_or_by_a_link(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    reader_session, path = operator_sessions["read-only"], see_path(test_users.sam.id)
    assert reader_session.get(path).status_code == 403
    assert reader_session.post(path).status_code == 403
    shown = operator_sessions["support"].get(path).text
    assert "You see what" not in shown


def test_an_invited_person_gets_no_mail_and_the_page_says_so(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], env: Environment
) -> None:
    user = test_users.create_user(name="Vera <b>Viewed</b>")
    process_outbox()
    count = len(emails_to(env, user.email))

    page = operator_sessions["support"].post(see_path(user.id)).text

    assert "They have not accepted the invitation" in page
    assert "<b>Viewed</b>" not in page
    process_outbox()
    assert len(emails_to(env, user.email)) == count


def test_two_clicks_from_the_person_and_accessible(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    desk = CountedPage(open_tab("oscar"))
    page = desk.page
    page.goto(f"{backoffice_url}{admin_change_url('accounts', 'user', test_users.mia.id)}")

    desk.click(page.get_by_role("link", name="See what they see"))
    desk.click(page.get_by_role("button", name="See what they see"))
    page.get_by_text("Nothing can be changed here").wait_for()

    assert len(desk.actions) == 2
    violations = Axe().run(page).response["violations"]
    assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
