"""Errors that clients see: a sentence, a code and a status.

Domain modules raise these, or a subclass defined beside the function that raises it; the API layer
and the back office translate them. ``pointer`` names the invalid field of the body (RFC 6901).

A class that defines a `code` is an entry of the error catalog (`config.api.error_catalog`): its
docstring says what the code means. Each code has one meaning and one status.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import ClassVar

MAX_FIELD_ERRORS = 20
"""Field errors in one answer. Whoever collects them stops after one more, which shows that there
are more."""
MAX_COMPARED_LENGTH = 64
FIELD_CODES: dict[str, str] = {}
"""Codes of field errors that no class of this module stands for, and what they mean."""


def define_field_code(code: str, meaning: str) -> str:
    """Add a code of field errors to the catalog; returns the code."""
    FIELD_CODES[code] = meaning
    return code


INVALID_FIELD = define_field_code("invalid", "The value has the wrong type or form; the detail says what is expected.")


INVALID_PHONE = define_field_code("invalid_phone", "Not a phone number with country code, such as +14155550123.")


@dataclass(frozen=True)
class Member:
    """An additional member of a field error: a string."""

    description: str
    is_date_time: bool = False


def did_you_mean(name: str, accepted_names: Iterable[str]) -> str:
    """The end of a sentence about a name: the accepted name that is near, if there is one.

    Names that are much longer than any accepted one are not compared: that takes long.
    """
    if not 0 < len(name) <= MAX_COMPARED_LENGTH:
        return "."
    folded_name, names_by_folded = name.casefold(), _fold_names(frozenset(accepted_names))
    matches = [other for other in names_by_folded if other.endswith(folded_name) or folded_name.endswith(other)]
    matches += get_close_matches(folded_name, names_by_folded, n=1)
    return f"; did you mean `{names_by_folded[matches[0]]}`?" if matches else "."


@lru_cache(maxsize=256)
def _fold_names(names: frozenset[str]) -> dict[str, str]:
    return {name.casefold(): name for name in sorted(names)}


@dataclass(frozen=True)
class FieldError:
    """An error of one field of a request."""

    pointer: str
    code: str
    detail: str
    extra: Mapping[str, str] = field(default_factory=dict)
    """Additional machine-readable members, by name; see `DomainError.members`."""


class DomainError(Exception):
    """Base of all expected errors."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_request"
    title: ClassVar[str] = "Validation failed"
    members: ClassVar[Mapping[str, "Member"]] = {}
    """Additional members of its field error."""
    example_detail: ClassVar[str] = ""
    example_pointer: ClassVar[str] = ""
    is_general: ClassVar[bool] = False
    """Whether this class, not a subclass, is answered elsewhere too, such as at unknown paths."""

    def __init__(self, detail: str, *, pointer: str | None = None, field_errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field_errors = list(field_errors)
        if pointer is not None:
            field_code = INVALID_FIELD if self.code == InvalidRequest.code else self.code
            self.field_errors.append(FieldError(pointer, field_code, detail))

    @classmethod
    def example(cls) -> "DomainError":
        """An instance for the documentation."""
        detail = cls.example_detail or " ".join((cls.__doc__ or "").split())
        return cls(detail, pointer=cls.example_pointer) if cls.example_pointer else cls(detail)


class InvalidRequest(DomainError):
    """The request is not valid; `errors` names the fields or query parameters at fault."""

    code = "invalid_request"
    example_detail = "Some fields are missing or invalid; see `errors`."
    is_general = True

    @classmethod
    def example(cls) -> DomainError:
        if cls.code != InvalidRequest.code:
            return super().example()
        return cls(cls.example_detail, field_errors=[FieldError("/name", "required", "This field is required.")])


class Unauthenticated(DomainError):
    """The access token is missing or not valid for this API."""

    status = 401
    code = "unauthenticated"
    title = "Authentication required"


class NoAccount(Unauthenticated):
    """The token is valid, but it belongs to no account."""

    code = "no_account"


class Forbidden(DomainError):
    """The signed-in user does not have the permission."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotFound(DomainError):
    """The resource does not exist, or belongs to another customer."""

    status = 404
    code = "not_found"
    title = "Not found"
    is_general = True


class RequestTimeout(DomainError):
    """The body of the request did not arrive in time; send the request again."""

    status = 408
    code = "request_timeout"
    title = "Request timeout"


class Conflict(DomainError):
    """Another request has changed the record; read it again."""

    status = 409
    code = "conflict"
    title = "Conflict"
    is_general = True


class RequestInProgress(Conflict):
    """The first request with this `Idempotency-Key` is still in progress; retry."""

    code = "request_in_progress"
    title = "Request in progress"


class PreconditionFailed(DomainError):
    """`If-Match` does not match the current version."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"


class PayloadTooLarge(DomainError):
    """The body is larger than 256 KiB."""

    status = 413
    code = "payload_too_large"
    title = "Payload too large"


class HeadersTooLarge(DomainError):
    """A header is longer than 8 KiB, or all headers together are longer than 32 KiB."""

    status = 431
    code = "headers_too_large"
    title = "Headers too large"
    is_general = True


class IdempotencyKeyReused(DomainError):
    """The `Idempotency-Key` was used for a request with another body."""

    status = 422
    code = "idempotency_key_reused"
    title = "Idempotency-Key reused"


class _RetryableError(DomainError):
    """A temporary error."""

    limit_name: str = ""
    """Which limit was reached, if it has a name: for metrics."""

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """Seconds until the client should retry."""


class TooManyRequests(_RetryableError):
    """Too many requests; retry after `Retry-After` seconds."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"


class Unavailable(_RetryableError):
    """A dependency does not respond, or too many requests wait; retry after `Retry-After` s."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5, cause: str = "") -> None:
        super().__init__(detail, retry_after=retry_after)
        self.cause = cause
        """Which dependency failed, and the code of its failure, such as ``push service: timeout``.

        For logs and operators; without personal data.
        """
