"""JSON without what two readers could understand differently."""

import json
from typing import Any

from config import errors

DEEPEST = 32
"""Levels of arrays and objects that a document may nest."""


class Malformed(errors.Invalid):
    """Not JSON as we accept it."""

    code = "malformed_json"
    title = "The body is not acceptable JSON"


def loads(raw: bytes) -> Any:
    """The value that ``raw`` writes: UTF-8, no duplicate members, NaN, lone surrogates, depth.

    Raises `Malformed`.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        _check(value)
    except UnicodeDecodeError as error:
        raise Malformed("The body must be JSON in UTF-8.") from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise Malformed("The body is not valid JSON.") from error
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("A member stands twice in the same object.")
    return members


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON.")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Malformed("A number is too large.")
    return value


def _check(value: Any) -> None:
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            pending += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            pending += [(part, depth + 1) for part in item]
        if isinstance(item, dict | list) and depth > DEEPEST:
            raise _too_deep()


def _check_text(text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Malformed("A string holds half of a surrogate pair.")


def _too_deep() -> Malformed:
    return Malformed(f"The body nests deeper than {DEEPEST} levels.")
