"""Forms of the back office by keyboard, and its header on a phone."""

from collections.abc import Callable

from playwright.sync_api import Page

from config.backoffice.links import admin_change_url
from tests.backoffice.browser import NARROW_VIEWPORT
from tests.support.users import UserFixtures

MAX_HEADER_PIXELS = 150
MIN_LINK_PIXELS = 24


def test_tabs_of_a_form_are_reached_with_the_tab_key(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    """F12: the tabs were links without a target, which no key reached."""
    page = open_tab("oscar")
    page.goto(backoffice_url + admin_change_url("accounts", "user", test_users.sam.id))
    page.locator("#id_phone").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Preferences"
    page.keyboard.press("Enter")
    page.locator("#id_settings__language").wait_for()
    assert page.get_by_role("button", name="Preferences").get_attribute("aria-pressed") == "true"


def test_header_is_small_and_links_are_high_on_a_phone(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page]
) -> None:
    """F16: 173 pixels of header, and links of 17 to 20 pixels."""
    page = open_tab("oscar")
    page.set_viewport_size(NARROW_VIEWPORT)  # type: ignore[arg-type]
    page.goto(backoffice_url + admin_change_url("accounts", "user", test_users.sam.id))
    top = page.locator(".bo-record").bounding_box()
    assert top is not None
    assert top["y"] <= MAX_HEADER_PIXELS
    links = page.locator(".bo-record a, .bo-bar a")
    heights = {links.nth(n).inner_text(): links.nth(n).bounding_box() for n in range(links.count())}
    assert all(box and box["height"] >= MIN_LINK_PIXELS for box in heights.values()), heights
