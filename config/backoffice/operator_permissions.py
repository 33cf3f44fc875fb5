"""What operators may do: look, write, or lead. Groups hold the rights; sign-in sets the groups."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

READ, WRITE, LEAD = "console:read", "console:write", "console:lead"

GROUPS: Mapping[str, frozenset[str]] = {
    "read-only": frozenset({READ}),
    "support": frozenset({READ, WRITE}),
    "lead": frozenset({READ, WRITE, LEAD}),
}
"""The name of a role at Auth0 is the name of a group here."""


def of(operator: Any) -> frozenset[str]:
    """The rights of somebody signed in; none for others."""
    if not (operator.is_authenticated and operator.is_active and operator.is_staff):
        return frozenset()
    if not hasattr(operator, "_console_rights"):
        names = operator.groups.values_list("name", flat=True)
        held = frozenset[str]().union(*(GROUPS.get(name, frozenset()) for name in names))
        operator._console_rights = held
    return frozenset(operator._console_rights)


def may(request: HttpRequest, right: str) -> bool:
    """Whether the operator of a request has a right."""
    return right in of(request.user)
