"""Errors that clients see: a sentence, a code and a status.

Domain modules raise these, or a subclass defined beside the function that raises it; the API layer
and the back office translate them. ``pointer`` names the invalid field of the body (RFC 6901).

The docstrings of the classes describe the statuses in the OpenAPI document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FieldError:
    """An error of one field of a request."""

    pointer: str
    code: str
    detail: str
    extra: Mapping[str, str] = field(default_factory=dict)
    """Additional machine-readable members."""


class DomainError(Exception):
    """Base of all expected errors."""

    status = 400
    code = "invalid_request"
    title = "Validation failed"

    def __init__(self, detail: str, *, pointer: str | None = None, field_errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field_errors = list(field_errors)
        if pointer is not None:
            self.field_errors.append(FieldError(pointer, self.code, detail))


class InvalidRequest(DomainError):
    """A field is missing or invalid; `errors` names it."""


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


class Conflict(DomainError):
    """The current state does not allow this."""

    status = 409
    code = "conflict"
    title = "Conflict"


class PreconditionFailed(DomainError):
    """`If-Match` does not match the current version."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"


class PayloadTooLarge(DomainError):
    """The body is larger than 256 KiB."""

    status = 413
    code = "too_large"
    title = "Payload too large"


class IdempotencyKeyReused(DomainError):
    """The `Idempotency-Key` was used for a request with another body."""

    status = 422
    code = "idempotency_key_reused"
    title = "Idempotency-Key reused"


class _RetryableError(DomainError):
    """A temporary error."""

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
    """A dependency does not respond; retry after `Retry-After` seconds."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"
