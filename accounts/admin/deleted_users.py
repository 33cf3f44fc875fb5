"""Deleted people: until they are erased, operators can restore them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts import customers, users
from accounts import locations as location_queries
from accounts.admin.operator_commands import actor_for, leaving_actor_for, run_command
from accounts.admin.projected import DeletedUser
from accounts.models import ALL_LOCATIONS, User
from accounts.privacy import export
from accounts.users import erase, undo_deletion
from config import dynamodb
from config.backoffice import operators
from config.backoffice.clock import format_day
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader

RESTORED = (
    "They are back at once with their name, e-mail address, role, permissions, skills, settings and history, and with "
    "the locations that still exist.",
    "Their shifts that are still to come are planned again within a minute, except those that a colleague covers.",
    "Their devices and their calendar feed have ended: they set these up again.",
    "Call-backs that were taken from them stay with whoever has them now.",
    "If another account has their e-mail address by now, nothing changes, and the page says so.",
)
ERASED = (
    "Their account, their devices and what the data map says is erased, here and at Auth0, is erased now.",
    "The audit log stays, without their name and values. Nobody can restore them afterwards.",
)


def describe_deletion(erase_at: datetime) -> Sequence[str]:
    """What deleting a person does, for the page that asks."""
    return (
        "They can no longer sign in or use the app, starting now, and are in no list and no rota. Their e-mail "
        "address is free for another account.",
        "Their shifts to come are removed; shifts that colleagues cover become the colleagues' own. Calls do not ring "
        "them any more, and call-backs that they took are open again.",
        f"Until {format_day(erase_at)} “Restore” under Deleted people undoes this. Then they are erased, here and at "
        "Auth0. If they asked for their data to be erased, choose “Erase now” there.",
    )


def _restore(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> HttpResponse:
    user = undo_deletion.restore_user(obj.pk, actor=actor_for(request, obj), at=operators.now())
    messages.success(request, f"{user.name} is restored.")
    return HttpResponseRedirect(admin_change_url("accounts", "user", user.id))


def _export(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> HttpResponse:
    content = export.export_deleted(obj.pk, actor=leaving_actor_for(request, obj), at=operators.now())
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{obj.pk}.json"'
    return response


def _describe_restoration(obj: Any) -> Sequence[str]:
    """What restoring this person does."""
    has_signed_in = bool(obj.record.user().accepted_at)
    link = "an e-mail with a link to set a new password" if has_signed_in else "a new invitation by e-mail"
    return (*RESTORED, f"They get {link}.")


def _location_names(user: User) -> str:
    """The locations that they get back."""
    if ALL_LOCATIONS in user.locations:
        return "all locations"
    loaded = location_queries.load_locations(user.locations, str(user.customer_id))
    return ", ".join(str(loaded[id].name) for id in user.locations if id in loaded) or "none that still exists"


@admin.register(DeletedUser)
class DeletedPersonAdmin(RecordAdmin):
    """Deleted people, the last ones first."""

    section, icon, customer_field = "Customers", "person_off", None
    id_prefix, subject_type, search_kind = "usr", "", "del"
    is_found_last = True
    ordering = ("-deleted_at",)
    list_display = ("name", "customer_name", "address", "role", "deleted_on", "erased_on", "restore_link")
    search_help_text = "An id, or a part of a name or an e-mail address"
    fields = readonly_fields = ("state",)
    buttons = (
        Button(
            "restore",
            "Restore",
            "Undoes the deletion.",
            _restore,
            is_available=lambda obj: not obj.record.is_erasing,
            details=_describe_restoration,
        ),
        Button(
            "export",
            "Export data",
            "Downloads all data about them as JSON. The audit records the export.",
            _export,
            is_for_closed_customers=True,
        ),
        Button(
            "erase",
            "Erase now",
            "For a request to erase personal data. This cannot be undone.",
            run_command(
                erase.erase_deleted_user, "{obj.record.name} is erased, here and at Auth0.", of_deleted_customers=True
            ),
            required_right=operators.LEAD,
            is_for_closed_customers=True,
            confirmation_name=lambda obj: str(obj.record.name),
            details=lambda obj: ERASED,
        ),
    )

    def load_related(self, objects: Any) -> None:
        names = customers.load_names({str(obj.record.customer_id) for obj in objects})
        for obj in objects:
            obj.customer_name = names.get(str(obj.record.customer_id), "")

    def describe_result(self, record: Any, names: dynamodb.BatchResult) -> dict[str, Any]:
        badge, role = Badge("deleted", "danger"), str(record.role).capitalize()
        return {"name": record.name, "detail": record.email, "role": role, "badge": badge}

    @display(description="Customer")
    def customer_name(self, obj: Any) -> str:
        return str(obj.customer_name)

    @display(description="E-mail")
    def address(self, obj: Any) -> str:
        return str(obj.record.email)

    @display(description="Deleted")
    def deleted_on(self, obj: Any) -> str:
        return format_day(obj.record.deleted_at)

    @display(description="Erased on")
    def erased_on(self, obj: Any) -> str:
        return format_day(obj.record.erase_at)

    @display(description="Undo")
    def restore_link(self, obj: Any) -> str:
        if obj.record.is_erasing:
            return "—"
        url = reverse("admin:accounts_deleteduser_do", args=(quote(obj.pk), "restore"))
        return format_html('<a href="{}" aria-label="Restore {}">Restore</a>', url, obj.record.name)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without the link for those who may not restore anybody."""
        names = super().get_list_display(request)
        return names if operators.has_right(request, operators.WRITE) else [n for n in names if n != "restore_link"]

    @display(description="What happens next")
    def state(self, obj: Any) -> str:
        if obj.record.is_erasing:
            return "Being erased: this cannot be undone any more."
        return f"“Restore” undoes the deletion until {format_day(obj.record.erase_at)}. Then they are erased."

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        return RecordHeader(
            name=str(record.name),
            badge=Badge("being erased" if record.is_erasing else "deleted", "danger"),
            facts=[
                Fact("Role", str(record.role).capitalize()),
                Fact("Locations", _location_names(record.user())),
                Fact("Erased on", format_day(record.erase_at)),
                Fact("E-mail", record.email),
                Fact("Deleted", Moment(record.deleted_at)),
            ],
            primary="restore",
        )

    def customer_filters(self, customer_id: str) -> dict[str, str]:
        return {"customer_id__exact": customer_id}

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(listed="all")

    def search(self, queryset: Any, term: str) -> Any:
        if pk := self.find_pk(term):
            return queryset.filter(pk=pk)
        return queryset.filter(Q(name__contains=term) | Q(name__contains=term.title()) | Q(email__contains=term))

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        users.audit_user_view(obj.record, actor=actor_for(request, obj), at=operators.now())

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        customer_id = str(obj.record.customer_id)
        return [
            ("Customer", admin_change_url("accounts", "customer", customer_id)),
            (
                "Deleted people of this customer",
                admin_list_url("accounts", "deleteduser", customer_id__exact=customer_id),
            ),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=obj.pk)),
        ]
