"""The rows of the grid: people of a location, or locations of a person."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.urls import reverse

from staffing.admin.rota.entries import RotaEntry
from staffing.admin.rota.grid import Span

if TYPE_CHECKING:
    from accounts.models import Location, User

HUES = tuple(30 + number * 300 // 24 for number in range(24))
"""Colors of rows in degrees: as many as can be told apart; no red, which is for what is wrong."""
UNSTAFFED_STATUSES = ("blocked", "pending")


@dataclass(frozen=True)
class RotaRow:
    """A person or a location, and their shifts by start."""

    name: str
    detail: str
    """What tells the same names apart, and what is special."""
    url: str
    zone: str
    """Whose clock the row shows."""
    hue: int
    """The color, in degrees: the same on every page, unless another row has it."""
    entries: Sequence[RotaEntry]
    is_unstaffed: bool = False
    """Whether the person is blocked or deleted, so that the shifts put nobody on duty."""

    def hours_within(self, window: Span) -> str:
        """How much of its shifts is in a window, together, such as "38 h"."""
        since, until = window
        spans = (entry.span for entry in self.entries)
        lengths = ((min(end, until) - max(start, since)).total_seconds() for start, end in spans)
        return f"{round(sum(max(seconds, 0.0) for seconds in lengths) / 3600, 1):g} h"


def person_rows(
    entries: Iterable[RotaEntry], users_by_id: "Mapping[str, User]", zone: str, query: str
) -> list[RotaRow]:
    """A row for each person with a shift, by name; ``query`` leads their pages to the same days."""
    entries_by_id = _group(entries, lambda entry: entry.shift.staff_id)
    url_pattern = reverse("admin:rota_of", args=("ID",))
    names = {id: entries[0].person_name for id, entries in entries_by_id.items()}
    counts = Counter(name.casefold() for name in names.values())
    hues = choose_hues(names)
    return [
        RotaRow(
            names[id],
            _describe_person(users_by_id.get(id), is_ambiguous=counts[names[id].casefold()] > 1),
            f"{url_pattern.replace('ID', quote(id))}?{query}" if id in users_by_id else "",
            zone,
            hues[id],
            entries_by_id[id],
            is_unstaffed=not entries_by_id[id][0].is_staffed,
        )
        for id in sorted(entries_by_id, key=lambda id: (names[id].casefold(), id))
    ]


def _describe_person(user: "User | None", *, is_ambiguous: bool) -> str:
    if user is None:
        return ""
    facts = [str(user.email)] if is_ambiguous else []
    return ", ".join([*facts, *([str(user.status)] if user.status in UNSTAFFED_STATUSES else [])])


def location_rows(
    entries: Iterable[RotaEntry], own_locations: "Sequence[Location]", zone: str, query: str
) -> list[RotaRow]:
    """A row for each location of a person, by name: those with a shift, and ``own_locations``.

    ``zone`` is of a person without any; ``query`` leads the locations' pages to the same days.
    """
    entries_by_id = _group(entries, lambda entry: entry.location_id)
    places = {str(location.id): (str(location.name), str(location.time_zone)) for location in own_locations}
    places |= {id: (entries[0].location_name, entries[0].zone) for id, entries in entries_by_id.items()}
    if not places:
        return [RotaRow("No location", "", "", zone, 0, [])]
    hues = choose_hues(places)
    return [
        RotaRow(
            name,
            row_zone,
            f"{reverse('admin:rota', args=(id,))}?{query}",
            row_zone,
            hues[id],
            entries_by_id.get(id, []),
            is_unstaffed=any(not entry.is_staffed for entry in entries_by_id.get(id, [])),
        )
        for id, (name, row_zone) in sorted(places.items(), key=lambda item: (item[1][0].casefold(), item[0]))
    ]


def choose_hues(ids: Iterable[str]) -> dict[str, int]:
    """Colors of people or locations, from their ids: the same on every page.

    Of two with one color, the later one gets the next that is far from all others, while there is
    one: neighbors in the circle look alike.
    """
    hues: dict[str, int] = {}
    distances = dict.fromkeys(HUES, 180)  # from the nearest that is taken
    free = len(HUES)
    for id in sorted(ids):
        first = zlib.crc32(id.encode()) % len(HUES)
        if not free:
            hues[id] = HUES[first]
            continue
        least = min(60, max(distances.values()))
        chosen = next(hue for hue in (*HUES[first:], *HUES[:first]) if distances[hue] >= least)
        hues[id] = chosen
        distances = {hue: min(distance, _distance(hue, chosen)) for hue, distance in distances.items()}
        free = sum(distance > 0 for distance in distances.values())
    return hues


def _distance(hue: int, other: int) -> int:
    apart = abs(hue - other)
    return min(apart, 360 - apart)


def _group(entries: Iterable[RotaEntry], key: Callable[[RotaEntry], str]) -> dict[str, list[RotaEntry]]:
    groups: dict[str, list[RotaEntry]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    return groups


WEEK_LABEL_HOURS_PER_CHARACTER = 1.45
"""How much of the axis a character of a label takes, where a day is 100 px wide."""


def label_width(label: str, *, is_month: bool) -> timedelta:
    """How much of the axis a label takes; in a month bars have none."""
    return timedelta(0) if is_month else timedelta(hours=2 + WEEK_LABEL_HOURS_PER_CHARACTER * len(label))
