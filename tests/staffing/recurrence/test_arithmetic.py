"""Days and instants by arithmetic are those of python-dateutil and of each wall time by itself."""

import zoneinfo._zoneinfo  # type: ignore[import-not-found]
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile

from hypothesis import given, settings
from hypothesis import strategies as some

from staffing.recurrence import dst, expand, overlap, rules, wall_clock, windows
from staffing.recurrence.expand import Occurrence, RecurrenceException, Series
from staffing.recurrence.rules import WEEKDAY_CODES, NthWeekday, RecurrenceRule
from tests.staffing.recurrence.test_expand import NEW_YORK
from tests.support.environment import IS_SCALE_RUN

EXAMPLES = 5_000 if IS_SCALE_RUN else 150
EPOCH = datetime(1970, 1, 1)
ZONES = (NEW_YORK, "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia")
minutes = some.integers(0, 1439)


@some.composite
def day_rules(draw: some.DrawFn) -> tuple[RecurrenceRule, datetime]:
    """A daily or weekly rule, and its first start, which need not be one of the rule."""
    first = EPOCH + timedelta(days=draw(some.integers(0, 30_000)), minutes=draw(minutes))
    days = some.lists(some.sampled_from(WEEKDAY_CODES), max_size=4, unique=True)
    end = draw(some.sampled_from(["never", "count", "until"]))
    rule = RecurrenceRule(
        draw(some.sampled_from(["daily", "weekly"])),
        interval=draw(some.one_of(some.integers(1, 8), some.integers(1, 366))),
        by_day=tuple(map(NthWeekday, draw(days))),
        by_month=tuple(draw(some.lists(some.integers(1, 12), max_size=2, unique=True))),
        first_day_of_week=draw(some.sampled_from(WEEKDAY_CODES)),
        count=draw(some.integers(1, 1000)) if end == "count" else None,
        until=first + timedelta(days=draw(some.integers(0, 9000)), minutes=draw(minutes)) if end == "until" else None,
    )
    return rule, first


@settings(max_examples=EXAMPLES, deadline=None)
@given(day_rules(), some.integers(0, 2000), some.integers(0, 200))
def test_starts_are_those_of_dateutil(drawn: tuple[RecurrenceRule, datetime], after: int, days: int) -> None:
    rule, first = drawn
    since = first + timedelta(hours=23 * after - 40)
    until = since + timedelta(hours=25 * days)
    full_expansion = islice(rules._build_rrule(rule, first, first, until), rule.count)

    starts = list(rules.iter_starts(rule, first, since, until))

    assert starts == [start for start in takewhile(lambda start: start < until, full_expansion) if start >= since]


