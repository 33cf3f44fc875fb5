"""Job: a manager was deleted by mistake. At most 3 actions."""

from collections.abc import Callable

from playwright.sync_api import Page

from accounts import users
from accounts.models import DeletedUser
from accounts.users import delete
from config import dynamodb
from tests.backoffice.browser import CountedPage
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now, process_outbox

MAX_ACTIONS = 3


def test_a_manager_deleted_by_mistake_is_restored(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    manager = test_users.create_user(name="Mara Mistaken", role="manager")
    process_outbox()
    delete.delete_user(manager.id, actor=test_users.ann.actor, at=now())
    desk = CountedPage(open_tab("oscar"))
    page = desk.page
    page.goto(f"{backoffice_url}/admin/")

    desk.click(page.get_by_role("link", name="Deleted people"))
    desk.click(page.get_by_role("link", name="Restore Mara Mistaken"))
    page.get_by_text("Their shifts that are still to come are planned again").wait_for()
    desk.click(page.get_by_role("button", name="Restore"))
    page.get_by_text("Mara Mistaken is restored.").wait_for()

    assert users.get_user(manager.id).role == "manager"
    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"a manager deleted by mistake: {len(desk.actions)} actions")


def test_a_lead_erases_a_person_on_request(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    user = test_users.create_user(name="Erna Erasable")
    process_outbox()
    support, lead = operator_sessions["support"], operator_sessions["lead"]
    page = support.get(f"/admin/accounts/user/{user.id}/do/delete/")
    assert "Until" in page.text
    assert "are in no list and no rota" in page.text
    deleted = support.post(f"/admin/accounts/user/{user.id}/do/delete/", typed="Erna Erasable")
    assert "Erna Erasable is deleted." in deleted.text
    base = f"/admin/accounts/deleteduser/{user.id}"
    assert 'aria-label="Restore Erna Erasable"' in support.get("/admin/accounts/deleteduser/").text
    assert "/do/restore/" not in operator_sessions["read-only"].get("/admin/accounts/deleteduser/").text
    assert support.get(f"{base}/do/erase/").status_code == 403
    export = support.get(f"{base}/do/export/")
    assert export.status_code == 200
    exported = support.post(f"{base}/do/export/")
    assert exported.json()["person"]["email"] == user.email
    assert lead.post(f"{base}/do/erase/", typed="Erna").status_code == 200
    assert dynamodb.get_record(DeletedUser, user.id)

    assert "is erased, here and at Auth0" in lead.post(f"{base}/do/erase/", typed="Erna Erasable").text

    assert dynamodb.get_record(DeletedUser, user.id) is None
    assert lead.get(f"{base}/change/").status_code == 404
    process_outbox()
