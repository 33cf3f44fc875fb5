"""Which customers have trouble now, over all: one action, the sign-in."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from config import phone_numbers
from config.backoffice.links import admin_change_url
from config.board import passes
from tests.backoffice.browser import NARROW_VIEWPORT, CountedPage
from tests.backoffice.test_permissions import create_dead_letter
from tests.support.board import check, clear_board, run_pass
from tests.support.users import UserFixtures, now, store_missed_call


def test_the_start_page_names_customers_with_trouble(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    store_missed_call(test_users.boston_number)
    run_pass()
    clear_board()
    create_dead_letter(str(test_users.customer.id))
    check(test_users.customer)
    passes._check_platform(passes.Progress(now()), now())
    page = open_tab("oscar")
    desk = CountedPage(page)

    page.goto(f"{backoffice_url}/admin/")

    url = admin_change_url("accounts", "customer", str(test_users.customer.id))
    group = page.locator(".bo-group", has=page.locator(f'a[href="{url}"]'))
    group.get_by_text("nobody answered 1 call").wait_for()
    group.get_by_text("The invitation could not be sent").first.wait_for()
    assert page.get_by_text("Last check").is_visible()
    assert len(desk.actions) <= 1
    assert not serious_violations(page)


def test_an_operator_takes_mends_and_filters(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    held = test_users.purchase_number()
    passes.check_customer(str(test_users.customer.id), now())
    page = open_tab("oscar")
    desk = CountedPage(page)
    page.goto(f"{backoffice_url}/admin/?kind=number-without-rota&customer={test_users.customer.id}")
    row = page.locator(".bo-group li", has_text=phone_numbers.to_readable(str(held.number.number)))

    desk.click(row.get_by_role("button", name="Assign to me"))
    row.get_by_text("assigned to you").wait_for()
    desk.pick(page.get_by_label("Assigned to"), "Nobody")
    desk.click(page.get_by_role("button", name="Show"))
    page.wait_for_url("**owner=nobody**")
    assert row.count() == 0
    desk.pick(page.get_by_label("Assigned to"), "Me")
    desk.click(page.get_by_role("button", name="Show"))
    desk.click(row.get_by_role("button", name="Unassign"))
    page.get_by_text("Nothing on the board matches these filters.").wait_for()
    page.goto(f"{backoffice_url}/admin/?kind=number-without-rota&customer={test_users.customer.id}")
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not serious_violations(page)
    desk.click(row.get_by_role("link", name="Open rota"))
    page.wait_for_url("**/rota/**")


def serious_violations(page: Page) -> list[str]:
    """What axe-core finds that is serious."""
    violations = Axe().run(page).response["violations"]
    return [item["id"] for item in violations if item["impact"] in ("serious", "critical")]
