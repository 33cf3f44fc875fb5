"""The error catalog: every code that a client can meet, from the classes that define them.

``docs/errors.md``, the page ``/docs/errors`` and the OpenAPI document are generated from it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from rest_framework import serializers

from config import errors
from config.api import OperationViewSet, problem_details
from config.api.operations import Operation, own_codes

_CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
MAX_NAMED_OPERATIONS = 8
_SAMPLE_REQUEST_ID = "01JDCXR5V7W8M3T6Q2Z9K4B1NF"

for _code, _meaning in {
    "required": "The field is missing.",
    "null": "The field may not be null.",
    "blank": "The text may not be empty.",
    "unknown": "No such field or query parameter exists here.",
    "invalid_choice": "The value is not one of those allowed.",
    "max_length": "The text or list is too long.",
    "min_length": "The text or list is too short.",
    "max_value": "The number is too large.",
    "min_value": "The number is too small.",
    "not_a_list": "The value must be a list.",
    "not_a_dict": "The value must be an object.",
    "empty": "The list may not be empty.",
}.items():
    errors.define_field_code(_code, _meaning)


class FieldProblem(serializers.Serializer[Any]):
    """What is wrong with one field or parameter."""

    pointer = serializers.CharField(
        help_text="The field: a JSON Pointer (RFC 6901) into the body, or `?name` for a query parameter."
    )
    code = serializers.CharField(
        help_text="What is wrong: the `code` of the problem, or a code of fields in `/docs/errors`."
    )
    detail = serializers.CharField(help_text="What is wrong and what to do, for developers of clients.")

    def get_fields(self) -> dict[str, Any]:
        """Add the members that only some codes have."""
        fields = super().get_fields()
        for entry in build_catalog():
            for name, member in entry.members.items():
                field_class = serializers.DateTimeField if member.is_date_time else serializers.CharField
                help_text = f"With `{entry.code}`: {member.description}"
                fields[name] = field_class(required=False, help_text=help_text)
        return fields


class Problem(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.URLField(help_text="Identifies the type of problem, and leads to its description.")
    title = serializers.CharField(help_text="The type of problem in a few words.")
    status = serializers.IntegerField(help_text="The status of the response.")
    code = serializers.CharField(
        help_text="Short, stable name of the type of problem, for clients to compare; see `/docs/errors`."
    )
    detail = serializers.CharField(help_text="What is wrong and what to do, for developers of clients.")
    errors = FieldProblem(many=True, help_text="The invalid fields; empty if the problem concerns none.")  # type: ignore[assignment] # the member's name in RFC 9457
    requestId = serializers.CharField(  # noqa: N815 - the wire's name
        help_text="Id of the request in logs and audit entries; quote it when you report a problem."
    )


@dataclass(frozen=True)
class Entry:
    """One code: what it means, and which operations answer it."""

    error: type[errors.DomainError]
    operations: tuple[str, ...]
    is_answered_by_all: bool
    is_answered_by_all_signed_in: bool
    """Whether every operation answers it that needs a token."""

    @property
    def code(self) -> str:
        return self.error.code

    @property
    def title(self) -> str:
        return self.error.title

    @property
    def members(self) -> Mapping[str, errors.Member]:
        return self.error.members

    @property
    def meaning(self) -> str:
        return describe(self.error)

    @property
    def meaning_html(self) -> SafeString:
        """The meaning, with the names in backticks as code."""
        return SafeString(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(self.meaning)))

    @property
    def status_line(self) -> str:
        return f"{self.error.status} {HTTPStatus(self.error.status).phrase}"

    @property
    def scope(self) -> str:
        """Which operations answer it, as a sentence."""
        if self.is_answered_by_all:
            return "Answered by every operation."
        if self.is_answered_by_all_signed_in:
            return "Answered by every operation that needs a token."
        if len(self.operations) > MAX_NAMED_OPERATIONS:
            return f"Answered by {len(self.operations)} operations."
        return f"Answered by {', '.join(self.operations or ['paths that are no operation'])}."


def describe(error: type[errors.DomainError]) -> str:
    """What a code means: the docstring of its class, on one line."""
    return " ".join((error.__doc__ or "").split())


def example_document(error: type[errors.DomainError]) -> dict[str, Any]:
    """A problem document with this code, for the documentation."""
    return problem_details.to_problem_document(error.example(), _SAMPLE_REQUEST_ID)


@cache
def list_operations() -> tuple[Operation, ...]:
    """Every operation of the API, as its view declares it."""
    operations = {operation.id: operation for operation in _iter_operations(get_resolver().url_patterns)}
    return tuple(operations.values())


def _iter_operations(patterns: list[URLPattern | URLResolver]) -> Iterator[Operation]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _iter_operations(pattern.url_patterns)
        elif issubclass(getattr(pattern.callback, "cls", object), OperationViewSet):
            view: Any = pattern.callback
            yield from (getattr(view.cls, action).operation for action in view.actions.values())


@cache
def build_catalog() -> tuple[Entry, ...]:
    """Every code that an operation can answer, or that is answered at any path, by status."""
    operations = list_operations()
    answered_by: dict[type[errors.DomainError], list[str]] = {
        error: [] for error in own_codes(errors.DomainError) if vars(error).get("is_general")
    }
    for operation in operations:
        for error in operation.error_types:
            answered_by.setdefault(error, []).append(operation.id)
    signed_in_ids = {operation.id for operation in operations if not operation.is_public}
    entries = (
        Entry(
            error,
            tuple(sorted(ids)),
            is_answered_by_all=len(ids) == len(operations),
            is_answered_by_all_signed_in=signed_in_ids <= set(ids),
        )
        for error, ids in answered_by.items()
    )
    return tuple(sorted(entries, key=lambda entry: (entry.error.status, entry.code)))


def list_field_codes() -> Mapping[str, str]:
    """Codes of field errors and their meanings, without those of the catalog's entries."""
    build_catalog()  # reads every URL, and with them the modules that define field codes
    return dict(sorted(errors.FIELD_CODES.items()))


def render_markdown() -> str:
    """The catalog as ``docs/errors.md``."""
    return _render("docs/errors.md")


@cache
def _render(template: str) -> str:
    return render_to_string(template, {"entries": build_catalog(), "field_codes": list_field_codes()})


@require_safe
def errors_page(request: HttpRequest) -> HttpResponse:
    """The catalog as a page; the ``type`` of every problem leads to its entry here."""
    response = HttpResponse(_render("docs/errors.html"))
    response["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    response["Cache-Control"] = "public, max-age=300"
    return response


def add_error_catalog(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add examples of the codes of operations to the OpenAPI document, and list all codes."""
    components = result["components"]
    components["examples"] = components.get("examples", {}) | {
        entry.code: {"summary": entry.meaning, "value": example_document(entry.error)}
        for entry in build_catalog()
        if entry.operations
    }
    codes = [entry.code for entry in build_catalog()]
    components["schemas"]["Problem"]["properties"]["code"]["x-extensible-enum"] = codes
    components["schemas"]["FieldProblem"]["properties"]["code"]["x-extensible-enum"] = list(list_field_codes())
    return result
