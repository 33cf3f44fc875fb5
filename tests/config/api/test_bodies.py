"""Parsing of bodies and queries: as REST framework does it with new fields for each request."""

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework import serializers

from config.api.error_catalog import list_operations
from config.api.fields import StrictSerializer

_OPERATIONS = list_operations()
_EXAMPLES = {operation.body: operation.body_example or {} for operation in _OPERATIONS if operation.body}
_QUERIES = {operation.query for operation in _OPERATIONS if operation.query}
_LONG = "x" * 5_000


def _list_bodies(body: type[StrictSerializer]) -> Iterator[Any]:
    """The example, the example with one wrong or missing value, and no object."""
    example = _EXAMPLES[body]
    yield from (example, {}, [], 7, {"unknown": 1, "__proto__": None})
    for name in body().fields:
        yield {other: value for other, value in example.items() if other != name}
        yield from ({**example, name: value} for value in (None, "", 7, True, ["a"], {"a": 1}, _LONG))


def _list_queries(query: type[StrictSerializer]) -> Iterator[Any]:
    yield from ({}, {"unknown": "1"})
    for name in query().fields:
        yield from ({name: value} for value in ("", "7", "name", "2027-01-04T09:00:00Z", _LONG))


@pytest.mark.parametrize("body", sorted({*_EXAMPLES, *_QUERIES}, key=str), ids=lambda body: body.__name__)
def test_bodies_are_parsed_as_by_new_serializers(body: type[StrictSerializer]) -> None:
    for document in _list_queries(body) if body not in _EXAMPLES else _list_bodies(body):
        fresh = body(data=document)
        if fresh.is_valid():
            assert body.parse(document) == dict(fresh.validated_data)
        else:
            with pytest.raises(serializers.ValidationError) as refused:
                body.parse(document)
            assert refused.value.get_full_details() == serializers.ValidationError(fresh.errors).get_full_details()