@settings(max_examples=EXAMPLES // 5, deadline=None)
@given(day_rules())
def test_last_start_of_a_count_is_that_of_dateutil(drawn: tuple[RecurrenceRule, datetime]) -> None:
    rule, first = drawn
    if rule.count:
        end = rules.LATEST_START - timedelta(seconds=1)
        starts = tuple(islice(rules._build_rrule(rule, first, first, end), rule.count))
        assert rules.find_last_counted_start(rule, first) == max(starts, default=None)
        assert rules.list_counted_starts(rule, first) == starts


@settings(max_examples=EXAMPLES // 5, deadline=None)
@given(day_rules(), some.integers(1970, 2100))
def test_bitmap_has_the_days_of_dateutil(drawn: tuple[RecurrenceRule, datetime], year: int) -> None:
    rule, first = drawn
    base_day = overlap.get_base_day(year)
    since = datetime.fromordinal(base_day)
    until = since + timedelta(days=overlap.BITMAP_DAYS)
    starts = islice(rules._build_rrule(rule, first, first if rule.count else since, until), rule.count)
    expected = {start.toordinal() - base_day for start in starts if since <= start < until and start >= first}

    days = set(overlap.iter_set_bits(overlap.build_bitmap(rule, first, base_day)))

    if rule.count:  # callers replace it with the last start
        days = {day for day in days if datetime.fromordinal(base_day + day) <= max(starts, default=until)}
        assert expected <= days
        return
    after_until = {rule.until.toordinal() - base_day} if rule.until else set()
    assert expected <= days <= expected | after_until


def list_nearby_starts(series: Series, since: datetime, until: datetime) -> list[datetime]:
    """The starts of a series in a window and around it, by dateutil."""
    margin = timedelta(days=3)
    low, high = (at.astimezone(UTC).replace(tzinfo=None) for at in (since, until))
    assert series.rule
    earliest = low - margin - (series.end - series.start)
    expanded_from = series.start if series.rule.count else earliest
    starts = islice(rules._build_rrule(series.rule, series.start, expanded_from, high + margin), series.rule.count)
    return [start for start in starts if start >= max(earliest, series.start)]


def localize_each(series: Series, nearby: list[datetime], since: datetime, until: datetime) -> list[Occurrence]:
    """The shifts of a series in a window, each by its wall times."""
    regular = (expand.build_regular_occurrence(series, start) for start in nearby if start not in series.exceptions)
    shifts = [*regular, *expand.iter_exception_occurrences(series)]
    overlapping = [shift for shift in shifts if shift and shift.start < until and shift.end > since]
    return sorted(overlapping, key=lambda shift: (shift.start, shift.recurrence_id))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    day_rules(),
    some.sampled_from(ZONES),
    some.sampled_from([30, 480, 600, 24 * 60, 9 * 24 * 60]),
    some.sampled_from(["shift", "skip"]),
    some.data(),
)
def test_shifts_near_clock_changes_are_those_of_each_wall_time(
    drawn: tuple[RecurrenceRule, datetime], zone: str, length: int, gap: str, data: some.DataObject
) -> None:
    rule, first = drawn
    transition = data.draw(some.sampled_from(dst.list_transitions(zone, first.year) or [first.replace(tzinfo=UTC)]))
    hours = some.integers(-80, 80)
    since = transition + timedelta(hours=data.draw(hours), minutes=data.draw(minutes))
    until = since + data.draw(some.sampled_from([timedelta(microseconds=1), timedelta(hours=30), timedelta(days=31)]))
    starts = list(islice(rules.iter_starts(rule, first, first, rules.LATEST_START), 40))
    changes = (RecurrenceException(), RecurrenceException(since.replace(tzinfo=None)), RecurrenceException(first))
    exceptions = {start: changes[start.toordinal() % 3] for start in starts[:: data.draw(some.integers(1, 9))]}
    series = Series(first, first + timedelta(minutes=length), zone, rule, exceptions, gap)  # type: ignore[arg-type]

    nearby = list_nearby_starts(series, since, until)
    expected = localize_each(series, nearby, since, until)
    assert list(expand.iter_occurrences(series, since, until)) == expected
    assert windows.has_shift(series, since, until) == bool(expected)
    regular = replace(series, exceptions={})
    assert windows.has_shift(regular, since, until) == bool(localize_each(regular, nearby, since, until))


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(some.sampled_from(sorted(zoneinfo.available_timezones())), some.integers(0, 45_000), minutes)
def test_wall_times_of_a_plain_day_are_converted_by_addition(zone: str, days: int, minute: int) -> None:
    wall_time = EPOCH + timedelta(days=days, minutes=minute)
    midnight = dst.find_plain_midnight(zone, wall_time.toordinal())
    if midnight:
        assert midnight + timedelta(minutes=minute) == wall_clock.to_instant(wall_time, zone)
        assert wall_clock.to_wall_time(midnight + timedelta(minutes=minute), zone) == wall_time


def test_clock_changes_of_a_zone_are_days_apart() -> None:
    """What `dst.find_plain_midnight` relies on."""
    since = EPOCH.replace(tzinfo=UTC).timestamp()
    closest, largest = timedelta.max, timedelta()
    for name in zoneinfo.available_timezones():
        zone = zoneinfo._zoneinfo.ZoneInfo.no_cache(name)  # only this one shows its transitions
        offsets = [(at, info.utcoff) for at, info in zip(zone._trans_utc, zone._ttinfos, strict=True) if at >= since]
        changes = [(at, after - before) for (_, before), (at, after) in pairwise(offsets) if after != before]
        largest = max([largest, *(abs(change) for _, change in changes)])
        closest = min([closest, *(timedelta(seconds=later - at) for (at, _), (later, _) in pairwise(changes))])
    assert closest > timedelta(days=1) + 2 * dst.LARGEST_CLOCK_CHANGE
    assert largest < dst.LARGEST_CLOCK_CHANGE
