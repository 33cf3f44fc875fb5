"""The audit: entries to read and logs to verify."""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from config import audit, dynamodb, errors
from config.admin import audit_file, audit_subjects, audit_text
from config.admin.audit_filters import (
    LOOKS_PARAM,
    ActionFilter,
    AuditChangeList,
    LoggedFilter,
    LooksFilter,
    PersonFilter,
    is_own_look,
)
from config.audit import reader, verification
from config.backoffice import clock, list_file, operators
from config.backoffice.forms.actions import Button
from config.backoffice.links import Panel, PanelItem, admin_change_url, admin_list_url
from config.backoffice.page_customer import set_page_customer
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.records.changelist import CursorChangeList
from config.backoffice.records.models import Projection
from config.dynamodb import encryption

PANEL_SIZE, MAX_PANEL_READ = 10, 30
"""Changes that the panel shows, and entries that it reads: looks are left out."""
_REQUEST_ID = re.compile("[0-9A-HJKMNP-TV-Z]{26}")
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
        return audit_text.describe_action(str(self.record.action))


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
    ordering, sort_column = ("-at", "-seq"), "logged_at"
    list_display = ("logged_at", "actor", "what", "subject", "changes_line")
    list_display_links = ("logged_at",)
    list_filter = (LoggedFilter, PersonFilter, ActionFilter, LooksFilter)
    change_list_template = "backoffice/audit_list.html"
    choose_customer_hint = (
        "The audit is listed by customer, person or operator: choose one here, or find one above and follow “Audit”."
    )
    fields = ("logged_at", "actor", "what", "subject", "changes", "origin", "action", "log_position")
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

    def find_url(self, term: str) -> str | None:
        """The log of an operator, of a request, or of somebody whose record is gone."""
        if _REQUEST_ID.fullmatch(term):
            was_audited = AuditEntry.objects.filter(request_id=term).order_by("-at").page(1).records
            return admin_list_url("config", "auditentry", request_id__exact=term) if was_audited else None
        if not any(dynamodb.is_id(prefix, term) for prefix in ("opr", "usr", "cus")):
            return None
        has_log = dynamodb.get_record(audit.AuditEntry, term, 0) is not None
        return admin_list_url("config", "auditentry", stream__exact=term) if has_log else None

    def load_related(self, objects: Any) -> None:
        decrypt_entries(objects)
        readable = [obj for obj in objects if obj.record.body]
        described = audit_subjects.describe_all([obj.decrypted for obj in readable])
        for obj, (subject_name, names) in zip(readable, described, strict=True):
            obj.subject_name, obj.names = subject_name, names

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[CursorChangeList]:
        return AuditChangeList

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        own_id = operators.operator_id(request.user)
        logs = {"What you did yourself": own_id, "Of no customer: Dutyline itself": audit.PLATFORM_STREAM}
        links = [(name, admin_list_url("config", "auditentry", stream__exact=log)) for name, log in logs.items()]
        return [*links, *super().list_links(request)]

    def count_all(self, request: HttpRequest) -> int | None:
        """The number of entries of a log, which its head has; with other filters nobody knows."""
        if set(request.GET) - {"p", "o"} != {"stream__exact"}:
            return None
        head = dynamodb.get_record(audit.AuditEntry, request.GET["stream__exact"][:64] or "-", 0)
        return int(head.last) if head else None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        set_page_customer(request, self._owner_in_filters(request))  # whose clock says what last month is
        urls = {"CSV": self._csv_url, "PDF": reverse("admin:config_auditentry_pdf")}
        return super().changelist_view(
            request, {"files": audit_file.list_files(request, urls), **(extra_context or {})}
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pdf_view)
        return [path("pdf/", view, name="config_auditentry_pdf"), *super().get_urls()]

    def pdf_view(self, request: HttpRequest) -> HttpResponse:
        """What is filtered as a PDF; audited. For those who may change records."""
        if not operators.has_right(request, operators.WRITE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(f"{self.list_url}?{request.GET.urlencode()}")
        return audit_file.pdf_response(self.read_list(request), request, self)

    def read_list(self, request: HttpRequest) -> list_file.ListRows:
        rows = super().read_list(request)
        if request.GET.get(LOOKS_PARAM):
            return rows
        own_id = operators.operator_id(request.user)
        return list_file.ListRows([obj for obj in rows.objects if not is_own_look(obj, own_id)], rows.is_complete)

    def file_table(self, request: HttpRequest) -> list_file.FileTable:
        return audit_file.file_table()

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

    @display(description="When", ordering="at")
    def logged_at(self, obj: Any) -> str:
        return clock.time_html(obj.decrypted.at)

    @display(description="Who")
    def actor(self, obj: Any) -> str:
        return audit_text.party_name(obj.decrypted.actor)

    @display(description="What")
    def what(self, obj: Any) -> str:
        return audit_text.sentence(obj.decrypted)

    @display(description="About")
    def subject(self, obj: Any) -> str:
        name, subject = obj.subject_name, obj.decrypted.subject
        if name == audit_text.ERASED:
            return name
        url = self._subject_url(subject)
        return format_html('<a href="{}"><bdi>{}</bdi></a>', url, name) if url else name

    @display(description="What changed")
    def changes_line(self, obj: Any) -> str:
        return audit_text.changes_text(obj.decrypted, obj.names)

    @display(description="What changed")
    def changes(self, obj: Any) -> str:
        rows = [
            (label, f"{before} → {after}" if before else after)
            for label, before, after in audit_text.iter_changes(obj.decrypted, obj.names)
        ]
        return format_html_join("", "<div><b>{}</b>: {}</div>", rows) or "—"

    @display(description="Action")
    def action(self, obj: Any) -> str:
        return str(obj.record.action)

    @display(description="Origin")
    def origin(self, obj: Any) -> str:
        entry = obj.decrypted
        return ", ".join(part for part in (entry.ip, entry.user_agent, entry.request_id) if part)

    @display(description="Position in the log")
    def log_position(self, obj: Any) -> str:
        return f"{obj.record.stream} #{int(obj.record.seq)}, {obj.record.hash}"

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        known = {party["id"]: audit_text.party_name(party) for party in (obj.decrypted.actor, obj.decrypted.subject)}
        links = [
            (f"Log of {_log_owner(stream, known)}", admin_list_url("config", "auditentry", stream__exact=stream))
            for stream in obj.record.body["streams"]
        ]
        if url := self._subject_url(obj.decrypted.subject):
            links.append(("Subject", url))
        return links

    def _subject_url(self, subject: Mapping[str, str | None]) -> str | None:
        for model_admin in self.admin_site._registry.values():  # noqa: SLF001
            if isinstance(model_admin, RecordAdmin) and model_admin.subject_type == subject["type"]:
                return model_admin.url_for_pk(str(subject["id"]))
        return None


def _log_owner(stream: str, known: Mapping[str | None, str]) -> str:
    """Whose log it is: a name that the entry has, or what it is of."""
    kinds = {"cus": "the customer", "usr": "a person", "opr": "an operator"}
    return known.get(stream) or kinds.get(stream.partition("_")[0], "Dutyline")


def recent_change_panels(customer_id: str) -> list[Panel]:
    """The latest changes in a customer's log, without looks."""
    page = AuditEntry.objects.filter(listed_for=customer_id).order_by("-at").page(MAX_PANEL_READ)
    records = [record for record in page.records if not str(record.action).endswith(".viewed")]
    objects = [AuditEntry.from_record(record) for record in records[:PANEL_SIZE]]
    decrypt_entries(objects)
    items = [
        PanelItem(
            f"{audit_text.party_name(obj.decrypted.subject)}: {audit_text.sentence(obj.decrypted)}",
            admin_change_url("config", "auditentry", obj.pk),
            f"{audit_text.party_name(obj.decrypted.actor)}, {audit_file.format_time(obj.decrypted.at)}",
        )
        for obj in objects
    ]
    url = admin_list_url("config", "auditentry", listed_for__exact=customer_id)
    return [Panel("Latest changes", items, "No changes yet.", url, is_informational=True)]
