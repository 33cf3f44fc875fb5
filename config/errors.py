"""What a rule answers when it cannot do what was asked: one sentence, one code, one status.

Domain modules raise these (or a subclass that stands beside the function that raises it); the
doors translate them. ``pointer`` names the member of the body at fault (RFC 6901).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one member of a request."""

    pointer: str
    code: str
    detail: str
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further members, for programs."""


class DomainError(Exception):
    """Base of every anticipated failure."""

    status = 400
    code = "invalid_request"
    title = "The request cannot be used"

    def __init__(self, detail: str, *, pointer: str | None = None, field_errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field_errors = list(field_errors)
        if pointer is not None:
            self.field_errors.append(FieldError(pointer, self.code, detail))


class InvalidRequest(DomainError):
    """The request contradicts its own rules."""


class Unauthenticated(DomainError):
    """Nobody we know is asking."""

    status = 401
    code = "unauthenticated"
    title = "Sign in first"


class NoAccount(Unauthenticated):
    """The token is good, but no account here belongs to it."""

    code = "no_account"


class Forbidden(DomainError):
    """The caller may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class NotFound(DomainError):
    """No such thing, or it is another customer's: both are answered alike."""

    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(DomainError):
    """The state of things does not allow it."""

    status = 409
    code = "conflict"
    title = "In conflict with the present state"


class PreconditionFailed(DomainError):
    """The thing changed since the caller read it (If-Match)."""

    status = 412
    code = "precondition_failed"
    title = "Changed in the meantime"


class PayloadTooLarge(DomainError):
    """The body is larger than we read."""

    status = 413
    code = "too_large"
    title = "The body is too large"


class IdempotencyKeyReused(DomainError):
    """An Idempotency-Key came back with another request."""

    status = 422
    code = "idempotency_key_reused"
    title = "Idempotency-Key used for another request"


class _RetryableError(DomainError):
    """A refusal that ends by itself."""

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """Seconds until it makes sense to ask again."""


class TooManyRequests(_RetryableError):
    """More requests than the caller's share."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"


class Unavailable(_RetryableError):
    """Something we depend on does not answer; nothing is lost, ask again."""

    status = 503
    code = "unavailable"
    title = "Unavailable for a moment"
