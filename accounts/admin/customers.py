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
from accounts.models import Customer as Record
from accounts.serializers.customers_and_locations import CustomerChange, CustomerView
from config.backoffice import operator_actor as at_the_door
from config.backoffice import operator_permissions
from config.backoffice.badges import STATUS
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import CUSTOMER, RecordAdmin, list_of
from config.dynamodb import ids


class CustomerForm(record_form.RecordForm):
    """A business and what holds for people of it who chose nothing."""

    view, changed = CustomerView, CustomerChange
    name = form_fields.text("Name", required=True)
    settings__language = form_fields.choice(
        "Language of mails", [(x, x) for x in preferences.LANGUAGES]
    )
    settings__timeZone = form_fields.text("Time zone of mails", help_text="Such as Europe/Berlin.")


def _suspend(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, obj.pk)
    customers.suspend(obj.pk, actor=actor, at=at_the_door.now())
    return f"{obj} is suspended: its people are cut off, its numbers play a closing sentence."


def _resume(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    actor = operator_actor.actor(request, obj.pk)
    customers.resume(obj.pk, actor=actor, at=at_the_door.now())
    return f"{obj} works again."


@admin.register(Customer)
class CustomerAdmin(RecordAdmin):
    """Businesses by name."""

    section, icon = "Customers", "storefront"
    of_customer = None
    form = CustomerForm
    ordering = ("name_key",)
    list_display = ("name", "state", "created_at", "id")
    list_filter = ("status",)
    searches = "A name, or an id"
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
            right=operator_permissions.LEAD,
            when=lambda obj: obj.kept.status == "active",
            name_of=lambda obj: str(obj.kept.name),
        ),
        Button(
            "resume",
            "Resume",
            "Its people may come in again, and its numbers answer.",
            _resume,
            right=operator_permissions.LEAD,
            when=lambda obj: obj.kept.status == "suspended",
        ),
    )

    @display(description="Status", label=STATUS)
    def state(self, obj: Any) -> str:
        return str(obj.kept.status)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(listed="all")

    def search(self, queryset: Any, term: str) -> Any:
        if ids.is_id("cus", term):
            return queryset.filter(pk=term)
        beginning = queryset.filter(name_key__startswith=term.casefold())
        if beginning.page(1).records:
            return beginning
        return queryset.filter(Q(name__contains=term) | Q(name__contains=term.title()))

    def find(self, term: str) -> str | None:
        return term if ids.is_id("cus", term) and self.model.get(term) else None

    def entered(self, request: HttpRequest, obj: Any) -> None:
        """Whoever opens a customer works on it: the lists show what is its."""
        request.session[CUSTOMER] = {
            "id": str(obj.pk),
            "name": str(obj.kept.name),
            "url": self.page_of(obj),
        }

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        paths = (*settings.CUSTOMER_PAGE, *settings.ATTENTION)
        found: Sequence[Any] = [import_string(path)(obj.pk) for path in paths]
        return {
            "panels": [panel for panels in found for panel in panels if panel.of_customer],
            "links": [
                *(
                    (name, list_of(app, model, customer_id__exact=obj.pk))
                    for name, app, model in _KINDS
                ),
                ("Numbers it may hold", reverse("admin:numbers_most", args=(obj.pk,))),
            ],
            "audit_url": list_of("config", "auditentry", listed_for__exact=obj.pk),
        }

    def keep(self, request: HttpRequest, before: Any, form: Any) -> Record:
        actor = operator_actor.actor(request, before.pk)
        now = at_the_door.now()
        return customers.change(
            before.kept, form.asked, actor=actor, at=now, versions=form.versions
        )


_KINDS = (
    ("People", "accounts", "user"),
    ("Locations", "accounts", "location"),
    ("Schedules", "staffing", "schedule"),
    ("Templates", "staffing", "template"),
    ("Phone numbers", "telephony", "phonenumber"),
    ("Lines", "telephony", "line"),
)
