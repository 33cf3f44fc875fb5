"""The note of a day at a location: set, changed, removed."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework.serializers import ValidationError
from unfold import widgets

from accounts.admin import projected
from accounts.admin.operator_commands import actor_for
from accounts.permissions import Actor
from config import errors, journal
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.page_customer import set_page_customer
from staffing.schedules import days
from staffing.serializers.days import DayNoteChange, parse_date


class DayNoteForm(forms.Form):
    """A note, and the version of the one that it replaces."""

    note = form_fields.text_field(
        "Note",
        required=False,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=f"At most {days.MAX_NOTE_LENGTH} characters, such as: Stocktaking, all hands. Empty: no note.",
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean_note(self) -> str:
        note = str(self.cleaned_data["note"])
        if not note.strip():
            return ""
        try:
            return str(DayNoteChange().fields["note"].run_validation(note))
        except ValidationError as error:
            raise forms.ValidationError([str(text) for text in error.detail]) from error


def day_note(request: HttpRequest, location_id: str) -> HttpResponse:
    """The page of the note of the day ``day``."""
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied
    location = projected.Location.get(location_id)
    if location is None:
        raise errors.NotFound("Location not found.")
    day = parse_date(request.GET.get("day", ""))
    if day is None:
        raise errors.InvalidRequest("`day` must be a date, such as 2027-01-04.")
    actor = actor_for(request, location)
    set_page_customer(request, actor.customer_id)
    show = "month" if request.GET.get("show") == "month" else "week"
    back_url = f"{reverse('admin:rota', args=(location_id,))}?{urlencode({'show': show, 'day': day.isoformat()})}"
    if request.method == "POST":
        form = DayNoteForm(request.POST)
        if form.is_valid() and _save(form, location_id, day, actor=actor):
            messages.success(request, "The note was saved." if form.cleaned_data["note"] else "The day has no note.")
            return HttpResponseRedirect(back_url)
    else:
        stored = days.get_day(location_id, day, actor=actor)
        form = DayNoteForm(initial={"note": stored.note, "version": stored.version})
    context = {
        **admin.site.each_context(request),
        "title": "Note of a day",
        "subtitle": f"{location.record.name}, {day:%A %-d %B %Y}",
        "button": {"label": "Save", "description": "Everybody who sees the schedules of the location sees the note."},
        "form": form,
        "back_url": back_url,
    }
    return TemplateResponse(request, "backoffice/ask.html", context)


def _save(form: DayNoteForm, location_id: str, day: date, *, actor: Actor) -> bool:
    """Set or remove the note; whether that worked, otherwise the form says why not."""
    note, version = form.cleaned_data["note"], form.cleaned_data["version"]
    precondition = journal.NO_PRECONDITION if version is None else journal.Precondition({version})
    options: dict[str, Any] = {"actor": actor, "at": operators.now(), "precondition": precondition}
    try:
        if note:
            days.put_note(location_id, day, note, **options)
        elif version is not None:
            days.delete_note(location_id, day, **options)
    except errors.DomainError as error:
        if error.status >= 500:
            raise
        form.add_error(None, error.detail)
        return False
    return True
