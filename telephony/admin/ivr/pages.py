"""The pages that change an IVR configuration: form, JSON and revisions.

Nothing is saved before the page has shown what changes, and what a caller would hear: the form is
sent to be reviewed, and saved if it is sent again unchanged.
"""

import json
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts import customers, locations, users
from accounts.admin.operator_commands import actor_for
from accounts.permissions import Actor
from config.backoffice import operators
from config.backoffice.page_customer import set_page_customer
from config.backoffice.record_admin import RecordAdmin
from telephony import ivr
from telephony.admin.ivr import changes, hours, json_text, languages, preview_words, rota_hours
from telephony.admin.ivr.builder import ConfigurationBuilder
from telephony.admin.ivr.changes import Change
from telephony.admin.ivr.fields import FormFields
from telephony.admin.ivr.form_parts import Field
from telephony.admin.ivr.values import CALL_TIMES, Values, text_of, to_values
from telephony.ivr import voices
from telephony.ivr.language_names import describe_language

MAX_PEOPLE = 200
"""In the list of people to ring."""
MAX_JSON_LENGTH = 100_000


class IvrPages(RecordAdmin):
    """Adds pages below that of a line."""

    def get_urls(self) -> list[URLPattern]:
        views = {"edit": self.edit_view, "json": self.json_view}
        return [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"telephony_line_{name}")
            for name, view in views.items()
        ] + super().get_urls()

    def _load(self, request: HttpRequest, object_id: str) -> Any:
        """The line of a page that changes it, with its location's name."""
        if not operators.has_right(request, operators.WRITE):
            raise PermissionDenied
        obj = self.model.get(unquote(object_id))
        if obj is None or not obj.record.configuration:
            raise Http404
        location = locations.load_locations([obj.pk], str(obj.record.customer_id)).get(obj.pk)
        obj.location_name = str(location.name) if location else ""
        obj.time_zone = str(location.time_zone) if location else "UTC"
        set_page_customer(request, str(obj.record.customer_id))
        return obj

    # --- the form -------------------------------------------------------------------------------
    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change the configuration with a form."""
        obj = self._load(request, object_id)
        stored, actor = dict(obj.record.configuration), actor_for(request, obj)
        values: Values = _shown_values(stored)
        change, hours_note = Change(), ""
        if request.method == "POST":
            values = hours.spread_same_hours(dict(request.POST.lists()))
            change = _read_form(values, stored, obj.location_name)
            if text_of(values, "do") == "update":
                change = Change()
            elif response := self._review(request, obj, change, actor):
                return response
            elif change.candidate:
                values = _shown_values(change.candidate)
            if text_of(values, "mode") == "weekly" and not hours.has_rows(values):
                suggested, hours_note = _suggest_hours(obj, stored)
                values = {**values, **suggested}
        names = changes.load_names([stored], actor)
        fields = FormFields(values, change.faults, _list_people(values, actor), names, _other_locations(stored, names))
        branches = list(fields.branches())
        groups = [fields.general(), fields.general_more(), fields.hours(), fields.holidays(), fields.public_holidays()]
        rendered = chain(*groups, *([language, *step.iter_fields()] for language, step in branches))
        context = {
            "fields": fields,
            "branches": branches,
            "errors": fields.list_errors(rendered),
            "hours_note": hours_note,
            "voices": _voice_choices(),
            "title": "Change how calls are answered",
        }
        return self._respond(request, obj, change, "backoffice/ivr/edit.html", context)

    # --- JSON -----------------------------------------------------------------------------------
    def json_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change the configuration as JSON."""
        obj = self._load(request, object_id)
        text = json.dumps(obj.record.configuration, indent=2, ensure_ascii=False)
        change = Change()
        if request.method == "POST":
            text = request.POST.get("configuration", "")[:MAX_JSON_LENGTH].replace("\r\n", "\n")
            try:
                change.candidate = json_text.parse(text)
            except json_text.MalformedText as error:
                change.faults[""] = str(error)
            if not change.faults and change.candidate is None:
                change.faults[""] = "Enter a configuration: a JSON object."
            change.pointers += change.faults.items()
            if response := self._review(request, obj, change, actor_for(request, obj)):
                return response
        context = {"text": text, "json_faults": _with_lines(text, change), "title": "IVR configuration as JSON"}
        return self._respond(request, obj, change, "backoffice/ivr/json.html", context)

    # --- both -----------------------------------------------------------------------------------
    def _review(self, request: HttpRequest, obj: Any, change: Change, actor: Actor) -> HttpResponse | None:
        """Check what is typed; save it if it was reviewed, and then lead to the line's page."""
        posted = request.POST
        if change.candidate is not None and not change.faults:
            call_times = {name: posted.get(name, "") for name in CALL_TIMES}
            changes.check(change, obj.pk, actor=actor, call_times=call_times, now=operators.now())
        version = int(obj.record.version)
        if posted.get("version") != str(version):
            messages.warning(request, changes.STALE_MESSAGE)
        elif posted.get("do") != "save" or change.candidate is None:
            return None
        elif posted.get("reviewed") != change.digest:
            messages.warning(request, "You have changed more since the review: look at the changes, then save.")
        elif changes.save(change, obj.pk, version, actor=actor, at=operators.now()):
            name = obj.location_name or "The location"
            messages.success(request, f"{name} answers like this from the next call on.")
            return HttpResponseRedirect(self.url_for_pk(obj.pk))
        return None

    def _respond(
        self, request: HttpRequest, obj: Any, change: Change, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        local_now = operators.now().astimezone(ZoneInfo(obj.time_zone))
        call_times = {name: request.POST.get(name, "")[:16] for name in CALL_TIMES}
        call_times["at"] = call_times["at"] or f"{local_now:%Y-%m-%dT%H:%M}"
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "subtitle": f"{obj.location_name}, {obj.record.number or 'no number'}",
                "obj": obj,
                "change": change,
                "is_reviewed": change.candidate is not None and not change.faults,
                "previews": [preview_words.describe(preview, obj.time_zone) for preview in change.previews],
                "call_times": [
                    Field(name, label, call_times[name], "datetime-local", error=change.faults.get(name, ""))
                    for name, label in CALL_TIMES.items()
                ],
                "zone": obj.time_zone,
                "back_url": self.url_for_pk(obj.pk),
                "form_url": reverse("admin:telephony_line_edit", args=(obj.pk,)),
                "json_url": reverse("admin:telephony_line_json", args=(obj.pk,)),
                **context,
            },
        )


