"""Pages that import a file: a form, a preview of what would happen, and a confirmation.

Nothing is stored in between: the confirmation sends the file again, and what exists by then is
left unchanged. A request works for some seconds, then says how much is left.
"""

import base64
import binascii
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold import widgets

from accounts import denied_attempts
from accounts.admin.operator_commands import operator_actor
from accounts.admin.projected import Customer
from accounts.permissions import Actor
from config import audit, errors, journal, spreadsheets
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.links import admin_change_url
from config.backoffice.page_customer import set_page_customer
from config.spreadsheets import InvalidImportFile

MAX_FILE_BYTES = 1_000_000
MAX_UPLOAD_BYTES = 200_000
"""Of a file as it is uploaded, and compressed as the confirmation sends it: bodies are bounded."""
PLAN_SECONDS, RUN_SECONDS = 20.0, 10.0
"""What a request may take to read and preview a file, and then to import a part of it."""
MAX_MESSAGES = 20


@dataclass(frozen=True)
class PreviewRow:
    """A row of a file, and what would happen to it."""

    line: int
    title: str
    outcome: str
    """``create``, ``unchanged`` or ``refused``"""
    problems: Sequence[str]
    differs: bool = False
    """Whether it exists, but not as the file has it."""
    notes: Sequence[str] = ()
    """What was assumed."""


@dataclass
class Progress:
    """What an import did within one request."""

    rows: list[PreviewRow] = field(default_factory=list)
    """All rows of the file, as they are afterwards."""
    created: int = 0
    problems: list[str] = field(default_factory=list)
    is_complete: bool = True
    unavailable: str = ""
    """What did not respond, if that ended the work."""


class ImportForm(forms.Form):
    """A file, or its text."""

    file = forms.FileField(
        label="File",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.ics"}),
    )
    text = forms.CharField(
        label="Or paste its text",
        required=False,
        strip=False,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}),
    )
    encoding = form_fields.choice_field(
        "Encoding",
        [(name, name) for name in spreadsheets.ENCODINGS[1:]],
        required=False,
        help_text="Only if the file is not UTF-8 or UTF-16.",
    )
    packed = forms.CharField(required=False, widget=forms.HiddenInput)
    """The compressed file, in a confirmation."""

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        try:
            values["content"] = _read_content(values)
        except InvalidImportFile as error:
            self.add_error(None, error.detail)
        return values


def _read_content(values: Mapping[str, Any]) -> bytes:
    if packed := values.get("packed"):
        return _unpack(packed)
    if file := values.get("file"):
        content: bytes = file.read(MAX_FILE_BYTES + 1)
    else:
        content = str(values.get("text") or "").encode()
    if not content:
        raise InvalidImportFile("Choose a file, or paste its text.")
    if len(content) > MAX_FILE_BYTES or len(_pack(content)) > MAX_UPLOAD_BYTES:
        raise InvalidImportFile("The file is too large for this page; split it, or use the command.")
    return content


def _pack(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


def _unpack(packed: str) -> bytes:
    try:
        return zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), MAX_FILE_BYTES)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise InvalidImportFile("Choose the file again.") from error


