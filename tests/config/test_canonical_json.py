"""Canonical JSON: the bytes of the reference implementation, whichever way they are written."""

from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from config import canonical_json

_TEXTS = st.text(st.characters(), max_size=5)  # unpaired surrogates too
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**54), 2**54) | st.floats() | _TEXTS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_TEXTS, children, max_size=3),
    max_leaves=8,
)


@given(value=_VALUES)
def test_it_is_that_of_the_reference(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        with pytest.raises(canonical_json.CanonicalizationError):
            canonical_json.dumps(value)
        with pytest.raises(canonical_json.CanonicalizationError):
            canonical_json.dumps({"part": canonical_json.prepare(value)})
    else:
        assert canonical_json.dumps(value) == expected
        prepared = canonical_json.prepare(value)
        assert canonical_json.dumps({"part": prepared, "a": 1}) == rfc8785.dumps({"part": value, "a": 1})


def test_all_characters_are_written_alike() -> None:
    text = "".join(chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000)

    assert canonical_json.dumps(text) == rfc8785.dumps(text)


def test_names_are_sorted_as_utf_16() -> None:
    value = {"\U0001f600": 1, "\ufb33": 2, "a": 3}

    assert canonical_json.dumps(value) == rfc8785.dumps(value)
    assert canonical_json.dumps(value) != orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("value", [2**53 - 1, 1 - 2**53, 1e21, 0.1, -0.0])
def test_numbers_are_those_of_the_reference(value: float) -> None:
    assert canonical_json.dumps([value]) == rfc8785.dumps([value])
