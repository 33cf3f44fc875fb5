"""Numbers at Twilio that no record explains: adopted by a location, or given back."""

from collections.abc import Mapping
from typing import Any

from django import forms as django_forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import operator_actor, projected
from config import errors
from config.backoffice import operator_actor as at_the_door
from config.backoffice import operator_permissions
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin
from config.dynamodb import ids
from telephony.admin.projected import Orphan
from telephony.numbers import reconcile


class Where(django_forms.Form):
    """The location that gets it."""

    location = form_fields.text("Location id", required=True, max_length=64)


def _adopt(request: HttpRequest, obj: Any, given: Mapping[str, Any]) -> str:
    id = str(given["location"])
    place = projected.Location.get(id) if ids.is_id("loc", id) else None
    if place is None:
        raise errors.NotFound("There is no such location.")
    actor = operator_actor.actor(request, str(place.kept.customer_id))
    reconcile.adopt(obj.pk, id, actor=actor, at=at_the_door.now())
    return f"{obj} is the number of {place}."


def _release(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = at_the_door.author(request, reconcile.HOUSE)
    reconcile.release(obj.pk, actor=author, at=at_the_door.now())
    return f"{obj} is given back to Twilio."


@admin.register(Orphan)
class OrphanAdmin(RecordAdmin):
    """What the last comparison with Twilio found."""

    section, icon, of_customer = "House", "help", None
    list_display = ("number", "sid", "tag", "found_at")
    fields = ("number", "sid", "tag", "found_at")
    buttons = (
        Button(
            "adopt",
            "Adopt",
            "It becomes the number of a location, and answers.",
            _adopt,
            right=operator_permissions.LEAD,
            form=Where,
        ),
        Button(
            "release",
            "Give back",
            "It goes back to Twilio for good; nobody here can get it again.",
            _release,
            right=operator_permissions.LEAD,
            name_of=lambda obj: str(obj.kept.number),
        ),
    )