def _shown_values(configuration: dict[str, Any]) -> Values:
    """The values with which the form shows a configuration."""
    return {**to_values(configuration), **languages.branch_values(configuration)}


def _suggest_hours(obj: Any, stored: dict[str, Any]) -> tuple[Values, str]:
    """The hours of each day when fixed hours are chosen: the stored ones, or suggested ones."""
    if stored["hours"].get("weekly"):
        return {name: texts for name, texts in to_values(stored).items() if name.startswith("weekly:")}, ""
    return rota_hours.suggest_hours(
        obj.pk, time_zone=obj.time_zone, customer_id=str(obj.record.customer_id), now=operators.now()
    )


def _read_form(values: Values, stored: dict[str, Any], location_name: str) -> Change:
    """The configuration that a form describes, or its faults."""
    builder = ConfigurationBuilder(values, stored)
    candidate = builder.build()
    if builder.faults:
        return Change(faults=builder.faults)
    candidate = languages.set_branch_languages(candidate, values)
    candidate, notes = languages.translate_usual_sentences(candidate, stored, location_name)
    return Change(candidate, notes=notes)


def _list_people(values: Values, actor: Actor) -> list[tuple[str, str]]:
    """The people to choose from, if a step rings certain people."""
    if not any(name.endswith(":target") and text_of(values, name) == "users" for name in values):
        return []
    customer = customers.get_customer(actor.customer_id)
    page = users.list_users(actor, operators.now(), customer=customer, limit=MAX_PEOPLE, cursor=None)
    return [(str(user.id), users.display_name(user)) for user in page.records]


def _other_locations(configuration: dict[str, Any], names: Any) -> dict[str, str]:
    """By path of a ring action: the other locations whose people it rings, by name."""
    return {
        path: ", ".join(names.get(id, "a removed location") for id in others)
        for path, action in ivr.iter_actions(configuration)
        if (others := action.get("target", {}).get("onDuty", {}).get("locations"))
    }


def _voice_choices() -> list[tuple[str, str]]:
    """Name and language of the voices that are suggested; others can be typed."""
    return [
        (voice, describe_language(language)) for language in voices.LANGUAGES for voice in voices.list_voices(language)
    ]


def _with_lines(text: str, change: Change) -> list[str]:
    """The faults of a JSON text, each with its line."""
    faults = []
    for pointer, detail in change.pointers:
        line = json_text.locate(text, pointer) if pointer else None
        faults.append(f"Line {line}: {detail}" if line else detail)
    return faults
