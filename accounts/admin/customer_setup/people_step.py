"""The step that invites people from a pasted table or a file."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from accounts.admin.customer_setup.steps import SetupPage, SetupStep, StepState
from accounts.admin.people_import import PeopleImportPage
from accounts.models import User
from config import dynamodb

MAX_COUNTED = 100


class PeopleStep(PeopleImportPage):
    """The import of people as a step."""

    template = "backoffice/setup_import.html"
    help_lines = (
        "Copy the table from a spreadsheet, with a line of headings: e-mail and name, or first name and last name; "
        "optionally phone, role, locations and skills. Separate several locations with semicolons.",
        "Phone numbers: with country code, such as +1 617 555 0123, or as they are dialed in the country of the "
        "location.",
        "New people are invited by e-mail when you press “Import”. Those who exist already stay as they are.",
    )

    def __init__(self, page: SetupPage) -> None:
        self.page = page

    def done_url(self, customer_id: str) -> str:
        return self.page.next_url

    def page_context(self) -> Mapping[str, Any]:
        return {**self.page.context(), "subtitle": None}  # the title names the customer


def describe(customer_id: str) -> StepState:
    """How many people there are besides the owner."""
    values = {":of": {"S": customer_id}}
    options = {"IndexName": "byCustomer", "Limit": MAX_COUNTED}
    count = len(dynamodb.query_records(User, "#customer_id = :of", values, **options))
    if count == MAX_COUNTED:
        return StepState(is_done=True, text=f"{MAX_COUNTED} or more people")
    return StepState(count > 1, f"{count} {'person' if count == 1 else 'people'}")


def view(page: SetupPage) -> HttpResponse:
    """Show the form, a preview, or what was created."""
    return PeopleStep(page).view(page.request, str(page.customer.id))


STEP = SetupStep("people", "People", describe, view)
