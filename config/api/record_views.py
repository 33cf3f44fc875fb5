"""`RecordView`: the base of what the API shows of a record, at a fraction of REST framework's cost.

REST framework copies the declared fields of a serializer for each instance, that is for each item
of a list, and converts every value. Here each class reads its fields once, and values that already
are what the field shows, such as text, are shown as they are: a page of 100 users takes a tenth of
the time.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, cast

from rest_framework import serializers
from rest_framework.fields import Field, SkipField
from rest_framework.settings import api_settings

T = TypeVar("T")
_MISSING = object()
_PLAIN_TYPES: dict[Callable[..., Any], type] = {
    serializers.CharField.to_representation: str,
    serializers.IntegerField.to_representation: int,
    serializers.BooleanField.to_representation: bool,
}


class _Member(NamedTuple):
    """How a member of the answer comes about."""

    name: str
    source: str | None
    """The attribute or key that holds the value; None if only ``read`` can find it."""
    read: Callable[[Any], Any]
    """The value of a record. Raises `SkipField` where the member is left out."""
    plain_type: type | None
    """Values of exactly this type are shown as they are."""
    convert: Callable[[Any], Any]
    method_name: str
    """Of the view, in place of ``convert``; empty for most."""
    view: "serializers.BaseSerializer[Any] | None"
    """The view of the value, which takes over the context."""


class RecordView(serializers.Serializer[T]):
    """A serializer that only shows; its members are those that REST framework's own would have."""

    def __init__(self, instance: Any = None, *arguments: Any, context: Any = None, **options: Any) -> None:
        """A view of ``instance``, for which it needs none of what a field is otherwise made of."""
        if instance is None or arguments or options:
            super().__init__(instance, *arguments, context=context or {}, **options)
        else:
            self.instance, self.parent, self._context = instance, cast(Any, None), context or {}

    @classmethod
    def many_init(cls, instance: Any = None, **options: Any) -> Any:
        """Views of all ``instance``, by one that is a field of theirs."""
        views = super().many_init(**options)
        views.instance = instance
        return views

    @property
    def data(self) -> Any:
        """What it shows. REST framework's refers back to the view: a cycle, for the collector."""
        return self.to_representation(cast(T, self.instance))

    def to_representation(self, instance: T) -> dict[str, Any]:
        stored = _value_finder(cast(type, type(instance)))(instance)
        representation: dict[str, Any] = {}
        for name, source, read, plain_type, convert, method_name, view in _list_members(type(self)):
            value = stored.get(source, _MISSING)
            if value is _MISSING:
                try:
                    value = read(instance)
                except SkipField:
                    continue
            if value is None or type(value) is plain_type:
                representation[name] = value
            elif method_name:
                representation[name] = getattr(self, method_name)(value)
            elif view and self.context:
                representation[name] = self._bind(name, view).to_representation(value)
            else:
                representation[name] = convert(value)
        return representation

    def _bind(self, name: str, view: "serializers.BaseSerializer[Any]") -> "serializers.BaseSerializer[Any]":
        """A view within this one, with its context."""
        bound_views: dict[str, Any] = self.__dict__.setdefault("_bound_views", {})
        if name not in bound_views:
            is_list = isinstance(view, serializers.ListSerializer)
            view_class: Any = type(cast(Any, view).child if is_list else view)
            bound_views[name] = view_class(context=self.context, **({"many": True} if is_list else {}))
        return cast("serializers.BaseSerializer[Any]", bound_views[name])


@cache
def _value_finder(instance_class: type) -> Callable[[Any], Mapping[str | None, Any]]:
    """Finds the values of a record, dict or plain object by name, without descriptors."""
    if instance_class is dict:
        return _itself
    if issubclass(instance_class, Mapping) or not instance_class.__dictoffset__:
        return lambda _: {}
    return attrgetter("__dict__")


@cache
def _list_members(view_class: type[RecordView[Any]]) -> list[_Member]:
    fields = [field for field in view_class().fields.values() if not field.write_only]
    return [
        _Member(
            str(field.field_name),
            _source_of(field),
            _reader(field),
            _plain_type_of(field),
            _converter(field),
            str(field.method_name) if isinstance(field, serializers.SerializerMethodField) else "",
            field if isinstance(field, serializers.BaseSerializer) else None,
        )
        for field in fields
    ]


def _source_of(field: "Field[Any, Any, Any, Any]") -> str | None:
    is_plain = type(field).get_attribute is Field.get_attribute and len(field.source_attrs) == 1
    return field.source_attrs[0] if is_plain else None


def _reader(field: "Field[Any, Any, Any, Any]") -> Callable[[Any], Any]:
    """Reads the value of a field; REST framework's own way for what is not a plain attribute."""
    read_any, name = field.get_attribute, _source_of(field)
    if name is None:
        return _itself if type(field).get_attribute is Field.get_attribute and not field.source_attrs else read_any

    def read(instance: Any) -> Any:
        try:
            value = instance[name] if isinstance(instance, Mapping) else getattr(instance, name)
        except (KeyError, AttributeError):
            return read_any(instance)
        return read_any(instance) if callable(value) else value

    return read


def _itself(instance: Any) -> Any:
    return instance


def _converter(field: "Field[Any, Any, Any, Any]") -> Callable[[Any], Any]:
    """Converts a value as the field does; lists of plain values are shown as they are."""
    convert = field.to_representation
    if type(field).to_representation is not serializers.ListField.to_representation:
        return convert
    plain_type = _plain_type_of(cast(serializers.ListField, field).child)

    def convert_list(values: Any) -> Any:
        return values if type(values) is list and {plain_type}.issuperset(map(type, values)) else convert(values)

    return convert_list


def _plain_type_of(field: "Field[Any, Any, Any, Any]") -> type | None:
    """The type whose values the field shows unchanged; None: it may change any."""
    represent = type(field).to_representation
    if isinstance(field, serializers.ChoiceField) and represent is serializers.ChoiceField.to_representation:
        return str if all(key == value for key, value in field.choice_strings_to_values.items()) else None
    if isinstance(field, serializers.DateTimeField) and represent is serializers.DateTimeField.to_representation:
        return datetime if getattr(field, "format", api_settings.DATETIME_FORMAT) is None else None
    return _PLAIN_TYPES.get(represent)
