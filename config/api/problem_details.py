"""Turns every failure into an ``application/problem+json`` document (RFC 9457)."""

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from rest_framework import exceptions

from config import errors
from config.api.fields import WrongQuery

log = logging.getLogger("dutyline.web")
CONTENT_TYPE = "application/problem+json"


class MethodNotAllowed(errors.Refusal):
    """The path exists, not for this method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class UnsupportedMedia(errors.Refusal):
    """The body is not JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "Only JSON is read"


class Broken(errors.Refusal):
    """A defect of ours."""

    status = 500
    code = "internal_error"
    title = "Something broke on our side"


def answer(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """The exception handler of every API view."""
    request: HttpRequest = context["request"]
    return respond(request, _refusal(error, request))


def respond(request: HttpRequest, refusal: errors.Refusal) -> HttpResponse:
    """The answer to a refused request."""
    request_id = request.META.get("dutyline.request_id", "")
    response = HttpResponse(
        orjson.dumps(document(refusal, request_id)),
        content_type=CONTENT_TYPE,
        status=refusal.status,
    )
    if isinstance(refusal, errors.Unauthenticated):
        response["WWW-Authenticate"] = f'Bearer realm="dutyline", error="{_bearer_error(request)}"'
    if isinstance(refusal, errors.TooMany | errors.Unavailable):
        response["Retry-After"] = str(refusal.retry_after)
    return response


def document(refusal: errors.Refusal, request_id: str) -> dict[str, Any]:
    """The document itself."""
    return {
        "type": f"urn:dutyline:problem:{refusal.code.replace('_', '-')}",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "errors": [
            {
                "pointer": fault.pointer,
                "code": fault.code,
                "detail": fault.detail,
                **fault.more,
            }
            for fault in refusal.faults
        ],
        "requestId": request_id,
    }


def _bearer_error(request: HttpRequest) -> str:
    return "invalid_token" if "Authorization" in request.headers else "missing_token"


def _refusal(error: Exception, request: HttpRequest) -> errors.Refusal:
    if isinstance(error, errors.Refusal):
        return error
    if isinstance(error, exceptions.ValidationError):
        told = list(faults(error.detail, "?" if isinstance(error, WrongQuery) else ""))
        return errors.Invalid("Some members are missing or wrong; see errors.", faults=told)
    if isinstance(error, Http404 | exceptions.NotFound):
        return errors.NotFound("There is nothing here.")
    if isinstance(error, exceptions.MethodNotAllowed):
        return MethodNotAllowed(f"{request.method} is not possible here.")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return UnsupportedMedia("Send the body as application/json in UTF-8.")
    if isinstance(error, UnreadablePostError | SuspiciousOperation | BadRequest):
        return errors.Invalid("The request could not be read.")
    log.error("unexpected failure", exc_info=error, extra=_where(request))
    return Broken("It was recorded; the request id finds it.")


def _where(request: HttpRequest) -> dict[str, str]:
    return {
        "request_id": request.META.get("dutyline.request_id", ""),
        "method": str(request.method),
    }


def faults(detail: Any, pointer: str) -> Iterator[errors.Fault]:
    """What a validation found, member by member."""
    if isinstance(detail, Mapping):
        for name, part in detail.items():
            about_itself = name == "non_field_errors"
            here = pointer.rstrip("?") if about_itself else _step(pointer, str(name))
            yield from faults(part, here)
        return
    for number, part in enumerate(detail):
        if isinstance(part, Mapping | list):
            yield from faults(part, _step(pointer, str(number)))
        else:
            yield errors.Fault(pointer, str(part.code), str(part))


def _step(pointer: str, name: str) -> str:
    if pointer == "?":
        return f"?{name}"
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for paths that no operation has."""
    return respond(request, errors.NotFound("There is nothing at this path; see /docs/."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for requests it cannot take, such as for another host."""
    return respond(request, errors.Invalid("The request could not be read."))


def broken(request: HttpRequest) -> HttpResponse:
    """Django's handler for what nobody caught."""
    if isinstance(sys.exception(), OperationalError):
        log.error("the database of operators does not answer", extra=_where(request))
        return respond(request, errors.Unavailable("Operators cannot be looked up just now."))
    log.error("unexpected failure", exc_info=sys.exception(), extra=_where(request))
    return respond(request, Broken("It was recorded; the request id finds it."))
