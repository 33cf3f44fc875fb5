"""The shape of every operation: who may, at what cost, what it takes and answers.

A view is a `Operations` class; each of its methods carries `operation(...)`, from which come the
check at the door, the rate limit and the OpenAPI document. A method without it is refused.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol, TypeVar, cast

import orjson
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from config import errors
from config.api import problem_details, throttling
from config.api.fields import StrictSerializer
from config.dynamodb import idempotency

M = TypeVar("M", bound=Callable[..., Any])


class Caller(Protocol):
    """What a door needs to know of who is signed in; `accounts.permissions.Actor` is one."""

    @property
    def id(self) -> str: ...

    @property
    def customer_id(self) -> str: ...

    def require(self, permission: str) -> None:
        """Raise `errors.Forbidden` without the permission."""


@dataclass(frozen=True)
class OperationRules:
    """What the door checks before an operation runs."""

    permission: str
    rate_limit: str
    no_account_status: int


class Problem(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField(help_text="Names the kind of problem.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="The kind of problem, short and stable.")
    detail = serializers.CharField(help_text="One sentence for the developer of a client.")
    errors = serializers.ListField(  # type: ignore[assignment] # the member's name in RFC 9457
        child=serializers.DictField(child=serializers.CharField()),
        help_text="Members at fault: pointer (RFC 6901, or ?name in a query), code, detail.",
    )
    requestId = serializers.CharField()  # noqa: N815 - the wire's name


PROBLEM_DETAILS = {
    400: ("invalid_request", "A member is missing or wrong; `errors` names it."),
    401: ("unauthenticated", "No token, or not one that this API accepts."),
    403: ("forbidden", "The caller may not do this."),
    404: ("not_found", "No such thing for this caller."),
    409: ("conflict", "The present state does not allow it."),
    412: ("precondition_failed", "If-Match names another version."),
    413: ("too_large", "The body is larger than 256 KiB."),
    415: ("unsupported_media_type", "The body is not JSON."),
    422: ("idempotency_key_reused", "The Idempotency-Key was used for another request."),
    429: ("rate_limited", "Too many requests; Retry-After says when to come back."),
    500: ("internal_error", "A defect of ours; the request id finds it."),
    503: ("unavailable", "Something we depend on is away; Retry-After says when to come back."),
}


def operation(
    permission: str,
    *,
    summary: str,
    tag: str,
    operation_id: str,
    responses: dict[int, type[serializers.Serializer[Any]] | None],
    example: dict[str, Any],
    description: str = "",
    body: type[StrictSerializer] | None = None,
    body_example: dict[str, Any] | None = None,
    query: type[StrictSerializer] | None = None,
    error_statuses: Sequence[int] = (),
    rate_limit: str = "read",
    etag: bool = False,
    permission_for_others: str = "",
    no_account_status: int = 401,
    file_media_type: str = "",
) -> Callable[[M], M]:
    """Declare a view method: ``permission`` and ``cost`` are enforced, the rest is documented.

    ``others`` is what it takes to do it to somebody else: the rule itself checks that. ``etag``:
    the answer has one; it is heeded in If-None-Match or, where there is a body, in If-Match.
    ``file``: the media type of a file that is answered instead, unless JSON is asked for (where
    ``answers`` has a shape for it).
    ``unknown_caller``: what a good token is told that belongs to no account.
    """
    statuses = {401, 403, 429, 500, 503, *error_statuses}
    if body is not None:
        statuses |= {400, 413, 415}
        statuses |= {412} if etag and 422 not in statuses else set()
    documented_responses: dict[Any, Any] = {
        status: OpenApiResponse(
            response=serializer,
            description=HTTPStatus(status).phrase,
            examples=[OpenApiExample(summary, value=example)] if serializer else [],
        )
        for status, serializer in responses.items()
    }
    if file_media_type:
        json_response = documented_responses.pop(200)
        documented_responses |= {(200, "application/json"): json_response} if responses[200] else {}
        documented_responses[200, file_media_type] = OpenApiResponse(OpenApiTypes.BINARY, description="A file")
    documented_responses |= {
        (status, problem_details.CONTENT_TYPE): OpenApiResponse(
            response=Problem,
            description=PROBLEM_DETAILS[status][1],
            examples=[OpenApiExample(PROBLEM_DETAILS[status][0], value=_problem_example(status))],
        )
        for status in sorted(statuses)
    }
    add_schema = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description or summary,
        tags=[tag],
        request=body,
        responses=documented_responses,
        parameters=[*([query] if query else []), *_header_parameters(statuses, responses, etag=etag)],
        examples=[OpenApiExample("request", value=body_example, request_only=True)] if body_example else [],
        extensions={
            "x-permission": permission,
            **({"x-permission-for-others": permission_for_others} if permission_for_others else {}),
        },
    )

    def declare(method: M) -> M:
        documented_method: M = add_schema(method)
        documented_method.rules = OperationRules(permission, rate_limit, no_account_status)  # type: ignore[attr-defined]
        return documented_method

    return declare


def _problem_example(status: int) -> dict[str, Any]:
    code, detail = PROBLEM_DETAILS[status]
    return {
        "type": f"urn:dutyline:problem:{code.replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [],
        "requestId": "01JDCXR5V7W8M3T6Q2Z9K4B1NF",
    }


def _header_parameters(statuses: set[int], success_statuses: Iterable[int], *, etag: bool) -> list[OpenApiParameter]:
    parameters = []
    if etag:
        description = "The version of the resource."
        parameters.append(
            OpenApiParameter("ETag", str, "header", description=description, response=list(success_statuses))
        )
    if 422 in statuses:
        description = "Makes repeating safe for 24 hours: same key and body, same outcome."
        parameters.append(OpenApiParameter("Idempotency-Key", str, "header", description=description))
    elif 412 in statuses:
        description = "The ETag of the version to change; 412 if it is another by now."
        parameters.append(OpenApiParameter("If-Match", str, "header", description=description))
    elif etag:
        description = "The ETag of an earlier answer; 304 if nothing changed."
        parameters.append(OpenApiParameter("If-None-Match", str, "header", description=description))
    return parameters


class OperationViewSet(ViewSet):
    """Base of all API views."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    action: str
    rate_limit_status: throttling.RateLimitStatus | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, count, and check the permission, before anything is read."""
        handler = getattr(self, self.action or "", None)
        if handler is None:
            self.http_method_not_allowed(request)
        rules: OperationRules | None = getattr(handler, "rules", None)
        if rules is None:
            raise errors.Forbidden("This operation declares no permission.")
        try:
            caller = cast(Caller, request.user)
        except errors.Unauthenticated as error:
            throttling.get_limiter().count_request("stranger", request.META["REMOTE_ADDR"])
            if rules.no_account_status == 404 and isinstance(error, errors.NoAccount):
                raise errors.NotFound(error.detail) from error
            raise
        request.META |= {"dutyline.actor": caller.id, "dutyline.customer": caller.customer_id}
        self.rate_limit_status = throttling.get_limiter().count_request(rules.rate_limit, caller.id)
        caller.require(rules.permission)
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Add what is left of the caller's limit."""
        final_response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.rate_limit_status.headers() if self.rate_limit_status else {}).items():
            final_response[name] = value
        return final_response


