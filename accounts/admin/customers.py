"""Customers: everything of a business from one page."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string
from unfold.decorators import display

from accounts import customers, preferences
from accounts.admin import operator_actor
from accounts.admin.projected import Customer
from accounts.models import Customer as CustomerRecord
from accounts.serializers.customers_and_locations import CustomerChange, CustomerView
from config.backoffice import audit_context, operator_permissions
from config.backoffice.badges import STATUS_COLORS
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import SESSION_CUSTOMER, RecordAdmin, admin_list_url
from config.dynamodb import ids


class CustomerForm(record_form.RecordForm):
    """A business and what holds for people of it who chose nothing."""

    view_serializer, change_body = CustomerView, CustomerChange
    name = form_fields.text_field("Name", required=True)
    settings__language = form_fields.choice_field("Language of mails", [(x, x) for x in preferences.LANGUAGES])
    settings__timeZone = form_fields.text_field("Time zone of mails", help_text="Such as Europe/Berlin.")


def _suspend(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, obj.pk)
    customers.suspend(obj.pk, actor=actor, at=audit_context.current_time())
    return f"{obj} is suspended: its people are cut off, its numbers play a closing sentence."


def _resume(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, obj.pk)
    customers.resume(obj.pk, actor=actor, at=audit_context.current_time())
    return f"{obj} works again."


@admin.register(Customer)
class CustomerAdmin(RecordAdmin):
    """Businesses by name."""

    section, icon = "Customers", "storefront"
    customer_field = None
    form = CustomerForm
    ordering = ("name_key",)
    list_display = ("name", "state", "created_at", "id")
    list_filter = ("status",)
    search_hint = "A name, or an id"
    fieldsets = (
        (None, {"fields": ("name", "version")}),
        ("For people who chose nothing", {"fields": ("settings__language", "settings__timeZone")}),
    )
    buttons = (
        Button(
            "suspend",
            "Suspend",
            "Every token of its people is refused from the next request on, and its numbers play "
            "a closing sentence. Nothing is removed; “Resume” undoes it.",
            _suspend,
            required_right=operator_permissions.LEAD,
            is_available=lambda obj: obj.record.status == "active",
            confirmation_name=lambda obj: str(obj.record.name),
        ),
        Button(
            "resume",
            "Resume",
            "Its people may come in again, and its numbers answer.",
            _resume,
            required_right=operator_permissions.LEAD,
            is_available=lambda obj: obj.record.status == "suspended",
        ),
    )

    @display(description="Status", label=STATUS_COLORS)
    def state(self, obj: Any) -> str:
        return str(obj.record.status)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(listed="all")

    def search(self, queryset: Any, term: str) -> Any:
        if ids.is_id("cus", term):
            return queryset.filter(pk=term)
        prefix_matches = queryset.filter(name_key__startswith=term.casefold())
        if prefix_matches.page(1).records:
            return prefix_matches
        return queryset.filter(Q(name__contains=term) | Q(name__contains=term.title()))

    def find_pk(self, term: str) -> str | None:
        return term if ids.is_id("cus", term) and self.model.get(term) else None

    def before_view(self, request: HttpRequest, obj: Any) -> None:
        """Whoever opens a customer works on it: the lists show what is its."""
        request.session[SESSION_CUSTOMER] = {
            "id": str(obj.pk),
            "name": str(obj.record.name),
            "url": self.object_url(obj),
        }

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        paths = (*settings.CUSTOMER_PAGE_PANELS, *settings.ATTENTION_PANELS)
        panel_lists: Sequence[Any] = [import_string(path)(obj.pk) for path in paths]
        return {
            "panels": [panel for panels in panel_lists for panel in panels if panel.on_customer_page],
            "links": [
                *((name, admin_list_url(app, model, customer_id__exact=obj.pk)) for name, app, model in _LINKED_MODELS),
                ("Numbers it may hold", reverse("admin:numbers_most", args=(obj.pk,))),
            ],
            "audit_url": admin_list_url("config", "auditentry", listed_for__exact=obj.pk),
        }

    def save_record(self, request: HttpRequest, obj: Any, form: Any) -> CustomerRecord:
        actor = operator_actor.actor(request, obj.pk)
        now = audit_context.current_time()
        return customers.update_customer(obj.record, form.body, actor=actor, at=now, versions=form.versions)


_LINKED_MODELS = (
    ("People", "accounts", "user"),
    ("Locations", "accounts", "location"),
    ("Schedules", "staffing", "schedule"),
    ("Templates", "staffing", "template"),
    ("Phone numbers", "telephony", "phonenumber"),
    ("Lines", "telephony", "line"),
)
