"""Clashes: do two series of one person ever overlap, and when first? Pure.

Decided without expanding what is endless. A daily or weekly rule is a set of days with a period, so
two of them meet where two congruences hold (the Chinese remainder theorem); where one is not
periodic in days (monthly, yearly, by month), both are laid over each other day by day, as bits.
Found days are held against the real moments of both shifts, and days on which a clock changes are
looked at one by one, so that gaps and zones that shift against each other are seen as they are.

Exact in one zone for daily and weekly rules, however late, but for what only a change of the clock
pushes together; that, other rules and pairs across zones are looked at for `clocks.HORIZON` from
the later beginning. A shift of a series that was given to somebody else is theirs, and not seen.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain, combinations, islice, pairwise, product
from math import gcd
from typing import Literal, NamedTuple

from staffing import clocks, recurrence
from staffing.recurrence import DAYS, LONGEST, Occurrence, Rule, Series

SHORT = timedelta(days=60)
"""What ends within this time is expanded."""
ALIKE, MANY = timedelta(days=366 * 28), 1000
"""For how long, and how many of, the shifts of one series are held against each other."""
DAY = 1440
OFFSET = timedelta(hours=18)
"""More than any wall time differs from UTC, a jump of the clock included."""


class Clash(NamedTuple):
    """The first moment at which both are on duty, and the shifts that meet."""

    at: datetime
    first: Occurrence
    second: Occurrence


def first_clash(a: Series, b: Series) -> Clash | None:
    """The first moment at which shifts of two series overlap; None: they never do."""
    a, b = (recurrence.uncounted(recurrence.own(one)) for one in (a, b))
    if recurrence.ends(a) <= recurrence.begins(b) or recurrence.ends(b) <= recurrence.begins(a):
        return None
    found = [clash for clash in _candidates(a, b) if clash]
    return min(found, key=lambda clash: clash.at, default=None)


Named = tuple[str, Series]
"""A series and the id of its schedule."""


def first_among(own: Sequence[Named], theirs: Sequence[Named]) -> tuple[str, Clash] | None:
    """The first overlap of one's own with each other, themselves or theirs, and with whose.

    Single shifts are sorted once and held against their neighbours, however many there are.
    """
    met = [(id, clash) for id, series in own if (clash := itself(series))]
    single, rest = _parted(own)
    others, series_of_others = _parted(theirs)
    met += _neighbours(single, others)
    pairs = chain(combinations(rest, 2), product(rest, [*series_of_others, *single, *others]))
    pairs = chain(pairs, product(single, series_of_others))
    for (_, one), (id, other) in pairs:
        clash = first_clash(one, other)
        if clash:
            met.append((id, clash))
    return min(met, key=lambda one: one[1].at, default=None)


def _parted(every: Sequence[Named]) -> tuple[list[Named], list[Named]]:
    """Single shifts, and series."""
    singles = [(id, one) for id, one in every if one.rule is None and not one.changes]
    return singles, [(id, one) for id, one in every if one.rule is not None or one.changes]


def _neighbours(own: Sequence[Named], theirs: Sequence[Named]) -> list[tuple[str, Clash]]:
    """The first overlap of single shifts, one at least one's own."""
    placed = [(recurrence.placed(one), id, True) for id, one in own]
    placed += [(recurrence.placed(one), id, False) for id, one in theirs]
    last: dict[bool, tuple[Occurrence, str]] = {}
    for one, id, is_own in sorted(placed, key=lambda each: each[0].start):
        for kind in (True, False) if is_own else (True,):
            if kind in last and last[kind][0].end > one.start:
                before, other = last[kind]
                return [(other if is_own else id, Clash(one.start, before, one))]
        if is_own not in last or one.end > last[is_own][0].end:
            last[is_own] = (one, id)
    return []


def itself(series: Series) -> Clash | None:
    """The first moment at which two shifts of one series overlap; None: they never do.

    They all start at one time of day, so only those of almost a day and changed ones can.
    """
    series = recurrence.uncounted(recurrence.own(series))
    found = [
        _meets(one, _without(series, id))
        for id, change in series.changes.items()
        if (one := recurrence.changed(series, id, change))
    ]
    if series.rule and series.end - series.start > timedelta(days=1) - recurrence.GAP:
        begins = recurrence.instant(series.start, series.zone)
        every = recurrence.occurrences(series, begins, begins + ALIKE)
        met = (Clash(b.start, a, b) for a, b in pairwise(islice(every, MANY)) if b.start < a.end)
        found.append(next(met, None))
    return min((one for one in found if one), key=lambda clash: clash.at, default=None)


