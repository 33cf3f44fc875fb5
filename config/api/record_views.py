"""`RecordView`: the base of what the API shows of a record, at a fraction of REST framework's cost.

REST framework copies the declared fields of a serializer for each instance, that is for each item
of a list. Here each class reads its fields once.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from rest_framework import serializers
from rest_framework.fields import Field, SkipField

T = TypeVar("T")


class _Output(NamedTuple):
    """How a member of the answer comes about."""

    name: str
    read: Callable[[Any], Any]
    """The value of a record. Raises `SkipField` where the member is left out."""
    convert: Callable[[Any], Any]
    method_name: str
    """Of the view, in place of ``convert``; empty for most."""


class RecordView(serializers.Serializer[T]):
    """A serializer that only shows; its members are those that REST framework's own would have."""

    def to_representation(self, instance: T) -> dict[str, Any]:
        outputs, has_views = _list_outputs(type(self))
        if has_views and self.context:  # which the views within would not get
            return dict(super().to_representation(instance))
        representation: dict[str, Any] = {}
        for name, read, convert, method_name in outputs:
            try:
                value = read(instance)
            except SkipField:
                continue
            if value is None:
                representation[name] = None
            elif method_name:
                representation[name] = getattr(self, method_name)(value)
            else:
                representation[name] = convert(value)
        return representation


@cache
def _list_outputs(view_class: type[RecordView[Any]]) -> tuple[list[_Output], bool]:
    """The members of a view, and whether other views are among them."""
    fields = [field for field in view_class().fields.values() if not field.write_only]
    outputs = [
        _Output(
            str(field.field_name),
            _reader(field),
            field.to_representation,
            str(field.method_name) if isinstance(field, serializers.SerializerMethodField) else "",
        )
        for field in fields
    ]
    return outputs, any(isinstance(field, serializers.BaseSerializer) for field in fields)


def _reader(field: "Field[Any, Any, Any, Any]") -> Callable[[Any], Any]:
    """Reads the value of a field; REST framework's own way for what is not a plain attribute."""
    read_any = field.get_attribute
    if type(field).get_attribute is not Field.get_attribute or len(field.source_attrs) != 1:
        return read_any
    name = field.source_attrs[0]

    def read(instance: Any) -> Any:
        try:
            value = instance[name] if isinstance(instance, Mapping) else getattr(instance, name)
        except (KeyError, AttributeError):
            return read_any(instance)
        return read_any(instance) if callable(value) else value

    return read
