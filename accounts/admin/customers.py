"""Customers, and everything about one on a page."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from accounts import customers, preferences
from accounts.admin import customer_deletion, reach_alerts
from accounts.admin.customer_columns import load_columns
from accounts.admin.customer_export_page import download_view, export_view
from accounts.admin.customer_setup import pages as setup_pages
from accounts.admin.customer_setup.steps import setup_url
from accounts.admin.operator_commands import OperatorForm, run_command
from accounts.admin.page_customer import STATUS_BADGES
from accounts.admin.projected import LANGUAGE_CHOICES, Customer
from accounts.models import Customer as CustomerRecord
from accounts.models import Location as LocationRecord
from accounts.models import User as UserRecord
from accounts.serializers.customers_and_locations import CustomerChange, CustomerView
from config import dynamodb
from config.backoffice import operators
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_list_url, build_panels
from config.backoffice.page_customer import PageCustomer, get_page_customer
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Fact, Moment, RecordHeader

MAX_COUNTED = 200
"""The most people or locations that a customer's page counts."""


STATUS_LABELS = {"active": "success", "suspended": "danger", "deleted": "danger", "being erased": "danger"}


class CustomerForm(OperatorForm):
    """A customer, and the defaults for its people."""

    view_serializer, change_body = CustomerView, CustomerChange
    labels = reach_alerts.REACH_ALERT_LABELS
    help_texts = {"settings__timeZone": "That of times in e-mails, and on these pages. Such as Europe/Berlin."}
    choices = {"settings__language": LANGUAGE_CHOICES}

    @classmethod
    def stored_values(cls, record: CustomerRecord) -> dict[str, Any]:
        """As the API shows them, but for a zone that nobody chose."""
        return super().stored_values(record) | {"settings__timeZone": preferences.chosen_time_zone(record.settings)}

    def save_record(self) -> CustomerRecord:
        record = self.instance.record
        return customers.update_customer(
            record, self.body, actor=self.actor, at=self.now, precondition=self.precondition
        )


