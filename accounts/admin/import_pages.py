"""Pages that import a file: a form, a preview of what would happen, and a confirmation.

Nothing is stored in between: the confirmation sends the file again, and what exists by then is
left unchanged. A request works for some seconds, then says how much is left.
"""

import base64
import binascii
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold import widgets

from accounts.admin.operator_commands import operator_actor
from accounts.admin.projected import Customer
from accounts.permissions import Actor
from config import errors, spreadsheets
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.links import admin_change_url
from config.spreadsheets import InvalidImportFile

MAX_FILE_BYTES = 1_000_000
MAX_UPLOAD_BYTES = 200_000
"""Of a file as it is uploaded, and compressed as the confirmation sends it: bodies are bounded."""
PLAN_SECONDS, RUN_SECONDS = 20.0, 10.0
"""What a request may take to preview a file, and to import a part of it."""


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


@dataclass
class Progress:
    """What an import did within one request."""

    created: int = 0
    problems: Sequence[str] = ()
    is_complete: bool = True


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

    @abstractmethod
    def plan(self, values: Mapping[str, Any], actor: Actor) -> Iterable[Any]:
        """What would happen to each row. Raises `errors.DomainError`."""

    @abstractmethod
    def to_row(self, planned: Any) -> PreviewRow:
        """A planned row as the page shows it."""

    @abstractmethod
    def run(self, planned: Any, actor: Actor) -> Sequence[str]:
        """Do what is planned for one row; what went wrong. Raises `errors.Unavailable`."""

    def view(self, request: HttpRequest, customer_id: str) -> HttpResponse:
        """Show the form, a preview, or the outcome."""
        if not operators.has_right(request, operators.WRITE):
            raise PermissionDenied
        customer = Customer.get(customer_id)
        if customer is None:
            raise errors.NotFound("Customer not found.")
        actor = operator_actor(request, customer_id)
        is_post = request.method == "POST"
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
                context = self._preview(form, planned_rows)
                if "confirm" in request.POST and context["created_count"]:
                    progress = self._run_in_time(planned_rows, actor)
                    return self._respond(request, customer, form, progress, actor)
        return self._render(request, customer, form, context)

    def _plan_in_time(self, values: Mapping[str, Any], actor: Actor) -> list[Any]:
        deadline = time.monotonic() + PLAN_SECONDS
        planned_rows = []
        for planned in self.plan(values, actor):
            planned_rows.append(planned)
            if time.monotonic() > deadline:
                raise InvalidImportFile("The file takes too long for this page; split it, or use the command.")
        return planned_rows

    def _run_in_time(self, planned_rows: Sequence[Any], actor: Actor) -> Progress:
        deadline = time.monotonic() + RUN_SECONDS
        progress = Progress()
        problems: list[str] = []
        for planned in planned_rows:
            if self.to_row(planned).outcome != "create":
                continue
            if time.monotonic() > deadline:
                progress.is_complete = False
                break
            row_problems = self.run(planned, actor)
            problems += row_problems
            progress.created += not row_problems
        progress.problems = problems
        return progress

    def _respond(
        self, request: HttpRequest, customer: Any, form: ImportForm, progress: Progress, actor: Actor
    ) -> HttpResponse:
        for problem in progress.problems[:20]:
            messages.error(request, problem)
        messages.success(request, f"Created: {self._count(progress.created)}.")
        if progress.is_complete:
            return HttpResponseRedirect(admin_change_url("accounts", "customer", str(customer.pk)))
        messages.warning(request, "The file is not finished yet: press “Import” again to continue.")
        return self._render(request, customer, form, self._preview(form, self._plan_in_time(form.cleaned_data, actor)))

    def _preview(self, form: ImportForm, planned_rows: Sequence[Any]) -> dict[str, Any]:
        rows = [self.to_row(planned) for planned in planned_rows]
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
            "subtitle": str(customer.record.name),
            "links": [("Customer", admin_change_url("accounts", "customer", str(customer.pk)))],
            "form": form,
            "help_lines": self.help_lines,
            **context,
        }
        return TemplateResponse(request, "backoffice/import.html", page_context)
