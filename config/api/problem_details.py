"""Converts every error to an ``application/problem+json`` document (RFC 9457)."""

import dataclasses
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from rest_framework import exceptions

from config import dynamodb, errors, observation
from config.api import throttling
from config.api.fields import InvalidQuery
from config.api.ranges import RangeNotSatisfiable

logger = logging.getLogger("dutyline.web")
MAX_POINTER_NAME = 100
CONTENT_TYPE = "application/problem+json"
_NOT_IN_CHALLENGES = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
"""What RFC 6750 does not allow in `error_description`."""


class MethodNotAllowed(errors.DomainError):
    """The path does not support the method; `Allow` lists those that it does."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"
    is_general = True

    def __init__(self, detail: str, *, allowed_methods: Sequence[str] = ("GET", "HEAD")) -> None:
        super().__init__(detail)
        self.allowed_methods = allowed_methods


class UnsupportedMediaType(errors.DomainError):
    """The body is not JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class InternalError(errors.DomainError):
    """An unexpected error in this service; report it with the request id."""

    status = 500
    code = "internal_error"
    title = "Internal error"


def handle_exception(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """The exception handler of every API view."""
    request: HttpRequest = context["request"]
    if isinstance(error, exceptions.MethodNotAllowed):
        return problem_response(request, _method_not_allowed(request, context["view"].allowed_methods))
    domain_error = _to_domain_error(error, request)
    if any(field.pointer.startswith("/") for field in domain_error.field_errors):
        _point_to_sent_names(domain_error, context)
    return problem_response(request, domain_error)


def _point_to_sent_names(error: errors.DomainError, context: Mapping[str, Any]) -> None:
    """Of fields with two names, name the one that the request has."""
    body, data = context["view"].declared_operation().body, context["request"].data
    if body is None or not isinstance(data, Mapping):
        return
    sources = {name: field.source for name, field in body().fields.items()}
    for index, field in enumerate(error.field_errors):
        name = field.pointer.removeprefix("/")
        sent_name = next((other for other in sources if other in data and sources[other] == sources.get(name)), name)
        if name not in data and sent_name != name:
            error.field_errors[index] = dataclasses.replace(field, pointer=f"/{sent_name}")


def problem_response(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    """The response for an error, which is counted if it is a refusal."""
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        observation.count("refusal", error.code, error.limit_name)
    return render_problem(request, error)


def render_problem(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    """The response for an error."""
    request_id = request.META.get("dutyline.request_id", "")
    response = HttpResponse(
        orjson.dumps(to_problem_document(error, request_id)), content_type=CONTENT_TYPE, status=error.status
    )
    if isinstance(error, errors.Unauthenticated):
        response["WWW-Authenticate"] = _bearer_challenge(request, error)
    if isinstance(error, RangeNotSatisfiable):
        response["Content-Range"] = error.content_range
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        response["Retry-After"] = str(error.retry_after)
    if isinstance(error, throttling.QuotaExceeded):
        for name, value in error.rate_limit_status.headers().items():
            response[name] = value
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = ", ".join(error.allowed_methods)
    return response


def to_problem_document(error: errors.DomainError, request_id: str) -> dict[str, Any]:
    """The problem document of an error, with at most `errors.MAX_FIELD_ERRORS` field errors."""
    is_cut = len(error.field_errors) > errors.MAX_FIELD_ERRORS
    hint = f" Only the first {errors.MAX_FIELD_ERRORS} errors are listed." if is_cut else ""
    return {
        "type": documentation_url(error.code),
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail + hint,
        "errors": [
            {"pointer": _cut_names(field.pointer), "code": field.code, "detail": field.detail, **field.extra}
            for field in error.field_errors[: errors.MAX_FIELD_ERRORS]
        ],
        "requestId": request_id,
    }


def documentation_url(code: str) -> str:
    """The URI that identifies a type of problem, and leads to its entry in the error catalog.

    It is absolute, as RFC 9457 (3.1.1) recommends: a client that logs or forwards the document
    would resolve a relative one against another base. Clients compare ``code``.
    """
    return f"{settings.PUBLIC_BASE_URL}/docs/errors#{code}"


def _bearer_challenge(request: HttpRequest, error: errors.DomainError) -> str:
    """The challenge of RFC 6750: it names an error only if the request has a bearer token.

    403 has none: `insufficient_scope` tells clients to ask for a token with more scopes, but
    permissions come from the user's record, not from the token.
    """
    challenge = 'Bearer realm="dutyline"'
    if not request.headers.get("Authorization", "").lower().startswith("bearer "):
        return challenge
    description = _NOT_IN_CHALLENGES.sub("", error.detail)
    return f'{challenge}, error="invalid_token", error_description="{description}"'


def _to_domain_error(error: Exception, request: HttpRequest) -> errors.DomainError:
    if isinstance(error, errors.DomainError):
        return error
    if isinstance(error, exceptions.ValidationError):
        all_errors = to_field_errors(error.detail, "?" if isinstance(error, InvalidQuery) else "")
        field_errors = list(islice(all_errors, errors.MAX_FIELD_ERRORS + 1))
        return errors.InvalidRequest("Some fields are missing or invalid; see `errors`.", field_errors=field_errors)
    if isinstance(error, Http404 | exceptions.NotFound):
        return errors.NotFound("Not found.")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return UnsupportedMediaType("Send the body as application/json in UTF-8.")
    if isinstance(error, UnreadablePostError | SuspiciousOperation | BadRequest):
        return errors.InvalidRequest("The request could not be read.")
    _log_unexpected_error(error, request)
    return InternalError("An unexpected error occurred; report it with the request id.")


def _log_unexpected_error(error: BaseException | None, request: HttpRequest) -> None:
    if isinstance(error, dynamodb.CallRejected):
        fields = {**_log_fields(request), **error.log_fields}
        logger.error("the database rejects a call for good", exc_info=error, extra=fields)
    else:
        logger.error("unexpected error", exc_info=error, extra=_log_fields(request))


def _log_fields(request: HttpRequest) -> dict[str, str]:
    return {"request_id": request.META.get("dutyline.request_id", ""), "method": str(request.method)}


def to_field_errors(detail: Any, pointer: str) -> Iterator[errors.FieldError]:
    """The errors of a ValidationError, field by field."""
    if isinstance(detail, Mapping):
        for name, part in detail.items():
            is_object_level = name == "non_field_errors"
            child_pointer = pointer.rstrip("?") if is_object_level else _extend_pointer(pointer, str(name))
            yield from to_field_errors(part, child_pointer)
        return
    for index, part in enumerate(detail):
        if isinstance(part, Mapping | list):
            yield from to_field_errors(part, _extend_pointer(pointer, str(index)))
        else:
            yield errors.FieldError(pointer, str(part.code), str(part))


def _extend_pointer(pointer: str, name: str) -> str:
    """The pointer to a member."""
    if pointer == "?":
        return f"?{name}"
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def _cut_names(pointer: str) -> str:
    """A pointer of which names that are longer than any that the API has are cut."""
    names = pointer.split("/")
    return "/".join(name if len(name) <= MAX_POINTER_NAME else f"{name[:MAX_POINTER_NAME]}…" for name in names)


def describe_refused_method(request: HttpRequest, response: HttpResponseNotAllowed) -> None:
    """Make Django's own answer to an unsupported method, which is empty, a problem document."""
    allowed_methods = response["Allow"].split(", ")
    problem = problem_response(request, _method_not_allowed(request, allowed_methods))
    response.content, response["Content-Type"] = problem.content, CONTENT_TYPE


def _method_not_allowed(request: HttpRequest, allowed_methods: Sequence[str]) -> MethodNotAllowed:
    detail = f"{request.method} is not supported at this path; it supports {', '.join(allowed_methods)}."
    return MethodNotAllowed(detail, allowed_methods=allowed_methods)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for unknown paths."""
    return problem_response(request, errors.NotFound("Unknown path; see /docs/."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for malformed requests, such as for another host."""
    return problem_response(request, errors.InvalidRequest("The request could not be read."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler for uncaught exceptions."""
    if isinstance(sys.exception(), OperationalError):
        logger.error("the operators' database does not respond", extra=_log_fields(request))
        return problem_response(request, errors.Unavailable("The operators' database is temporarily unavailable."))
    if isinstance(error := sys.exception(), errors.Unavailable):  # of a view outside of the API
        return problem_response(request, error)
    _log_unexpected_error(sys.exception(), request)
    return problem_response(request, InternalError("An unexpected error occurred; report it with the request id."))