def _without(series: Series, id: datetime) -> Series:
    changes = {**series.changes, id: recurrence.Change()}
    return replace(series, changes=changes)


def _candidates(a: Series, b: Series) -> Iterator[Clash | None]:
    if _is_short(a):
        yield _walked(a, b)
        return
    if _is_short(b):
        yield _turned(_walked(b, a))
        return
    yield _of_changes(a, b)
    yield _turned(_of_changes(b, a))
    yield _regular(replace(a, changes=_left_out(a)), replace(b, changes=_left_out(b)))


def _is_short(series: Series) -> bool:
    rule = series.rule
    return rule is None or bool(rule.until and rule.until - series.start < SHORT)


def _turned(clash: Clash | None) -> Clash | None:
    return Clash(clash.at, clash.second, clash.first) if clash else None


def _left_out(series: Series) -> dict[datetime, recurrence.Change]:
    """The occurrences that the rule starts and that do not take place then."""
    return {id: recurrence.Change() for id in series.changes}


def _meets(one: Occurrence, other: Series) -> Clash | None:
    """The first overlap of one shift with a series."""
    met = next(recurrence.occurrences(other, one.start, one.end), None)
    return Clash(max(one.start, met.start), one, met) if met else None


FEW = 20
"""Shifts that are held against a series one by one; of more, its days are looked up as bits."""


def _meeting(every: Sequence[Occurrence], other: Series) -> Iterator[Clash]:
    """The overlaps of shifts with a series, each shift's first."""
    if len(every) <= FEW or other.rule is None:
        yield from (clash for one in every if (clash := _meets(one, other)))
        return
    moved = [
        c for id, change in other.changes.items() if (c := recurrence.changed(other, id, change))
    ]
    moved.sort(key=lambda one: one.start)
    starts = [one.start for one in moved]
    for one in every:
        low = bisect_left(starts, one.start - LONGEST - recurrence.GAP)
        near = moved[low : bisect_left(starts, one.end)]
        found = [met for met in chain(near, _regular_near(other, one)) if _overlap(one, met)]
        if found:
            first = min(found, key=lambda met: met.start)
            yield Clash(max(one.start, first.start), one, first)


def _overlap(one: Occurrence, other: Occurrence) -> bool:
    return one.start < other.end and other.start < one.end


