"""The audit in the back office: looked at, verified, and changed by nobody."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from unfold.decorators import display

from config import audit, dynamodb, errors
from config.audit import reader, verification
from config.backoffice import operator_permissions
from config.backoffice.attention import Item, Panel
from config.backoffice.columns import as_json
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from config.backoffice.records.models import Projection
from config.dynamodb import encryption

SHOWN = 10
MOST_VERIFIED = 20_000
"""Entries of a stream that are verified while somebody waits."""


class AuditEntry(Projection, record=audit.AuditEntry):
    """One change: who, what, to whom, before and after."""

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit"

    line: reader.Line
    """What may be read of it."""

    def __str__(self) -> str:
        return f"{self.kept.action} {self.kept.at}"


class Unverified(errors.Conflict):
    """A log is not as it was written, or too long to find out while somebody waits."""

    code = "audit_unverified"


def open_lines(objects: Any) -> None:
    """Let entries say what may be read of them; one read for all their keys."""
    entries = [obj.kept for obj in objects if obj.kept.body]
    people = {person for entry in entries for person in entry.people}
    found = dynamodb.fetch(dynamodb.Key(encryption.PersonKey, person) for person in people)
    lines = reader.lines(entries, encryption.opened(found, people))
    told = {(entry.stream, entry.seq): line for entry, line in zip(entries, lines, strict=True)}
    for obj in objects:
        obj.line = told.get((obj.kept.stream, obj.kept.seq))


def _verify(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    stream = str(obj.kept.stream)
    head = dynamodb.get(audit.AuditEntry, stream, 0)
    if head is not None and head.last > MOST_VERIFIED:
        raise Unverified(
            "This log is too long to be verified here: `manage.py audit verify` does it."
        )
    found = verification.read(stream)
    if isinstance(found, verification.Finding):
        raise Unverified(f"The log is not as it was written: {found}.")
    return f"All {len(found.entries):,} entries of {stream} are as they were written."


@admin.register(AuditEntry)
class AuditAdmin(RecordAdmin):
    """The entries of a customer, a person or an operator, newest first."""

    section, icon = "Records", "history"
    of_customer = "listed_for"
    ordering = ("-at", "-seq")
    list_display = ("when", "action", "by", "about_whom", "what")
    list_display_links = ("when", "action")
    list_per_page = 50
    fields = ("when", "action", "by", "about_whom", "changes", "origin", "place")
    readonly_fields = ("when", "by", "about_whom", "changes", "origin", "place")
    buttons = (
        Button(
            "verify",
            "Verify this log",
            "Every entry of the log is held against its hash, the one before it, and our "
            "signature of the end.",
            _verify,
            right=operator_permissions.READ,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = super().get_queryset(request)
        if "stream__exact" in request.GET:
            return queryset.filter(seq__gte=1).order_by("-seq")
        return queryset

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-seq",) if "stream__exact" in request.GET else ("-at",)

    def prepare(self, objects: Any) -> None:
        open_lines(objects)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is None or not obj.kept.body:
            return None
        self.prepare([obj])
        return obj

    @display(description="When")
    def when(self, obj: Any) -> datetime:
        return datetime.fromisoformat(obj.kept.at)

    @display(description="Who")
    def by(self, obj: Any) -> str:
        return _party(obj.line.actor)

    @display(description="About")
    def about_whom(self, obj: Any) -> str:
        return _party(obj.line.subject)

    @display(description="What")
    def what(self, obj: Any) -> str:
        return ", ".join(change["field"] for change in obj.line.changes)

    @display(description="Before and after")
    def changes(self, obj: Any) -> str:
        rows = [
            (one["field"], as_json(one["before"]), as_json(one["after"]))
            for one in obj.line.changes
        ]
        return format_html_join("", "<div><b>{}</b>: {} → {}</div>", rows)

    @display(description="From where")
    def origin(self, obj: Any) -> str:
        line = obj.line
        return ", ".join(part for part in (line.ip, line.user_agent, line.request_id) if part)

    @display(description="Place in its log")
    def place(self, obj: Any) -> str:
        return f"{obj.kept.stream} #{int(obj.kept.seq)}, {obj.kept.hash}"

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        links = [
            (f"Log of {stream}", list_of("config", "auditentry", stream__exact=stream))
            for stream in obj.kept.body["streams"]
        ]
        subject = obj.line.subject
        if subject["type"] in _PAGES:
            links.append(("What it is about", page_of(*_PAGES[subject["type"]], subject["id"])))
        return {"links": links}


_PAGES = {
    "user": ("accounts", "user"),
    "customer": ("accounts", "customer"),
    "location": ("accounts", "location"),
    "schedule": ("staffing", "schedule"),
    "template": ("staffing", "template"),
    "phone number": ("telephony", "phonenumber"),
}


def _party(told: Mapping[str, str | None]) -> str:
    name = "(erased)" if told["name"] is None else told["name"] or told["id"]
    return f"{name} · {told['type']}" if told["type"] != "system" else "Dutyline"


def last_changes(customer_id: str) -> list[Panel]:
    """What was last done in a customer's name or to its things."""
    found = AuditEntry.objects.filter(listed_for=customer_id).order_by("-at").page(SHOWN)
    objects = [AuditEntry.of(one) for one in found.records]
    open_lines(objects)
    items = [
        Item(
            f"{obj.kept.action}: {_party(obj.line.subject)}",
            page_of("config", "auditentry", obj.pk),
            f"{_party(obj.line.actor)}, {obj.kept.at[:16].replace('T', ' ')}",
        )
        for obj in objects
    ]
    url = list_of("config", "auditentry", listed_for__exact=customer_id)
    return [Panel("Last changes", items, "Nothing was changed yet.", url, is_news=True)]
