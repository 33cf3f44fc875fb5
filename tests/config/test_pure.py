"""Tables and laws of what needs no world: strict JSON, cursors, sealing, ids."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from config import strict_json
from config.api import pagination
from config.dynamodb import encryption, ids

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_what_json_writes_is_read_back(value: Any) -> None:
    try:
        raw = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert strict_json.loads(raw) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_as_malformed(raw: bytes) -> None:
    try:
        strict_json.loads(raw)
    except strict_json.Malformed:
        return


@pytest.mark.parametrize(
    ("levels", "good"), [(32, True), (33, False), (900, False), (99_999, False)]
)
def test_depth_is_bounded(levels: int, good: bool) -> None:
    raw = b"[" * levels + b"]" * levels
    if good:
        assert strict_json.loads(raw) is not None
        return
    with pytest.raises(strict_json.Malformed):
        strict_json.loads(raw)


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), min_size=1), st.text(max_size=20))
def test_a_cursor_opens_for_its_own_list_only(key: dict[str, str], scope: str) -> None:
    made = pagination.cursor(scope, key)
    assert made
    assert pagination.start_of(scope, made) == key
    for other in (scope + "x", "users of another"):
        if other != scope:
            with pytest.raises(pagination.BadCursor):
                pagination.start_of(other, made)


@pytest.mark.parametrize("given", ["", ".", "x.y", "e30.", "é", "a" * 9999, "e30.AAAA"])
def test_a_made_up_cursor_is_refused(given: str) -> None:
    with pytest.raises(pagination.BadCursor):
        pagination.start_of("users", given)


def test_the_end_of_a_list_has_no_cursor() -> None:
    assert pagination.cursor("users", None) is None


@given(plain)
def test_sealing_opens_with_its_key_and_context_only(value: Any) -> None:
    key, other = b"k" * 32, b"o" * 32
    blob = encryption.seal(key, value, "here")
    assert encryption.unseal(key, blob, "here") == value
    for wrong_key, context, text in (
        (other, "here", blob),
        (key, "there", blob),
        (key, "here", blob[:-1]),
    ):
        with pytest.raises(InvalidTag):
            encryption.unseal(wrong_key, text, context)


def test_ids_are_prefixed_and_sort_by_time() -> None:
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    first, second = ids.new("usr", at), ids.new("usr", at.replace(hour=10))

    assert ids.is_id("usr", first)
    assert first < second
    for odd in ("usr_", "loc_" + first[4:], first + "0", first.lower(), first[:-1] + "I", ""):
        assert not ids.is_id("usr", odd)
