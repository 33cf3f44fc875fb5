"""The query of every operation is checked: unknown and repeated parameters, times of any year."""

from dataclasses import replace
from typing import Any

from rest_framework import serializers

from config.api.fields import StrictQuery
from tests.support.samples import SAMPLES, operations, send_request
from tests.support.users import UserFixtures, parse_problem

EXTREME_TIMES = [
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01", "1969-12-31"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59", "2200-01-01"),
]


def iter_queries(base: type[StrictQuery] = StrictQuery) -> list[type[StrictQuery]]:
    return [base, *(query for subclass in base.__subclasses__() for query in iter_queries(subclass))]


def test_every_operation_checks_its_query(test_users: UserFixtures, openapi: dict[str, Any]) -> None:
    """DELETE ignored what else was in the query; calls until the year 1 were a 500."""
    time_names = {
        str(name)
        for query in iter_queries()
        for name, field in query().fields.items()
        if isinstance(field, serializers.DateTimeField)
    }
    assert time_names >= {"from", "to", "at", "recurrenceId"}
    tried = set()
    for operation in operations(openapi):
        sample = SAMPLES[operation.id](test_users)
        names = {item["name"] for item in operation.definition.get("parameters", ()) if item["in"] == "query"}

        def refuse(name: str, value: Any, operation: Any = operation, sample: Any = sample) -> None:
            query: Any = {**sample.query, name: value}
            response = send_request(test_users.ann, operation, replace(sample, query=query))
            assert response.status_code == 400, f"{operation.id} {name}={value}: {response.text}"
            assert f"?{name}" in {error["pointer"] for error in parse_problem(response)["errors"]}

        refuse("x", "1")
        refuse("x", ["1", "2"])
        for name in names:
            refuse(name, ["1", "2"])
        for name in sorted(names & time_names):
            tried.add(name)
            for value in EXTREME_TIMES:
                refuse(name, value)
    assert tried == time_names
