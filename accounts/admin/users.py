"""People: their data, roles and permissions, and their access."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from unfold.decorators import display

from accounts import locations as location_queries
from accounts import permissions, users
from accounts.admin import deleted_users, people_bulk, seen_by
from accounts.admin.operator_commands import actor_for, leaving_actor_for, run_command
from accounts.admin.people_import import PeopleImportPage
from accounts.admin.person_form import MAX_LOCATIONS, NOTIFICATION_LABELS, PersonForm
from accounts.admin.person_header import (
    STATUS_TONES,
    describe_last_invitation,
    describe_sending,
    load_location_lists,
    person_header,
)
from accounts.admin.projected import User
from accounts.models import ALL_LOCATIONS, Customer
from accounts.models import User as UserRecord
from accounts.notifications import invitations
from accounts.privacy import prepared_exports
from accounts.users import delete, directory, email_address, update
from config import dynamodb, phone_numbers
from config.backoffice import operators
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url
from config.backoffice.page_customer import get_page_customer
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, RecordHeader
from config.backoffice.records import query_plan

_COMMON_FIELDS = ("email", "name", "userRole", "locations", "permissions", "userSkills", "isSetup")
_PREFERENCES = (
    *("settings__language", "settings__timeZone", "settings__reminderMinutes"),
    *("settings__ringing", "settings__answerWithoutKey"),
)


def _set_status(pk: str, *, status: str, **context: Any) -> None:
    update.update_user(pk, {"status": status}, **context)


def _describe_blocking(user_ids: Sequence[str], customer_id: str | None) -> Sequence[str]:
    """What blocking people does, and who of them is on duty."""
    describe_duty: Callable[..., Sequence[str]] = import_string(settings.DUTY_OF_PEOPLE)
    return (
        "They are signed out everywhere, now. Links to sign in or to set a password stop working.",
        "Their shifts stay in the rota, but no phone of theirs rings, and the hours count as not covered.",
        *(describe_duty(user_ids, customer_id, operators.now()) if customer_id else ()),
        "“Unblock” gives their access back: they get an e-mail to set a new password.",
    )


def _delete(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> HttpResponse:
    delete.delete_user(obj.pk, actor=actor_for(request, obj), at=operators.now())
    messages.success(request, f"{obj.record.name} is deleted. “Restore” undoes this.")
    return HttpResponseRedirect(admin_change_url("accounts", "deleteduser", obj.pk))


def _export(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> HttpResponse:
    pdf = prepared_exports.export_for_operator(obj.pk, actor=leaving_actor_for(request, obj), at=operators.now())
    if not isinstance(pdf, bytes):
        text = "The PDF takes a while. Choose “Export data” again in a minute: then it downloads at once."
        messages.info(request, text)
        return HttpResponseRedirect(admin_change_url("accounts", "user", obj.pk))
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{obj.pk}.pdf"'
    return response


class LocationFilter(admin.SimpleListFilter):
    """People who work at a location, also because of access to all."""

    title, parameter_name = "location", "location"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        customer = get_page_customer(request)
        if customer is None:
            return []
        actor = permissions.system_actor(customer.id)
        places = location_queries.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None).records
        return [(str(place.id), str(place.name)) for place in places]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(Q(locations__contains=self.value()) | Q(locations__contains=ALL_LOCATIONS))


@admin.register(User)
class PersonAdmin(RecordAdmin):
    """People of a customer by name."""

    section, icon, is_addable = "Customers", "group", True
    id_prefix, subject_type, search_kind = "usr", "user", "usr"
    form = PersonForm
    ordering, sort_column = ("name_key",), "name"
    list_display = ("name", "email", "phone_label", "role_badge", "location_names", "state", "created_at")
    list_filter = ("role", "status", LocationFilter)
    search_help_text = "An e-mail address, an id, or parts of a name"
    fieldsets = (
        (None, {"fields": ("version", *_COMMON_FIELDS[:4], "profileName", "phone")}),
        ("Permissions", {"fields": _COMMON_FIELDS[4:], "classes": ("tab",)}),
        ("Preferences", {"fields": (*_PREFERENCES, *NOTIFICATION_LABELS), "classes": ("tab",)}),
    )
    add_fieldsets = ((None, {"fields": _COMMON_FIELDS}),)
    buttons = (
        Button(
            "resend",
            "Resend invitation",
            "Sends a new link by e-mail. Earlier links, and passwords set with them, stop working.",
            run_command(
                invitations.resend_invitation,
                "The invitation to {obj.record.email} is being sent. This page says whether it arrives: load it again.",
            ),
            is_available=lambda obj: obj.record.status == "invited",
            details=lambda obj: describe_last_invitation(obj.record),
            bulk_outcome="invited again",
        ),
        Button(
            "block",
            "Block",
            "They can no longer sign in or use the app, starting now.",
            run_command(_set_status, "{obj.record.name} is blocked.", status="blocked"),
            is_available=lambda obj: obj.record.status in ("active", "invited"),
            is_destructive=True,
            bulk_outcome="blocked",
            details=lambda obj: _describe_blocking([str(obj.pk)], str(obj.record.customer_id)),
            bulk_details=_describe_blocking,
            opposite="unblock",
        ),
        Button(
            "unblock",
            "Unblock",
            "They get an e-mail to set a new password, and keep their role and permissions. "
            "Earlier passwords and sign-ins stay ended.",
            run_command(_set_status, "{obj.record.name} is unblocked, and gets an e-mail.", status="active"),
            is_available=lambda obj: obj.record.status == "blocked",
            bulk_outcome="unblocked",
            opposite="block",
        ),
        *people_bulk.BUTTONS,
        Button(
            "export",
            "Export data",
            "Downloads all data about them as a PDF with a JSON attachment. The audit records the export.",
            _export,
            is_for_closed_customers=True,
        ),
        seen_by.BUTTON,
        Button(
            "delete",
            "Delete",
            "Ends their account now, and erases it later.",
            _delete,
            confirmation_name=lambda obj: str(obj.record.name),
            details=lambda obj: deleted_users.describe_deletion(operators.now() + delete.grace()),
        ),
    )

    @display(description="Phone")
    def phone_label(self, obj: Any) -> str:
        return phone_numbers.to_readable(obj.record.phone or "") or "—"

    @display(description="Locations")
    def location_names(self, obj: Any) -> str:
        return str(obj.location_names)

    def load_related(self, objects: Any) -> None:
        load_location_lists(objects)

    @display(description="Role", label={"owner": "primary"})
    def role_badge(self, obj: Any) -> str:
        return str(obj.record.role)

    @display(
        description="Status",
        label={"active": "success", "invited": "info", "pending": "warning", "blocked": "danger", "deleting": "danger"},
    )
    def state(self, obj: Any) -> str:
        return str(obj.record.status)

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        return person_header(obj.record)

    def find_pk(self, term: str) -> str | None:
        try:
            address = email_address.normalize_email(term)
        except email_address.InvalidEmail:
            return super().find_pk(term)
        return next((str(user.id) for user in users.find_users_by_email([address]).values()), None)

    def search(self, queryset: Any, term: str) -> Any:
        """People by any part of the name, as the API finds them; of many, by its beginning."""
        by_beginning = super().search(queryset, term)
        if self.find_pk(term) or (customer := self._find_customer(queryset)) is None:
            return by_beginning
        first_page = by_beginning.page(directory.MAX_RESULTS)
        if first_page.next_cursor:
            return by_beginning
        criteria, actor = directory.Criteria(text=term), permissions.system_actor(customer.id)
        matches = directory.search(criteria, actor=actor, customer=customer, limit=directory.MAX_RESULTS, cursor=None)
        ids = dict.fromkeys(str(user.id) for user in [*first_page.records, *matches.records])
        return queryset.filter(pk__in=list(ids)) if ids else queryset.none()

    def describe_result(self, record: UserRecord, names: dynamodb.BatchResult) -> dict[str, Any]:
        return {
            "name": record.name,
            "detail": ", ".join(
                filter(None, [record.email, phone_numbers.to_readable(record.phone or ""), describe_sending(record)])
            ),
            "role": str(record.role).capitalize(),
            "badge": Badge(record.status, STATUS_TONES[record.status]),
        }

    def _find_customer(self, queryset: Any) -> Customer | None:
        """The customer whose people a list shows, if it is of one."""
        try:
            plan = queryset.plan()
        except query_plan.KeyRequired:
            return None
        is_of_one = plan.hash_name == "customer_id" and len(plan.hash_values) == 1
        return dynamodb.get_record(Customer, str(plan.hash_values[0])) if is_of_one else None

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        if obj.record.status != "pending":
            users.audit_user_view(obj.record, actor=actor_for(request, obj), at=operators.now())

    def get_urls(self) -> list[URLPattern]:
        import_view = self.admin_site.admin_view(PeopleImportPage().view)
        return [path("import/<str:customer_id>/", import_view, name="people_import"), *super().get_urls()]

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        customer_filter = {"customer_id__exact": str(record.customer_id)}
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Rota", reverse("admin:rota_of", args=(obj.pk,))),
            ("Schedules", admin_list_url("staffing", "schedule", **customer_filter, staff_id__exact=obj.pk)),
            ("Terms acceptances", admin_list_url("accounts", "termsacceptance", user_id__exact=obj.pk)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=obj.pk)),
        ]
