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

MAX_CHAPTER_LENGTH = 240_000
"""Characters of one printed chapter, with 20 for each line: about 70 pages.

Half of it is what 500 ordinary entries of the history take.
"""
LINE_OVERHEAD = 20


@dataclass(frozen=True)
class TextLimits:
    """How much of each value is printed."""

    value_length: int
    """Characters of a line."""
    change_side_length: int
    """Characters of each side of a change."""
    lines: int
    """Lines of a value."""


GENEROUS_LIMITS = TextLimits(400, 120, 60)
TEXT_LIMITS = (GENEROUS_LIMITS, TextLimits(200, 60, 12), TextLimits(80, 30, 5), TextLimits(40, 14, 2))
"""The first with which a chapter fits is used, so that long values make no entry disappear."""

_CHANGE_SIDES = ("before", "after")
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
        rows, limits = self._fit(zone)
        context = {
            "name": self.chapter.name,
            "title": self.chapter.title,
            "about": self.chapter.description,
            "total": self.total,
            "printed": len(rows),
            "which": "newest" if self.chapter.is_newest_first else "first",
            "is_shortened": limits is not GENEROUS_LIMITS,
        }
        if self.chapter.columns:
            return {**context, "headings": list(self.chapter.columns), "table": rows}
        labels = [[self.chapter.label(member) for member in row] for row in self.rows]
        return {**context, "facts": [list(zip(*pair, strict=True)) for pair in zip(labels, rows, strict=False)]}

    def _fit(self, zone: str) -> tuple[list[Cells], TextLimits]:
        """The cells of the rows, as long as fits; fewer rows only if even short ones do not fit."""
        for limits in TEXT_LIMITS:
            rows = [self._cells(row, zone, limits) for row in self.rows]
            printed_count = _count_printable_rows(rows)
            if printed_count == len(rows):
                break
        return rows[:printed_count], limits

    def _cells(self, row: data_map.ExportRow, zone: str, limits: TextLimits) -> Cells:
        if self.chapter.columns:
            return [
                [line for member in members for line in to_lines(row.get(member), zone, limits)]
                for members in self.chapter.columns.values()
            ]
        return [to_lines(value, zone, limits) or [PrintedLine("–")] for value in row.values()]


def _count_printable_rows(rows: Sequence[Cells]) -> int:
    """How many rows fit within the limit; at least one."""
    length = 0
    for index, cells in enumerate(rows):
        length += sum(len(line.text) + LINE_OVERHEAD for cell in cells for line in cell)
        if length > MAX_CHAPTER_LENGTH and index:
            return index
    return len(rows)


def to_lines(value: Any, zone: str, limits: TextLimits = GENEROUS_LIMITS) -> list[PrintedLine]:
    """A value as lines of text; empty for no value."""
    texts = [text for text in _to_texts(value, zone, limits) if text]
    lines = [PrintedLine(truncate(strip_bidi_marks(text), limits.value_length)) for text in texts[: limits.lines]]
    if len(texts) > limits.lines:
        lines.append(PrintedLine(f"… and {len(texts) - limits.lines} more"))
    return lines


def strip_bidi_marks(text: str) -> str:
    """Text without marks that change the direction of the text around them."""
    return _BIDI_MARKS.sub("", text)


def truncate(text: str, max_length: int) -> str:
    """At most ``max_length`` characters; a cut text ends with an ellipsis."""
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def _to_texts(value: Any, zone: str, limits: TextLimits) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _member_texts(value, zone, limits)
    elif isinstance(value, str) or not isinstance(value, Sequence):
        yield _to_text(value, zone)
    elif all(isinstance(item, str) for item in value):
        yield from value if sum(map(len, value)) > limits.value_length else [", ".join(value)]
    else:
        for item in value:
            yield " · ".join(_to_texts(item, zone, limits))


def _to_text(value: Any, zone: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_instant(value, zone) if isinstance(value, datetime) else str(value)


def _member_texts(value: Mapping[str, Any], zone: str, limits: TextLimits) -> Iterator[str]:
    if set(value) == {"field", "before", "after"}:
        before, after = (_join_texts(value[name], zone, limits, limits.change_side_length) for name in _CHANGE_SIDES)
        yield f"{_humanize(value['field'])}: {before} → {after}"
        return
    for name, inner in value.items():
        yield f"{_humanize(name)}: {_join_texts(inner, zone, limits, limits.value_length)}"


def _join_texts(value: Any, zone: str, limits: TextLimits, max_length: int) -> str:
    return truncate(" · ".join(text for text in _to_texts(value, zone, limits) if text), max_length) or "–"


def _humanize(name: str) -> str:
    return str(name).replace("_", " ")


def format_instant(at: datetime, zone: str) -> str:
    """A local date and time with its time zone: ``4 Jan 2027, 09:00 CET``."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{date_format(local, 'j M Y, H:i')} {local.tzname() or zone}"
