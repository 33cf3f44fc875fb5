"""The revisions of a line: who changed it and when, what changed, and the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.admin.operator_commands import actor_for
from accounts.permissions import Actor
from config import dynamodb, errors, journal
from config.backoffice import operators
from config.backoffice.page_customer import set_page_customer
from config.backoffice.record_admin import RecordAdmin
from telephony import ivr_revisions, lines
from telephony.admin import readable
from telephony.admin.ivr import changes, preview_words
from telephony.ivr import wording
from telephony.models import IvrRevision


@dataclass(frozen=True)
class RevisionRow:
    """One revision, with what it changed."""

    number: int
    when: str
    who: str
    differences: Sequence[wording.Difference]
    is_first: bool
    """Whether nothing before it is kept."""
    is_current: bool
    url: str


class RevisionPages(RecordAdmin):
    """Adds the page of the revisions of a line."""

    def get_urls(self) -> list[URLPattern]:
        views = {"revisions": ("", self.revisions_view), "revision": ("<int:revision>/", self.revision_view)}
        return [
            path(f"<path:object_id>/revisions/{rest}", self.admin_site.admin_view(view), name=f"telephony_line_{name}")
            for name, (rest, view) in views.items()
        ] + super().get_urls()

    def revisions_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """List the revisions."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        obj, actor = self._open(request, object_id)
        revisions = ivr_revisions.list_revisions(obj.pk, actor=actor)
        people = [revision.saved_by for revision in revisions]
        context = readable.load_context(actor.customer_id, people, [obj.pk])
        page = {
            **self._page_context(request, obj, context),
            "title": "Revisions",
            "rows": _describe(revisions, context, int(obj.record.version), actor),
            "kept": ivr_revisions.MAX_REVISIONS,
        }
        return TemplateResponse(request, "backoffice/ivr/revisions.html", page)

    def revision_view(self, request: HttpRequest, object_id: str, revision: int) -> HttpResponse:
        """Show a revision, and what restoring it would change; a POST restores it."""
        obj, actor = self._open(request, object_id)
        if request.method == "POST" and (response := self._restore(request, obj, revision, actor)):
            return response
        current, version = dict(obj.record.configuration), int(obj.record.version)
        stored = ivr_revisions.get_revision(obj.pk, revision, actor=actor)
        configuration = dict(stored.configuration)
        names = changes.load_names([current, configuration], actor)
        change = changes.Change(configuration)
        if revision != version:
            change.differences = wording.list_differences(current, configuration, names)
            if operators.has_right(request, operators.WRITE):
                changes.check(change, obj.pk, actor=actor, call_times={"at": ""}, now=operators.now())
        context = readable.load_context(actor.customer_id, [stored.saved_by], [obj.pk])
        zone = context.zones.get(obj.pk, "UTC")
        page = {
            **self._page_context(request, obj, context),
            "title": f"Revision {revision}",
            "number": revision,
            "version": version,
            "is_current": revision == version,
            "when": context.time(stored.saved_at, obj.pk),
            "who": _who(stored, context, _operator_names([stored])),
            "change": change,
            "previews": [preview_words.describe(preview, zone) for preview in change.previews],
            "revisions_url": reverse("admin:telephony_line_revisions", args=(obj.pk,)),
            "line": obj.record,
            "general": list(wording.iter_general_facts(configuration)),
            "hours": list(wording.iter_hours_facts(configuration)),
            "chart": wording.describe_branches(configuration, names),
        }
        return TemplateResponse(request, "backoffice/ivr/revision.html", page)

    def _open(self, request: HttpRequest, object_id: str) -> tuple[Any, Actor]:
        """The line of a page, and the operator."""
        if not operators.has_right(request, operators.READ if request.method in ("GET", "HEAD") else operators.WRITE):
            raise PermissionDenied
        obj: Any = self.model.get(unquote(object_id))
        if obj is None or not obj.record.configuration:
            raise Http404
        actor = actor_for(request, obj)
        set_page_customer(request, actor.customer_id)
        return obj, actor

    def _page_context(self, request: HttpRequest, obj: Any, context: readable.Context) -> dict[str, Any]:
        location_name = context.location_names.get(obj.pk, "a removed location")
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "subtitle": f"{location_name}, {obj.record.number or 'no number'}",
            "back_url": self.url_for_pk(obj.pk),
        }

    def _restore(self, request: HttpRequest, obj: Any, number: int, actor: Actor) -> HttpResponse | None:
        precondition = journal.Precondition([_to_number(request.POST.get("version", ""))])
        try:
            lines.restore_revision(obj.pk, number, actor=actor, at=operators.now(), precondition=precondition)
        except errors.PreconditionFailed:
            messages.error(
                request, "Somebody else has changed the configuration meanwhile: look again at what would change."
            )
        except errors.DomainError as error:
            if error.status >= 500:
                raise
            details = [error.detail, *(fault.detail for fault in error.field_errors)]
            messages.error(request, f"Revision {number} cannot be restored: {' '.join(dict.fromkeys(details))}")
        else:
            messages.success(request, f"Revision {number} is in use again, from the next call on.")
            return HttpResponseRedirect(self.url_for_pk(obj.pk))
        return None


def _to_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _describe(
    revisions: Sequence[IvrRevision], context: readable.Context, version: int, actor: Actor
) -> list[RevisionRow]:
    operator_names = _operator_names(revisions)
    names = changes.load_names([revision.configuration for revision in revisions], actor)
    rows = []
    for revision, earlier in zip_longest(revisions, revisions[1:]):
        differences = wording.list_differences(earlier.configuration, revision.configuration, names) if earlier else []
        number = int(revision.number)
        who = _who(revision, context, operator_names)
        when = context.time(revision.saved_at, str(revision.location_id))
        url = reverse("admin:telephony_line_revision", args=(str(revision.location_id), number))
        rows.append(RevisionRow(number, when, who, differences, earlier is None, number == version, url))
    return rows


def _operator_names(revisions: Sequence[IvrRevision]) -> Mapping[str, str]:
    has_operators = any(dynamodb.is_id("opr", str(revision.saved_by or "")) for revision in revisions)
    return operators.names_by_id() if has_operators else {}


def _who(revision: IvrRevision, context: readable.Context, operator_names: Mapping[str, str]) -> str:
    """Who saved it; of the first one it is not known."""
    saved_by = str(revision.saved_by or "")
    if not saved_by:
        return "As it was set up with the number, or before authors were stored"
    if saved_by in operator_names:
        return f"{operator_names[saved_by]}, Dutyline's support"
    return context.person(saved_by) if dynamodb.is_id("usr", saved_by) or dynamodb.is_id("opr", saved_by) else saved_by
