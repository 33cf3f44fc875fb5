"""The step of setting up a customer that buys numbers for its locations."""

from django.http import HttpResponse
from django.urls import reverse

from accounts import locations
from accounts.admin.customer_setup.steps import SetupPage, SetupStep, StepState
from config import dynamodb, phone_numbers
from telephony.models import Line, Quota

MAX_LOCATIONS = 100
SETUP_PARAM = "setup"
"""Of the page that buys: it returns to this step."""


def describe(customer_id: str) -> StepState:
    """How many numbers there are."""
    quota = dynamodb.get_record(Quota, customer_id)
    count = int(quota.held) if quota else 0
    return StepState(count > 0, f"{count} number{'' if count == 1 else 's'}" if count else "none yet")


def view(page: SetupPage) -> HttpResponse:
    """Show the locations with their numbers, or the way to one."""
    listed = locations.list_accessible_locations(page.actor, limit=MAX_LOCATIONS, cursor=None)
    lines = dynamodb.batch_get([dynamodb.RecordKey(Line, str(location.id)) for location in listed.records])
    rows = []
    for location in listed.records:
        line = lines.get(Line, str(location.id))
        buy_url = f"{reverse('admin:buy_number', args=(location.id,))}?{SETUP_PARAM}=1"
        number = phone_numbers.to_readable(str(line.number)) if line else None
        rows.append({"name": location.name, "number": number, "buy_url": buy_url})
    has_number = any(row["number"] for row in rows)
    return page.render("backoffice/setup_numbers.html", {"rows": rows, "has_number": has_number})


STEP = SetupStep("number", "Phone numbers", describe, view)
