"""Who an operator is to the rules: the author of what they do, from where, and when."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ulid import base32

from config import audit


def operator_author(request: HttpRequest, customer_id: str) -> audit.Author:
    """The operator of a request, acting for a customer."""
    return audit.Author(
        type="operator",
        id=operator_id(request.user),
        name=operator_name(request.user),
        customer_id=customer_id,
        ip=request.META.get("REMOTE_ADDR", ""),
        user_agent=request.headers.get("User-Agent", "")[:256],
        request_id=request.META.get("dutyline.request_id", ""),
    )


def operator_name(operator: Any) -> str:
    """What an operator is called."""
    return str(operator.get_full_name() or operator.get_username())


def operator_id(operator: Any) -> str:
    """What the audit calls an operator: it follows from who they are at Auth0, so it outlives
    their row."""
    digest = hashlib.sha256(operator.get_username().encode()).digest()[:16]
    return f"opr_{base32.encode(digest)}"


def current_time() -> datetime:
    """The clock of the doors."""
    return datetime.now(UTC)
