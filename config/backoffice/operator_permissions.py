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


def operator_rights(operator: Any) -> frozenset[str]:
    """The rights of somebody signed in; none for others."""
    if not (operator.is_authenticated and operator.is_active and operator.is_staff):
        return frozenset()
    if not hasattr(operator, "_console_rights"):
        group_names = operator.groups.values_list("name", flat=True)
        granted = frozenset[str]().union(*(GROUPS.get(name, frozenset()) for name in group_names))
        operator._console_rights = granted
    return frozenset(operator._console_rights)


def has_right(request: HttpRequest, right: str) -> bool:
    """Whether the operator of a request has a right."""
    return right in operator_rights(request.user)
