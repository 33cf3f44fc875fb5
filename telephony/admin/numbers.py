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

from accounts import locations as places
from accounts import permissions
from accounts.admin import operator_actor, projected
from config import dynamodb, errors
from config.backoffice import operator_actor as at_the_door
from config.backoffice import operator_permissions
from config.backoffice.badges import STATUS
from config.backoffice.columns import linked
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from telephony import dialing_rules
from telephony.admin.projected import PhoneNumber
from telephony.models import Quota
from telephony.numbers import inventory, purchase, reservation
from telephony.serializers.numbers import Wanted


def _as(request: HttpRequest, obj: Any) -> permissions.Actor:
    return operator_actor.actor(request, str(obj.kept.customer_id))


def _give_up(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    inventory.give_up(obj.pk, actor=_as(request, obj), at=at_the_door.now())
    return f"{obj} does not answer any more; it is released in {inventory.GRACE.days} days."


def _restore(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    inventory.restore(obj.pk, actor=_as(request, obj), at=at_the_door.now())
    return f"{obj} answers again."


def _retry(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    purchase.retry(obj.pk, actor=_as(request, obj), at=at_the_door.now())
    return f"The purchase of {obj} is settled."


class Search(django_forms.Form):
    """What numbers are looked for."""

    country = form_fields.text("Country", required=True, help_text="Two letters: US.", max_length=2)
    areaCode = form_fields.text("Area code", required=True, max_length=10)


class Most(django_forms.Form):
    """How many numbers a customer may hold."""

    most = django_forms.IntegerField(label="May hold", min_value=0, max_value=10_000)


@admin.register(PhoneNumber)
class NumberAdmin(RecordAdmin):
    """Numbers of a customer."""

    section, icon = "Telephony", "call"
    ordering = ("number",)
    list_display = ("number", "state", "place", "created_at")
    list_filter = ("status",)
    searches = "A number, with its country code"
    fields = ("number", "state", "place", "release_at", "created_at", "updated_at", "sid")
    readonly_fields = ("state", "place")
    buttons = (
        Button(
            "give-up",
            "Give up",
            "It stops answering at once. For seven days it can be restored; then it goes back to "
            "Twilio for good.",
            _give_up,
            when=lambda obj: obj.kept.status == "active",
            name_of=lambda obj: str(obj.kept.number),
        ),
        Button(
            "restore",
            "Restore",
            "It answers its location again.",
            _restore,
            when=lambda obj: obj.kept.status == "releasing",
        ),
        Button(
            "retry",
            "Settle the purchase",
            "Twilio is asked whether it was bought; the purchase is finished or withdrawn.",
            _retry,
            when=lambda obj: obj.kept.status == "buying",
        ),
    )

    @display(description="Status", label=STATUS)
    def state(self, obj: Any) -> str:
        return str(obj.kept.status)

    @display(description="Location")
    def place(self, obj: Any) -> str:
        return linked("accounts", "location", obj.kept.location_id, getattr(obj, "at", None))

    def prepare(self, objects: Any) -> None:
        for customer_id in {str(obj.kept.customer_id) for obj in objects}:
            of = [obj for obj in objects if obj.kept.customer_id == customer_id]
            found = places.named({str(obj.kept.location_id) for obj in of}, customer_id)
            for obj in of:
                known = found.get(str(obj.kept.location_id))
                obj.at = known.name if known else None

    def search(self, queryset: Any, term: str) -> Any:
        number = dialing_rules.normal(term)
        return queryset.filter(pk=number) if number else queryset.none()

    def find(self, term: str) -> str | None:
        number = dialing_rules.normal(term) if term.startswith("+") else None
        return number if number and self.model.get(number) else None

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        kept = obj.kept
        return {
            "links": [
                ("Customer", page_of("accounts", "customer", kept.customer_id)),
                ("Location", page_of("accounts", "location", kept.location_id)),
                ("IVR configuration", page_of("telephony", "line", kept.location_id)),
                ("Calls", list_of("telephony", "call", location_id__exact=kept.location_id)),
                ("Audit", list_of("config", "auditentry", stream__exact=kept.customer_id)),
            ]
        }

    # --- buying -----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        buy = self.admin_site.admin_view(self.buy)
        most = self.admin_site.admin_view(self.most)
        return [
            path("buy/<str:location_id>/", buy, name="buy_number"),
            path("most/<str:customer_id>/", most, name="numbers_most"),
            *super().get_urls(),
        ]

    def buy(self, request: HttpRequest, location_id: str) -> HttpResponse:
        """Look for numbers and buy one for a location."""
        if not operator_permissions.may(request, operator_permissions.WRITE):
            raise PermissionDenied
        place = projected.Location.get(location_id)
        if place is None:
            raise errors.NotFound("There is no such location.")
        actor = operator_actor.actor(request, str(place.kept.customer_id))
        if request.method == "POST" and (done := self._bought(request, location_id, actor)):
            return done
        form = Search(request.GET if "country" in request.GET else None)
        found = self._found(form, actor) if form.is_bound and form.is_valid() else None
        quota = dynamodb.get(Quota, actor.customer_id)
        context = {
            **self.admin_site.each_context(request),
            "title": "Buy a number",
            "subtitle": str(place),
            "form": form,
            "found": found,
            "held": int(quota.held) if quota else 0,
            "most": reservation.most(quota),
            "links": [("Location", page_of("accounts", "location", location_id))],
        }
        return TemplateResponse(request, "backoffice/buy.html", context)

    def _found(self, form: Search, actor: permissions.Actor) -> list[Any] | None:
        try:
            wanted = Wanted.of(form.cleaned_data)
            return list(inventory.search(wanted["country"], wanted["area_code"], actor=actor))
        except ValidationError:
            form.add_error(None, "A country is two letters, an area code some digits.")
        except errors.Refusal as refusal:
            form.add_error(None, refusal.detail)
        return None

    def _bought(
        self, request: HttpRequest, location_id: str, actor: permissions.Actor
    ) -> HttpResponse | None:
        number = dialing_rules.normal(request.POST.get("number", "")[:32])
        if number is None:
            raise errors.Invalid("This is no phone number.")
        try:
            purchase.purchase(number, location_id, actor=actor, at=at_the_door.now())
        except errors.Refusal as refusal:
            messages.error(request, refusal.detail)
            return None
        messages.success(request, f"{number} is bought and answers.")
        return HttpResponseRedirect(page_of("telephony", "phonenumber", number))

    def most(self, request: HttpRequest, customer_id: str) -> HttpResponse:
        """Let a customer hold more numbers, or fewer."""
        if not operator_permissions.may(request, operator_permissions.LEAD):
            raise PermissionDenied
        customer = projected.Customer.get(customer_id)
        if customer is None:
            raise errors.NotFound("There is no such customer.")
        back = page_of("accounts", "customer", customer_id)
        form = Most(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            actor = operator_actor.actor(request, customer_id)
            reservation.allow(form.cleaned_data["most"], actor=actor, at=at_the_door.now())
            messages.success(request, f"{customer} may hold {form.cleaned_data['most']} numbers.")
            return HttpResponseRedirect(back)
        about = f"It holds {self._held(customer_id)}."
        context = {
            **self.admin_site.each_context(request),
            "title": "Numbers it may hold",
            "subtitle": str(customer),
            "button": {"label": "Allow", "about": about},
            "asked": form,
            "back": back,
        }
        return TemplateResponse(request, "backoffice/ask.html", context)

    def _held(self, customer_id: str) -> str:
        quota = dynamodb.get(Quota, customer_id)
        return f"{int(quota.held) if quota else 0} of {reservation.most(quota)}"


def buy_url(location_id: str) -> str:
    """Where a number is bought for a location."""
    return reverse("admin:buy_number", args=(location_id,))
