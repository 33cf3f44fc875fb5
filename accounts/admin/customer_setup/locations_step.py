"""The step that creates locations, several in one form."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from rest_framework.exceptions import ValidationError

from accounts import locations, preferences
from accounts.admin.customer_setup.steps import SetupPage, SetupStep, StepState
from accounts.models import Location
from accounts.serializers.customers_and_locations import NewLocation
from config import dynamodb, errors, zone_names
from config.backoffice import operators
from config.backoffice.forms import form_fields

ROWS = 3
MAX_ROWS = 20
MAX_COUNTED = 100


class LocationRow(forms.Form):
    """One location; a row without a name is left out."""

    name = form_fields.text_field("Name", required=False, max_length=400)
    timeZone = form_fields.zone_field("Time zone", required=False)
    address = form_fields.text_field("Address", required=False, max_length=500)

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        if not values.get("name"):
            if values.get("address"):
                self.add_error("name", "Enter a name.")
            return values
        try:
            values["body"] = NewLocation.parse({name: value for name, value in values.items() if value})
        except ValidationError as error:
            for name, details in dict(error.detail).items():  # type: ignore[arg-type]
                self.add_error(name if name in self.fields else None, [str(detail) for detail in details])
        return values


LocationRows = forms.formset_factory(LocationRow, extra=0, max_num=MAX_ROWS, absolute_max=MAX_ROWS)


def describe(customer_id: str) -> StepState:
    """How many locations there are."""
    count = len(read_names(customer_id))
    return StepState(count > 0, "none yet" if not count else f"{count} location{'s' if count > 1 else ''}")


def read_names(customer_id: str) -> list[str]:
    """The names of the first locations of a customer."""
    values = {":of": {"S": customer_id}}
    options = {"IndexName": "byCustomer", "Limit": MAX_COUNTED}
    records = dynamodb.query_records(Location, "#customer_id = :of", values, **options)
    return [str(location.name) for location in records]


def view(page: SetupPage) -> HttpResponse:
    """Show empty rows, or create what is in them; names that exist already are left out."""
    request = page.request
    rows = LocationRows(
        request.POST if request.method == "POST" else None,
        initial=[{"timeZone": zone_of(page.customer)}] * ROWS,
        prefix="row",
    )
    if rows.is_bound and rows.is_valid() and _create_all(page, rows):
        return page.go_on()
    context = {"rows": rows, "zones": zone_names.list_places(), "existing": read_names(str(page.customer.id))}
    return page.render("backoffice/setup_locations.html", context)


def zone_of(customer: Any) -> str:
    """The zone that is proposed for locations of a customer; empty if it is none of a place."""
    zone = preferences.time_zone_of({}, customer.settings)
    return zone if zone_names.country_of_zone(zone) else ""


def _create_all(page: SetupPage, rows: Any) -> bool:
    """Create the locations of the rows; False if there was none, or one was refused."""
    existing = {name.casefold() for name in read_names(str(page.customer.id))}
    new_rows = [row for row in rows if "body" in row.cleaned_data]
    created = 0
    for row in new_rows:
        body = row.cleaned_data["body"]
        if body["name"].casefold() in existing:
            continue
        try:
            location = locations.create_location(actor=page.actor, at=operators.now(), **body)
        except errors.DomainError as error:
            if error.status >= 500:
                raise
            row.add_error(None, error.detail)
            return False
        existing.add(str(location.name).casefold())
        created += 1
    if not new_rows:
        messages.error(page.request, "Enter at least one name.")
        return False
    messages.success(page.request, f"Created: {created} location{'' if created == 1 else 's'}.")
    return True


STEP = SetupStep("locations", "Locations", describe, view)
