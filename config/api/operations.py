"""What a view method declares of its operation, and the errors that follow from it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework import serializers
from rest_framework.request import Request

from config import errors, strict_json
from config.api import pagination, problem_details, ranges
from config.api.fields import EmptyBody, StrictSerializer
from config.dynamodb import RecordKey

ErrorType = type[errors.DomainError]


@dataclass(frozen=True)
class Operation:
    """The declaration of a view method."""

    id: str = ""
    permission: str = ""
    is_public: bool = False
    permission_for_others: str = ""
    rate_limit: str = "read"
    no_account_status: int = 401
    errors: tuple[ErrorType, ...] = ()
    idempotent: bool = False
    if_match: bool = False
    body: type[StrictSerializer] | None = None
    body_example: Any = None
    query: type[StrictSerializer] | None = None
    response: type[serializers.Serializer[Any]] | Any = None
    response_example: Any = None
    status: int = 200
    etag: bool = False
    location: str = ""
    may_exist: bool = False
    media_type: str = "application/json"
    text_media_type: str = ""
    text_example: str = ""
    file_media_type: str = ""
    file_ranges: bool = False
    csv_columns: tuple[str, ...] = ()
    prefetch: Callable[[Request], Iterable[RecordKey]] | None = None
    pending: type[serializers.Serializer[Any]] | None = None
    pending_example: Any = None
    pending_location: str = ""

    @property
    def statuses(self) -> list[int]:
        """Of the answers that show a record."""
        return [200, self.status] if self.may_exist else [self.status]

    @property
    def honors_if_match(self) -> bool:
        return self.if_match or bool(self.body and self.etag and not self.idempotent)

    @property
    def has_reusable_key(self) -> bool:
        """Whether requests with one Idempotency-Key can differ."""
        return self.idempotent and self.body is not EmptyBody

    @property
    def error_types(self) -> list[ErrorType]:
        """Every error that the operation may answer, by status and code."""
        types = {errors.InvalidRequest, errors.TooManyRequests, problem_details.InternalError, *self.errors}
        types |= {*own_codes(errors.Unavailable)}
        if self.is_public:
            return sorted(types, key=lambda error: (error.status, error.code))
        types |= {*own_codes(errors.Unauthenticated)}
        if self.permission not in import_string(settings.PERMISSIONS_OF_EVERYONE):
            types.add(errors.Forbidden)
        if self.body:
            types |= {strict_json.MalformedJSON, errors.RequestTimeout, errors.PayloadTooLarge}
            types |= {problem_details.UnsupportedMediaType}
        if self.query:
            types |= {pagination.InvalidCursor} if "cursor" in self.query().fields else set()
        types |= {errors.PreconditionFailed} if self.honors_if_match else set()
        types |= {ranges.RangeNotSatisfiable} if self.file_ranges else set()
        types |= {errors.IdempotencyKeyReused} if self.has_reusable_key else set()
        return sorted(types, key=lambda error: (error.status, error.code))


UNDECLARED = Operation()


def own_codes(base: ErrorType) -> Iterator[ErrorType]:
    """The class and its subclasses, of those already imported, that define a code."""
    if "code" in vars(base) and base is not errors.DomainError:
        yield base
    for subclass in base.__subclasses__():
        yield from own_codes(subclass)
