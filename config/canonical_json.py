"""Canonical JSON (RFC 8785): one sequence of bytes per value, to hash and to sign."""

from typing import Any

import orjson
import rfc8785
from rfc8785 import CanonicalizationError as CanonicalizationError

_MAX_EXACT_INTEGER = 2**53 - 1
"""Of JSON, whose numbers are those of IEEE 754."""

_OTHER_PLAIN_KINDS = frozenset({bool, type(None), orjson.Fragment})


def dumps(value: Any) -> bytes:
    """The canonical form of a JSON value. Raises `CanonicalizationError`.

    Of what audit entries hold, orjson writes the same bytes at a sixth of the CPU time.
    """
    if (plain := _dump_plain(value)) is not None:
        return plain
    try:
        return rfc8785.dumps(value)
    except UnicodeEncodeError as error:  # of a name with an unpaired surrogate
        raise CanonicalizationError(str(error)) from error


def prepare(value: Any) -> Any:
    """A JSON value for several others with plain content: its canonical form is made once."""
    plain = _dump_plain(value)
    return value if plain is None else orjson.Fragment(plain)


def _dump_plain(value: Any) -> bytes | None:
    """The canonical form of plain content; None of other content."""
    if not _has_plain_content(value):
        return None
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an unpaired surrogate, a name that is no text
        return None


def _has_plain_content(value: Any) -> bool:
    """Whether a value has only text, integers, and names in ASCII, which sort alike in UTF-16."""
    pending = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is dict:
            if not "".join(map(str, item)).isascii():
                return False
            pending += item.values()
        elif kind is list:
            pending += item
        elif kind is int:
            if abs(item) > _MAX_EXACT_INTEGER:
                return False
        elif kind is not str and kind not in _OTHER_PLAIN_KINDS:
            return False
    return True
