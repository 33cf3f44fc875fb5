"""People: who they are, what they may do, whether they come in."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import display

from accounts import locations as location_queries
from accounts import permissions, preferences, users
from accounts.admin import operator_actor
from accounts.admin.projected import User
from accounts.models import ALL_LOCATIONS
from accounts.models import User as UserRecord
from accounts.notifications import invitations
from accounts.privacy import export
from accounts.serializers.users import NewManagedUser, UserChange, UserView
from accounts.users import create, delete, email_address, update
from config.backoffice import audit_context
from config.backoffice.badges import ROLE_COLORS, STATUS_COLORS
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, admin_change_url, admin_list_url
from config.dynamodb import ids

_EVENT_LABELS = {
    "rightsChanged": "Rights changed",
    "locationAssigned": "Location assigned",
    "termsRenewed": "Terms renewed",
    "rotaChanged": "Rota changed",
    "shiftReminder": "Shift reminder",
    "voicemailLeft": "Voicemail left",
}
_NOTIFICATION_CHOICES = tuple(
    (f"settings__notifications__{channel}__{event}", f"{label}, by {channel}")
    for channel in preferences.CHANNELS
    for event, label in _EVENT_LABELS.items()
)
MAX_LOCATIONS = 200
_COMMON_FIELDS = ("email", "name", "userRole", "locations", "permissions", "userSkills", "isSetup")
_CHANGE_ONLY_FIELDS = ("profileName", "phone", "settings__language", "settings__timeZone")
_PREFERENCE_FIELDS = ("settings__reminderMinutes", "settings__ringing", *(name for name, _ in _NOTIFICATION_CHOICES))


class PersonForm(record_form.RecordForm):
    """A person, in the members that the API has."""

    view_serializer, create_body, change_body = UserView, NewManagedUser, UserChange
    pointer_fields = {"role": "userRole"}
    email = form_fields.text_field("E-mail", required=True)
    name = form_fields.text_field("Name", required=True)
    profileName = form_fields.text_field("Called")
    phone = form_fields.text_field("Phone", help_text="With its country code.")
    userRole = form_fields.choice_field(
        "Role", [(role, role.capitalize()) for role in permissions.ROLES], required=True
    )
    locations = form_fields.multiple_choice_field("Locations")
    permissions = form_fields.multiple_choice_field(
        "Permissions",
        [(name, name) for name in sorted(permissions.PERMISSIONS)],
        help_text="Left as they are, a new role brings its own.",
    )
    userSkills = form_fields.CommaSeparatedField("Skills")
    isSetup = form_fields.switch_field("Set up")
    settings__language = form_fields.choice_field("Language", [(x, x) for x in preferences.LANGUAGES])
    settings__timeZone = form_fields.text_field("Time zone")
    settings__reminderMinutes = form_fields.number_field("Minutes from reminder to shift")
    settings__ringing = form_fields.switch_field("Calls may ring their phone")
    for _name, _label in _NOTIFICATION_CHOICES:
        locals()[_name] = form_fields.switch_field(_label)
    del _name, _label

    def prepare_fields(self) -> None:
        if self.is_change:
            customer_id = str(self.instance.record.customer_id)
            self.initial["userRole"] = self.initial.get("role", self.initial.get("userRole"))
        else:
            customer_id = self.request.GET.get("customer_id", "")
            for name in (*_CHANGE_ONLY_FIELDS, *_PREFERENCE_FIELDS):
                del self.fields[name]
            self.fields["userRole"].initial = "staff"
        actor = operator_actor.actor(self.request, customer_id)
        reachable = location_queries.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None).records
        names_by_id = {
            ALL_LOCATIONS: "All locations",
            **{str(location.id): str(location.name) for location in reachable},
        }
        assigned_ids = self.instance.record.locations if self.is_change else ()
        names_by_id |= {location_id: location_id for location_id in assigned_ids if location_id not in names_by_id}
        self.fields["locations"].choices = list(names_by_id.items())  # type: ignore[attr-defined]

    def to_body(self, field_values: record_form.FieldValues) -> record_form.FieldValues:
        if self.is_change:
            return {"id": self.instance.pk, **super().to_body(field_values)}
        field_values = {name: value for name, value in field_values.items() if value not in (None, [], "")}
        return {"customerId": self.request.GET.get("customer_id", ""), **super().to_body(field_values)}


def _operator_for(request: HttpRequest, obj: Any) -> permissions.Actor:
    return operator_actor.actor(request, str(obj.record.customer_id))


def _resend(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    invitations.resend_invitation(obj.pk, actor=_operator_for(request, obj), at=audit_context.current_time())
    return f"An invitation to {obj.record.email} is on its way."


def _status_action(status: str, message: str) -> Callable[[HttpRequest, Any, Mapping[str, Any]], str]:
    def set_status(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
        changes = {"status": status}
        update.update_user(obj.pk, changes, actor=_operator_for(request, obj), at=audit_context.current_time())
        return f"{obj.record.name} {message}."

    return set_status


def _export(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> HttpResponse:
    pdf = export.export_for_operator(obj.pk, actor=_operator_for(request, obj), at=audit_context.current_time())
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{obj.pk}.pdf"'
    return response


def _delete(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    delete.delete_user(obj.pk, actor=_operator_for(request, obj), at=audit_context.current_time())
    return f"{obj.record.name} is deleted, here and at Auth0."


@admin.register(User)
class PersonAdmin(RecordAdmin):
    """People of a business by name."""

    section, icon, is_addable = "Customers", "group", True
    form = PersonForm
    ordering = ("name_key",)
    list_display = ("name", "email", "role_badge", "state", "created_at")
    list_filter = ("role", "status")
    search_hint = "An e-mail address, an id, or the beginning of a name"
    actions = ("block", "unblock")
    fieldsets = (
        (None, {"fields": ("version", *_COMMON_FIELDS[:4], "profileName", "phone")}),
        ("May do", {"fields": _COMMON_FIELDS[4:], "classes": ("tab",)}),
        ("Chose", {"fields": (*_CHANGE_ONLY_FIELDS[2:], *_PREFERENCE_FIELDS), "classes": ("tab",)}),
    )
    add_fieldsets = ((None, {"fields": _COMMON_FIELDS}),)
    buttons = (
        Button(
            "resend",
            "Resend invitation",
            "They get a new link by mail; the one before stops working.",
            _resend,
            is_available=lambda obj: obj.record.status == "invited",
        ),
        Button(
            "block",
            "Block",
            "They are cut off from the next request on, and cannot sign in.",
            _status_action("blocked", "is blocked"),
            is_available=lambda obj: obj.record.status in ("active", "invited"),
            is_destructive=True,
        ),
        Button(
            "unblock",
            "Unblock",
            "They may come in again, as what they were.",
            _status_action("active", "may come in again"),
            is_available=lambda obj: obj.record.status == "blocked",
        ),
        Button(
            "export",
            "Export data",
            "Everything that is kept of them, as a PDF with the same as JSON inside. The audit notes that you took it.",
            _export,
        ),
        Button(
            "delete",
            "Delete",
            "Their account, their devices and what the data map says is erased, is: here and at "
            "Auth0. This cannot be undone.",
            _delete,
            confirmation_name=lambda obj: str(obj.record.name),
        ),
    )

    @display(description="Role", label=ROLE_COLORS)
    def role_badge(self, obj: Any) -> str:
        return str(obj.record.role)

    @display(description="Status", label=STATUS_COLORS)
    def state(self, obj: Any) -> str:
        return str(obj.record.status)

    @admin.action(description="Block", permissions=["change"])
    def block(self, request: HttpRequest, queryset: Any) -> None:
        """Cut the chosen people off."""
        set_status = _status_action("blocked", "")
        self.apply_to_selected(request, queryset, lambda obj: _discard_message(set_status(request, obj, {})), "blocked")

    @admin.action(description="Unblock", permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: Any) -> None:
        """Let the chosen people in again."""
        set_status = _status_action("active", "")
        self.apply_to_selected(
            request, queryset, lambda obj: _discard_message(set_status(request, obj, {})), "unblocked"
        )

    def search(self, queryset: Any, term: str) -> Any:
        if pk := self.find_pk(term):
            return queryset.filter(pk=pk)
        return queryset.filter(name_key__startswith=term.casefold())

    def find_pk(self, term: str) -> str | None:
        if ids.is_id("usr", term):
            return term if self.model.get(term) else None
        try:
            address = email_address.normalize_email(term)
        except email_address.InvalidEmail:
            return None
        return next((str(user.id) for user in users.find_users_by_email([address]).values()), None)

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        if obj.record.status != "pending":
            users.audit_user_view(obj.record, actor=_operator_for(request, obj), at=audit_context.current_time())

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        record = obj.record
        customer_filter = {"customer_id__exact": str(record.customer_id)}
        return {
            "marks": [(record.status, STATUS_COLORS), (record.role, ROLE_COLORS)],
            "links": [
                ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
                *(
                    (f"Location {number}", admin_change_url("accounts", "location", location_id))
                    for number, location_id in enumerate(record.locations[:5], 1)
                    if location_id != ALL_LOCATIONS
                ),
                ("Rota", reverse("admin:rota_of", args=(obj.pk,))),
                ("Schedules", admin_list_url("staffing", "schedule", **customer_filter, staff_id__exact=obj.pk)),
                ("Terms accepted", admin_list_url("accounts", "termsacceptance", user_id__exact=obj.pk)),
                ("Audit", admin_list_url("config", "auditentry", stream__exact=obj.pk)),
            ],
        }

    def save_record(self, request: HttpRequest, obj: Any, form: Any) -> UserRecord:
        now = audit_context.current_time()
        if obj is None:
            new_user = create.NewUserData(**form.body)
            return create.create_user(new_user, actor=operator_actor.actor_for_chosen_customer(request), at=now)
        changes = {name: value for name, value in form.body.items() if name != "id"}
        actor = _operator_for(request, obj)
        return update.update_user(obj.pk, changes, actor=actor, at=now, versions=form.versions)


def _discard_message(_: str) -> None:
    """What is told of one is told of all at the end."""
