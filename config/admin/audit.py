"""The audit: entries to read and logs to verify."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from unfold.decorators import display

from config import audit, dynamodb, errors
from config.audit import reader, verification
from config.backoffice import operators
from config.backoffice.forms.actions import Button
from config.backoffice.links import Panel, PanelItem, admin_change_url, admin_list_url, to_json
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.records.models import Projection
from config.dynamodb import encryption

PANEL_SIZE = 10
MAX_VERIFIED_ENTRIES = 20_000
"""The most entries of a log that one request verifies."""


class AuditEntry(Projection, record=audit.AuditEntry):
    """One audited action: who, what, on whom, before and after."""

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"

    decrypted: reader.DecryptedEntry
    """The entry without what was erased."""

    def __str__(self) -> str:
        return f"{self.record.action} {self.record.at}"


class AuditNotVerified(errors.Conflict):
    """A log was altered, or is too long for one request."""

    code = "audit_unverified"


def decrypt_entries(objects: Any) -> None:
    """Set ``decrypted`` of entries; one read for all keys."""
    readable = [obj for obj in objects if obj.record.body]
    entries = [obj.record for obj in readable]
    person_ids = {person_id for entry in entries for person_id in entry.key_owners}
    key_records = dynamodb.batch_get(dynamodb.RecordKey(encryption.PersonKey, person_id) for person_id in person_ids)
    keys = encryption.unwrap_keys(key_records, person_ids)
    for obj, decrypted in zip(readable, reader.decrypt_entries(entries, keys), strict=True):
        obj.decrypted = decrypted


def _verify(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    stream = str(obj.record.stream)
    stream_head = dynamodb.get_record(audit.AuditEntry, stream, 0)
    if stream_head is not None and stream_head.last > MAX_VERIFIED_ENTRIES:
        raise AuditNotVerified("This log is too long to verify here; run `manage.py audit verify`.")
    verification_result = verification.verify_stream(stream)
    if isinstance(verification_result, verification.AuditFinding):
        raise AuditNotVerified(f"The log was altered: {verification_result}.")
    return f"All {len(verification_result.entries):,} entries of {stream} are unaltered."


@admin.register(AuditEntry)
class AuditAdmin(RecordAdmin):
    """The entries of a customer, a person or an operator, newest first."""

    section, icon = "Records", "history"
    customer_field = "listed_for"
    ordering = ("-at", "-seq")
    list_display = ("logged_at", "action", "actor", "subject", "changed_fields")
    list_display_links = ("logged_at", "action")
    fields = ("logged_at", "action", "actor", "subject", "changes", "origin", "log_position")
    buttons = (
        Button(
            "verify",
            "Verify this log",
            "Checks every entry against its hash and the previous entry, and the last one against our signature.",
            _verify,
            required_right=operators.READ,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = super().get_queryset(request)
        if "stream__exact" in request.GET:
            return queryset.filter(seq__gte=1).order_by("-seq")
        return queryset

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-seq",) if "stream__exact" in request.GET else ("-at",)

    def load_related(self, objects: Any) -> None:
        decrypt_entries(objects)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is None or not obj.record.body:
            return None
        self.load_related([obj])
        return obj

    def owner_of(self, obj: Any) -> str | None:
        """The customer whose log has the entry, or else the person."""
        streams = [str(stream) for stream in obj.record.body["streams"]]
        return next((stream for stream in streams if dynamodb.is_id("cus", stream)), streams[0])

    @display(description="When")
    def logged_at(self, obj: Any) -> datetime:
        return datetime.fromisoformat(obj.record.at)

    @display(description="Who")
    def actor(self, obj: Any) -> str:
        return _format_party(obj.decrypted.actor)

    @display(description="Subject")
    def subject(self, obj: Any) -> str:
        return _format_party(obj.decrypted.subject)

    @display(description="Fields")
    def changed_fields(self, obj: Any) -> str:
        return ", ".join(change["field"] for change in obj.decrypted.changes)

    @display(description="Changes")
    def changes(self, obj: Any) -> str:
        rows = [
            (change["field"], to_json(change["before"]), to_json(change["after"])) for change in obj.decrypted.changes
        ]
        return format_html_join("", "<div><b>{}</b>: {} → {}</div>", rows)

    @display(description="Origin")
    def origin(self, obj: Any) -> str:
        entry = obj.decrypted
        return ", ".join(part for part in (entry.ip, entry.user_agent, entry.request_id) if part)

    @display(description="Position in the log")
    def log_position(self, obj: Any) -> str:
        return f"{obj.record.stream} #{int(obj.record.seq)}, {obj.record.hash}"

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        links = [
            (f"Log of {stream}", admin_list_url("config", "auditentry", stream__exact=stream))
            for stream in obj.record.body["streams"]
        ]
        subject = obj.decrypted.subject
        for model_admin in self.admin_site._registry.values():  # noqa: SLF001
            if isinstance(model_admin, RecordAdmin) and model_admin.subject_type == subject["type"]:
                links.append(("Subject", model_admin.url_for_pk(subject["id"])))
        return links


def _format_party(party: Mapping[str, str | None]) -> str:
    name = "(erased)" if party["name"] is None else party["name"] or party["id"]
    return f"{name} · {party['type']}" if party["type"] != "system" else "Dutyline"


def recent_change_panels(customer_id: str) -> list[Panel]:
    """The latest changes in a customer's log."""
    page = AuditEntry.objects.filter(listed_for=customer_id).order_by("-at").page(PANEL_SIZE)
    objects = [AuditEntry.from_record(record) for record in page.records]
    decrypt_entries(objects)
    items = [
        PanelItem(
            f"{obj.record.action}: {_format_party(obj.decrypted.subject)}",
            admin_change_url("config", "auditentry", obj.pk),
            f"{_format_party(obj.decrypted.actor)}, {obj.record.at[:16].replace('T', ' ')}",
        )
        for obj in objects
    ]
    url = admin_list_url("config", "auditentry", listed_for__exact=customer_id)
    return [Panel("Latest changes", items, "No changes yet.", url, is_informational=True)]
