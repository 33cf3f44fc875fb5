"""Numbers at Twilio that no record explains: adopted by a location, or given back."""

from collections.abc import Mapping
from typing import Any

from django import forms as django_forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import acting, projected
from config import errors, ids
from config.backoffice import acting as at_the_door
from config.backoffice import inputs, rights
from config.backoffice.admin import RecordAdmin
from config.backoffice.buttons import Button
from telephony import orphans
from telephony.admin.projected import Orphan


class Where(django_forms.Form):
    """The location that gets it."""

    location = inputs.text("Location id", required=True, max_length=64)


def _adopt(request: HttpRequest, obj: Any, given: Mapping[str, Any]) -> str:
    id = str(given["location"])
    place = projected.Location.get(id) if ids.is_id("loc", id) else None
    if place is None:
        raise errors.NotFound("There is no such location.")
    actor = acting.actor(request, str(place.kept.customer_id))
    orphans.adopt(obj.pk, id, actor=actor, at=at_the_door.now())
    return f"{obj} is the number of {place}."


def _release(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = at_the_door.author(request, orphans.HOUSE)
    orphans.release(obj.pk, actor=author, at=at_the_door.now())
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
            right=rights.LEAD,
            form=Where,
        ),
        Button(
            "release",
            "Give back",
            "It goes back to Twilio for good; nobody here can get it again.",
            _release,
            right=rights.LEAD,
            name_of=lambda obj: str(obj.kept.number),
        ),
    )