def _regular_near(series: Series, one: Occurrence) -> Iterator[Occurrence]:
    """The regular shifts of a series that may overlap one shift."""
    if series.rule is None:
        return
    base = date(one.start.year // 20 * 20 - 1, 12, 1).toordinal()
    bits = _bits(series.rule, series.start, base)
    low = (one.start - (series.end - series.start) - OFFSET).date().toordinal()
    high = (one.end + OFFSET).date().toordinal()
    for day in range(low, high + 1):
        if bits >> (day - base) & 1:
            shift = _shift_of(series, day)
            if shift:
                yield shift


def _walked(short: Series, other: Series) -> Clash | None:
    """Every shift of a series that ends soon, against another."""
    until = recurrence.ends(short)
    since = recurrence.begins(short) - LONGEST
    every = list(recurrence.occurrences(short, since, until + timedelta(seconds=1)))
    return min(_meeting(every, other), key=lambda clash: clash.at, default=None)


def _of_changes(a: Series, b: Series) -> Clash | None:
    """The shifts of ``a`` that were put elsewhere, against all of ``b``."""
    moved = (recurrence.changed(a, id, change) for id, change in a.changes.items())
    every = [one for one in moved if one]
    return min(_meeting(every, b), key=lambda clash: clash.at, default=None)


# --- regular shifts of two long series ------------------------------------------------------------
def _regular(a: Series, b: Series) -> Clash | None:
    days_a, days_b = _days(a), _days(b)
    found = [_on_odd_days(a, b)]
    if days_a and days_b:
        found += [
            _periodic(a, days_a, b, days_b, apart)
            for apart in clocks.apart(a.zone, b.zone, _later_beginning(a, b).year)
        ]
    else:
        found.append(_laid_over(a, b))
    return min((one for one in found if one), key=lambda clash: clash.at, default=None)


@dataclass(frozen=True)
class Days:
    """A set of days that repeats: ordinals that are ``residues`` modulo ``period``."""

    period: int
    residues: tuple[int, ...]


def _days(series: Series) -> Days | None:
    """The days on which a daily or weekly rule starts shifts; None where they do not repeat."""
    rule, first = series.rule, series.start.date().toordinal()
    if rule is None or rule.by_month or rule.frequency not in ("daily", "weekly"):
        return None
    return _repeating(rule, first)


def _repeating(rule: Rule, first: int) -> Days:
    wanted = {DAYS.index(day.day) for day in rule.by_day}
    if rule.frequency == "daily":
        period = rule.interval * 7 // gcd(rule.interval, 7) if wanted else rule.interval
        days = [first + step for step in range(0, period, rule.interval)]
        kept = [day for day in days if not wanted or _weekday(day) in wanted]
        return Days(period, tuple(day % period for day in kept))
    week = first - (_weekday(first) - DAYS.index(rule.first_day_of_week)) % 7
    wanted = wanted or {_weekday(first)}
    period = 7 * rule.interval
    kept = [day for day in range(week, week + 7) if _weekday(day) in wanted]
    return Days(period, tuple(day % period for day in kept))


def _weekday(ordinal: int) -> int:
    return (ordinal - 1) % 7  # 1 January of the year 1 was a Monday


def _periodic(a: Series, days_a: Days, b: Series, days_b: Days, apart: int) -> Clash | None:
    """The first meeting while the wall clock of b's zone is ``apart`` minutes ahead of a's."""
    best: Clash | None = None
    for shift in _shifts(a, b, apart):
        for left in days_a.residues:
            for right in days_b.residues:
                met = _solve(left, days_a.period, right - shift, days_b.period)
                if met:
                    best = _earlier(best, _first_real(a, b, *met, shift=shift))
    return best


def _shifts(a: Series, b: Series, apart: int) -> Iterator[int]:
    """By how many days b's start may stand from a's so that they overlap in a's wall time."""
    start_a, start_b = _minutes(a.start), _minutes(b.start) - apart
    long_a, long_b = _length(a), _length(b)
    for days in range(-4, 5):
        begins = start_b + days * DAY
        if begins < start_a + long_a and start_a < begins + long_b:
            yield days


def _minutes(at: datetime) -> float:
    return at.hour * 60 + at.minute + at.second / 60


def _length(series: Series) -> float:
    return (series.end - series.start) / timedelta(minutes=1)


def _solve(left: int, by: int, right: int, and_by: int) -> tuple[int, int] | None:
    """A day that is ``left`` modulo ``by`` and ``right`` modulo ``and_by``, and their period."""
    common = gcd(by, and_by)
    if (right - left) % common:
        return None
    whole = by // common * and_by
    steps = (right - left) // common * pow(by // common, -1, and_by // common)
    return (left + by * (steps % (and_by // common))) % whole, whole


def _first_real(a: Series, b: Series, day: int, period: int, *, shift: int) -> Clash | None:
    """The first of these days on which the shifts really meet."""
    low = max(a.start.date().toordinal(), b.start.date().toordinal() - shift)
    day += -(-(low - day) // period) * period  # lifted to the later beginning
    last = min(_last_day(a), _last_day(b) - shift)
    horizon = low + clocks.HORIZON.days if a.zone != b.zone else last
    tries = 0
    while day <= min(last, horizon):
        clash = _on(a, day, b, day + shift)
        if clash:
            return clash
        tries += 1
        if a.zone == b.zone and tries > len(a.changes) + len(b.changes) + 60:
            return None
        day += period
    return None


def _last_day(series: Series) -> int:
    until = series.rule.until if series.rule else None
    return until.date().toordinal() if until else date.max.toordinal() - 400


def _on(a: Series, day_a: int, b: Series, day_b: int) -> Clash | None:
    """Whether the shifts that start on these days meet."""
    one, other = _shift_of(a, day_a), _shift_of(b, day_b)
    if one is None or other is None or one.start >= other.end or other.start >= one.end:
        return None
    return Clash(max(one.start, other.start), one, other)


def _shift_of(series: Series, day: int) -> Occurrence | None:
    start = datetime.combine(date.fromordinal(day), series.start.time())
    rule = series.rule
    if start in series.changes or start < series.start or not rule:
        return None
    if rule.until and start > rule.until:
        return None
    return _placed(start, series.end - series.start, series.zone, series.gap)


@lru_cache(maxsize=20_000)
def _placed(
    start: datetime, long: timedelta, zone: str, gap: Literal["shift", "skip"]
) -> Occurrence | None:
    return recurrence.regular(Series(start, start + long, zone, gap=gap), start)


def _earlier(one: Clash | None, other: Clash | None) -> Clash | None:
    found = [clash for clash in (one, other) if clash]
    return min(found, key=lambda clash: clash.at, default=None)


def _laid_over(a: Series, b: Series) -> Clash | None:
    """The first meeting within `clocks.HORIZON`, where the days of one at least do not repeat."""
    if a.rule is None or b.rule is None:
        return None
    later = _later_beginning(a, b)
    base = date(later.year - 1, 12, 1).toordinal()
    low = later.date().toordinal() - 6 - base
    bits_a, bits_b = (_bits(one.rule, one.start, base) for one in (a, b) if one.rule)
    best: Clash | None = None
    apart = clocks.apart(a.zone, b.zone, later.year)
    for shift in sorted({shift for minutes in apart for shift in _shifts(a, b, minutes)}):
        both = bits_a & (bits_b >> shift if shift >= 0 else bits_b << -shift)
        for day in _days_of(both >> low):
            one = _on(a, base + low + day, b, base + low + day + shift)
            if one:
                best = _earlier(best, one)
                break
    return best


def _days_of(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, from the lowest."""
    text = f"{bits:b}"[::-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)


@lru_cache(maxsize=512)
def _bits(rule: Rule, first: datetime, base: int) -> int:
    """The days on which a rule starts shifts: bit n stands for the day ``base`` + n."""
    start, end = first.date().toordinal(), base + clocks.HORIZON.days + 40
    if rule.frequency in ("daily", "weekly"):
        days = _repeating(rule, start)
        low = max(start, base)
        every = (
            day
            for residue in days.residues
            for day in range(low + (residue - low) % days.period, end, days.period)
        )
    else:
        span = (datetime.combine(date.fromordinal(day), first.time()) for day in (base, end))
        every = (at.date().toordinal() for at in recurrence.starts(rule, first, *span))
    text = bytearray(b"0") * (end - base)
    for day in every:
        if not rule.by_month or date.fromordinal(day).month in rule.by_month:
            text[-1 - (day - base)] = ord("1")
    return int(text, 2)


# --- days on which a clock changes ----------------------------------------------------------------
def _on_odd_days(a: Series, b: Series) -> Clash | None:
    """The first meeting around a change of either clock, where wall times mislead."""
    begins = _later_beginning(a, b)
    if a.zone == b.zone and not any(_touches_gaps(one, begins.year) for one in (a, b)):
        return None
    until = min(begins + clocks.HORIZON, recurrence.ends(a), recurrence.ends(b))
    changes = sorted({*clocks.changes(a.zone, begins.year), *clocks.changes(b.zone, begins.year)})
    near = [change for change in changes if begins - LONGEST <= change <= until]
    every = [one for change in near for one in _around(a, change)]
    return min(_meeting(every, b), key=lambda clash: clash.at, default=None)


def _around(series: Series, change: datetime) -> Iterator[Occurrence]:
    """The regular shifts of a series around a change of a clock."""
    day = timedelta(days=1)
    span = Occurrence(series.start, change - day, change + day)
    return (one for one in _regular_near(series, span) if _overlap(one, span))


def _later_beginning(a: Series, b: Series) -> datetime:
    return max(recurrence.instant(one.start, one.zone) for one in (a, b))


def _touches_gaps(series: Series, year: int) -> bool:
    """Whether a start or end may fall where the clock jumps: gaps stand in the small hours."""
    every = [change - timedelta(minutes=1) for change in clocks.changes(series.zone, year)]
    gaps = {recurrence.wall(at, series.zone).time() for at in every}
    return any(
        _minutes_between(gap.hour * 60 + gap.minute, _minutes(at)) <= 180
        for gap in gaps
        for at in (series.start, series.end)
    )


def _minutes_between(gap: float, at: float) -> float:
    return (at - gap) % DAY
