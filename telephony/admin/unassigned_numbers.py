"""Numbers at Twilio that no record explains: adopted by a location, or given back."""

from collections.abc import Mapping
from typing import Any

from django import forms as django_forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import operator_actor, projected
from config import errors
from config.backoffice import audit_context, operator_permissions
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin
from config.dynamodb import ids
from telephony.admin.projected import Orphan
from telephony.numbers import reconcile


class AdoptOrphanForm(django_forms.Form):
    """The location that gets it."""

    location = form_fields.text_field("Location id", required=True, max_length=64)


def _adopt(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> str:
    location_id = str(form_data["location"])
    location = projected.Location.get(location_id) if ids.is_id("loc", location_id) else None
    if location is None:
        raise errors.NotFound("There is no such location.")
    actor = operator_actor.actor(request, str(location.record.customer_id))
    reconcile.adopt_orphan(obj.pk, location_id, actor=actor, at=audit_context.current_time())
    return f"{obj} is the number of {location}."


def _release(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = audit_context.operator_author(request, reconcile.PLATFORM_STREAM)
    reconcile.release_orphan(obj.pk, actor=author, at=audit_context.current_time())
    return f"{obj} is given back to Twilio."


@admin.register(Orphan)
class OrphanAdmin(RecordAdmin):
    """What the last comparison with Twilio found."""

    section, icon, customer_field = "House", "help", None
    list_display = ("number", "sid", "tag", "found_at")
    fields = ("number", "sid", "tag", "found_at")
    buttons = (
        Button(
            "adopt",
            "Adopt",
            "It becomes the number of a location, and answers.",
            _adopt,
            required_right=operator_permissions.LEAD,
            form=AdoptOrphanForm,
        ),
        Button(
            "release",
            "Give back",
            "It goes back to Twilio for good; nobody here can get it again.",
            _release,
            required_right=operator_permissions.LEAD,
            confirmation_name=lambda obj: str(obj.record.number),
        ),
    )
