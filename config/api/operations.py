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
from config.api.fields import Body
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
class Rules:
    """What the door checks before an operation runs."""

    permission: str
    cost: str
    unknown_caller: int


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


DETAILS = {
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
    name: str,
    answers: dict[int, type[serializers.Serializer[Any]] | None],
    example: dict[str, Any],
    description: str = "",
    body: type[Body] | None = None,
    body_example: dict[str, Any] | None = None,
    query: type[Body] | None = None,
    refuses: Sequence[int] = (),
    cost: str = "read",
    etag: bool = False,
    others: str = "",
    unknown_caller: int = 401,
    file: str = "",
) -> Callable[[M], M]:
    """Declare a view method: ``permission`` and ``cost`` are enforced, the rest is documented.

    ``others`` is what it takes to do it to somebody else: the rule itself checks that. ``etag``:
    the answer has one; it is heeded in If-None-Match or, where there is a body, in If-Match.
    ``file``: the media type of a file that is answered instead, unless JSON is asked for (where
    ``answers`` has a shape for it).
    ``unknown_caller``: what a good token is told that belongs to no account.
    """
    statuses = {401, 403, 429, 500, 503, *refuses}
    if body is not None:
        statuses |= {400, 413, 415}
        statuses |= {412} if etag and 422 not in statuses else set()
    responses: dict[Any, Any] = {
        status: OpenApiResponse(
            response=serializer,
            description=HTTPStatus(status).phrase,
            examples=[OpenApiExample(summary, value=example)] if serializer else [],
        )
        for status, serializer in answers.items()
    }
    if file:
        as_json = responses.pop(200)
        responses |= {(200, "application/json"): as_json} if answers[200] else {}
        responses[200, file] = OpenApiResponse(OpenApiTypes.BINARY, description="A file")
    responses |= {
        (status, problem_details.CONTENT_TYPE): OpenApiResponse(
            response=Problem,
            description=DETAILS[status][1],
            examples=[OpenApiExample(DETAILS[status][0], value=_problem_example(status))],
        )
        for status in sorted(statuses)
    }
    document = extend_schema(
        operation_id=name,
        summary=summary,
        description=description or summary,
        tags=[tag],
        request=body,
        responses=responses,
        parameters=[*([query] if query else []), *_headers(statuses, answers, etag=etag)],
        examples=[OpenApiExample("request", value=body_example, request_only=True)]
        if body_example
        else [],
        extensions={
            "x-permission": permission,
            **({"x-permission-for-others": others} if others else {}),
        },
    )

    def declare(method: M) -> M:
        documented: M = document(method)
        documented.rules = Rules(permission, cost, unknown_caller)  # type: ignore[attr-defined]
        return documented

    return declare


def _problem_example(status: int) -> dict[str, Any]:
    code, detail = DETAILS[status]
    return {
        "type": f"urn:dutyline:problem:{code.replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [],
        "requestId": "01JDCXR5V7W8M3T6Q2Z9K4B1NF",
    }


def _headers(statuses: set[int], answers: Iterable[int], *, etag: bool) -> list[OpenApiParameter]:
    told = []
    if etag:
        about = "The version of the resource."
        told.append(
            OpenApiParameter("ETag", str, "header", description=about, response=list(answers))
        )
    if 422 in statuses:
        about = "Makes repeating safe for 24 hours: same key and body, same outcome."
        told.append(OpenApiParameter("Idempotency-Key", str, "header", description=about))
    elif 412 in statuses:
        about = "The ETag of the version to change; 412 if it is another by now."
        told.append(OpenApiParameter("If-Match", str, "header", description=about))
    elif etag:
        about = "The ETag of an earlier answer; 304 if nothing changed."
        told.append(OpenApiParameter("If-None-Match", str, "header", description=about))
    return told


class Operations(ViewSet):
    """Base of all API views."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    action: str
    allowance: throttling.Allowance | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, count, and check the permission, before anything is read."""
        handler = getattr(self, self.action or "", None)
        if handler is None:
            self.http_method_not_allowed(request)
        rules: Rules | None = getattr(handler, "rules", None)
        if rules is None:
            raise errors.Forbidden("This operation declares no permission.")
        try:
            caller = cast(Caller, request.user)
        except errors.Unauthenticated as refusal:
            throttling.limiter().spend("stranger", request.META["REMOTE_ADDR"])
            if rules.unknown_caller == 404 and isinstance(refusal, errors.NoAccount):
                raise errors.NotFound(refusal.detail) from refusal
            raise
        request.META |= {"dutyline.actor": caller.id, "dutyline.customer": caller.customer_id}
        self.allowance = throttling.limiter().spend(rules.cost, caller.id)
        caller.require(rules.permission)
        super().initial(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Add what is left of the caller's limit."""
        final = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.allowance.headers() if self.allowance else {}).items():
            final[name] = value
        return final


def now() -> datetime:
    """The clock of the doors: read once a request and passed down."""
    return datetime.now(UTC)


def once(request: Request, caller: Caller) -> idempotency.Once | None:
    """The identity of a request that carries an Idempotency-Key."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not (1 <= len(given) <= 255 and given.isascii() and given.isprintable()):
        raise errors.Invalid("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    parts = [caller.id, str(request.method), request.path, given]
    return idempotency.Once(
        key=hashlib.sha256(orjson.dumps(parts)).hexdigest(),
        request_hash=hashlib.sha256(
            orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
        ).hexdigest(),
    )


def one(
    request: Request, view: serializers.Serializer[Any], version: int, status: int = 200
) -> Response:
    """The answer that shows one resource, with its ETag; 304 where the caller has it already."""
    tag = f'"{version}"'
    reads = request.method in ("GET", "HEAD")
    if reads and _matches(request.headers.get("If-None-Match", ""), tag):
        return Response(status=304, headers={"ETag": tag})
    return Response(view.data, status=status, headers={"ETag": tag})


def versions(request: Request) -> frozenset[int] | None:
    """The versions that If-Match allows to change; None: any."""
    given = request.headers.get("If-Match")
    if given is None or "*" in (parts := {part.strip() for part in given.split(",")}):
        return None
    tags = {part.removeprefix("W/").strip('"') for part in parts}
    return frozenset(int(tag) for tag in tags if tag.isascii() and tag.isdigit() and len(tag) < 10)


def _matches(given: str, tag: str) -> bool:
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in given.split(","))
