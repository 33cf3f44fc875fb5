"""Phone numbers of customers: their states, purchases and limits."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.decorators import display

from accounts import locations
from accounts.admin import projected
from accounts.admin.operator_commands import load_location_names, operator_actor, run_command
from config import dynamodb, errors
from config.backoffice import clock, operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url, link_to
from config.backoffice.page_customer import set_page_customer
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader, Tone
from telephony import dialing_rules
from telephony.admin import buy_page
from telephony.admin.projected import PhoneNumber
from telephony.numbers import adoption, inventory, purchase, reservation

STATUS_NAMES = {"active": "takes calls", "buying": "being bought", "releasing": "being released"}
STATUS_LABELS = {"active": "success", "buying": "warning", "releasing": "warning"}
STATUS_TONES: dict[str, Tone] = {"active": "good", "buying": "warning", "releasing": "warning"}


class NumberLimitForm(forms.Form):
    """The number limit of a customer."""

    most = forms.IntegerField(label="Number limit", min_value=0, max_value=10_000)


class ReservationForm(forms.Form):
    """A number that a customer brought."""

    number = form_fields.text_field("Number", help_text="With its country code, such as +14155550123.", max_length=32)


@admin.register(PhoneNumber)
class NumberAdmin(RecordAdmin):
    """Phone numbers of a customer."""

    section, icon, subject_type, search_kind = "Telephony", "call", "phone number", "num"
    ordering, sort_column = ("number",), "number_label"
    list_display = ("number_label", "state", "location_link", "created_at")
    list_filter = ("status",)
    search_help_text = "A number, with its country code"
    fields = ("number_label", "state", "location_link", "release_day", "created_at", "updated_at", "twilio_id")
    buttons = (
        Button(
            "give-up",
            "Release",
            "The number stops taking calls at once. You can restore it for "
            f"{inventory.RELEASE_GRACE_PERIOD.days} days; then it is released at Twilio.",
            run_command(inventory.schedule_release, "{obj} no longer takes calls and will be released."),
            is_available=lambda obj: obj.record.status == "active",
            confirmation_name=lambda obj: str(obj.record.number),
        ),
        Button(
            "restore",
            "Restore",
            "The number takes calls again.",
            run_command(inventory.restore_number, "{obj} takes calls again."),
            is_available=lambda obj: obj.record.status == "releasing",
        ),
        Button(
            "retry",
            "Retry the purchase",
            "Checks at Twilio whether the number was bought, then completes or cancels the purchase.",
            run_command(purchase.retry_purchase, "The purchase of {obj} was completed or cancelled."),
            is_available=lambda obj: obj.record.status == "buying",
        ),
    )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            self.load_related([obj])
        return obj

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The day of the release only of a number that is released."""
        fields = super().get_fields(request, obj)
        is_released = obj is not None and obj.record.release_at
        return [name for name in fields if is_released or name != "release_day"]

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        facts = [
            Fact("Location", self.location_link(obj)),
            Fact("Bought", Moment(record.created_at)),
            Fact("Last changed", Moment(record.updated_at)),
        ]
        if record.release_at:
            facts.insert(0, Fact("Released on", Moment(record.release_at), is_problem=True))
        badge = Badge(STATUS_NAMES[str(record.status)], STATUS_TONES[str(record.status)])
        return RecordHeader(str(obj), badge, facts, primary="restore" if record.release_at else "retry")

    @display(description="Number", ordering="number")
    def number_label(self, obj: Any) -> str:
        return str(obj)

    @display(description="Status", label={STATUS_NAMES[status]: label for status, label in STATUS_LABELS.items()})
    def state(self, obj: Any) -> str:
        return STATUS_NAMES[str(obj.record.status)]

    @display(description="Released at Twilio on")
    def release_day(self, obj: Any) -> str:
        return clock.time_html(obj.record.release_at)

    @display(description="Id at Twilio")
    def twilio_id(self, obj: Any) -> str:
        return str(obj.record.sid or "none yet")

    @display(description="Location")
    def location_link(self, obj: Any) -> str:
        if not hasattr(obj, "location_name"):
            self.load_related([obj])
        return link_to("accounts", "location", obj.record.location_id, obj.location_name or "a removed location")

    def load_related(self, objects: Any) -> None:
        load_location_names(objects)

    def search(self, queryset: Any, term: str) -> Any:
        number = dialing_rules.normalize_number(term)
        return queryset.filter(pk=number) if number else queryset.none()

    def find_pk(self, term: str) -> str | None:
        number = dialing_rules.normalize_number(term) if term.startswith("+") else None
        return number if number and self.model.get(number) else None

    def keys_of_names(self, record: Any) -> list[dynamodb.RecordKey]:
        return [locations.location_key(record.location_id)]

    def describe_result(self, record: Any, names: dynamodb.BatchResult) -> dict[str, Any]:
        location, status = locations.find_location_in(names, record.location_id, record.customer_id), str(record.status)
        badge = Badge(STATUS_NAMES[status], STATUS_TONES[status])
        return {"detail": str(location.name) if location else "", "badge": badge}

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Location", admin_change_url("accounts", "location", record.location_id)),
            ("IVR configuration", admin_change_url("telephony", "line", record.location_id)),
            ("Calls", admin_list_url("telephony", "call", location_id__exact=record.location_id)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
        ]

    # --- pages -----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        buy_view = self.admin_site.admin_view(buy_page.buy_view)
        limit_view = self.admin_site.admin_view(self.limit_view)
        reserve_view = self.admin_site.admin_view(self.reserve_view)
        return [
            path("buy/<str:location_id>/", buy_view, name="buy_number"),
            path("most/<str:customer_id>/", limit_view, name="numbers_most"),
            path("reserve/<str:customer_id>/", reserve_view, name="numbers_reserve"),
            *super().get_urls(),
        ]

    def limit_view(self, request: HttpRequest, customer_id: str) -> HttpResponse:
        """Change how many numbers a customer may have."""
        customer = _get_customer(request, customer_id)
        form = NumberLimitForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            actor = operator_actor(request, customer_id)
            reservation.set_number_limit(form.cleaned_data["most"], actor=actor, at=operators.now())
            messages.success(request, f"{customer} may have {form.cleaned_data['most']} numbers.")
            return HttpResponseRedirect(admin_change_url("accounts", "customer", customer_id))
        description = f"The customer uses {buy_page.describe_usage(customer_id)} numbers."
        return self._ask(request, customer, form, title="Number limit", label="Change limit", description=description)

    def reserve_view(self, request: HttpRequest, customer_id: str) -> HttpResponse:
        """Let a customer adopt a number of the Twilio account."""
        customer = _get_customer(request, customer_id)
        form = ReservationForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            actor = operator_actor(request, customer_id)
            try:
                orphan = adoption.reserve_number(form.cleaned_data["number"], actor=actor, at=operators.now())
            except errors.DomainError as error:
                if error.status >= 500:
                    raise
                form.add_error("number", error.detail)
            else:
                messages.success(request, f"{customer} can adopt {orphan.number}.")
                return HttpResponseRedirect(admin_change_url("telephony", "orphan", orphan.number))
        description = (
            "The customer can then make this number of the Twilio account the number of a location. It must be "
            "theirs: check who owned it before it came here. What answers its calls now stops when they adopt it."
        )
        title = "Reserve a number"
        return self._ask(request, customer, form, title=title, label="Reserve", description=description)

    def _ask(
        self, request: HttpRequest, customer: Any, form: forms.Form, *, title: str, label: str, description: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": str(customer),
            "button": {"label": label, "description": description},
            "form": form,
            "back_url": admin_change_url("accounts", "customer", customer.pk),
        }
        return TemplateResponse(request, "backoffice/ask.html", context)


def _get_customer(request: HttpRequest, customer_id: str) -> Any:
    """A customer, for a lead."""
    if not operators.has_right(request, operators.LEAD):
        raise PermissionDenied
    customer = projected.Customer.get(customer_id)
    if customer is None:
        raise errors.NotFound("Customer not found.")
    set_page_customer(request, customer_id)
    return customer
