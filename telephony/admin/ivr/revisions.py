"""The revisions of a line: who changed it and when, what changed, and a button for the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.admin.operator_commands import actor_for
from accounts.permissions import Actor
from config import dynamodb, errors, journal
from config.backoffice import operators
from config.backoffice.page_customer import set_page_customer
from config.backoffice.record_admin import RecordAdmin
from telephony import ivr_revisions, lines
from telephony.admin import readable
from telephony.admin.ivr import changes
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


class RevisionPages(RecordAdmin):
    """Adds the page of the revisions of a line."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revisions_view)
        return [path("<path:object_id>/revisions/", view, name="telephony_line_revisions"), *super().get_urls()]

    def revisions_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """List the revisions; a POST restores one."""
        if not operators.has_right(request, operators.READ if request.method in ("GET", "HEAD") else operators.WRITE):
            raise PermissionDenied
        obj = self.model.get(unquote(object_id))
        if obj is None or not obj.record.configuration:
            raise Http404
        actor = actor_for(request, obj)
        set_page_customer(request, actor.customer_id)
        if request.method == "POST" and (response := self._restore(request, obj, actor)):
            return response
        revisions = ivr_revisions.list_revisions(obj.pk, actor=actor)
        people = [revision.saved_by for revision in revisions]
        context = readable.load_context(actor.customer_id, people, [obj.pk])
        location_name = context.location_names.get(obj.pk, "a removed location")
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Revisions",
            "subtitle": f"{location_name}, {obj.record.number or 'no number'}",
            "rows": _describe(revisions, context, int(obj.record.version), actor),
            "version": int(obj.record.version),
            "kept": ivr_revisions.KEPT_REVISIONS,
            "back_url": self.url_for_pk(obj.pk),
        }
        return TemplateResponse(request, "backoffice/ivr/revisions.html", page)

    def _restore(self, request: HttpRequest, obj: Any, actor: Actor) -> HttpResponse | None:
        number, version = (_to_number(request.POST.get(name, "")) for name in ("number", "version"))
        precondition = journal.Precondition([version])
        try:
            lines.restore_revision(obj.pk, number, actor=actor, at=operators.now(), precondition=precondition)
        except errors.PreconditionFailed:
            messages.error(request, "Somebody else has changed the configuration: look at its newest revision first.")
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
    has_operators = any(dynamodb.is_id("opr", str(revision.saved_by or "")) for revision in revisions)
    operator_names = operators.names_by_id() if has_operators else {}
    names = changes.load_names([revision.configuration for revision in revisions], actor)
    rows = []
    for revision, earlier in zip_longest(revisions, revisions[1:]):
        differences = wording.list_differences(earlier.configuration, revision.configuration, names) if earlier else []
        number = int(revision.number)
        who = _who(revision, context, operator_names)
        when = context.time(revision.saved_at, str(revision.location_id))
        rows.append(RevisionRow(number, when, who, differences, earlier is None, number == version))
    return rows


def _who(revision: IvrRevision, context: readable.Context, operator_names: Mapping[str, str]) -> str:
    """Who saved it; of the first one it is not known."""
    saved_by = str(revision.saved_by or "")
    if not saved_by:
        return "not known: from before revisions were kept, or when the number was bought"
    if saved_by in operator_names:
        return f"{operator_names[saved_by]}, Dutyline's support"
    return context.person(saved_by) if dynamodb.is_id("usr", saved_by) or dynamodb.is_id("opr", saved_by) else saved_by