def utc_now() -> datetime:
    """The clock of the doors: read once a request and passed down."""
    return datetime.now(UTC)


def read_idempotency_key(request: Request, caller: Caller) -> idempotency.IdempotencyKey | None:
    """The identity of a request that carries an Idempotency-Key."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    if not (1 <= len(header) <= 255 and header.isascii() and header.isprintable()):
        raise errors.InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    parts = [caller.id, str(request.method), request.path, header]
    return idempotency.IdempotencyKey(
        key=hashlib.sha256(orjson.dumps(parts)).hexdigest(),
        request_hash=hashlib.sha256(orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )


def versioned_response(
    request: Request, serializer: serializers.Serializer[Any], version: int, status: int = 200
) -> Response:
    """The answer that shows one resource, with its ETag; 304 where the caller has it already."""
    etag = f'"{version}"'
    is_read = request.method in ("GET", "HEAD")
    if is_read and _etag_matches(request.headers.get("If-None-Match", ""), etag):
        return Response(status=304, headers={"ETag": etag})
    return Response(serializer.data, status=status, headers={"ETag": etag})


def read_if_match_versions(request: Request) -> frozenset[int] | None:
    """The versions that If-Match allows to change; None: any."""
    header = request.headers.get("If-Match")
    if header is None or "*" in (parts := {part.strip() for part in header.split(",")}):
        return None
    etags = {part.removeprefix("W/").strip('"') for part in parts}
    return frozenset(int(etag) for etag in etags if etag.isascii() and etag.isdigit() and len(etag) < 10)


def _etag_matches(header: str, etag: str) -> bool:
    return any(part.strip().removeprefix("W/") in (etag, "*") for part in header.split(","))
