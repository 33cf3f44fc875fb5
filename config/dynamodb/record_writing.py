"""Items and arguments of writes, generated from the declared attributes of a record.

They are those that PynamoDB builds, without its way through the metadata of tables: a third of the
CPU time. ``tests/config/dynamodb/test_record_writing.py`` compares both for every record class.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from pynamodb.attributes import Attribute
from pynamodb.exceptions import AttributeNullError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model

Item = dict[str, dict[str, Any]]
"""In DynamoDB's notation."""


class _Writer(NamedTuple):
    """How to write an attribute."""

    name: str
    stored_name: str
    kind: str
    write: Callable[[Any], Any] | None
    """None: the value is stored as it is."""
    is_optional: bool


@cache
def _list_writers(record_class: type[Model]) -> list[_Writer]:
    return [_to_writer(name, attribute) for name, attribute in record_class.get_attributes().items()]


def _to_writer(name: str, attribute: Attribute[Any]) -> _Writer:
    write = None if type(attribute).serialize is Attribute.serialize else attribute.serialize
    return _Writer(name, attribute.attr_name, attribute.attr_type, write, attribute.null)


@cache
def list_key_writers(record_class: type[Model]) -> list[_Writer]:
    """Those of the hash key and, if there is one, of the range key."""
    attributes = record_class.get_attributes().items()
    keys = [(name, attribute) for name, attribute in attributes if attribute.is_hash_key or attribute.is_range_key]
    keys.sort(key=lambda key: not key[1].is_hash_key)
    return [_to_writer(name, attribute) for name, attribute in keys]


@cache
def key_names(record_class: type[Model]) -> tuple[str, str | None]:
    """The names of the attributes of the hash key and, if there is one, of the range key."""
    names = [writer.name for writer in list_key_writers(record_class)]
    return names[0], names[1] if len(names) > 1 else None


@cache
def _list_defaults(record_class: type[Model]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """Constant defaults by name, and those that are made for each record."""
    attributes = record_class.get_attributes().items()
    defaults = {name: attribute.default for name, attribute in attributes if attribute.default is not None}
    makers = [(name, default) for name, default in defaults.items() if callable(default)]
    return {name: default for name, default in defaults.items() if not callable(default)}, makers


def default_values(record_class: type[Model]) -> dict[str, Any]:
    """What a new record has where it is not told otherwise."""
    constants, makers = _list_defaults(record_class)
    values = constants.copy()
    for name, make in makers:
        values[name] = make()
    return values


def to_item(record: Model) -> Item:
    """The item that stores a record. Raises `AttributeNullError` if a value is missing."""
    values = vars(record)
    item: Item = {}
    for name, stored_name, kind, write, is_optional in _list_writers(type(record)):
        value = values.get(name)
        if value is not None and write is not None:
            value = write(value)
        if value is not None:
            item[stored_name] = {kind: value}
        elif not is_optional:
            raise AttributeNullError(name)
    return item


def to_key(record_class: type[Model], key_values: Sequence[Any]) -> Item:
    """The key of the item with these values of hash and range key."""
    return {
        writer.stored_name: {writer.kind: writer.write(value) if writer.write else value}
        for writer, value in zip(list_key_writers(record_class), key_values, strict=False)
        if value is not None
    }


def key_values(record: Model) -> list[Any]:
    """The value of the hash key and, if there is one, of the range key."""
    return [vars(record).get(writer.name) for writer in list_key_writers(type(record))]


def put_arguments(record: Model, condition: Condition | None) -> dict[str, Any]:
    """Of a PutItem, or a Put of a transaction."""
    return _with_expressions({"TableName": record.Meta.table_name, "Item": to_item(record)}, condition)


def key_arguments(record_class: type[Model], key_values: Sequence[Any], condition: Condition | None) -> dict[str, Any]:
    """Of a DeleteItem, or a Delete or ConditionCheck of a transaction, by the key of the item."""
    target = {"TableName": record_class.Meta.table_name, "Key": to_key(record_class, key_values)}
    return _with_expressions(target, condition)


def update_arguments(record: Model, changes: Sequence[Action], condition: Condition | None) -> dict[str, Any]:
    """Of an UpdateItem, or an Update of a transaction."""
    return _with_expressions(_target(record), condition, Update(*changes))


def difference_arguments(record: Model, old_item: Item, new_item: Item, condition: Condition) -> dict[str, Any]:
    """Of the Update that changes the attributes in which two items of ``record`` differ."""
    return _with_expressions(_target(record), condition, _Difference(type(record), old_item, new_item))


class _Difference:
    """As PynamoDB's `Update`, from values that are in DynamoDB's notation already."""

    def __init__(self, record_class: type[Model], old_item: Item, new_item: Item) -> None:
        stored_names = [writer.stored_name for writer in _list_writers(record_class)]
        self._changed_names = [name for name in stored_names if old_item.get(name) != new_item.get(name)]
        self._new_item = new_item

    def serialize(self, placeholders: dict[str, str], values: dict[str, Any]) -> str:
        """The expression; adds what it refers to to the placeholders by name, and to the values."""
        assignments, removals = [], []
        for name in (name for name in self._changed_names if name in self._new_item):
            placeholder, value_placeholder = placeholders.setdefault(name, f"#{len(placeholders)}"), f":{len(values)}"
            values[value_placeholder] = self._new_item[name]
            assignments.append(f"{placeholder} = {value_placeholder}")
        for name in (name for name in self._changed_names if name not in self._new_item):
            removals.append(placeholders.setdefault(name, f"#{len(placeholders)}"))
        clauses = (("SET", assignments), ("REMOVE", removals))
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)


def _target(record: Model) -> dict[str, Any]:
    return {"TableName": record.Meta.table_name, "Key": to_key(type(record), key_values(record))}


def _with_expressions(
    arguments: dict[str, Any], condition: Condition | None, update: Update | _Difference | None = None
) -> dict[str, Any]:
    placeholders: dict[str, str] = {}
    values: dict[str, Any] = {}
    if condition is not None:
        arguments["ConditionExpression"] = condition.serialize(placeholders, values)
    if update is not None:
        arguments["UpdateExpression"] = update.serialize(placeholders, values)
    if placeholders:
        arguments["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in placeholders.items()}
    if values:
        arguments["ExpressionAttributeValues"] = values
    return arguments
