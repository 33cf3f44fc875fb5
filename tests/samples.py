"""One request per operation that works, by operationId: the seed of contract and isolation tests.

Whoever adds an operation adds its sample here; both tests then try it by themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import Cast

UNKNOWN = {
    "usr": "usr_01J00000000000000000000000",
    "cus": "cus_01J00000000000000000000000",
    "loc": "loc_01J00000000000000000000000",
}


@dataclass
class Sample:
    """Values for the path, the query and the body."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    wrong: dict[str, Any] = field(default_factory=dict)
    """What to change in body or query to get 400."""


SAMPLES: dict[str, Callable[[Cast], Sample]] = {
    "getCurrentUser": lambda cast: Sample(),
    "createUser": lambda cast: Sample(
        body=cast.new_user(locations=[cast.boston.id]), wrong={"email": 7}
    ),
    "getUserAuditLogs": lambda cast: Sample(
        path={"userId": cast.sam.id}, query={"limit": "10", "offset": "0"}, wrong={"limit": "x"}
    ),
}


def places(sample: Sample) -> list[tuple[str, str]]:
    """Where a sample names somebody's things: (path, query or body; name)."""
    found = [("path", name) for name in sample.path]
    found += [("query", name) for name in sample.query if name.endswith("Id")]
    for name in sample.body or {}:
        if name.endswith("Id") or name in ("id", "locations"):
            found.append(("body", name))
    return found


def foreign(cast: Cast, name: str) -> Any:
    """The outsider's thing for a place of this name."""
    if name in ("locations", "locationId"):
        return [cast.hilltop.id] if name == "locations" else cast.hilltop.id
    return cast.elsewhere.id if name == "customerId" else cast.cleo.id


def unknown(name: str) -> Any:
    """Nobody's thing for a place of this name."""
    if name in ("locations", "locationId"):
        return [UNKNOWN["loc"]] if name == "locations" else UNKNOWN["loc"]
    return UNKNOWN["cus"] if name == "customerId" else UNKNOWN["usr"]


@dataclass(frozen=True)
class Operation:
    """One operation of the OpenAPI document."""

    id: str
    method: str
    template: str
    document: dict[str, Any]

    def path(self, sample: Sample) -> str:
        path = self.template
        for name, value in sample.path.items():
            path = path.replace("{" + name + "}", value)
        return path


def operations(openapi: dict[str, Any]) -> list[Operation]:
    """Every operation that is documented."""
    return [
        Operation(document["operationId"], method.upper(), template, document)
        for template, methods in openapi["paths"].items()
        for method, document in methods.items()
    ]
