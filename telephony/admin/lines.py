"""Lines: how locations answer calls, as a flow chart, and previews of calls."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts.admin import projected
from accounts.admin.operator_commands import load_location_names, operator_actor
from config import dynamodb, phone_numbers
from config.backoffice import operators
from config.backoffice.links import admin_change_url, admin_list_url, link_to
from config.backoffice.page_customer import is_closed, set_page_customer
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader
from telephony.admin.ivr import changes
from telephony.admin.ivr.call_preview import CallPreviewPage
from telephony.admin.ivr.pages import IvrPages
from telephony.admin.ivr.revisions import RevisionPages
from telephony.admin.line_test_panel import TEST_BUTTON, find_public_url, load_location_and_test
from telephony.admin.projected import Line
from telephony.ivr import wording


@admin.register(Line)
class LineAdmin(RevisionPages, IvrPages, CallPreviewPage):
    """Lines of a customer, by location."""

    section, icon = "Telephony", "dialpad"
    ordering = ("location_id",)
    list_display = ("location_label", "number_label", "updated_at")
    change_form_template = "backoffice/ivr/line.html"
    fields = readonly_fields = ("location_label",)
    buttons = (TEST_BUTTON,)

    @display(description="Location")
    def location_label(self, obj: Any) -> str:
        return str(getattr(obj, "location_name", None) or obj.record.location_id)

    @display(description="Number")
    def number_label(self, obj: Any) -> str:
        return phone_numbers.to_readable(str(obj.record.number or "")) or "—"

    def load_related(self, objects: Any) -> None:
        load_location_names(objects)

    def _load_location(self, obj: Any) -> None:
        """Set the name and the zone of a line's location."""
        location, _ = load_location_and_test(obj)
        obj.location_name = str(location.name) if location else None
        obj.time_zone = str(location.time_zone) if location else None

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        self._load_location(obj)
        number = str(record.number or "")
        url = find_public_url(obj)
        return RecordHeader(
            name=f"IVR configuration of {self.location_label(obj)}",
            badge=Badge("takes calls", "good")
            if number and record.configuration
            else Badge("takes no calls", "warning"),
            facts=[
                Fact("Location", link_to("accounts", "location", str(record.location_id), self.location_label(obj))),
                Fact(
                    "Number",
                    link_to("telephony", "phonenumber", number, phone_numbers.to_readable(number))
                    if number
                    else "no number yet",
                    not number,
                ),
                Fact("Last changed", Moment(record.updated_at, getattr(obj, "time_zone", None))),
                Fact("Public hours", format_html('<a href="{}">on the web</a>', url) if url else "off"),
            ],
            primary="edit" if record.configuration and operators.has_right(request, operators.WRITE) else "preview",
        )

    def _available_buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Those of the record, with the links to the pages that change it."""
        links = {"preview": "Preview a call", "revisions": "Revisions"}
        if operators.has_right(request, operators.WRITE) and not is_closed(request):
            links = {"edit": "Change how calls are answered", **links}
        pages = [
            {"name": name, "label": label, "url": reverse(f"admin:telephony_line_{name}", args=(obj.pk,))}
            for name, label in links.items()
            if obj.record.configuration
        ]
        return [*pages, *super()._available_buttons(request, obj)]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The line of a location; of one without a line, a page that says so."""
        location_id = unquote(object_id or "")
        if request.method == "GET" and self.has_view_permission(request) and self.model.get(location_id) is None:
            location = projected.Location.get(location_id) if dynamodb.is_id("loc", location_id) else None
            if location is not None:
                return self._no_number_page(request, location)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _no_number_page(self, request: HttpRequest, location: Any) -> HttpResponse:
        record = location.record
        set_page_customer(request, str(record.customer_id))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Line and number",
            "subtitle": str(record.name),
            "location": record,
            "buy_url": reverse("admin:buy_number", args=(location.pk,)),
            "links": [
                ("Customer", admin_change_url("accounts", "customer", str(record.customer_id))),
                ("Location", admin_change_url("accounts", "location", location.pk)),
            ],
        }
        return TemplateResponse(request, "backoffice/ivr/no_number.html", context)

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        context = {**super().page_context(request, obj), "buy_url": reverse("admin:buy_number", args=(obj.pk,))}
        configuration = obj.record.configuration
        if not configuration:
            return {**context, "is_unconfigured": True}
        names = changes.load_names([configuration], operator_actor(request, str(obj.record.customer_id)))
        return {
            **context,
            "line": obj.record,
            "general": list(wording.iter_general_facts(configuration)),
            "hours": list(wording.iter_hours_facts(configuration)),
            "chart": wording.describe_branches(configuration, names),
        }

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Location", admin_change_url("accounts", "location", record.location_id)),
            ("Calls", admin_list_url("telephony", "call", location_id__exact=record.location_id)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
            *([("Number", admin_change_url("telephony", "phonenumber", record.number))] if record.number else []),
        ]
