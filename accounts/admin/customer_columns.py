"""What the list of customers shows of other records: locations and numbers of each."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from accounts import locations
from config import dynamodb

MAX_NAMES = 3
MAX_ROWS = 50
"""Rows of one page: a file has more, for which locations are not read."""


def load_columns(objects: Sequence[Any]) -> None:
    """Set ``locations_text`` and ``number_count`` of projected customers; reads at once."""
    ids = [str(obj.pk) for obj in objects]
    count_numbers: Callable[[Sequence[str]], Mapping[str, int]] = import_string(settings.CUSTOMER_NUMBERS)
    reads = [partial(locations.list_first_names, id, MAX_NAMES + 1) for id in ids] if len(ids) <= MAX_ROWS else []
    numbers, *names = dynamodb.gather(partial(count_numbers, ids), *reads)
    for position, obj in enumerate(objects):
        obj.number_count = numbers.get(str(obj.pk), 0)
        obj.locations_text = _join(names[position]) if names else ""


def _join(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_NAMES])
    return f"{shown}, and others" if len(names) > MAX_NAMES else shown or "none"
