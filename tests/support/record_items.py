"""Items of any record as DynamoDB stores them, for property tests."""

from collections.abc import Mapping
from datetime import UTC
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from config.dynamodb.records import Record

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
ATTRIBUTE_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Text": st.text(min_size=1, max_size=10),
    "TimeZoneName": st.sampled_from(["Europe/Berlin", "US/Eastern", "Nowhere/Zone"]),
    "Number": st.integers(-(10**12), 10**12),
    "Boolean": st.booleans(),
    "Binary": st.binary(min_size=1, max_size=10),
    "TextList": st.lists(st.text(max_size=5), max_size=4),
    "TextSet": st.sets(st.text(min_size=1, max_size=5), min_size=1, max_size=4),
    "TextMap": st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=3),
    "Json": _JSON.filter(lambda value: value is not None),
    "ZonedJson": st.fixed_dictionaries({"timeZone": st.sampled_from(["US/Eastern", "Nowhere/Zone"])}),
    "Timestamp": st.datetimes(timezones=st.just(UTC)),
}
"""By the class of an attribute."""


@st.composite
def items_of(
    draw: st.DrawFn,
    record_class: type[Record],
    *,
    is_complete: bool = False,
    values: Mapping[str, st.SearchStrategy[Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """An item; a complete one has every attribute that must not be null and has no default.

    ``values``: those of single attributes, in place of any of their class.
    """
    item: dict[str, Any] = {}
    for attribute in record_class.get_attributes().values():
        is_optional = not is_complete or attribute.null or attribute.default is not None
        presence = draw(st.sampled_from(["value", "value", "value", "null", "absent"])) if is_optional else "value"
        if presence == "null":
            item[attribute.attr_name] = {"NULL": True}
        elif presence == "value":
            value = draw(values.get(attribute.attr_name, ATTRIBUTE_VALUES[type(attribute).__name__]))
            item[attribute.attr_name] = {attribute.attr_type: attribute.serialize(value)}
    return item
