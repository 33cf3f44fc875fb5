"""Members of bodies and queries are validated as REST framework does."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework import serializers

from config.api import routes
from config.api.fields import StrictSerializer


def iter_strict_serializers(base: type[StrictSerializer] = StrictSerializer) -> Iterator[type[StrictSerializer]]:
    yield base
    for subclass in base.__subclasses__():
        yield from iter_strict_serializers(subclass)


def describe_outcome(validate: Callable[[Any], Any], data: dict[str, Any]) -> Any:
    try:
        return validate(data)
    except serializers.ValidationError as error:
        return "refused", error.detail


@pytest.mark.parametrize(
    "value", [None, "", "x", "x\0", "\ud800", "a" * 5_000, 1, True, [], ["x"], {}, {"x": 1}, 1e300]
)
def test_members_are_validated_as_by_rest_framework(value: Any) -> None:
    routes.load()
    bodies = {body for body in iter_strict_serializers() if body.__module__.partition(".")[0] != "tests"}
    assert len(bodies) > 50
    for body in bodies:
        serializer = body()
        for data in ({}, dict.fromkeys(serializer.fields, value), *({name: value} for name in serializer.fields)):
            own = describe_outcome(serializer._validate_members, data)
            theirs = describe_outcome(lambda data: super(StrictSerializer, serializer).to_internal_value(data), data)  # noqa: B023
            assert own == theirs, body
