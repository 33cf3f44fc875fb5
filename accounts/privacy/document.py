"""The chapters of an export as a person reads them: headings, facts, tables. Pure.

What is printed is bounded, whatever the values are; the JSON holds all of it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from config.privacy import data_map

LONGEST, SHORT = 400, 120
"""Characters of one printed value, and of each side of a change."""
MOST_LINES = 60
"""Lines of one printed value."""
BUDGET = 100_000
"""Characters of one printed chapter: some 30 pages."""

_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of the text around them, ours included."""


@dataclass(frozen=True)
class Line:
    """One line of text, and whether it reads from right to left."""

    text: str

    @property
    def is_rtl(self) -> bool:
        """By its first letter that has a direction, as Unicode recommends."""
        kinds = map(unicodedata.bidirectional, self.text)
        return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


Cells = list[list[Line]]


@dataclass(frozen=True)
class Page:
    """One chapter: its first rows, and how many there are in all."""

    chapter: data_map.Chapter
    rows: Sequence[data_map.Row]
    total: int

    def told(self, zone: str) -> dict[str, Any]:
        """What the template prints; moments are told in this time zone."""
        if self.chapter.columns:
            made = [self._cells(row, zone) for row in self.rows]
        else:
            made = [[value for _, value in self._facts(row, zone)] for row in self.rows]
        printed = _within_budget(made)
        about = {
            "name": self.chapter.name,
            "title": self.chapter.title,
            "about": self.chapter.about,
            "total": self.total,
            "printed": printed,
        }
        if self.chapter.columns:
            return {**about, "headings": list(self.chapter.columns), "table": made[:printed]}
        facts = [list(self._facts(row, zone)) for row in self.rows[:printed]]
        return {**about, "facts": facts}

    def _cells(self, row: data_map.Row, zone: str) -> Cells:
        return [
            [line for member in members for line in lines(row.get(member), zone)]
            for members in self.chapter.columns.values()
        ]

    def _facts(self, row: data_map.Row, zone: str) -> Iterator[tuple[str, list[Line]]]:
        for member, value in row.items():
            yield data_map.label(self.chapter, member), lines(value, zone) or [Line("–")]


def _within_budget(rows: Sequence[Cells]) -> int:
    """How many of the rows may be printed; the first one always is."""
    spent = 0
    for number, cells in enumerate(rows):
        spent += sum(len(line.text) + 20 for cell in cells for line in cell)
        if spent > BUDGET and number:
            return number
    return len(rows)


def lines(value: Any, zone: str) -> list[Line]:
    """A value as lines of text; nothing where there is none."""
    every = [Line(cut(plain(text), LONGEST)) for text in _texts(value, zone) if text]
    if len(every) <= MOST_LINES:
        return every
    return [*every[:MOST_LINES], Line(f"… and {len(every) - MOST_LINES} more")]


def plain(text: str) -> str:
    """Text without marks that turn the direction of what stands around it."""
    return _TURNING.sub("", text)


def cut(text: str, longest: int) -> str:
    """At most so many characters; where some are left out, it shows."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _texts(value: Any, zone: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _members(value, zone)
    elif isinstance(value, str) or not isinstance(value, Sequence):
        yield _text(value, zone)
    elif all(isinstance(one, str) for one in value):
        yield from value if sum(map(len, value)) > LONGEST else [", ".join(value)]
    else:
        for one in value:
            yield " · ".join(_texts(one, zone))


def _text(value: Any, zone: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return moment(value, zone) if isinstance(value, datetime) else str(value)


def _members(value: Mapping[str, Any], zone: str) -> Iterator[str]:
    if set(value) == {"field", "before", "after"}:
        before, after = (_side(value[name], zone) for name in ("before", "after"))
        yield f"{_words(value['field'])}: {before} → {after}"
        return
    for name, inner in value.items():
        yield f"{_words(name)}: {_side(inner, zone, LONGEST)}"


def _side(value: Any, zone: str, longest: int = SHORT) -> str:
    return cut(" · ".join(text for text in _texts(value, zone) if text), longest) or "–"


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def moment(at: datetime, zone: str) -> str:
    """A moment as people write it, with its time zone."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{date_format(local, 'j M Y, H:i')} {local.tzname() or zone}"
