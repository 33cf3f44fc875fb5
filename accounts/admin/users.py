"""People: who they are, what they may do, whether they come in."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import display

from accounts import locations as places
from accounts import permissions, preferences, users
from accounts.admin import operator_actor
from accounts.admin.projected import User
from accounts.models import EVERYWHERE
from accounts.models import User as Record
from accounts.notifications import invitations
from accounts.privacy import export
from accounts.serializers.users import ManagedUser, UserChange, UserView
from accounts.users import create, delete, email_address, update
from config.backoffice import operator_actor as at_the_door
from config.backoffice.badges import ROLE, STATUS
from config.backoffice.forms import form_fields, record_form
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from config.dynamodb import ids

_EVENTS = {
    "rightsChanged": "Rights changed",
    "locationAssigned": "Location assigned",
    "termsRenewed": "Terms renewed",
    "rotaChanged": "Rota changed",
    "shiftReminder": "Shift reminder",
    "voicemailLeft": "Voicemail left",
}
_CHOICES = tuple(
    (f"settings__notifications__{channel}__{event}", f"{label}, by {channel}")
    for channel in preferences.CHANNELS
    for event, label in _EVENTS.items()
)
MOST_PLACES = 200
_COMMON = ("email", "name", "userRole", "locations", "permissions", "userSkills", "isSetup")
_LATER = ("profileName", "phone", "settings__language", "settings__timeZone")
_MORE = ("settings__reminderMinutes", "settings__ringing", *(name for name, _ in _CHOICES))


class PersonForm(record_form.RecordForm):
    """A person, in the members that the API has."""

    view, new, changed = UserView, ManagedUser, UserChange
    pointers = {"role": "userRole"}
    email = form_fields.text("E-mail", required=True)
    name = form_fields.text("Name", required=True)
    profileName = form_fields.text("Called")
    phone = form_fields.text("Phone", help_text="With its country code.")
    userRole = form_fields.choice(
        "Role", [(role, role.capitalize()) for role in permissions.ROLES], required=True
    )
    locations = form_fields.several("Locations")
    permissions = form_fields.several(
        "Permissions",
        [(name, name) for name in sorted(permissions.PERMISSIONS)],
        help_text="Left as they are, a new role brings its own.",
    )
    userSkills = form_fields.Words("Skills")
    isSetup = form_fields.switch("Set up")
    settings__language = form_fields.choice("Language", [(x, x) for x in preferences.LANGUAGES])
    settings__timeZone = form_fields.text("Time zone")
    settings__reminderMinutes = form_fields.number("Minutes from reminder to shift")
    settings__ringing = form_fields.switch("Calls may ring their phone")
    for _name, _label in _CHOICES:
        locals()[_name] = form_fields.switch(_label)
    del _name, _label

    def prepare(self) -> None:
        if self.is_change:
            customer_id = str(self.instance.kept.customer_id)
            self.initial["userRole"] = self.initial.get("role", self.initial.get("userRole"))
        else:
            customer_id = self.request.GET.get("customer_id", "")
            for name in (*_LATER, *_MORE):
                del self.fields[name]
            self.fields["userRole"].initial = "staff"
        actor = operator_actor.actor(self.request, customer_id)
        found = places.within_reach(actor, limit=MOST_PLACES, start=None).records
        known = {EVERYWHERE: "All locations", **{str(p.id): str(p.name) for p in found}}
        own = self.instance.kept.locations if self.is_change else ()
        known |= {id: id for id in own if id not in known}
        self.fields["locations"].choices = list(known.items())  # type: ignore[attr-defined]

    def wire(self, given: record_form.Asked) -> record_form.Asked:
        if self.is_change:
            return {"id": self.instance.pk, **super().wire(given)}
        given = {name: value for name, value in given.items() if value not in (None, [], "")}
        return {"customerId": self.request.GET.get("customer_id", ""), **super().wire(given)}


def _as(request: HttpRequest, obj: Any) -> permissions.Actor:
    return operator_actor.actor(request, str(obj.kept.customer_id))


def _resend(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    invitations.resend(obj.pk, actor=_as(request, obj), at=at_the_door.now())
    return f"An invitation to {obj.kept.email} is on its way."


def _turn(status: str, told: str) -> Callable[[HttpRequest, Any, Mapping[str, Any]], str]:
    def turn(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
        asked = {"status": status}
        update.change(obj.pk, asked, actor=_as(request, obj), at=at_the_door.now())
        return f"{obj.kept.name} {told}."

    return turn


def _export(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> HttpResponse:
    pdf = export.by_operator(obj.pk, actor=_as(request, obj), at=at_the_door.now())
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{obj.pk}.pdf"'
    return answer


def _delete(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    delete.delete(obj.pk, actor=_as(request, obj), at=at_the_door.now())
    return f"{obj.kept.name} is deleted, here and at Auth0."


@admin.register(User)
class PersonAdmin(RecordAdmin):
    """People of a business by name."""

    section, icon, adds = "Customers", "group", True
    form = PersonForm
    ordering = ("name_key",)
    list_display = ("name", "email", "role_mark", "state", "created_at")
    list_filter = ("role", "status")
    searches = "An e-mail address, an id, or the beginning of a name"
    actions = ("block", "unblock")
    fieldsets = (
        (None, {"fields": ("version", *_COMMON[:4], "profileName", "phone")}),
        ("May do", {"fields": _COMMON[4:], "classes": ("tab",)}),
        ("Chose", {"fields": (*_LATER[2:], *_MORE), "classes": ("tab",)}),
    )
    add_fieldsets = ((None, {"fields": _COMMON}),)
    buttons = (
        Button(
            "resend",
            "Resend invitation",
            "They get a new link by mail; the one before stops working.",
            _resend,
            when=lambda obj: obj.kept.status == "invited",
        ),
        Button(
            "block",
            "Block",
            "They are cut off from the next request on, and cannot sign in.",
            _turn("blocked", "is blocked"),
            when=lambda obj: obj.kept.status in ("active", "invited"),
            is_grave=True,
        ),
        Button(
            "unblock",
            "Unblock",
            "They may come in again, as what they were.",
            _turn("active", "may come in again"),
            when=lambda obj: obj.kept.status == "blocked",
        ),
        Button(
            "export",
            "Export data",
            "Everything that is kept of them, as a PDF with the same as JSON inside. The audit "
            "notes that you took it.",
            _export,
        ),
        Button(
            "delete",
            "Delete",
            "Their account, their devices and what the data map says is erased, is: here and at "
            "Auth0. This cannot be undone.",
            _delete,
            name_of=lambda obj: str(obj.kept.name),
        ),
    )

    @display(description="Role", label=ROLE)
    def role_mark(self, obj: Any) -> str:
        return str(obj.kept.role)

    @display(description="Status", label=STATUS)
    def state(self, obj: Any) -> str:
        return str(obj.kept.status)

    @admin.action(description="Block", permissions=["change"])
    def block(self, request: HttpRequest, queryset: Any) -> None:
        """Cut the chosen people off."""
        turn = _turn("blocked", "")
        self.in_bulk(request, queryset, lambda obj: _ignore(turn(request, obj, {})), "blocked")

    @admin.action(description="Unblock", permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: Any) -> None:
        """Let the chosen people in again."""
        turn = _turn("active", "")
        self.in_bulk(request, queryset, lambda obj: _ignore(turn(request, obj, {})), "unblocked")

    def search(self, queryset: Any, term: str) -> Any:
        if pk := self.find(term):
            return queryset.filter(pk=pk)
        return queryset.filter(name_key__startswith=term.casefold())

    def find(self, term: str) -> str | None:
        if ids.is_id("usr", term):
            return term if self.model.get(term) else None
        try:
            address = email_address.checked(term)
        except email_address.BadEmail:
            return None
        return next((str(user.id) for user in users.by_address([address]).values()), None)

    def looked(self, request: HttpRequest, obj: Any) -> None:
        if obj.kept.status != "pending":
            users.looked_at(obj.kept, actor=_as(request, obj), at=at_the_door.now())

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        kept = obj.kept
        of = {"customer_id__exact": str(kept.customer_id)}
        return {
            "marks": [(kept.status, STATUS), (kept.role, ROLE)],
            "links": [
                ("Customer", page_of("accounts", "customer", kept.customer_id)),
                *(
                    (f"Location {number}", page_of("accounts", "location", id))
                    for number, id in enumerate(kept.locations[:5], 1)
                    if id != EVERYWHERE
                ),
                ("Rota", reverse("admin:rota_of", args=(obj.pk,))),
                ("Schedules", list_of("staffing", "schedule", **of, staff_id__exact=obj.pk)),
                ("Terms accepted", list_of("accounts", "termsacceptance", user_id__exact=obj.pk)),
                ("Audit", list_of("config", "auditentry", stream__exact=obj.pk)),
            ],
        }

    def keep(self, request: HttpRequest, before: Any, form: Any) -> Record:
        now = at_the_door.now()
        if before is None:
            wanted = create.Wanted(**form.asked)
            return create.create(wanted, actor=operator_actor.for_chosen(request), at=now)
        asked = {name: value for name, value in form.asked.items() if name != "id"}
        actor = _as(request, before)
        return update.change(before.pk, asked, actor=actor, at=now, versions=form.versions)


def _ignore(_: str) -> None:
    """What is told of one is told of all at the end."""