class ImportPage(ABC):
    """The import of one kind of file into a customer."""

    title: ClassVar[str]
    form: ClassVar[type[ImportForm]]
    help_lines: ClassVar[Sequence[str]]
    """What a file may have, for the operator."""
    nouns: ClassVar[tuple[str, str]]
    """What is created, in the singular and the plural."""
    template: ClassVar[str] = "backoffice/import.html"

    def done_url(self, customer_id: str) -> str:
        """Where a complete import leads."""
        return admin_change_url("accounts", "customer", customer_id)

    def page_context(self) -> Mapping[str, Any]:
        """What the template shows besides."""
        return {}

    @abstractmethod
    def plan(self, values: Mapping[str, Any], actor: Actor, on_progress: Callable[[], None]) -> Iterable[Any]:
        """What would happen to each row; ``on_progress`` is called while the file is read.

        Raises `errors.DomainError`, and what ``on_progress`` raises.
        """

    @abstractmethod
    def to_row(self, planned: Any) -> PreviewRow:
        """A planned row as the page shows it."""

    @abstractmethod
    def run(self, planned: Any, actor: Actor) -> Sequence[str]:
        """Do what is planned for one row; what went wrong. Raises `errors.Unavailable`."""

    def view(self, request: HttpRequest, customer_id: str) -> HttpResponse:
        """Show the form, a preview, or the outcome."""
        customer = Customer.get(customer_id)
        if customer is None:
            raise errors.NotFound("Customer not found.")
        actor, is_post = operator_actor(request, customer_id), request.method == "POST"
        set_page_customer(request, customer_id)
        self._check_right(request, actor)
        form = self.form(request.POST, request.FILES) if is_post else self.form(initial=request.GET.dict())
        context: dict[str, Any] = {}
        if is_post and form.is_valid():
            try:
                planned_rows = self._plan_in_time(form.cleaned_data, actor)
            except errors.DomainError as error:
                if error.status >= 500:
                    raise
                form.add_error(None, error.detail)
            else:
                self._audit_preview(planned_rows, actor)
                rows = [self.to_row(planned) for planned in planned_rows]
                if "confirm" in request.POST and any(row.outcome == "create" for row in rows):
                    return self._respond(request, customer, form, self._run_in_time(planned_rows, rows, actor))
                context = self._preview(form, rows)
        return self._render(request, customer, form, context)

    def _plan_in_time(self, values: Mapping[str, Any], actor: Actor) -> list[Any]:
        deadline = time.monotonic() + PLAN_SECONDS

        def check_time() -> None:
            if time.monotonic() > deadline:
                raise InvalidImportFile("The file takes too long for this page; split it, or use the command.")

        planned_rows = []
        for planned in self.plan(values, actor, check_time):
            planned_rows.append(planned)
            check_time()
        return planned_rows

    def _check_right(self, request: HttpRequest, actor: Actor) -> None:
        """Raise `PermissionDenied` if the operator may not import; attempts are audited."""
        if operators.has_right(request, operators.WRITE):
            return
        if request.method == "POST":
            party = audit.Party("customer", actor.customer_id, "", actor.customer_id, actor.customer_id)
            changes = [audit.FieldChange("page", None, self.title)]
            denied_attempts.audit_attempt(
                actor, "attempt.refused", "forbidden", party, operators.now(), changes=changes
            )
        raise PermissionDenied

    def _audit_preview(self, planned_rows: Sequence[Any], actor: Actor) -> None:
        """A preview tells who of the file exists, and completes names and addresses."""
        party = audit.Party("customer", actor.customer_id, "", actor.customer_id, actor.customer_id)
        changes = [audit.FieldChange("page", None, self.title), audit.FieldChange("rows", None, len(planned_rows))]
        journal.write_audit_event(actor, "import.previewed", party, operators.now(), changes=changes)

    def _run_in_time(self, planned_rows: Sequence[Any], rows: Iterable[PreviewRow], actor: Actor) -> Progress:
        deadline = time.monotonic() + RUN_SECONDS
        progress = Progress()
        for planned, row in zip(planned_rows, rows, strict=True):
            if row.outcome == "create" and progress.is_complete and time.monotonic() > deadline:
                progress.is_complete = False
            if row.outcome != "create" or not progress.is_complete:
                progress.rows.append(row)
                continue
            try:
                problems = self.run(planned, actor)
            except errors.Unavailable as error:
                progress.is_complete, progress.unavailable = False, error.detail
                progress.rows.append(row)
                continue
            progress.problems += problems
            progress.created += not problems
            outcome = "refused" if problems else "unchanged"
            progress.rows.append(replace(row, outcome=outcome, problems=[*row.problems, *problems]))
        return progress

    def _respond(self, request: HttpRequest, customer: Any, form: ImportForm, progress: Progress) -> HttpResponse:
        for problem in progress.problems[:MAX_MESSAGES]:
            messages.error(request, problem)
        if more := len(progress.problems[MAX_MESSAGES:]):
            messages.error(request, f"And {more} more problems.")
        messages.success(request, f"Created: {self._count(progress.created)}.")
        if progress.is_complete:
            return HttpResponseRedirect(self.done_url(str(customer.pk)))
        if progress.unavailable:
            messages.error(request, progress.unavailable)
        messages.warning(request, "The file is not finished yet: press “Import” again to continue.")
        return self._render(request, customer, form, self._preview(form, progress.rows))

    def _preview(self, form: ImportForm, rows: Sequence[PreviewRow]) -> dict[str, Any]:
        counts = {
            outcome: sum(row.outcome == outcome for row in rows) for outcome in ("create", "unchanged", "refused")
        }
        fields = [(name, form.cleaned_data.get(name)) for name in form.fields if name not in ("file", "text", "packed")]
        return {
            "rows": rows,
            "created_count": counts["create"],
            "created_text": self._count(counts["create"]),
            "unchanged_count": counts["unchanged"],
            "refused_count": counts["refused"],
            "hidden_fields": [(name, "on" if value is True else value) for name, value in fields if value],
            "packed": _pack(form.cleaned_data["content"]),
        }

    def _count(self, count: int) -> str:
        return f"{count} {self.nouns[count != 1]}"

    def _render(
        self, request: HttpRequest, customer: Any, form: ImportForm, context: Mapping[str, Any]
    ) -> HttpResponse:
        page_context = {
            **admin.site.each_context(request),
            "title": self.title,
            "import_title": self.title,
            "subtitle": str(customer.record.name),
            "customer_name": str(customer.record.name),
            "links": [("Customer", admin_change_url("accounts", "customer", str(customer.pk)))],
            "form": form,
            "help_lines": self.help_lines,
            **self.page_context(),
            **context,
        }
        return TemplateResponse(request, self.template, page_context)
