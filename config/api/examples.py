"""Builds the examples of the OpenAPI document, so that they follow the shapes by themselves."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

SAMPLE_TIME = "2026-11-23T09:00:00Z"
_VALUES_BY_TYPE: dict[type[serializers.Field[Any, Any, Any, Any]], Any] = {
    serializers.BooleanField: False,
    serializers.IntegerField: 1,
    serializers.DateTimeField: SAMPLE_TIME,
}


class ExampleBuilder:
    """Fills shapes with sample values, by field name where the type does not say enough."""

    def __init__(self, sample_values: Mapping[str, Any]) -> None:
        self._sample_values = sample_values

    def build(self, shape: type[serializers.Serializer[Any]], **values: Any) -> dict[str, Any]:
        """An example with these values, else the samples; optional fields only if given here."""
        return self._fill(shape(), values)

    def _fill(self, shape: serializers.Serializer[Any], values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: values[name] if name in values else self._value(name, field)
            for name, field in shape.fields.items()
            if field.required or field.read_only or name in values
        }

    def _value(self, name: str, field: Any) -> Any:
        if isinstance(field, serializers.ListSerializer):
            return [self._value(name, field.child)]
        if isinstance(field, serializers.Serializer):
            return self._fill(field, {})
        if name in self._sample_values:
            return self._sample_values[name]
        if field.allow_null:
            return None
        if isinstance(field, serializers.ChoiceField):
            return next(iter(field.choices))
        return next(value for type_, value in _VALUES_BY_TYPE.items() if isinstance(field, type_))
