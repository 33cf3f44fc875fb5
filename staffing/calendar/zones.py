"""Time zones of calendars as VTIMEZONE (RFC 5545): each clock change as all programs understand it.

Some programs ignore RDATE, some take DTSTART for an onset only if nothing else is there, and some
know summer time only as the larger of two offsets (Dublin's law has it the other way round). So:

- Changes that recur every year are an RRULE, endless. It is found by comparing the days of the
  changes with all days that it yields, for 28 years, after which the calendar repeats.
- Other changes (Gaza's Ramadan, the last change of a zone that gives up summer time) are an
  observance each, without RRULE and RDATE, if they are near; those of other times share an RDATE.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard, vRecur

from staffing.recurrence import dst
from staffing.recurrence.rules import WEEKDAY_CODES

RECENT_PERIOD, NEAR_PERIOD = timedelta(days=2 * 366), timedelta(days=10 * 366)
"""The period around now in which each irregular change is an observance."""
RULE_YEARS = 20
"""A rule holds for at least so many years; every day of the month has each weekday within 12."""
_HORIZON_YEARS = dst.HORIZON.days // 365
_ZERO = timedelta()


@dataclass(frozen=True)
class _Change:
    """How the clock changes: what observances with the same values have in common."""

    offset_before: timedelta
    offset_after: timedelta
    name: str
    is_daylight: bool


@dataclass(frozen=True)
class _Onset:
    """A clock change, in the wall time before it."""

    wall_time: datetime
    change: _Change


@dataclass(frozen=True)
class _Rule:
    """One change at the same time on each of these weekdays, if they are these days of a month."""

    change: _Change
    month: int
    weekday: int
    days: range
    first: datetime
    """The wall time of the first."""

    def to_rrule(self) -> str:
        day, is_whole_week = WEEKDAY_CODES[self.weekday].upper(), len(self.days) == 7
        if is_whole_week and self.days.start % 7 == 1 and self.days.start < 28:
            by_day = f"BYDAY={self.days.start // 7 + 1}{day}"
        elif is_whole_week and self.days[-1] == monthrange(self.first.year, self.month)[1]:
            by_day = f"BYDAY=-1{day}"
        else:
            by_day = f"BYMONTHDAY={','.join(map(str, self.days))};BYDAY={day}"
        return f"FREQ=YEARLY;BYMONTH={self.month};{by_day}"


def build_timezone(zone: str, first_start: datetime, at: datetime) -> Timezone:
    """The VTIMEZONE of a zone, for events from the wall time ``first_start`` on."""
    since = first_start.replace(tzinfo=UTC) - timedelta(days=2)
    zone_info = ZoneInfo(zone)
    start_year = min(first_start.year, at.year)
    years = [*range(start_year, at.year, _HORIZON_YEARS), max(first_start.year, at.year)]
    transitions = sorted({transition for year in years for transition in dst.list_transitions(zone, year)})
    all_onsets = [_build_onset(transition, zone_info) for transition in transitions if transition >= since]
    rules = list(_iter_rules(all_onsets, last_year=years[-1] + _HORIZON_YEARS))
    others = [onset for onset in all_onsets if not any(_is_covered(onset, rule) for rule in rules)]
    initial_time = since.astimezone(zone_info)
    initial_change = _build_change(initial_time, initial_time)
    initial_onset = initial_time.replace(tzinfo=None)
    observances = [
        (initial_onset, _build_observance(initial_change, [initial_onset])),
        *((rule.first, _build_observance(rule.change, [rule.first], rule.to_rrule())) for rule in rules),
        *((onsets[0], _build_observance(change, onsets)) for change, onsets in _group_onsets(others, at)),
    ]
    timezone = Timezone()
    timezone.add("tzid", zone)
    for _, observance in sorted(observances, key=lambda item: item[0]):
        timezone.add_component(observance)
    return timezone


def _build_onset(transition: datetime, zone_info: ZoneInfo) -> _Onset:
    time_before = (transition - timedelta(seconds=1)).astimezone(zone_info)
    change = _build_change(time_before, transition.astimezone(zone_info))
    return _Onset((transition + change.offset_before).replace(tzinfo=None), change)


def _build_change(time_before: datetime, time_after: datetime) -> _Change:
    """From these local times around it. Where winter is the exception, summer is daylight time."""
    winter_saving = min(time_before.dst() or _ZERO, _ZERO)
    return _Change(
        time_before.utcoffset() or _ZERO,
        time_after.utcoffset() or _ZERO,
        time_after.tzname() or "",
        is_daylight=(time_after.dst() or _ZERO) > winter_saving,
    )


# --- changes that recur ---------------------------------------------------------------------------
def _iter_rules(onsets: Iterable[_Onset], last_year: int) -> Iterator[_Rule]:
    """The rules by which clocks change until ``last_year``, each from the first year it holds."""
    groups = defaultdict(list)
    for onset in onsets:
        at = onset.wall_time
        groups[onset.change, at.month, at.weekday(), at.time()].append(at)
    for (change, month, weekday, _), wall_times in groups.items():
        days = [at.day for at in wall_times if at.year > last_year - _HORIZON_YEARS]
        if not days:
            continue
        rule = _Rule(change, month, weekday, range(min(days), max(days) + 1), wall_times[0])
        first_year = _find_first_year(rule, wall_times, last_year)
        if last_year - first_year >= RULE_YEARS:
            first = next(at for at in wall_times if at.year >= first_year)
            yield _Rule(change, month, weekday, rule.days, first)


def _find_first_year(rule: _Rule, wall_times: Sequence[datetime], last_year: int) -> int:
    """The year since which the clock changes on all days of a rule, until ``last_year``."""
    days_by_year = defaultdict(list)
    for at in wall_times:
        days_by_year[at.year].append(at.day)
    years = range(last_year, wall_times[0].year - 1, -1)
    matching = list(takewhile(lambda year: days_by_year[year] == _list_days(rule, year), years))
    return matching[-1] if matching else last_year


def _list_days(rule: _Rule, year: int) -> list[int]:
    first_weekday, day_count = monthrange(year, rule.month)
    first_day = (rule.weekday - first_weekday) % 7 + 1
    return [day for day in range(first_day, day_count + 1, 7) if day in rule.days]


def _is_covered(onset: _Onset, rule: _Rule) -> bool:
    at = onset.wall_time
    is_at_rule = (at.month, at.weekday(), at.time()) == (rule.month, rule.weekday, rule.first.time())
    return onset.change == rule.change and is_at_rule and at >= rule.first


# --- observances ----------------------------------------------------------------------------------
def _group_onsets(onsets: Iterable[_Onset], at: datetime) -> Iterator[tuple[_Change, list[datetime]]]:
    """The onsets of each observance: a near one alone, others by what changes."""
    groups: dict[tuple[_Change, date | None], list[datetime]] = defaultdict(list)
    now = at.replace(tzinfo=None)
    for onset in onsets:
        is_near = now - RECENT_PERIOD <= onset.wall_time <= now + NEAR_PERIOD
        groups[onset.change, onset.wall_time if is_near else None].append(onset.wall_time)
    return ((change, wall_times) for (change, _), wall_times in groups.items())


def _build_observance(
    change: _Change, onsets: list[datetime], rrule: str | None = None
) -> TimezoneStandard | TimezoneDaylight:
    """One offset of a zone. RDATE has the first onset, too, as not all count DTSTART with it."""
    observance = TimezoneDaylight() if change.is_daylight else TimezoneStandard()
    observance.add("dtstart", onsets[0])
    if rrule:
        observance.add("rrule", vRecur.from_ical(rrule))
    elif len(onsets) > 1:
        observance.add("rdate", onsets)
    observance.add("tzoffsetfrom", change.offset_before)
    observance.add("tzoffsetto", change.offset_after)
    observance.add("tzname", change.name)
    return observance
