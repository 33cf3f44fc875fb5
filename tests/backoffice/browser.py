"""The back office in a browser: sign-in, and pages that count what an operator does."""

from playwright.sync_api import Locator, Page

from tests.emulators.auth0 import operators

WIDE_VIEWPORT, NARROW_VIEWPORT = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def sign_in_with_auth0(page: Page, backoffice_url: str, email: str) -> None:
    """Sign in through the Auth0 pages."""
    page.goto(f"{backoffice_url}/admin/")
    page.get_by_role("button", name="Sign in with Auth0").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(operators.PASSWORD)
    page.get_by_role("button", name="Continue").click()


class CountedPage:
    """A page whose clicks, presses of Enter and picks are counted; typing is not.

    A test of a job does everything through this class: ``actions`` is what an operator needs.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions: list[str] = []
        """What was done, in order; the bound of a job is for its length."""

    def click(self, locator: Locator) -> None:
        """Click."""
        self.actions.append(f"click {locator}")
        locator.click()

    def press_enter(self, locator: Locator) -> None:
        """Press Enter in a field."""
        self.actions.append(f"Enter in {locator}")
        locator.press("Enter")

    def pick(self, locator: Locator, label: str) -> None:
        """Choose an option of a list, or a checkbox by its label."""
        self.actions.append(f"pick {label}")
        locator.select_option(label=label)

    def type(self, locator: Locator, text: str) -> None:
        """Type or paste a text; not counted."""
        locator.fill(text)

    def focus_search(self) -> None:
        """Press the key that focuses the search box; typing, so not counted."""
        self.page.keyboard.press("/")
