"""What the methods of views declare of themselves: see `config.api`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from rest_framework import serializers
from rest_framework.request import Request

from config.api import pagination
from config.api.fields import StrictSerializer
from config.api.operations import ErrorType, Operation
from config.api.record_bodies import parse_body_or_query as parse_body_or_query
from config.api.record_bodies import read_precondition as read_precondition
from config.dynamodb import RecordKey

M = TypeVar("M", bound=Callable[..., Any])


def operation(
    id: str,
    permission: str,
    *,
    rate_limit: str = "read",
    errors: Sequence[ErrorType] = (),
    idempotent: bool = False,
    if_match: bool = False,
    permission_for_others: str = "",
    no_account_status: int = 401,
) -> Callable[[M], M]:
    """Declare a view method. Without this, `OperationViewSet` refuses every request for it.

    ``errors``: what it may answer beyond the common errors of `Operation.error_types`.
    ``idempotent``: honors Idempotency-Key. ``if_match``: honors If-Match; an operation with a body
    that returns an ETag always does. ``permission_for_others``: what the domain function requires
    if the target is another user or not one's own. ``no_account_status``: the answer to a valid
    token that belongs to no account.
    """
    return _declare(
        id=id,
        permission=permission,
        rate_limit=rate_limit,
        errors=tuple(errors),
        idempotent=idempotent,
        if_match=if_match,
        permission_for_others=permission_for_others,
        no_account_status=no_account_status,
    )


def public_operation(id: str, *, errors: Sequence[ErrorType] = ()) -> Callable[[M], M]:
    """Declare a view method that anybody may call without a token; it reads only.

    Its requests count against the address that sends them, and browsers may read the answer on
    pages of any origin: its path begins with `headers.PUBLIC_PREFIX`.
    """
    return _declare(id=id, is_public=True, rate_limit="anonymous", errors=tuple(errors))


def accepts(body: type[StrictSerializer], example: Any = None) -> Callable[[M], M]:
    """Declare the JSON body."""
    return _declare(body=body, body_example=example)


def accepts_query(query: type[StrictSerializer]) -> Callable[[M], M]:
    """Declare the query parameters."""
    return _declare(query=query)


def returns(
    response: type[serializers.Serializer[Any]] | Any,
    example: Any,
    *,
    status: int = 200,
    etag: bool = False,
    location: str = "",
    may_exist: bool = False,
    media_type: str = "application/json",
) -> Callable[[M], M]:
    """Declare the response: a serializer class, or for the document a choice of several.

    With ``etag``, it shows a record: its ETag is the version, and a body may come with If-Match.
    Every GET honors If-None-Match.
    ``location``: the path of a created resource, with fields of the response in braces and, after
    `?`, a field that is a query parameter unless it is null; the header Location of a 201, and of a
    202 that creates something. ``may_exist``: a 200 shows a record that was there already.
    ``media_type``: what kind of JSON it is.
    """
    if (status == 201 and not location) or (location and status not in (201, 202)):
        raise TypeError("A response with status 201 needs the path of what was created; only a 202 may have one, too.")
    return _declare(
        response=response,
        response_example=example,
        status=status,
        etag=etag,
        location=location,
        may_exist=may_exist,
        media_type=media_type,
    )


def returns_page(item: type[serializers.Serializer[Any]], item_example: Any) -> Callable[[M], M]:
    """Declare a page of items as the response; `pagination.page_response` builds it."""
    return returns(pagination.page_serializer(item), {"items": [item_example], "nextCursor": None})


def returns_file(media_type: str, *, ranges: bool = False) -> Callable[[M], M]:
    """Declare a file, alone or beside the JSON of `returns`; a `ranges.file_response` or not."""
    return _declare(file_media_type=media_type, file_ranges=ranges)


def returns_text(media_type: str, example: str) -> Callable[[M], M]:
    """Declare a text beside the JSON of `returns`, for clients that accept this media type."""
    return _declare(text_media_type=media_type, text_example=example)


def returns_pending(response: type[serializers.Serializer[Any]], example: Any, *, location: str) -> Callable[[M], M]:
    """Declare a `messages.pending_response`; ``location``: the path of the result, as `returns`."""
    return _declare(pending=response, pending_example=example, pending_location=location)


def returns_csv(columns: Sequence[str]) -> Callable[[M], M]:
    """Declare CSV with these columns, for `Accept: text/csv` (`config.api.csv_tables`)."""
    return _declare(csv_columns=tuple(columns))


def prefetches(list_keys: Callable[[Request], Iterable[RecordKey]]) -> Callable[[M], M]:
    """Declare records that the request or its token names, to be read in the caller's round trip.

    They are in `AuthenticatedUser.records`; whether the caller may see them is checked as ever.
    """
    return _declare(prefetch=list_keys)


def _declare(**parts: Any) -> Callable[[M], M]:
    def declare(method: M) -> M:
        method.operation = replace(getattr(method, "operation", Operation()), **parts)  # type: ignore[attr-defined]
        return method

    return declare
