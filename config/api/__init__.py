"""Operations of the API: what each one requires, accepts and returns.

A view is an `api.OperationViewSet`. Each of its methods declares itself::

    @api.operation("updateLocation", "locations:manage", errors=(errors.NotFound,))
    @api.accepts(LocationChange, {"address": "2 Long Wharf, Boston"})
    @api.returns(LocationView, examples.LOCATION, etag=True)
    def update(self, request: Request, id: str) -> Response:
        \"\"\"Update a location.\"\"\"

`OperationViewSet` enforces the permission and the rate limit; `config.api.schema` documents the
rest. The method's docstring gives the summary (first line) and the description (what follows).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import update_wrapper
from typing import Any, Protocol, TypeVar, cast

import orjson
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from config import errors
from config.api import links, pagination, problem_details, throttling
from config.api.declarations import accepts as accepts
from config.api.declarations import accepts_query as accepts_query
from config.api.declarations import operation as operation
from config.api.declarations import prefetches as prefetches
from config.api.declarations import public_operation as public_operation
from config.api.declarations import returns as returns
from config.api.declarations import returns_csv as returns_csv
from config.api.declarations import returns_file as returns_file
from config.api.declarations import returns_page as returns_page
from config.api.declarations import returns_pending as returns_pending
from config.api.declarations import returns_text as returns_text
from config.api.fields import StrictQuery, StrictSerializer
from config.api.headers import add_vary
from config.api.messages import OperationRequest, Response
from config.api.operations import UNDECLARED, ErrorType, Operation
from config.api.record_bodies import parse_body_or_query as parse_body_or_query
from config.api.record_bodies import read_precondition as read_precondition
from config.dynamodb import RecordKey, idempotency

_KEY_OF_REQUEST = "dutyline.idempotency_key"
"""Where a request keeps its key, so that the response can say whether it is a replay."""


class Caller(Protocol):
    """What the API layer knows of the signed-in user; `accounts.permissions.Actor` is one."""

    @property
    def id(self) -> str: ...

    @property
    def customer_id(self) -> str: ...

    def require(self, permission: str) -> None:
        """Raise `errors.Forbidden` without the permission."""

    def check_customer(self, customer_id: Any, at: datetime) -> None:
        """Raise `errors.Forbidden`, audited, unless this is the caller's customer."""


def path_value(request: Request, name: str) -> str:
    """A parameter of the path."""
    return str(cast(Any, request).resolver_match.kwargs[name])


