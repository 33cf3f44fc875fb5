"""Series as an index answers them: many are looked at for a page, and few of them are shown."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from staffing.models import Schedule
from staffing.recurrence import pattern
from staffing.recurrence.expand import Series

MAX_CACHED_LENGTH = 400
"""Characters of a pattern whose series is kept: one without changed shifts, or with a few."""


class StoredSeries:
    """A schedule that was not read yet, except for its series; a third of the cost of all of it."""

    __slots__ = ("_item", "_schedule")

    def __init__(self, item: Mapping[str, Any]) -> None:
        self._item = item
        self._schedule: Schedule | None = None

    @property
    def id(self) -> str:
        return str(self._item["id"]["S"])

    def load(self) -> Schedule:
        """The whole schedule."""
        if self._schedule is None:
            self._schedule = Schedule.from_item(self._item)
        return self._schedule

    def series(self, window: tuple[datetime, datetime]) -> Series:
        """Its shifts, complete for those that overlap a window."""
        item = self._item
        text = item["pattern"]["S"] if "pattern" in item else ""
        if 0 < len(text) <= MAX_CACHED_LENGTH:
            return _load_series(item["start"]["S"], item["end"]["S"], item["zone"]["S"], text)
        return self.load().series(window)


@lru_cache(maxsize=4_096)
def _load_series(start: str, end: str, zone: str, pattern_text: str) -> Series:
    """The series of stored attributes. Cached with what it knows of itself, as lists ask again."""
    zone_name = Schedule.get_attributes()["zone"].deserialize(zone)
    return pattern.from_stored_pattern(start, end, zone_name, orjson.loads(pattern_text))
