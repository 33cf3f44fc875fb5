""" "All audit of last month as a readable file": from the start page in four steps."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Page

from config import journal
from config.audit import reader
from tests.backoffice.browser import CountedPage
from tests.backoffice.jobs.names import rename
from tests.support.users import UserFixtures, now


def test_the_audit_of_last_month_is_downloaded(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], tmp_path: Path
) -> None:
    last_month = now().replace(day=1) - timedelta(days=3)
    with journal.write(test_users.ann.actor, "user.blocked", test_users.sam.user, last_month):
        pass
    name = rename(test_users.customer, "Harbour Dental", test_users.ann.actor)
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/")
    desk = CountedPage(page)
    desk.focus_search()
    box = page.locator("#bo-find")
    desk.type(box, name.lower())
    desk.press_enter(box)
    customers = page.get_by_role("region", name="Customers")
    desk.click(customers.locator(f'a[href*="{test_users.customer.id[4:]}"]').first)
    desk.click(page.get_by_label("Related").get_by_role("link", name="Audit"))
    with page.expect_download() as download:
        desk.click(page.get_by_role("button", name="Last month as PDF"))
    assert len(desk.actions) <= 4
    last = f"{last_month:%Y-%m}"
    assert download.value.suggested_filename.endswith(f"-{last}.pdf")
    with page.expect_download() as table:
        page.get_by_role("button", name="Last month as CSV").click()  # instead of the PDF: as many actions
    assert table.value.suggested_filename.endswith(f"-{last}.csv")
    path = tmp_path / "audit.pdf"
    download.value.save_as(path)
    assert download.value.suggested_filename.startswith(f"audit-entries-{name.lower().replace(' ', '-')}-")
    arguments = ["pdftotext", "-layout", str(path), "-"]
    printed = subprocess.run(arguments, capture_output=True, check=True, text=True, timeout=60).stdout
    text = " ".join(printed.split())
    assert "The user lost access." in text
    assert test_users.ann.user.name in text
    assert test_users.sam.user.name in text
    newest = next(entry for entry in reader.iter_stream(test_users.customer.id, newest_first=True) if entry.seq)
    assert newest.action == "list.exported"
