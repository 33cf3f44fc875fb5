"""The chapters of an export as a person reads them: headings, facts, tables. Pure."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from config import datamap

LONGEST = 2_000
"""Characters of one printed value; the JSON holds all."""


@dataclass(frozen=True)
class Line:
    """One line of text, and whether it reads from right to left."""

    text: str

    @property
    def is_rtl(self) -> bool:
        """By its first letter that has a direction, as Unicode recommends."""
        kinds = map(unicodedata.bidirectional, self.text)
        return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


@dataclass(frozen=True)
class Page:
    """One chapter: its first rows, and how many there are in all."""

    chapter: datamap.Chapter
    rows: Sequence[datamap.Row]
    total: int

    def told(self, zone: str) -> dict[str, Any]:
        """What the template prints; moments are told in this time zone."""
        about = {
            "name": self.chapter.name,
            "title": self.chapter.title,
            "about": self.chapter.about,
            "total": self.total,
            "printed": len(self.rows),
        }
        if self.chapter.columns:
            return {**about, "headings": list(self.chapter.columns), "table": self._table(zone)}
        return {**about, "facts": [list(self._facts(row, zone)) for row in self.rows]}

    def _table(self, zone: str) -> list[list[list[Line]]]:
        return [
            [
                [line for member in members for line in lines(row.get(member), zone)]
                for members in self.chapter.columns.values()
            ]
            for row in self.rows
        ]

    def _facts(self, row: datamap.Row, zone: str) -> Iterator[tuple[str, list[Line]]]:
        for member, value in row.items():
            yield datamap.label(self.chapter, member), lines(value, zone) or [Line("–")]


def lines(value: Any, zone: str) -> list[Line]:
    """A value as lines of text; nothing where there is none."""
    return [Line(text[:LONGEST]) for text in _texts(value, zone) if text]


def _texts(value: Any, zone: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _members(value, zone)
    elif isinstance(value, str) or not isinstance(value, Sequence):
        yield _text(value, zone)
    elif all(isinstance(one, str) for one in value):
        yield ", ".join(value)
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
        before, after = (" / ".join(_texts(value[name], zone)) for name in ("before", "after"))
        yield f"{_words(value['field'])}: {before or '–'} → {after or '–'}"
        return
    for name, inner in value.items():
        yield f"{_words(name)}: {' · '.join(_texts(inner, zone)) or '–'}"


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def moment(at: datetime, zone: str) -> str:
    """A moment as people write it, with its time zone."""
    return f"{date_format(at.astimezone(ZoneInfo(zone)), 'j M Y, H:i')} {_short(at, zone)}"


def _short(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).tzname() or zone
