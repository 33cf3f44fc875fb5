"""The holes of a line in words, with what mends them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from config.backoffice import clock
from config.backoffice.checks import Mend
from config.backoffice.links import admin_change_url, link_to
from telephony import reasons
from telephony.mends import MENDS
from telephony.reach.results import Hole, Reach, Unreachable, count_minutes

MAX_GROUPS, MAX_TIMES, MAX_NAMES, MAX_MENDS = 8, 3, 5, 3
LONGEST_SHIFT = timedelta(hours=24)
"""A longer hole does not suggest the times of a shift."""


@dataclass(frozen=True)
class HoleWords:
    """Holes of the same kind, the earliest first."""

    times: Sequence[str]
    """Of the first; by the clock of the page."""
    more: str
    """How many others there are, and until when; empty: none."""
    duration: str
    """Of all of them."""
    callers: str
    reasons: Sequence[Any]
    """Text or safe HTML."""
    ends: str
    mends: Sequence[Mend]


@dataclass(frozen=True)
class HoleContext:
    """Where the holes are, and who reads of them."""

    location_id: str
    customer_id: str
    zone: str
    """By whose clock times are shown."""
    own_zone: str
    """Of the location: shifts are planned in it."""
    names: Mapping[str, str]
    """Of people, by id."""
    has_line: bool
    may_write: bool

    def link(self, staff_id: str) -> str:
        """A person as a link, or the number that the configuration has."""
        if staff_id in self.names:
            return link_to("accounts", "user", staff_id, self.names[staff_id])
        return staff_id if staff_id.startswith("+") else "a removed person"


def list_people(reach: Reach) -> set[str]:
    """The people that `describe_holes` names."""
    shown = chain.from_iterable(islice(_group(reach.holes), MAX_GROUPS))
    return {person.staff_id for hole in shown for person in hole.people}


def describe_holes(reach: Reach, context: HoleContext) -> list[HoleWords]:
    """The holes of a window, those of the same kind together."""
    return [_describe(holes, len(reach.ways), context) for holes in islice(_group(reach.holes), MAX_GROUPS)]


def count_groups(reach: Reach) -> int:
    """How many kinds of holes there are."""
    return len(_group(reach.holes))


def _group(holes: Iterable[Hole]) -> list[list[Hole]]:
    """Holes with the same end and reasons, whichever keys lead there; by their first.

    Whom the configuration does not mean, such as people with another skill, may differ.
    """
    groups: dict[tuple[Any, ...], list[Hole]] = {}
    for hole in holes:
        causes = frozenset(
            (person.why_not, person.staff_id if _is_mended_by_person(person) else "") for person in hole.people
        )
        groups.setdefault((hole.ends, causes), []).append(hole)
    return list(groups.values())


def _is_mended_by_person(person: Unreachable) -> bool:
    return any(mend.of == "person" for mend in reasons.list_mends("why_not", person.why_not))


def _describe(holes: Sequence[Hole], way_count: int, context: HoleContext) -> HoleWords:
    periods = list(dict.fromkeys((hole.start, hole.end) for hole in holes))
    rest = periods[MAX_TIMES:]
    last = f", the last on {format_time(rest[-1][0], context.zone)}" if rest else ""
    ways = list(dict.fromkeys(hole.way for hole in holes))
    return HoleWords(
        [format_period(start, end, context.zone) for start, end in periods[:MAX_TIMES]],
        f"and {len(rest)} more{last}" if rest else "",
        format_minutes(count_minutes(periods)),
        "Every caller" if len(ways) >= way_count else f"Callers who {_join(map(describe_way, ways))}",
        _list_reasons(holes, context),
        reasons.sentence("ends", holes[0].ends),
        list_mends(holes, context),
    )


def describe_way(path: str) -> str:
    """The keys that lead to a part of a configuration: ``press 1, then no key``."""
    parts = path.split("/")[1:]
    keys = [f"{parts[index + 1]}" for index, part in enumerate(parts[:-1]) if part == "keys"]
    keys += ["no key"] if parts and parts[-1] == "otherwise" else []
    return f"press {', then '.join(keys)}" if keys else "press no key"


def _join(texts: Iterable[str]) -> str:
    listed = list(dict.fromkeys(texts))
    shown = listed[:MAX_NAMES]
    return " or ".join(shown) + (f" or {len(listed) - len(shown)} other keys" if len(listed) > len(shown) else "")


def _list_reasons(holes: Iterable[Hole], context: HoleContext) -> list[Any]:
    """Why nobody is rung: a sentence for each reason, with the people that it is about."""
    people_by_reason: dict[str, dict[str, None]] = {}
    for person in chain.from_iterable(hole.people for hole in holes):
        people_by_reason.setdefault(person.why_not, {})[person.staff_id] = None
    if not people_by_reason:
        return [reasons.sentence("hole", "nobody_on_duty")]
    texts = []
    for why_not, staff_ids in people_by_reason.items():
        names = [context.link(id) for id in staff_ids]
        if len(names) == 1:
            texts.append(format_html(reasons.sentence("why_not", why_not, "{0}"), names[0]))
            continue
        shown = format_html_join(", ", "{}", ((name,) for name in names[:MAX_NAMES]))
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        texts.append(format_html("{}{}: {}.", shown, more, reasons.words("why_not", why_not)))
    return texts


def list_mends(holes: Sequence[Hole], context: HoleContext) -> list[Mend]:
    """Links to what would close holes; without those to what an operator may not do."""
    mends: dict[str, Mend] = {}
    for code, _, whom in (change.partition(":") for change in holes[0].would):
        mend = MENDS.get(code)
        if mend and mend.of == "person" and whom in context.names and len(mends) < MAX_MENDS:
            label = f"{mend.label}: {context.names[whom]}"
            mends[label] = Mend(label, admin_change_url("accounts", "user", whom))
        elif mend and code == "shift" and context.may_write:
            mends[mend.label] = Mend(mend.label, _shift_url(holes[0], context))
    codes = {mend.code for person in holes[0].people for mend in reasons.list_mends("why_not", person.why_not)}
    if context.has_line and ("ivr" in codes or not mends):
        mends["ivr"] = Mend(MENDS["ivr"].label, admin_change_url("telephony", "line", context.location_id))
    return list(mends.values())


def _shift_url(hole: Hole, context: HoleContext) -> str:
    query = {"customer_id": context.customer_id, "locationId": context.location_id}
    if hole.end - hole.start <= LONGEST_SHIFT:
        tz = ZoneInfo(context.own_zone)
        start, end = (at.astimezone(tz).strftime("%Y-%m-%dT%H:%M") for at in (hole.start, hole.end))
        query |= {"startTime": start, "endTime": end}
    return f"{reverse('admin:staffing_schedule_add')}?{urlencode(query)}"


def format_period(start: datetime, end: datetime, zone: str) -> str:
    """A period by a clock: ``Thu 3 Dec 2026, 12:30 to 14:00``."""
    first, last = (at.astimezone(ZoneInfo(zone)) for at in (start, end))
    begins = clock.format_day_time(first)
    if (last.hour, last.minute) == (0, 0) and last.date() - first.date() == timedelta(1):
        return f"{begins} to 24:00"
    return f"{begins} to {f'{last:%H:%M}' if first.date() == last.date() else clock.format_day_time(last)}"


def format_time(at: datetime, zone: str) -> str:
    """A time by a clock."""
    return clock.format_day_time(at.astimezone(ZoneInfo(zone)))


def format_minutes(minutes: int) -> str:
    """A duration in words: ``45 min``, ``6 h 30 min``."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours:,} h {rest} min" if rest else f"{hours:,} h"
