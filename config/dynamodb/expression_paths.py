"""Conditions on attributes of records: PynamoDB's own, built and written in a third of the time.

PynamoDB looks for nested names and indexes in the path of an attribute each time that a condition
refers to it. ``tests/config/dynamodb/test_record_writing.py`` compares what both write.
"""

from datetime import datetime
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition, NotExists
from pynamodb.expressions.operand import Path, Value

_SIMPLE_TYPES = {str, int, bool, datetime}


class AttributePath(Path):
    """The path of an attribute that is part of no other, to be used many times."""

    def __init__(self, attribute: Attribute[Any]) -> None:
        super().__init__(attribute)
        (self._name,) = self.path
        self._is_simple = attribute.attr_type in ("S", "N", "BOOL")
        self._serialize = attribute.serialize

    def serialize(self, placeholder_names: dict[str, str], expression_attribute_values: dict[str, Any]) -> str:
        return placeholder_names.setdefault(self._name, f"#{len(placeholder_names)}")

    def __eq__(self, other: object) -> "Equality":  # type: ignore[override]
        return Equality(self, self._to_operand(other))

    def does_not_exist(self) -> "Absence":
        return Absence(self)  # type: ignore[no-untyped-call] # PynamoDB's

    def _to_operand(self, value: Any) -> Any:
        if self._is_simple and type(value) in _SIMPLE_TYPES:
            return StoredValue(str(self.attr_type), self._serialize(value))
        return super()._to_operand(value)


class Equality(Condition):
    """That an attribute has a value."""

    def __init__(self, path: AttributePath, value: Any) -> None:
        super().__init__("=", path, value)

    def serialize(self, placeholder_names: dict[str, str], expression_attribute_values: dict[str, Any]) -> str:
        path, value = self.values
        left = path.serialize(placeholder_names, expression_attribute_values)
        return f"{left} = {value.serialize(placeholder_names, expression_attribute_values)}"


class Absence(NotExists):
    """That an item does not have an attribute."""

    def serialize(self, placeholder_names: dict[str, str], expression_attribute_values: dict[str, Any]) -> str:
        (path,) = self.values
        return f"attribute_not_exists ({path.serialize(placeholder_names, expression_attribute_values)})"


class StoredValue(Value):
    """A value in DynamoDB's notation."""

    def __init__(self, attr_type: str, value: Any) -> None:
        self.attr_type, self.values = attr_type, ({attr_type: value},)

    def serialize(self, placeholder_names: dict[str, str], expression_attribute_values: dict[str, Any]) -> str:
        placeholder = f":{len(expression_attribute_values)}"
        expression_attribute_values[placeholder] = self.values[0]
        return placeholder
