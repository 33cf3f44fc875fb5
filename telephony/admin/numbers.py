"""Phone numbers: what a customer has, and buying another."""

from collections.abc import Mapping
from typing import Any

from django import forms as django_forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from rest_framework.serializers import ValidationError
from unfold.decorators import display

from accounts import locations as location_queries
from accounts import permissions
from accounts.admin import operator_actor, projected
from config import dynamodb, errors
from config.backoffice import audit_context, operator_permissions
from config.backoffice.badges import STATUS_COLORS
from config.backoffice.columns import link_to
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, admin_change_url, admin_list_url
from telephony import dialing_rules
from telephony.admin.projected import PhoneNumber
from telephony.models import Quota
from telephony.numbers import inventory, purchase, reservation
from telephony.serializers.numbers import PhoneNumberSearch


def _operator_for(request: HttpRequest, obj: Any) -> permissions.Actor:
    return operator_actor.actor(request, str(obj.record.customer_id))


def _give_up(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    inventory.schedule_release(obj.pk, actor=_operator_for(request, obj), at=audit_context.current_time())
    return f"{obj} does not answer any more; it is released in {inventory.RELEASE_GRACE_PERIOD.days} days."


def _restore(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    inventory.restore_number(obj.pk, actor=_operator_for(request, obj), at=audit_context.current_time())
    return f"{obj} answers again."


def _retry(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    purchase.retry_purchase(obj.pk, actor=_operator_for(request, obj), at=audit_context.current_time())
    return f"The purchase of {obj} is settled."


class NumberSearchForm(django_forms.Form):
    """What numbers are looked for."""

    country = form_fields.text_field("Country", required=True, help_text="Two letters: US.", max_length=2)
    areaCode = form_fields.text_field("Area code", required=True, max_length=10)


class NumberLimitForm(django_forms.Form):
    """How many numbers a customer may hold."""

    most = django_forms.IntegerField(label="May hold", min_value=0, max_value=10_000)


@admin.register(PhoneNumber)
class NumberAdmin(RecordAdmin):
    """Numbers of a customer."""

    section, icon = "Telephony", "call"
    ordering = ("number",)
    list_display = ("number", "state", "location_link", "created_at")
    list_filter = ("status",)
    search_hint = "A number, with its country code"
    fields = ("number", "state", "location_link", "release_at", "created_at", "updated_at", "sid")
    readonly_fields = ("state", "location_link")
    buttons = (
        Button(
            "give-up",
            "Give up",
            "It stops answering at once. For seven days it can be restored; then it goes back to Twilio for good.",
            _give_up,
            is_available=lambda obj: obj.record.status == "active",
            confirmation_name=lambda obj: str(obj.record.number),
        ),
        Button(
            "restore",
            "Restore",
            "It answers its location again.",
            _restore,
            is_available=lambda obj: obj.record.status == "releasing",
        ),
        Button(
            "retry",
            "Settle the purchase",
            "Twilio is asked whether it was bought; the purchase is finished or withdrawn.",
            _retry,
            is_available=lambda obj: obj.record.status == "buying",
        ),
    )

    @display(description="Status", label=STATUS_COLORS)
    def state(self, obj: Any) -> str:
        return str(obj.record.status)

    @display(description="Location")
    def location_link(self, obj: Any) -> str:
        return link_to("accounts", "location", obj.record.location_id, getattr(obj, "location_name", None))

    def load_related(self, objects: Any) -> None:
        for customer_id in {str(obj.record.customer_id) for obj in objects}:
            customer_numbers = [obj for obj in objects if obj.record.customer_id == customer_id]
            locations_by_id = location_queries.load_locations(
                {str(obj.record.location_id) for obj in customer_numbers}, customer_id
            )
            for obj in customer_numbers:
                location = locations_by_id.get(str(obj.record.location_id))
                obj.location_name = location.name if location else None

    def search(self, queryset: Any, term: str) -> Any:
        number = dialing_rules.normalize_number(term)
        return queryset.filter(pk=number) if number else queryset.none()

    def find_pk(self, term: str) -> str | None:
        number = dialing_rules.normalize_number(term) if term.startswith("+") else None
        return number if number and self.model.get(number) else None

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        record = obj.record
        return {
            "links": [
                ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
                ("Location", admin_change_url("accounts", "location", record.location_id)),
                ("IVR configuration", admin_change_url("telephony", "line", record.location_id)),
                ("Calls", admin_list_url("telephony", "call", location_id__exact=record.location_id)),
                ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
            ]
        }

    # --- buying -----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        buy_view = self.admin_site.admin_view(self.buy_view)
        limit_view = self.admin_site.admin_view(self.limit_view)
        return [
            path("buy/<str:location_id>/", buy_view, name="buy_number"),
            path("most/<str:customer_id>/", limit_view, name="numbers_most"),
            *super().get_urls(),
        ]

    def buy_view(self, request: HttpRequest, location_id: str) -> HttpResponse:
        """Look for numbers and buy one for a location."""
        if not operator_permissions.has_right(request, operator_permissions.WRITE):
            raise PermissionDenied
        location = projected.Location.get(location_id)
        if location is None:
            raise errors.NotFound("There is no such location.")
        actor = operator_actor.actor(request, str(location.record.customer_id))
        if request.method == "POST" and (response := self._buy_number(request, location_id, actor)):
            return response
        form = NumberSearchForm(request.GET if "country" in request.GET else None)
        available_numbers = self._search_numbers(form, actor) if form.is_bound and form.is_valid() else None
        quota = dynamodb.get_record(Quota, actor.customer_id)
        context = {
            **self.admin_site.each_context(request),
            "title": "Buy a number",
            "subtitle": str(location),
            "form": form,
            "numbers": available_numbers,
            "held_count": int(quota.held) if quota else 0,
            "limit": reservation.number_limit(quota),
            "links": [("Location", admin_change_url("accounts", "location", location_id))],
        }
        return TemplateResponse(request, "backoffice/buy.html", context)

    def _search_numbers(self, form: NumberSearchForm, actor: permissions.Actor) -> list[Any] | None:
        try:
            search_params = PhoneNumberSearch.parse(form.cleaned_data)
            return list(inventory.search_numbers(search_params["country"], search_params["area_code"], actor=actor))
        except ValidationError:
            form.add_error(None, "A country is two letters, an area code some digits.")
        except errors.DomainError as refusal:
            form.add_error(None, refusal.detail)
        return None

    def _buy_number(self, request: HttpRequest, location_id: str, actor: permissions.Actor) -> HttpResponse | None:
        number = dialing_rules.normalize_number(request.POST.get("number", "")[:32])
        if number is None:
            raise errors.InvalidRequest("This is no phone number.")
        try:
            purchase.purchase_number(number, location_id, actor=actor, at=audit_context.current_time())
        except errors.DomainError as refusal:
            messages.error(request, refusal.detail)
            return None
        messages.success(request, f"{number} is bought and answers.")
        return HttpResponseRedirect(admin_change_url("telephony", "phonenumber", number))

    def limit_view(self, request: HttpRequest, customer_id: str) -> HttpResponse:
        """Let a customer hold more numbers, or fewer."""
        if not operator_permissions.has_right(request, operator_permissions.LEAD):
            raise PermissionDenied
        customer = projected.Customer.get(customer_id)
        if customer is None:
            raise errors.NotFound("There is no such customer.")
        back_url = admin_change_url("accounts", "customer", customer_id)
        form = NumberLimitForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            actor = operator_actor.actor(request, customer_id)
            reservation.set_number_limit(form.cleaned_data["most"], actor=actor, at=audit_context.current_time())
            messages.success(request, f"{customer} may hold {form.cleaned_data['most']} numbers.")
            return HttpResponseRedirect(back_url)
        description = f"It holds {self._describe_quota(customer_id)}."
        context = {
            **self.admin_site.each_context(request),
            "title": "Numbers it may hold",
            "subtitle": str(customer),
            "button": {"label": "Allow", "description": description},
            "form": form,
            "back_url": back_url,
        }
        return TemplateResponse(request, "backoffice/ask.html", context)

    def _describe_quota(self, customer_id: str) -> str:
        quota = dynamodb.get_record(Quota, customer_id)
        return f"{int(quota.held) if quota else 0} of {reservation.number_limit(quota)}"


def buy_url(location_id: str) -> str:
    """Where a number is bought for a location."""
    return reverse("admin:buy_number", args=(location_id,))
