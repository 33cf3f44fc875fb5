"""Identifiers: a prefix that says what it names, and a ULID (sortable by time, 26 characters)."""

import re
from datetime import datetime

from ulid import ULID

_ID_PATTERN = re.compile(r"[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}")


def new_id(prefix: str, at: datetime) -> str:
    """A new identifier such as ``usr_01J…``, made at ``at``."""
    return f"{prefix}_{ULID.from_datetime(at)}"


def is_id(prefix: str, value: str) -> bool:
    """Whether ``value`` has the shape of an identifier of this kind."""
    return value.startswith(f"{prefix}_") and _ID_PATTERN.fullmatch(value) is not None
