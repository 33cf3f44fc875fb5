"""Operators: what their groups permit, and who they are to the audit."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from ulid import base32

from config import audit

READ, WRITE, LEAD = "console:read", "console:write", "console:lead"

MAX_OPERATORS = 1_000

GROUPS: Mapping[str, frozenset[str]] = {
    "read-only": frozenset({READ}),
    "support": frozenset({READ, WRITE}),
    "lead": frozenset({READ, WRITE, LEAD}),
}
"""The rights of each group. Groups have the names of the roles at Auth0; sign-in assigns them."""


def rights_of(operator: Any) -> frozenset[str]:
    """The rights of a signed-in operator; none for anybody else."""
    if not (operator.is_authenticated and operator.is_active and operator.is_staff):
        return frozenset()
    if not hasattr(operator, "_console_rights"):
        group_names = operator.groups.values_list("name", flat=True)
        operator._console_rights = frozenset[str]().union(*(GROUPS.get(name, ()) for name in group_names))
    return frozenset(operator._console_rights)


def has_right(request: HttpRequest, right: str) -> bool:
    """Whether the operator of a request has a right."""
    return right in rights_of(request.user)


def author_of(request: HttpRequest, customer_id: str) -> audit.Author:
    """The operator of a request as the author of changes to a customer's data."""
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
    """The full name of an operator, or else their user name."""
    return str(operator.get_full_name() or operator.get_username())


def operator_id(operator: Any) -> str:
    """The id of an operator in the audit: derived from their Auth0 id, so it outlives their row."""
    digest = hashlib.sha256(operator.get_username().encode()).digest()[:16]
    return f"opr_{base32.encode(digest)}"


def names_by_id() -> dict[str, str]:
    """The names of all operators by their id in the audit."""
    people = get_user_model().objects.filter(is_staff=True)[:MAX_OPERATORS]
    return {operator_id(operator): operator_name(operator) for operator in people}


def now() -> datetime:
    """The time at which an admin page acts; domain functions take it as an argument."""
    return datetime.now(UTC)
