"""Job: a whole customer leaves: export of everything, then deletion. At most 6 actions."""

from collections.abc import Callable

from django.contrib.admin.utils import quote
from playwright.sync_api import Page

from accounts import customers, permissions
from accounts.models import Customer
from accounts.privacy import customer_deletion
from config import dynamodb
from tests.backoffice.browser import CountedPage
from tests.backoffice.jobs.names import rename
from tests.backoffice.jobs.test_customer_export import forget_exports
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now, process_outbox

MAX_ACTIONS = 6


def test_a_customer_is_exported_and_deleted(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    customer = test_users.other_customer
    forget_exports(customer.id)
    rename(customer, "Aardvark Vets", test_users.cleo.actor)  # the list begins with it
    desk = CountedPage(open_tab())
    page = desk.page
    page.goto(f"{backoffice_url}/admin/")

    desk.click(page.get_by_role("link", name="Customers", exact=True).first)
    id_in_url = customer.id.removeprefix("cus_")  # other tests have customers of this name
    desk.click(page.locator(f"#result_list a[href*='{id_in_url}']").first)
    desk.click(page.get_by_role("link", name="Export everything"))
    desk.click(page.get_by_role("button", name="Prepare the export"))
    page.get_by_text("The export is being prepared").wait_for()
    process_outbox()
    page.get_by_text("The export is ready").wait_for()  # the page reloads by itself
    with page.expect_download():
        desk.click(page.get_by_role("link", name="Download"))
    page.get_by_text("brings all of it back").wait_for()
    desk.type(page.get_by_label("to confirm"), customer.name)
    desk.click(page.get_by_role("button", name="Delete customer"))
    page.get_by_text(f"{customer.name} is deleted.").wait_for()

    assert page.get_by_text("deleted", exact=True).count() > 0
    assert customers.get_customer(customer.id).status == "deleted"
    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"a customer leaves: {len(desk.actions)} actions")
    customer_deletion.restore_customer(customer.id, actor=permissions.system_actor(customer.id), at=now())


def _check_that_pages_say_so(lead: OperatorSession, customer_path: str, test_users: UserFixtures) -> None:
    """What cannot be done for a deleted customer is not offered."""
    for path in (
        customer_path,
        f"/admin/accounts/user/{test_users.cleo.id}/change/",
        f"/admin/accounts/location/{test_users.hilltop.id}/change/",
    ):
        page = lead.get(path).text
        assert "nothing of it can be changed until the deletion is undone" in page, path
        for offered in ('name="_save"', "Reserve a number", "Import people", "/do/block/", "Nobody on duty"):
            assert offered not in page, (path, offered)
    assert "/do/undo-deletion/" in lead.get(customer_path).text
    people = lead.get(f"/admin/accounts/user/?customer_id__exact={test_users.other_customer.id}").text
    assert test_users.cleo.user.name in people
    assert "Add person" not in people
    assert 'name="action"' not in people
    local_part = test_users.cleo.user.email.partition("@")[0]  # others may have her name
    assert "customer deleted" in lead.get(f"/admin/find/?q={local_part}").text


def test_a_deletion_is_undone_or_ends_in_the_erasure(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    customer = test_users.other_customer
    lead, base = operator_sessions["lead"], f"/admin/accounts/customer/{customer.id}"
    for name in ("support", "read-only"):
        assert operator_sessions[name].get(f"{base}/do/delete-customer/").status_code == 403
        assert operator_sessions[name].post(f"{base}/do/delete-customer/", typed=customer.name).status_code == 403
    question = lead.get(f"{base}/do/delete-customer/").text
    for part in ("Shifts to come", "Numbers", "Call-backs", "everything is erased"):
        assert part in question
    lead.post(f"{base}/do/delete-customer/", typed="Another name")
    assert customers.get_customer(customer.id).status == "active"
    assert "is deleted" in lead.post(f"{base}/do/delete-customer/", typed=customer.name).text
    listed = lead.get("/admin/accounts/customer/?status__exact=deleted").text
    row_url = f"/customer/{quote(customer.id)}/change/"
    assert row_url in listed
    assert row_url not in lead.get("/admin/accounts/customer/?status__exact=active").text
    assert "deleted" in lead.get(f"/admin/find/?q={customer.id}").text
    assert f"Undo the deletion of {customer.name}" in listed
    assert "Undo the deletion" not in operator_sessions["support"].get("/admin/accounts/customer/").text
    assert "erased on " in operator_sessions["support"].get("/admin/accounts/customer/?status__exact=deleted").text
    _check_that_pages_say_so(lead, f"{base}/change/", test_users)
    assert "Then delete the customer" not in lead.get(f"/admin/accounts/customer/export/{customer.id}/").text
    person = f"/admin/accounts/user/{test_users.cleo.user.id}"
    assert "undo the deletion first" in lead.post(f"{person}/do/block/").text
    assert "is restored" in lead.post(f"{base}/do/undo-deletion/").text
    assert customers.get_customer(customer.id).status == "active"

    lead.post(f"{base}/do/delete-customer/", typed=customer.name)
    assert "cannot get them again" in lead.get(f"{base}/do/erase-customer/").text
    assert "is erased within minutes" in lead.post(f"{base}/do/erase-customer/", typed=customer.name).text
    process_outbox(seconds_ahead=90)
    process_outbox(seconds_ahead=7 * 3_600)
    assert dynamodb.get_record(Customer, customer.id) is None
    assert lead.get(f"{base}/change/").status_code == 404
