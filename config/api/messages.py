"""What views get and return: REST framework's request without its detours, and JSON rendered once.

REST framework negotiates parser and renderer, authenticates and renders in steps that can be
replaced one by one; here each of them has one answer. Unlike there, a request leaves no cycles of
references for the garbage collector.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Empty, Request

from config import strict_json

MAX_PEEKED_BYTES = 10_000
"""Longer bodies are parsed only of callers who may make the request."""


class OperationRequest(Request):
    """A request for an operation; `config.api.OperationViewSet` sets ``user`` and ``auth``."""

    caller_id = ""
    """Whom the verified token names, before their record is read; the authenticator sets it."""

    def __init__(self, request: HttpRequest, view: Any) -> None:
        self._request = request
        self._full_data: Any = Empty  # REST framework's mark of what was not read yet
        self.parser_context = {"view": view}
        self.META = request.META
        self.method = request.method
        self.path = request.path

    @property
    def data(self) -> Any:
        """The parsed body. Raises as `parse_body` does, once."""
        if self._full_data is Empty:
            self._load_data_and_files()
        return self._full_data

    def _load_data_and_files(self) -> None:
        self._full_data = {}  # for those who ask again after an error
        self._full_data = parse_body(self._request)

    def peek_body(self) -> Mapping[str, Any]:
        """The members of a short body, for reads that begin before the caller is authorized.

        Empty for others and for invalid ones, whose errors `data` raises in their turn.
        """
        length = self.META.get("CONTENT_LENGTH") or ""
        if not (length.isdecimal() and int(length) <= MAX_PEEKED_BYTES):
            return {}
        try:
            body = self.data
        except (UnsupportedMediaType, strict_json.MalformedJSON):
            self._full_data = Empty
            return {}
        return body if isinstance(body, Mapping) else {}


class Response(HttpResponse):
    """JSON, rendered once. The value stays for who adds headers that follow from it."""

    def __init__(self, data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.data = data
        content = strict_json.dumps(data, default=str)
        super().__init__(content, content_type="application/json", status=status, headers=headers)


def pending_response(data: Any, *, retry_after: int) -> Response:
    """A 202 for what is still being made; ``retry_after`` in seconds."""
    return Response(data, status=202, headers={"Retry-After": str(retry_after)})


def parse_body(request: HttpRequest) -> Any:
    """The JSON of a body; ``{}`` without one. Other media types are refused, unless it is empty.

    Raises `UnsupportedMediaType` and `strict_json.MalformedJSON`.
    """
    body = request.body
    if not body:
        return {}
    content_type = request.META.get("CONTENT_TYPE", "")
    media_type, *parameters = content_type.split(";")
    if (media_type.strip() or "application/json").lower() != "application/json":
        raise UnsupportedMediaType(content_type)
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(content_type)
    return strict_json.loads(body)
