"""What a person sees in the app: their rights, rota and calls, read as they would read them.

Each section asks the same domain functions as the API, with the person as the actor, and writes
nothing. The view is audited, and the person gets an e-mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.module_loading import import_string

from accounts import locations, permissions
from accounts.admin.operator_commands import actor_for
from accounts.admin.permission_labels import LABELS
from accounts.models import ALL_LOCATIONS, User
from accounts.permissions import Actor
from accounts.users import support_views
from config import dynamodb, errors
from config.backoffice import clock, operators
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url

MAX_LOCATIONS = 50
_SIGN_IN_NOTES = {
    "blocked": "They are blocked and cannot sign in: this is what they would see.",
    "invited": "They have not accepted the invitation: this is what they would see.",
    "pending": "Their account is not complete: this is what they would see.",
}


@dataclass(frozen=True)
class SeenSection:
    """A part of what a person sees: a table, of text or safe HTML."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty_text: str
    note: str = ""
    """What is left out, or is special."""
    facts: Sequence[tuple[str, Any]] = field(default_factory=tuple)


def rights_section(user: User, *, actor: Actor, at: datetime) -> SeenSection:
    """Role, permissions and locations, as ``GET /user`` and ``GET /location`` tell them."""
    reachable = locations.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None)
    rows = [(LABELS.get(name, name),) for name in sorted(actor.permissions, key=lambda name: LABELS.get(name, name))]
    more = " and more" if reachable.next_cursor else ""
    names = ", ".join(str(location.name) for location in reachable.records) + more
    everywhere = "all: " if ALL_LOCATIONS in user.locations else ""
    return SeenSection(
        "Rights",
        ("They may",),
        rows,
        "They may do nothing.",
        facts=[("Role", str(user.role).capitalize()), ("Locations", everywhere + (names or "none"))],
    )


def show(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> HttpResponse:
    """The page; audited before anything is read."""
    user, at = obj.record, operators.now()
    support_views.log_support_view(user, actor=actor_for(request, obj), at=at)
    actor = permissions.user_actor(user)
    functions = [import_string(path) for path in settings.SEEN_BY_PERSON]
    sections = dynamodb.gather(*(partial(_build_section, function, user, actor, at) for function in functions))
    context = {
        **admin.site.each_context(request),
        "title": f"What {user.name} sees",
        "person": user,
        "person_url": admin_change_url("accounts", "user", obj.pk),
        "sections": sections,
        "sign_in_note": _SIGN_IN_NOTES.get(str(user.status), ""),
        "is_informed": user.status == "active",
        "zone": clock.page_zone(),
    }
    response = TemplateResponse(request, "backoffice/seen_by.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _build_section(function: Any, user: User, actor: Actor, at: datetime) -> SeenSection:
    """A section; what the person may not see, the API refuses, and the page says so."""
    try:
        section: SeenSection = function(user, actor=actor, at=at)
    except errors.Forbidden as error:
        title = function.__name__.removesuffix("_section").capitalize()
        return SeenSection(title, (), (), f"They see nothing here. The app says: {error.detail}")
    return section


BUTTON = Button(
    "see",
    "See what they see",
    "Shows their rights, rota and calls as the app shows them to this person. You can change nothing there. "
    "The audit records it. A person who can sign in gets an e-mail about it, at most once a day for each operator.",
    show,
)
