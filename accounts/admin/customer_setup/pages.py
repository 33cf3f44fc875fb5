"""The pages that add a customer and set it up, step by step."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import EmailField

from accounts import customers, users
from accounts.admin.customer_setup.steps import SetupPage, load_steps, setup_url, step_url
from accounts.admin.operator_commands import operator_actor
from accounts.admin.projected import LANGUAGE_CHOICES
from config import dynamodb, errors, zone_names
from config.api.fields import StrictSerializer
from config.api.name_field import NameField
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.page_customer import set_page_customer


class _NewCustomer(StrictSerializer):
    """The rules for names and addresses, which are those of the API."""

    name = NameField()
    ownerName = NameField()
    ownerEmail = EmailField(max_length=254)


class NewCustomerForm(forms.Form):
    """A customer and its first owner."""

    name = form_fields.text_field("Name of the customer", max_length=400)
    language = form_fields.choice_field("Language of e-mails", LANGUAGE_CHOICES, initial="en")
    timeZone = form_fields.zone_field("Time zone")
    ownerName = form_fields.text_field("Name of the owner", max_length=400)
    ownerEmail = form_fields.text_field(
        "E-mail address of the owner", max_length=400, help_text="The owner gets an invitation to sign in."
    )

    def clean_timeZone(self) -> str:  # noqa: N802 - the name of the field
        """A canonical name."""
        typed = str(self.cleaned_data["timeZone"])[: zone_names.MAX_LENGTH]
        name = zone_names.find_canonical_name(typed)
        if name is None:
            raise forms.ValidationError("Unknown time zone: choose one of the list.")
        return name

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        body = {name: values[name] for name in ("name", "ownerName", "ownerEmail") if name in values}
        try:
            values |= _NewCustomer.parse(body)
        except ValidationError as error:
            for name, details in dict(error.detail).items():  # type: ignore[arg-type]
                if name in values:
                    self.add_error(name, [str(detail) for detail in details])
        return values


def add_view(request: HttpRequest) -> HttpResponse:
    """The first step: the customer and its owner."""
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied
    form = NewCustomerForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and (response := _create(request, form)):
        return response
    context = {
        **admin.site.each_context(request),
        "title": "Add customer",
        "form": form,
        "zones": zone_names.list_places(),
        "steps": [
            {"title": "Customer and owner", "is_current": True},
            *({"title": step.title} for step in load_steps()),
        ],
        "back_url": reverse("admin:accounts_customer_changelist"),
    }
    return TemplateResponse(request, "backoffice/setup_new.html", context)


def _create(request: HttpRequest, form: NewCustomerForm) -> HttpResponse | None:
    """Create the customer; None if that was refused, with the error in the form."""
    values = form.cleaned_data
    try:
        customer, owner = customers.create_customer(
            name=values["name"],
            owner_name=values["ownerName"],
            owner_email=values["ownerEmail"],
            settings={"language": values["language"], "time_zone": values["timeZone"]},
            make_actor=partial(operator_actor, request),
            at=operators.now(),
        )
    except errors.Unavailable as error:
        return _to_stored_customer(request, values, error)
    except errors.DomainError as error:
        if error.status >= 500:
            raise
        form.add_error(None, error.detail)
        return None
    messages.success(request, f"{customer.name} is created. {owner.name} gets an invitation by e-mail.")
    return HttpResponseRedirect(setup_url(str(customer.id)))


def _to_stored_customer(request: HttpRequest, values: dict[str, Any], error: errors.Unavailable) -> HttpResponse:
    """The customer is stored with its owner before Auth0 is asked: go on with it."""
    owner = next(iter(users.find_users_by_email([values["ownerEmail"]]).values()), None)
    if owner is None or owner.status != "pending" or owner.role != "owner":
        raise error
    messages.warning(request, f"{error.detail} The customer is stored; the owner is invited as soon as it answers.")
    return HttpResponseRedirect(setup_url(str(owner.customer_id)))


def setup_view(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Lead to the first step that is not done."""
    _open(request, customer_id)
    steps = load_steps()
    states = dynamodb.gather(*(partial(step.describe, customer_id) for step in steps))
    first = next((step for step, state in zip(steps, states, strict=True) if not state.is_done), steps[-1])
    return HttpResponseRedirect(step_url(customer_id, first.name))


def step_view(request: HttpRequest, customer_id: str, step: str) -> HttpResponse:
    """Show a step, or do it."""
    customer = _open(request, customer_id)
    opened = next((candidate for candidate in load_steps() if candidate.name == step), None)
    if opened is None:
        raise Http404
    return opened.view(SetupPage(request, customer, operator_actor(request, customer_id), opened))


def _open(request: HttpRequest, customer_id: str) -> Any:
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied
    customer = customers.get_customer(customer_id)
    set_page_customer(request, customer_id)
    return customer


def list_urls(site: Any) -> list[URLPattern]:
    """The pages below the customers' list."""
    return [
        path("setup/<str:customer_id>/", site.admin_view(setup_view), name="customer_setup"),
        path("setup/<str:customer_id>/<slug:step>/", site.admin_view(step_view), name="customer_setup_step"),
    ]