@admin.register(Customer)
class CustomerAdmin(RecordAdmin):
    """Customers by name."""

    section, icon, customer_field, is_addable = "Customers", "storefront", None, True
    id_prefix, subject_type, search_kind = "cus", "customer", "cus"
    form = CustomerForm
    ordering, sort_column = ("name_key",), "name"
    list_display = ("name", "state", "location_names", "numbers", "created_at", "deletion")
    list_filter = ("status",)
    search_help_text = "A name, or an id"
    link_rights = {
        "Set up": operators.WRITE,
        "Import people": operators.WRITE,
        "Import a rota": operators.WRITE,
        "Number limit": operators.LEAD,
        "Reserve a number": operators.LEAD,
    }
    fieldsets = (
        (None, {"fields": ("name", "version")}),
        ("Defaults for e-mails", {"fields": ("settings__language", "settings__timeZone")}),
        (reach_alerts.TITLE, {"fields": tuple(reach_alerts.REACH_ALERT_LABELS)}),
    )
    buttons = (
        Button(
            "suspend",
            "Suspend",
            "Its people can no longer use the app, and its numbers no longer take calls. Nothing is "
            "deleted; “Resume” reverses this.",
            run_command(customers.suspend, "{obj} is suspended."),
            required_right=operators.LEAD,
            is_available=lambda obj: obj.record.status == "active",
            confirmation_name=lambda obj: str(obj.record.name),
        ),
        Button(
            "resume",
            "Resume",
            "Its people can sign in again, and its numbers take calls again.",
            run_command(customers.resume, "{obj} is active again."),
            required_right=operators.LEAD,
            is_available=lambda obj: obj.record.status == "suspended",
        ),
        *customer_deletion.BUTTONS,
    )

    @display(description="Status", label=STATUS_LABELS)
    def state(self, obj: Any) -> str:
        return STATUS_BADGES[str(obj.record.status)].text

    @display(description="Locations")
    def location_names(self, obj: Any) -> str:
        return str(obj.locations_text)

    @display(description="Numbers")
    def numbers(self, obj: Any) -> int:
        return int(obj.number_count)

    def load_related(self, objects: Any) -> None:
        load_columns(list(objects))

    @display(description="Deletion")
    def deletion(self, obj: Any) -> str:
        return customer_deletion.describe_end(obj.record)

    @display(description="Deletion")
    def deletion_with_undo(self, obj: Any) -> str:
        return customer_deletion.describe_end(obj.record, with_undo=True)

    def get_list_display(self, request: HttpRequest) -> Any:
        """With the link that undoes a deletion for those who may use it."""
        names = super().get_list_display(request)
        may_undo = operators.has_right(request, operators.LEAD)
        return [f"{name}_with_undo" if name == "deletion" and may_undo else name for name in names]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(listed="all")

    def search(self, queryset: Any, term: str) -> Any:
        matches = super().search(queryset, term)
        if matches.page(1).records:
            return matches
        return queryset.filter(Q(name__contains=term) | Q(name__contains=term.title()))

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        return RecordHeader(
            name=str(record.name),
            badge=STATUS_BADGES[str(record.status)],
            facts=[
                *customer_deletion.deletion_facts(record),
                Fact("Customer since", Moment(record.created_at)),
                Fact("Time zone", _describe_zone(record, get_page_customer(request))),
            ],
            primary="undo-deletion" if record.is_deleted else "resume",
        )

    def owner_of(self, obj: Any) -> str | None:
        return str(obj.pk)

    def get_urls(self) -> list[URLPattern]:
        views = (("export", "customer_export", export_view), ("export/file", "customer_export_file", download_view))
        pages = [
            path(f"{route}/<str:customer_id>/", self.admin_site.admin_view(view), name=name)
            for route, name, view in views
        ]
        return [*pages, *setup_pages.list_urls(self.admin_site), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The first step of setting up a customer."""
        return setup_pages.add_view(request)

    def describe_result(self, record: CustomerRecord, names: dynamodb.BatchResult) -> dict[str, Any]:
        return {"badge": STATUS_BADGES[record.status]}

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        return [
            *((name, admin_list_url(app, model, customer_id__exact=obj.pk)) for name, app, model in _LINKED_MODELS),
            ("Set up", setup_url(str(obj.pk))),
            ("Import people", reverse("admin:people_import", args=(obj.pk,))),
            ("Import a rota", reverse("admin:rota_import", args=(obj.pk,))),
            ("Number limit", reverse("admin:numbers_most", args=(obj.pk,))),
            ("Blocked callers", admin_list_url("telephony", "blockedcaller", customer_id__exact=obj.pk)),
            ("Number profiles", admin_list_url("telephony", "numberprofile", customer_id__exact=obj.pk)),
            ("Reserve a number", reverse("admin:numbers_reserve", args=(obj.pk,))),
            ("Audit", admin_list_url("config", "auditentry", listed_for__exact=obj.pk)),
        ]

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        paths = (*settings.CUSTOMER_PAGE_PANELS, *settings.CUSTOMER_ATTENTION_PANELS)
        if obj.record.is_deleted:
            paths = settings.DELETED_CUSTOMER_PANELS
        links = self.related_links(obj)
        if operators.has_right(request, operators.LEAD):
            links.append(("Export everything", reverse("admin:customer_export", args=(obj.pk,))))
        return {"panels": build_panels(paths, obj.pk), "links": links}


def _describe_zone(customer: CustomerRecord, page: PageCustomer | None) -> str:
    """The zone of the customer's pages, and whether somebody chose it."""
    chosen = preferences.chosen_time_zone(customer.settings)
    return chosen or f"{page.time_zone if page else 'UTC'} (that of its locations)"


def customer_counts(obj: Any) -> Sequence[Fact]:
    """How many owners, people and locations a customer has, as far as they are counted."""
    count = partial(_count, customer_id=str(obj.pk))
    is_invited = "#role = :owner AND #status IN (:invited, :pending)"
    people, locations, invited_owners = dynamodb.gather(
        partial(count, UserRecord), partial(count, LocationRecord), partial(count, UserRecord, only_if=is_invited)
    )
    owners = int(obj.record.owner_count)
    invited = f", {invited_owners} invited" if invited_owners else ""
    return [
        Fact("Owners", f"{owners or 'none yet'}{invited}", is_problem=not owners),
        Fact("People", _describe_count(people)),
        Fact("Locations", _describe_count(locations)),
    ]


def _count(record_class: type[dynamodb.Record], customer_id: str, *, only_if: str = "") -> int:
    """How many records there are, of the first ones; ``only_if``: those that fit."""
    condition, values = "#customer_id = :customer", {":customer": {"S": customer_id}}
    options: dict[str, Any] = {}
    if only_if:
        values |= {f":{word}": {"S": word} for word in ("owner", "invited", "pending")}
        options = {"FilterExpression": only_if}
    arguments = dynamodb.query_arguments(record_class, condition, values)
    arguments["ExpressionAttributeNames"] = dynamodb.expression_names(f"{condition} {only_if}")
    response = dynamodb.call("Query", **arguments, **options, IndexName="byCustomer", Select="COUNT", Limit=MAX_COUNTED)
    return int(response["Count"])


def _describe_count(count: int) -> str:
    return f"{MAX_COUNTED} or more" if count >= MAX_COUNTED else str(count)


_LINKED_MODELS = (
    ("People", "accounts", "user"),
    ("Deleted people", "accounts", "deleteduser"),
    ("Locations", "accounts", "location"),
    ("Schedules", "staffing", "schedule"),
    ("Templates", "staffing", "template"),
    ("Phone numbers", "telephony", "phonenumber"),
    ("IVR configurations", "telephony", "line"),
    ("Calls", "telephony", "call"),
    ("Call-backs", "telephony", "callback"),
)
