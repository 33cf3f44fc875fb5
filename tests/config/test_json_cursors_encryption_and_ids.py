"""Case tables and properties that need no environment: JSON, cursors, encryption, ids."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from config import dynamodb, strict_json
from config.api import pagination
from config.dynamodb import encryption

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_round_trips(value: Any) -> None:
    try:
        raw = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert strict_json.loads(raw) == value


@given(st.binary(max_size=200))
def test_arbitrary_bytes_parse_or_raise_malformed(raw: bytes) -> None:
    try:
        strict_json.loads(raw)
    except strict_json.MalformedJSON:
        return


@pytest.mark.parametrize(("levels", "is_valid"), [(32, True), (33, False), (900, False), (99_999, False)])
def test_depth_is_limited(levels: int, is_valid: bool) -> None:
    raw = b"[" * levels + b"]" * levels
    if is_valid:
        assert strict_json.loads(raw) is not None
        return
    with pytest.raises(strict_json.MalformedJSON):
        strict_json.loads(raw)


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), min_size=1), st.text(max_size=20))
def test_cursor_is_valid_only_for_its_own_list(key: dict[str, str], scope: str) -> None:
    cursor = pagination.encode_cursor(scope, key)
    assert cursor
    assert pagination.decode_cursor(scope, cursor) == key
    for other_scope in (scope + "x", "users of another"):
        if other_scope != scope:
            with pytest.raises(pagination.InvalidCursor):
                pagination.decode_cursor(other_scope, cursor)


def test_cursors_of_fallback_keys_are_valid() -> None:
    cursor, former_key = pagination.encode_cursor("users", {"id": "1"}), settings.SECRET_KEY
    with override_settings(SECRET_KEY="next"):
        with pytest.raises(pagination.InvalidCursor):
            pagination.decode_cursor("users", cursor)
        with override_settings(SECRET_KEY_FALLBACKS=["other", former_key]):
            assert pagination.decode_cursor("users", cursor) == {"id": "1"}
            assert pagination.encode_cursor("users", {"id": "1"}) != cursor, "new ones are encrypted under SECRET_KEY"


@pytest.mark.parametrize("cursor", ["", ".", "x.y", "e30.", "é", "a" * 9999, "e30.AAAA"])
def test_forged_cursor_is_rejected(cursor: str) -> None:
    with pytest.raises(pagination.InvalidCursor):
        pagination.decode_cursor("users", cursor)


def test_end_of_a_list_has_no_cursor() -> None:
    assert pagination.encode_cursor("users", None) is None


@given(json_values)
def test_decryption_requires_the_right_key_and_context(value: Any) -> None:
    key, other_key = b"k" * 32, b"o" * 32
    encrypted = encryption.encrypt_json(key, value, "here")
    assert encryption.decrypt_json(key, encrypted, "here") == value
    for wrong_key, context, ciphertext in (
        (other_key, "here", encrypted),
        (key, "there", encrypted),
        (key, "here", encrypted[:-1]),
    ):
        with pytest.raises(InvalidTag):
            encryption.decrypt_json(wrong_key, ciphertext, context)


def test_ids_are_prefixed_and_sort_by_time() -> None:
    created_at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    first, second = dynamodb.new_id("usr", created_at), dynamodb.new_id("usr", created_at.replace(hour=10))

    assert dynamodb.is_id("usr", first)
    assert first < second
    for invalid_id in ("usr_", "loc_" + first[4:], first + "0", first.lower(), first[:-1] + "I", ""):
        assert not dynamodb.is_id("usr", invalid_id)
