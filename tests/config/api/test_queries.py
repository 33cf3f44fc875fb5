"""The query of every operation is checked: unknown and repeated parameters, times of any year."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from django.urls import get_resolver
from rest_framework import serializers

from config.api.fields import StrictQuery
from tests.support.samples import SAMPLES, Operation, RequestSample, operations, send_request
from tests.support.users import UserFixtures, parse_problem

EXTREME_TIMES = [
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59"),
]


def iter_queries(base: type[StrictQuery] = StrictQuery) -> list[type[StrictQuery]]:
    return [base, *(query for subclass in base.__subclasses__() for query in iter_queries(subclass))]


def test_queries_of_all_operations_are_validated(test_users: UserFixtures, openapi: dict[str, Any]) -> None:
    """DELETE ignored what else was in the query; calls until the year 1 were a 500."""
    assert get_resolver().url_patterns, "reading them imports every query"
    time_names = {
        str(name)
        for query in iter_queries()
        for name, field in query().fields.items()
        if isinstance(field, serializers.DateTimeField)
    }
    assert time_names >= {"from", "to", "at", "recurrenceId"}
    requests: list[tuple[Operation, RequestSample, str]] = []
    for operation in operations(openapi):
        sample = SAMPLES[operation.id](test_users)
        names = {item["name"] for item in operation.definition.get("parameters", ()) if item["in"] == "query"}
        values: list[tuple[str, Any]] = [("x", "1"), *((name, ["1", "2"]) for name in names)]
        values += [(name, time) for name in names & time_names for time in EXTREME_TIMES]
        requests += [(operation, replace(sample, query={**sample.query, name: value}), name) for name, value in values]
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda request: send_request(test_users.ann, *request[:2]), requests))
    for (operation, sample, name), response in zip(requests, responses, strict=True):
        case = f"{operation.id} {sample.query}: {response.text}"
        assert response.status_code == 400, case
        assert f"?{name}" in {error["pointer"] for error in parse_problem(response)["errors"]}, case
    assert {name for _, _, name in requests} >= time_names
