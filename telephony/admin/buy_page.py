"""The page that finds numbers, shows what they cost, and buys one after a confirmation."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from rest_framework.serializers import ValidationError

from accounts import customers
from accounts.admin import projected
from accounts.admin.customer_setup.steps import SetupPage, step_url
from accounts.admin.operator_commands import actor_for
from accounts.permissions import Actor
from config import dynamodb, errors, zone_names
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.links import admin_change_url
from config.backoffice.page_customer import set_page_customer
from telephony import dialing_rules
from telephony.admin import number_setup
from telephony.models import PhoneNumber, Quota
from telephony.numbers import inventory, purchase, reservation
from telephony.serializers.numbers import PhoneNumberSearch
from telephony.twilio import prices

TYPE_CHOICES = [("local", "Geographic"), ("mobile", "Mobile"), ("tollFree", "Toll-free")]
COUNTRY_CHOICES = [(code, f"{name} ({code})") for code, name in zone_names.country_names().items()]
CONFIRMED = "confirmed"
"""The field of the page that asks before a number is bought."""


class NumberSearchForm(forms.Form):
    """A search for numbers to buy."""

    country = form_fields.choice_field("Country", COUNTRY_CHOICES)
    areaCode = form_fields.text_field("Area code", max_length=10)
    type = form_fields.choice_field("Type", TYPE_CHOICES, required=False)


def buy_view(request: HttpRequest, location_id: str) -> HttpResponse:
    """Search numbers, and buy one for a location."""
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied
    location = projected.Location.get(location_id)
    if location is None:
        raise errors.NotFound("Location not found.")
    actor = actor_for(request, location)
    set_page_customer(request, actor.customer_id)
    if request.method == "POST" and (response := _answer_post(request, location, actor)):
        return response
    country = dialing_rules.country_of_location(str(location.record.time_zone))
    form = NumberSearchForm(request.GET if "country" in request.GET else None, initial={"country": country})
    available_numbers, price = None, None
    if form.is_bound and form.is_valid():
        available_numbers = _search_numbers(form, actor)
        price = _find_price(request) if available_numbers else None
    links = [("Location", admin_change_url("accounts", "location", location_id))]
    context = {
        **admin.site.each_context(request),
        "title": "Buy a number",
        "subtitle": str(location),
        "form": form,
        "numbers": available_numbers,
        "price": price,
        "usage": describe_usage(str(actor.customer_id)),
        "is_setup": _is_setup(request),
        "links": [("Set up", _setup_url(actor)), *links] if _is_setup(request) else links,
    }
    if _is_setup(request):
        setup = SetupPage(request, customers.get_customer(str(actor.customer_id)), actor, number_setup.STEP).context()
        context |= {name: setup[name] for name in ("steps", "customer_url")}
    return TemplateResponse(request, "backoffice/buy.html", context)


def _is_setup(request: HttpRequest) -> bool:
    return number_setup.SETUP_PARAM in request.GET


def _setup_url(actor: Actor) -> str:
    return step_url(str(actor.customer_id), number_setup.STEP.name)


def _search_numbers(form: NumberSearchForm, actor: Actor) -> list[Any] | None:
    try:
        values = {name: value for name, value in form.cleaned_data.items() if value}
        return list(inventory.search_numbers(**PhoneNumberSearch.parse(values), actor=actor))
    except ValidationError:
        form.add_error(None, "Enter an area code of digits, such as 617.")
    except errors.DomainError as error:
        form.add_error(None, error.detail)
    return None


def _find_price(request: HttpRequest, number: str = "") -> prices.Price | None:
    """The monthly price of what was searched, or of a number."""
    country = (dialing_rules.country_of_number(number) if number else None) or request.GET.get("country", "")
    return prices.find_price(country, _number_type(request)) if country in zone_names.country_names() else None


def _number_type(request: HttpRequest) -> str:
    chosen = request.GET.get("type", "")
    return chosen if chosen in dict(TYPE_CHOICES) else "local"


def _answer_post(request: HttpRequest, location: Any, actor: Actor) -> HttpResponse | None:
    """Ask for a confirmation, or buy; None shows the search again, with the error as a message."""
    number = dialing_rules.normalize_number(request.POST.get("number", "")[:32])
    if number is None:
        raise errors.InvalidRequest("This is not a phone number.")
    if CONFIRMED not in request.POST:
        return _ask(request, location, number, actor)
    number_type = "tollFree" if _number_type(request) == "tollFree" else "local"
    try:
        purchase.purchase_number(number, location.pk, number_type=number_type, actor=actor, at=operators.now())
    except errors.DomainError as error:
        messages.error(request, error.detail)
        return _to_unfinished_purchase(request, number, str(location.pk))
    messages.success(request, f"{number} was bought and takes calls.")
    number_url = admin_change_url("telephony", "phonenumber", number)
    return HttpResponseRedirect(_setup_url(actor) if _is_setup(request) else number_url)


def _ask(request: HttpRequest, location: Any, number: str, actor: Actor) -> HttpResponse:
    """The page that says what a number costs and where it will ring."""
    price = _find_price(request, number)
    cost = f"It costs {price} a month." if price else "Its price is not known here: see the price list of Twilio."
    context = {
        **admin.site.each_context(request),
        "title": "Buy a number",
        "subtitle": number,
        "button": {"label": "Buy", "description": f"{cost} It is charged from today until it is released."},
        "details": [
            f"Its calls ring the people on duty at {location.record.name}.",
            f"The customer uses {describe_usage(str(actor.customer_id))} numbers now.",
        ],
        "hidden_values": [("number", number), (CONFIRMED, "yes")],
        "back_url": request.get_full_path(),
    }
    return TemplateResponse(request, "backoffice/ask.html", context)


def _to_unfinished_purchase(request: HttpRequest, number: str, location_id: str) -> HttpResponse | None:
    """The page of a number whose purchase is stored, and is finished in the background."""
    stored = dynamodb.get_record(PhoneNumber, number)
    if stored is None or stored.location_id != location_id or stored.status != "buying":
        return None
    messages.warning(request, f"The purchase of {number} is stored, and is finished in the background.")
    return HttpResponseRedirect(admin_change_url("telephony", "phonenumber", number))


def describe_usage(customer_id: str) -> str:
    """How many numbers a customer has, of how many."""
    quota = dynamodb.get_record(Quota, customer_id)
    return f"{int(quota.held) if quota else 0} of {reservation.number_limit(quota)}"
