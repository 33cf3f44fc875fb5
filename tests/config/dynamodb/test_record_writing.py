"""Items and arguments of writes: as PynamoDB builds them, for every record class."""

from collections.abc import Iterable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.exceptions import AttributeNullError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from config import dynamodb
from config.dynamodb import record_writing
from config.dynamodb.records import Record
from config.privacy import data_map
from tests.support.record_items import ATTRIBUTE_VALUES

data_map.load_data_maps()  # imports the records of all apps


def _draw_values(record_class: type[Record], data: st.DataObject, names: Iterable[str]) -> dict[str, Any]:
    """Values of these attributes; None for some that may be missing."""
    attributes = record_class.get_attributes()
    return {
        name: None
        if attributes[name].null and data.draw(st.booleans())
        else data.draw(ATTRIBUTE_VALUES[type(attributes[name]).__name__])
        for name in names
    }


def _condition(operand: Any, value: Any) -> Condition:
    """One of an attribute, or of its path."""
    if value is None:
        return cast(Condition, operand.does_not_exist())
    return cast(Condition, (operand == value) & operand.is_in(value, value) | operand.exists() & (operand < value))


@pytest.mark.parametrize("record_class", dynamodb.record_classes(), ids=lambda record_class: record_class.__name__)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_writes_are_those_of_pynamodb(record_class: type[Record], data: st.DataObject) -> None:
    attributes = record_class.get_attributes()
    keys = {attribute.attr_name for attribute in record_class.key_attributes()}
    before = record_class(**_draw_values(record_class, data, attributes))
    changed_names = data.draw(st.sets(st.sampled_from(sorted({*attributes} - keys)), max_size=5))
    after = record_class(**before.attribute_values)
    for name, value in _draw_values(record_class, data, sorted(changed_names)).items():
        setattr(after, name, value)
    name, attribute = data.draw(st.sampled_from(list(attributes.items())))
    value = getattr(before, name)
    is_unchanged, expected_condition = _condition(attribute, value), _condition(Path(attribute), value)
    old_item, new_item = Model.serialize(before), Model.serialize(after)
    changes: list[Action] = [
        attribute.set(getattr(after, name)) if attribute.attr_name in new_item else attribute.remove()
        for name, attribute in attributes.items()
        if old_item.get(attribute.attr_name) != new_item.get(attribute.attr_name)
    ]

    for condition, expected in ((None, None), (is_unchanged, expected_condition)):
        put = record_writing.put_arguments(before, condition)
        removal = record_writing.key_arguments(type(before), before.key_values(), condition)
        assert put["Item"] == old_item
        assert put == before.get_save_kwargs_from_instance(condition=expected)
        assert removal == before.get_delete_kwargs_from_instance(condition=expected)
    expected_update = before.get_update_kwargs_from_instance(changes, condition=expected_condition)
    assert record_writing.update_arguments(before, changes, is_unchanged) == expected_update
    if changes:
        assert record_writing.difference_arguments(before, old_item, new_item, is_unchanged) == expected_update
    assert {**new_item, **record_class.to_dynamodb_key(*after.key_values())} == new_item == after.serialize()


@pytest.mark.parametrize("record_class", dynamodb.record_classes(), ids=lambda record_class: record_class.__name__)
def test_new_records_are_those_of_pynamodb(record_class: type[Record]) -> None:
    keys = [f"a {attribute.attr_name}" for attribute in record_class.key_attributes()]
    values: dict[str, Any] = dict.fromkeys(sorted(record_class.get_attributes())[:3], "a value")

    cases: list[tuple[list[str], dict[str, Any]]] = [([], {}), (keys, {}), ([], values)]
    for arguments, members in cases:
        expected = record_class.__new__(record_class)
        Model.__init__(expected, *arguments, **members)  # type: ignore[arg-type]
        assert vars(record_class(*arguments, **members)) == vars(expected)
    with pytest.raises(ValueError, match="surname"):
        record_class(surname="unknown")


@pytest.mark.parametrize("record_class", dynamodb.record_classes(), ids=lambda record_class: record_class.__name__)
def test_a_missing_value_is_a_defect(record_class: type[Record]) -> None:
    with pytest.raises(AttributeNullError):
        record_class().serialize()
