"""What the apps look for: functions that find problems, of a customer or of the platform."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config.dynamodb.pagination import Cursor, CursorPage


@dataclass(frozen=True)
class Problem:
    """Something that needs attention."""

    kind: str
    key: str
    """Tells it from others of the kind, and stays the same as long as it lasts."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Ids, counts and times as JSON; no names or addresses of people."""
    customer_id: str = ""
    """Of a problem that a platform source finds."""
    since: datetime | None = None
    """Since when it lasts, if that is known."""


@dataclass(frozen=True)
class Findings:
    """What a source has found."""

    problems: Iterable[Problem] = ()
    checked: Mapping[str, int] = field(default_factory=dict)
    """How many records each kind was looked for in: none found in none is no good news."""


@dataclass(frozen=True)
class Source:
    """A function that finds all present problems of some kinds, with a bounded number of reads."""

    name: str
    kinds: tuple[str, ...]
    find: Callable[..., Findings]
    """Of a customer: ``(customer, at)``; of the platform: ``(at)``."""


@cache
def customer_sources() -> tuple[Source, ...]:
    """What is looked for at each customer."""
    return tuple(source for path in settings.BOARD_SOURCES for source in import_string(path))


@cache
def platform_sources() -> tuple[Source, ...]:
    """What is looked for once, for all customers."""
    return tuple(source for path in settings.BOARD_PLATFORM_SOURCES for source in import_string(path))


def list_customers(*, limit: int, cursor: Cursor | None) -> CursorPage[Any]:
    """A page of all customers: ``settings.BOARD_CUSTOMERS``."""
    page: CursorPage[Any] = import_string(settings.BOARD_CUSTOMERS)(limit=limit, cursor=cursor)
    return page


def get_customer(customer_id: str) -> Any:
    """A customer: ``settings.BOARD_CUSTOMER``. Raises `errors.NotFound`."""
    return import_string(settings.BOARD_CUSTOMER)(customer_id)
