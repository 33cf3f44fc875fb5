"""Actions on many people: role and locations."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest

from accounts import locations, permissions
from accounts.admin.operator_commands import actor_for
from accounts.admin.projected import to_choices
from accounts.models import ALL_LOCATIONS
from accounts.permissions import Actor
from accounts.users import update
from config import dynamodb, errors
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button

MAX_LOCATIONS = 200
_STATUSES = ("active", "invited", "blocked")


class RoleForm(forms.Form):
    """The role that people get."""

    role = form_fields.choice_field("New role", to_choices(*permissions.ROLES), initial="staff")


class LocationForm(forms.Form):
    """A location of the customer, by name."""

    location = form_fields.text_field("Location", max_length=200, help_text="Its whole name, or its id.")


def _change_role(request: HttpRequest, obj: Any, values: Mapping[str, Any]) -> str:
    update.update_user(obj.pk, {"role": values["role"]}, actor=actor_for(request, obj), at=operators.now())
    return f"{obj.record.name} has the role {values['role']}."


def _add_location(request: HttpRequest, obj: Any, values: Mapping[str, Any]) -> str:
    actor = actor_for(request, obj)
    location_id, assigned = _find_location(values["location"], actor), list(obj.record.locations)
    if ALL_LOCATIONS in assigned:
        raise errors.Conflict("This person has all locations.")
    if location_id not in assigned:
        update.update_user(obj.pk, {"locations": [*assigned, location_id]}, actor=actor, at=operators.now())
    return f"{obj.record.name} has the location."


def _remove_location(request: HttpRequest, obj: Any, values: Mapping[str, Any]) -> str:
    actor = actor_for(request, obj)
    location_id, assigned = _find_location(values["location"], actor), list(obj.record.locations)
    if ALL_LOCATIONS in assigned:
        raise errors.Conflict("This person has all locations: choose single ones on their page.")
    if location_id in assigned:
        remaining = [id for id in assigned if id != location_id]
        update.update_user(obj.pk, {"locations": remaining}, actor=actor, at=operators.now())
    return f"{obj.record.name} does not have the location."


def _find_location(text: str, actor: Actor) -> str:
    """The id of a location of the actor's customer. Raises `errors.Conflict`."""
    if dynamodb.is_id("loc", text):
        return str(locations.get_location(text, actor=actor).id)
    page = locations.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None)
    matches = [str(location.id) for location in page.records if location.name.casefold() == text.casefold()]
    if len(matches) != 1:
        raise errors.Conflict(f"{'Several locations have' if matches else 'No location has'} this name.")
    return matches[0]


def _has_account(obj: Any) -> bool:
    return obj.record.status in _STATUSES


BUTTONS = (
    Button(
        "change-role",
        "Change role",
        "They get the permissions of the new role, starting now.",
        _change_role,
        is_available=_has_account,
        form=RoleForm,
        bulk_outcome="changed",
        is_for_lists_only=True,
    ),
    Button(
        "add-location",
        "Add location",
        "They can work at this location, too, and are told by e-mail.",
        _add_location,
        is_available=_has_account,
        form=LocationForm,
        bulk_outcome="changed",
        opposite="remove-location",
        is_for_lists_only=True,
    ),
    Button(
        "remove-location",
        "Remove location",
        "They can no longer work at this location. Those who have shifts there to come keep it.",
        _remove_location,
        is_available=_has_account,
        form=LocationForm,
        bulk_outcome="changed",
        opposite="add-location",
        is_destructive=True,
        is_for_lists_only=True,
    ),
)
