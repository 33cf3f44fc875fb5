"""Strict JSON: refuses what parsers interpret differently, and writes times in one form."""

import json
from collections.abc import Callable
from typing import Any

import orjson

from config import errors

MAX_DEPTH = 32
"""Levels of arrays and objects that a document may nest."""


class MalformedJSON(errors.InvalidRequest):
    """Not JSON, or JSON that is refused."""

    code = "malformed_json"
    title = "Invalid JSON"


def dumps(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """JSON in UTF-8; times as RFC 3339 to the second, with ``Z`` or the offset of their zone."""
    return orjson.dumps(value, default=default, option=orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS)


def loads(raw: bytes) -> Any:
    """Parse JSON in UTF-8; refuses duplicate members, NaN, lone surrogates and deep nesting.

    Raises `MalformedJSON`.
    """
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
        # only escapes can write surrogates, and few brackets cannot nest deeply
        if b"\\u" in raw or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
            _check_value(value)
    except UnicodeDecodeError as error:
        raise MalformedJSON("The body must be JSON in UTF-8.") from error
    except RecursionError as error:
        raise _too_deep_error() from error
    except ValueError as error:
        raise MalformedJSON("The body is not valid JSON.") from error
    return value


def _reject_duplicate_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJSON("A member occurs twice in the same object.")
    return members


def _reject_constant(name: str) -> Any:
    raise MalformedJSON(f"{name} is not JSON.")


def _parse_finite_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise MalformedJSON("A number is too large.")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_reject_duplicate_members, parse_constant=_reject_constant, parse_float=_parse_finite_float
)


def _check_value(value: Any) -> None:
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            pending += [(child, depth + 1) for pair in item.items() for child in pair]
        elif isinstance(item, list):
            pending += [(child, depth + 1) for child in item]
        if isinstance(item, dict | list) and depth > MAX_DEPTH:
            raise _too_deep_error()


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedJSON("A string contains an unpaired surrogate.") from error


def _too_deep_error() -> MalformedJSON:
    return MalformedJSON(f"The body nests deeper than {MAX_DEPTH} levels.")
