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

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain, combinations, islice, pairwise, product

from staffing.recurrence import day_bitmap, dst, expand, overlap
from staffing.recurrence.day_bitmap import Days
from staffing.recurrence.expand import LONGEST, Occurrence, Series
from staffing.recurrence.overlap import Clash

SHORT = timedelta(days=60)
"""What ends within this time is expanded."""
ALIKE, MANY = timedelta(days=366 * 28), 1000
"""For how long, and how many of, the shifts of one series are held against each other."""
DAY = 1440
Named = tuple[str, Series]
"""A series and the id of its schedule."""


def first_clash(a: Series, b: Series) -> Clash | None:
    """The first moment at which shifts of two series overlap; None: they never do."""
    a, b = (expand.uncounted(expand.own(one)) for one in (a, b))
    if expand.ends(a) <= expand.begins(b) or expand.ends(b) <= expand.begins(a):
        return None
    found = [clash for clash in _candidates(a, b) if clash]
    return min(found, key=lambda clash: clash.at, default=None)


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
    placed = [(expand.placed(one), id, True) for id, one in own]
    placed += [(expand.placed(one), id, False) for id, one in theirs]
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
    series = expand.uncounted(expand.own(series))
    found = [
        overlap.first(one, _without(series, id))
        for id, change in series.changes.items()
        if (one := expand.changed(series, id, change))
    ]
    if series.rule and series.end - series.start > timedelta(days=1) - expand.GAP:
        begins = expand.instant(series.start, series.zone)
        every = expand.occurrences(series, begins, begins + ALIKE)
        met = (Clash(b.start, a, b) for a, b in pairwise(islice(every, MANY)) if b.start < a.end)
        found.append(next(met, None))
    return min((one for one in found if one), key=lambda clash: clash.at, default=None)


def _without(series: Series, id: datetime) -> Series:
    changes = {**series.changes, id: expand.Change()}
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


def _left_out(series: Series) -> dict[datetime, expand.Change]:
    """The occurrences that the rule starts and that do not take place then."""
    return {id: expand.Change() for id in series.changes}


def _walked(short: Series, other: Series) -> Clash | None:
    """Every shift of a series that ends soon, against another."""
    until = expand.ends(short)
    since = expand.begins(short) - LONGEST
    every = list(expand.occurrences(short, since, until + timedelta(seconds=1)))
    return min(overlap.each(every, other), key=lambda clash: clash.at, default=None)


def _of_changes(a: Series, b: Series) -> Clash | None:
    """The shifts of ``a`` that were put elsewhere, against all of ``b``."""
    moved = (expand.changed(a, id, change) for id, change in a.changes.items())
    every = [one for one in moved if one]
    return min(overlap.each(every, b), key=lambda clash: clash.at, default=None)


def _regular(a: Series, b: Series) -> Clash | None:
    days_a, days_b = day_bitmap.repeating(a), day_bitmap.repeating(b)
    found = [_on_odd_days(a, b)]
    if days_a and days_b:
        found += [
            _periodic(a, days_a, b, days_b, apart)
            for apart in dst.apart(a.zone, b.zone, _later_beginning(a, b).year)
        ]
    else:
        found.append(_laid_over(a, b))
    return min((one for one in found if one), key=lambda clash: clash.at, default=None)


def _periodic(a: Series, days_a: Days, b: Series, days_b: Days, apart: int) -> Clash | None:
    """The first meeting while the wall clock of b's zone is ``apart`` minutes ahead of a's."""
    best: Clash | None = None
    for shift in _shifts(a, b, apart):
        for left in days_a.residues:
            for right in days_b.residues:
                met = day_bitmap.solve(left, days_a.period, right - shift, days_b.period)
                if met:
                    best = overlap.earlier(best, _first_real(a, b, *met, shift=shift))
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


def _first_real(a: Series, b: Series, day: int, period: int, *, shift: int) -> Clash | None:
    """The first of these days on which the shifts really meet."""
    low = max(a.start.date().toordinal(), b.start.date().toordinal() - shift)
    day += -(-(low - day) // period) * period  # lifted to the later beginning
    last = min(_last_day(a), _last_day(b) - shift)
    horizon = low + dst.HORIZON.days if a.zone != b.zone else last
    tries = 0
    while day <= min(last, horizon):
        clash = overlap.on_days(a, day, b, day + shift)
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


def _laid_over(a: Series, b: Series) -> Clash | None:
    """The first meeting within `clocks.HORIZON`, where the days of one at least do not repeat."""
    if a.rule is None or b.rule is None:
        return None
    later = _later_beginning(a, b)
    base = date(later.year - 1, 12, 1).toordinal()
    low = later.date().toordinal() - 6 - base
    bits_a, bits_b = (day_bitmap.bits(one.rule, one.start, base) for one in (a, b) if one.rule)
    best: Clash | None = None
    apart = dst.apart(a.zone, b.zone, later.year)
    for shift in sorted({shift for minutes in apart for shift in _shifts(a, b, minutes)}):
        both = bits_a & (bits_b >> shift if shift >= 0 else bits_b << -shift)
        for day in day_bitmap.numbers(both >> low):
            one = overlap.on_days(a, base + low + day, b, base + low + day + shift)
            if one:
                best = overlap.earlier(best, one)
                break
    return best


def _on_odd_days(a: Series, b: Series) -> Clash | None:
    """The first meeting around a change of either clock, where wall times mislead."""
    begins = _later_beginning(a, b)
    if a.zone == b.zone and not any(_touches_gaps(one, begins.year) for one in (a, b)):
        return None
    until = min(begins + dst.HORIZON, expand.ends(a), expand.ends(b))
    changes = sorted({*dst.changes(a.zone, begins.year), *dst.changes(b.zone, begins.year)})
    near = [change for change in changes if begins - LONGEST <= change <= until]
    every = [one for change in near for one in _around(a, change)]
    return min(overlap.each(every, b), key=lambda clash: clash.at, default=None)


def _around(series: Series, change: datetime) -> Iterator[Occurrence]:
    """The regular shifts of a series around a change of a clock."""
    day = timedelta(days=1)
    span = Occurrence(series.start, change - day, change + day)
    return (one for one in overlap.regular_near(series, span) if overlap.overlap(one, span))


def _later_beginning(a: Series, b: Series) -> datetime:
    return max(expand.instant(one.start, one.zone) for one in (a, b))


def _touches_gaps(series: Series, year: int) -> bool:
    """Whether a start or end may fall where the clock jumps: gaps stand in the small hours."""
    every = [change - timedelta(minutes=1) for change in dst.changes(series.zone, year)]
    gaps = {expand.wall(at, series.zone).time() for at in every}
    return any(
        _minutes_between(gap.hour * 60 + gap.minute, _minutes(at)) <= 180
        for gap in gaps
        for at in (series.start, series.end)
    )


def _minutes_between(gap: float, at: float) -> float:
    return (at - gap) % DAY
