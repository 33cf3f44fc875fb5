"""Job: a customer wants everything that is stored for them. At most 5 actions."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from accounts.models import CustomerExport
from accounts.privacy import customer_export
from config import dynamodb
from tests.backoffice.browser import CountedPage
from tests.backoffice.jobs.names import rename
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, process_outbox

MAX_ACTIONS = 5


def test_everything_of_a_customer_is_exported(
    test_users: UserFixtures,
    backoffice_url: str,
    open_tab: Callable[..., Page],
    tmp_path: Path,
    record_figure: Callable[[str], None],
) -> None:
    forget_exports(test_users.other_customer.id)
    rename(test_users.other_customer, "Aardvark Vets", test_users.cleo.actor)  # the list begins with it
    desk = CountedPage(open_tab())
    page = desk.page
    page.goto(f"{backoffice_url}/admin/")

    desk.click(page.get_by_role("link", name="Customers", exact=True).first)
    id_in_url = test_users.other_customer.id.removeprefix("cus_")  # other tests have customers of this name
    desk.click(page.locator(f"#result_list a[href*='{id_in_url}']").first)
    desk.click(page.get_by_role("link", name="Export everything"))
    desk.click(page.get_by_role("button", name="Prepare the export"))
    page.get_by_text("The export is being prepared").wait_for()
    process_outbox()
    page.get_by_text("The export is ready").wait_for()  # the page reloads by itself
    with page.expect_download() as download:
        desk.click(page.get_by_role("link", name="Download"))

    path = tmp_path / "export.zip"
    download.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        assert {"README.txt", "people.json", "people.csv", "audit.json"} <= set(archive.namelist())
    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"export of a customer: {len(desk.actions)} actions")


def forget_exports(customer_id: str) -> None:
    """Delete what other tests had prepared."""
    record = dynamodb.get_record(CustomerExport, customer_id)
    if record:
        customer_export.forget(customer_id, str(record.id))


def test_support_cannot_export_a_customer(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    for name in ("support", "read-only"):
        operator = operator_sessions[name]
        assert "Export everything" not in operator.get(f"/admin/find/?q={test_users.customer.id}").text
        for page in ("export", "export/file"):
            url = f"/admin/accounts/customer/{page}/{test_users.customer.id}/"
            assert operator.get(url).status_code == 403
            assert operator.post(url).status_code == 403
