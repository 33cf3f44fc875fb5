"""Records from items: as PynamoDB reads them, for every record and every kind of attribute."""

from datetime import UTC, datetime
from functools import partial
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.exceptions import AttributeDeserializationError

from config import dynamodb
from config.dynamodb.attributes import Timestamp
from config.dynamodb.records import Record
from config.privacy import data_map
from tests.support import record_items

data_map.load_data_maps()  # imports the records of all apps


@pytest.mark.parametrize("record_class", dynamodb.record_classes(), ids=lambda record_class: record_class.__name__)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_records_are_read_as_pynamodb_reads_them(record_class: type[Record], data: st.DataObject) -> None:
    item = {"unknown": {"S": "of a later release"}, **data.draw(record_items.items_of(record_class))}

    read, expected = record_class.from_item(item), record_class.from_raw_data(dict(item))

    assert read.attribute_values == expected.attribute_values
    assert vars(read).keys() == vars(expected).keys()


def test_value_of_another_type_is_a_defect() -> None:
    record_class = next(item for item in dynamodb.record_classes() if item.__name__ == "User")

    with pytest.raises(AttributeDeserializationError):
        record_class.from_item({"id": {"N": "1"}})


def test_timestamps_are_read_as_they_are_written() -> None:
    attribute = next(
        attribute
        for record_class in dynamodb.record_classes()
        for attribute in record_class.get_attributes().values()
        if isinstance(attribute, Timestamp)
    )
    at = datetime(2026, 11, 29, 9, 0, 0, 1, tzinfo=UTC)

    assert attribute.deserialize("2026-11-29T09:00:00.000001Z") == at
    assert attribute.deserialize(attribute.serialize(at)) == at


def test_reads_that_gather_others_do_not_wait_for_each_other() -> None:
    """More of them than there are threads."""
    inner = partial(dynamodb.gather, lambda: 1, lambda: 2)
    result: list[list[list[int]]] = []
    thread = Thread(target=lambda: result.append(dynamodb.gather(*[inner] * 200)), daemon=True)
    thread.start()
    thread.join(20)
    assert result == [[[1, 2]] * 200]
