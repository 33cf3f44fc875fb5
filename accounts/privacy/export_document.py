"""The printed chapters of an export: headings, facts, tables. Pure.

Printed text is limited, whatever the values are; the JSON contains all of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import unicodedata2 as unicodedata
from django.utils.formats import date_format

from config.privacy import data_map

MAX_VALUE_LENGTH, MAX_CHANGE_SIDE_LENGTH = 400, 120
"""Characters of one printed value, and of each side of a change."""
MAX_LINES = 60
"""Lines of one printed value."""
MAX_CHAPTER_LENGTH = 100_000
"""Characters of one printed chapter: about 30 pages."""

_BIDI_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks that change the direction of the text around them."""


@dataclass(frozen=True)
class PrintedLine:
    """One line of text, and whether it reads from right to left."""

    text: str

    @property
    def is_rtl(self) -> bool:
        """Whether its first letter with a direction is a right-to-left letter."""
        kinds = map(unicodedata.bidirectional, self.text)
        return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


Cells = list[list[PrintedLine]]


@dataclass(frozen=True)
class PrintedChapter:
    """One chapter: its first rows, and the total number of rows."""

    chapter: data_map.ExportChapter
    rows: Sequence[data_map.ExportRow]
    total: int

    def to_context(self, zone: str) -> dict[str, Any]:
        """The template context; times are in this time zone."""
        if self.chapter.columns:
            cell_rows = [self._cells(row, zone) for row in self.rows]
        else:
            cell_rows = [[value for _, value in self._facts(row, zone)] for row in self.rows]
        printed_count = _count_printable_rows(cell_rows)
        context = {
            "name": self.chapter.name,
            "title": self.chapter.title,
            "about": self.chapter.description,
            "total": self.total,
            "printed": printed_count,
        }
        if self.chapter.columns:
            return {**context, "headings": list(self.chapter.columns), "table": cell_rows[:printed_count]}
        facts = [list(self._facts(row, zone)) for row in self.rows[:printed_count]]
        return {**context, "facts": facts}

    def _cells(self, row: data_map.ExportRow, zone: str) -> Cells:
        return [
            [line for member in members for line in to_lines(row.get(member), zone)]
            for members in self.chapter.columns.values()
        ]

    def _facts(self, row: data_map.ExportRow, zone: str) -> Iterator[tuple[str, list[PrintedLine]]]:
        for member, value in row.items():
            yield (self.chapter.label(member), to_lines(value, zone) or [PrintedLine("–")])


def _count_printable_rows(rows: Sequence[Cells]) -> int:
    """How many rows fit within the limit; at least one."""
    length = 0
    for index, cells in enumerate(rows):
        length += sum(len(line.text) + 20 for cell in cells for line in cell)
        if length > MAX_CHAPTER_LENGTH and index:
            return index
    return len(rows)


def to_lines(value: Any, zone: str) -> list[PrintedLine]:
    """A value as lines of text; empty for no value."""
    all_lines = [
        PrintedLine(truncate(strip_bidi_marks(text), MAX_VALUE_LENGTH)) for text in _to_texts(value, zone) if text
    ]
    if len(all_lines) <= MAX_LINES:
        return all_lines
    return [*all_lines[:MAX_LINES], PrintedLine(f"… and {len(all_lines) - MAX_LINES} more")]


def strip_bidi_marks(text: str) -> str:
    """Text without marks that change the direction of the text around them."""
    return _BIDI_MARKS.sub("", text)


def truncate(text: str, max_length: int) -> str:
    """At most ``max_length`` characters; a cut text ends with an ellipsis."""
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def _to_texts(value: Any, zone: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _member_texts(value, zone)
    elif isinstance(value, str) or not isinstance(value, Sequence):
        yield _to_text(value, zone)
    elif all(isinstance(item, str) for item in value):
        yield from value if sum(map(len, value)) > MAX_VALUE_LENGTH else [", ".join(value)]
    else:
        for item in value:
            yield " · ".join(_to_texts(item, zone))


def _to_text(value: Any, zone: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_instant(value, zone) if isinstance(value, datetime) else str(value)


def _member_texts(value: Mapping[str, Any], zone: str) -> Iterator[str]:
    if set(value) == {"field", "before", "after"}:
        before, after = (_change_side_text(value[name], zone) for name in ("before", "after"))
        yield f"{_humanize(value['field'])}: {before} → {after}"
        return
    for name, inner in value.items():
        yield f"{_humanize(name)}: {_change_side_text(inner, zone, MAX_VALUE_LENGTH)}"


def _change_side_text(value: Any, zone: str, max_length: int = MAX_CHANGE_SIDE_LENGTH) -> str:
    return truncate(" · ".join(text for text in _to_texts(value, zone) if text), max_length) or "–"


def _humanize(name: str) -> str:
    return str(name).replace("_", " ")


def format_instant(at: datetime, zone: str) -> str:
    """A local date and time with its time zone: ``4 Jan 2027, 09:00 CET``."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{date_format(local, 'j M Y, H:i')} {local.tzname() or zone}"