class OperationViewSet(ViewSet):
    """Base of all API views."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    counts_callers = True
    """For `config.api.address_limit`."""
    tag: str
    """The group of the operations in the OpenAPI document."""
    action: str
    allowed_methods: list[str] = []
    rate_limit_status: throttling.RateLimitStatus | None = None
    _declared: Operation | None = None
    _allow: str
    """`allowed_methods` as a header."""

    @classmethod
    def as_view(cls, actions: Any = None, **initkwargs: Any) -> Any:
        """The view of a path; ``actions`` names the methods of this class by HTTP method.

        REST framework's own view describes it for the OpenAPI document, but does not run.
        """
        description = super().as_view(actions, **initkwargs)
        action_names = {method.upper(): name for method, name in (actions or {}).items()}
        if "GET" in action_names:
            action_names["HEAD"] = action_names["GET"]
        allowed_methods = [method.upper() for method in cls.http_method_names if method.upper() in action_names]

        allow = ", ".join(allowed_methods)

        def view(request: HttpRequest, **parameters: str) -> HttpResponseBase:
            operation_view = cls(**initkwargs)
            operation_view.allowed_methods, operation_view._allow = allowed_methods, allow
            operation_view.action = action_names.get(str(request.method), "")
            return operation_view._respond(request, parameters)

        return update_wrapper(view, description)

    def _respond(self, http_request: HttpRequest, parameters: Mapping[str, str]) -> HttpResponseBase:
        """Admit the request and run the method that handles it; errors become problem documents."""
        request = OperationRequest(http_request, self)
        try:
            self._admit(request)
            response = getattr(self, self.action)(request, **parameters)
        except Exception as error:
            response = problem_details.handle_exception(error, {"view": self, "request": request})
        self._add_headers(request, response)
        return cast(HttpResponseBase, response)

    def _admit(self, request: OperationRequest) -> None:
        """Authenticate, count and authorize the request before any data is read."""
        if not self.action:
            throttling.get_limiter().count_request("anonymous", request.META["REMOTE_ADDR"])
            raise exceptions.MethodNotAllowed(str(request.method))
        declared = self.declared_operation()
        if declared.is_public:
            limiter = throttling.get_limiter()
            self.rate_limit_status = limiter.count_request(declared.rate_limit, request.META["REMOTE_ADDR"])
            if declared.query is None and request.META.get("QUERY_STRING"):
                StrictQuery.parse_query(request)
            return
        if not declared.permission:
            raise errors.Forbidden("This operation has no permission declared.")
        caller = self._authenticate(request, declared)
        request.META["dutyline.actor"], request.META["dutyline.customer"] = caller.id, caller.customer_id
        throttling.set_payer(cast(HttpRequest, request), caller.id, caller.customer_id)
        limiter = throttling.get_limiter()
        self.rate_limit_status = limiter.count_request(declared.rate_limit, caller.id, caller.customer_id)
        caller.require(declared.permission)
        if declared.query is None and request.META.get("QUERY_STRING"):
            StrictQuery.parse_query(request)

    def declared_operation(self) -> Operation:
        """What the method that handles the request declares."""
        if self._declared is None:
            self._declared = getattr(getattr(self, self.action or "", None), "operation", UNDECLARED)
        return self._declared

    def _authenticate(self, request: OperationRequest, declared: Operation) -> Caller:
        try:
            for authenticator in self.get_authenticators():
                request.user, request.auth = cast(Any, authenticator.authenticate(request))
        except errors.Unauthenticated as error:
            self.rate_limit_status = throttling.get_limiter().count_request("anonymous", request.META["REMOTE_ADDR"])
            if declared.no_account_status == 404 and isinstance(error, errors.NoAccount):
                raise errors.NotFound(error.detail) from error
            raise
        except Exception:  # too many at once, the database is away: nothing leaves here uncounted
            kind = "read" if request.method in ("GET", "HEAD") else "write"
            counted = (kind, request.caller_id) if request.caller_id else ("anonymous", request.META["REMOTE_ADDR"])
            self.rate_limit_status = throttling.get_limiter().count_request(*counted)
            raise
        return cast(Caller, request.user)

    def _add_headers(self, request: OperationRequest, response: HttpResponseBase) -> None:
        """Add the caller's quota, links to what the body names, and the mark of a replay."""
        declared = self.declared_operation()
        response["Allow"] = self._allow
        for name, value in links.link_headers(declared, request, response).items():
            response[name] = value
        for name, value in (self.rate_limit_status.headers() if self.rate_limit_status else {}).items():
            response[name] = value
        if declared.csv_columns or declared.text_media_type:
            add_vary(response, "Accept")
        idempotency_key = request.META.get(_KEY_OF_REQUEST)
        if idempotency_key and idempotency_key.is_replayed:
            response["Idempotent-Replayed"] = "true"


def read_idempotency_key(request: Request) -> idempotency.IdempotencyKey | None:
    """The Idempotency-Key of a request, bound to the caller and the path.

    None without one, and in operations that do not declare that they honor it.
    """
    header = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if header is None or not cast(Any, request.parser_context)["view"].declared_operation().idempotent:
        return None
    if not (1 <= len(header) <= 255 and header.isascii() and header.isprintable()):
        raise errors.InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    if idempotency_key := request.META.get(_KEY_OF_REQUEST):
        return cast(idempotency.IdempotencyKey, idempotency_key)
    parts = [cast(OperationRequest, request).caller_id, str(request.method), request.path, header]
    request.META[_KEY_OF_REQUEST] = idempotency_key = idempotency.IdempotencyKey(
        key=hashlib.sha256(orjson.dumps(parts)).hexdigest(),
        request_hash=hashlib.sha256(orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )
    return idempotency_key


def versioned_response(request: Request, serializer: serializers.Serializer[Any], status: int = 200) -> Response:
    """The response that shows one record; its ETag is the version, and a digest of what it shows.

    If-Match takes the version. The digest tells apart what the version does not count: the records
    of different callers at one URL, such as ``/user``, and names from other records.
    """
    response = Response(serializer.data, status)
    digest = hashlib.sha256(response.content).hexdigest()[:16]
    response["ETag"] = f'"{cast(Any, serializer.instance).version:d}.{digest}"'
    return response
