"""Two series clash where, and only where, shifts of theirs overlap: held against brute force."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from staffing.recurrence import conflicts, expand
from staffing.recurrence.expand import Change, Day, Rule, Series
from tests.staffing.test_recurrence import NEW_YORK, at, local, random_rule, shifts
from tests.support.environment import SCALE

LOOKED_AT = timedelta(days=500)


def brute(a: Series, b: Series, until: datetime) -> datetime | None:
    """The first moment of an overlap before ``until``, by looking at every shift."""
    low = datetime(2025, 1, 1, tzinfo=UTC)
    ours = list(expand.occurrences(a, low, until))
    theirs = list(expand.occurrences(b, low, until))
    found, start = [], 0
    for one in ours:
        while start < len(theirs) and theirs[start].start <= one.start - 2 * expand.LONGEST:
            start += 1
        for other in theirs[start:]:
            if other.start >= one.end:
                break
            if one.start < other.end:
                found.append(max(one.start, other.start))
    return min(found, default=None)


def random_series(dice: random.Random, zone: str) -> Series:
    first = datetime(2026, 1, 5) + timedelta(
        days=dice.randrange(60), minutes=15 * dice.randrange(96)
    )
    rule = random_rule(dice, first)
    after = expand.starts(rule, first, first, first + timedelta(days=4000))
    start = next(after, first)  # the first occurrence must fit
    long = timedelta(minutes=15 * dice.randint(1, 80))
    series = Series(start, start + long, zone, rule)
    if dice.random() < 0.4:
        days = list(expand.starts(rule, start, start, start + timedelta(days=60)))
        some = dice.sample(days, min(len(days), 3))
        moved = start + timedelta(days=dice.randrange(300), hours=dice.randrange(24))
        changes = {id: Change() for id in some}
        if some and dice.random() < 0.5:
            changes[some[0]] = Change(moved, moved + long)
        series = Series(start, start + long, zone, rule, changes)
    return series


def agree(a: Series, b: Series) -> bool:
    """Whether the decision is that of brute force; answers whether there is a clash."""
    begins = max(expand.instant(one.start, one.zone) for one in (a, b))
    until = begins + LOOKED_AT
    expected = brute(a, b, until)
    found = conflicts.first_clash(a, b)
    if expected is None:
        assert found is None or found.at >= until - expand.LONGEST, (a, b, found)
        return False
    assert found is not None, (a, b, expected)
    assert found.at == expected, (a, b, found, expected)
    assert found.first.start < found.second.end
    assert found.second.start < found.first.end
    return True


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "Australia/Lord_Howe"])
def test_random_pairs_of_one_zone_agree_with_brute_force(
    zone: str, say: Callable[[str], None]
) -> None:
    dice = random.Random(zone)
    many = 5_000 if SCALE else 300
    clashing = sum(agree(random_series(dice, zone), random_series(dice, zone)) for _ in range(many))
    assert many * 0.1 < clashing < many * 0.9
    say(f"clashes in {zone}: {many} random pairs as brute force has them, {clashing} clash")


def test_random_pairs_across_zones_agree_with_brute_force(say: Callable[[str], None]) -> None:
    dice = random.Random(3)
    zones = [NEW_YORK, "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata", "UTC"]
    many = 2_000 if SCALE else 150
    clashing = 0
    for _ in range(many):
        a, b = dice.sample(zones, 2)
        clashing += agree(random_series(dice, a), random_series(dice, b))
    say(f"clashes across zones: {many} random pairs as brute force has them, {clashing} clash")


WEEKLY = Rule("weekly")


def test_shifts_that_touch_do_not_clash() -> None:
    early = shifts(NEW_YORK, "2026-01-05T09:00", "2026-01-05T12:00", Rule("daily"))
    late = shifts(NEW_YORK, "2026-01-05T12:00", "2026-01-05T17:00", Rule("daily"))

    assert conflicts.first_clash(early, late) is None
    assert conflicts.first_clash(late, early) is None


def test_a_night_meets_the_morning_after() -> None:
    night = shifts(NEW_YORK, "2026-01-05T22:00", "2026-01-06T06:00", WEEKLY)
    morning = shifts(NEW_YORK, "2026-01-06T05:00", "2026-01-06T07:00", WEEKLY)

    found = conflicts.first_clash(night, morning)

    assert found
    assert found.at == at("2026-01-06T05:00", -5)


def test_every_second_and_every_third_week_meet_in_the_end() -> None:
    a = shifts("UTC", "2026-01-05T09:00", "2026-01-05T10:00", Rule("weekly", interval=2))
    b = shifts("UTC", "2026-01-12T09:30", "2026-01-12T10:30", Rule("weekly", interval=3))
    never = shifts("UTC", "2026-01-12T09:30", "2026-01-12T10:30", Rule("weekly", interval=4))

    found = conflicts.first_clash(a, b)

    assert found
    assert found.at == at("2026-02-02T09:30", 0)
    assert conflicts.first_clash(a, never) is None


def test_what_a_gap_pushes_together_clashes_that_day() -> None:
    """Ends at 2:30, which the clock jumps over: 3:30, when the next shift is on since 3:00."""
    early = shifts(NEW_YORK, "2026-01-05T22:00", "2026-01-06T02:30", Rule("daily"))
    late = shifts(NEW_YORK, "2026-01-06T03:00", "2026-01-06T08:00", Rule("daily"))

    found = conflicts.first_clash(early, late)

    assert found
    assert found.at == at("2026-03-08T03:00", -4)


def test_an_excluded_day_is_not_a_clash_and_a_moved_one_is() -> None:
    one = shifts("UTC", "2026-01-06T10:00", "2026-01-06T11:00")
    weekly = shifts("UTC", "2025-12-30T09:00", "2025-12-30T17:00", WEEKLY)
    free = Series(weekly.start, weekly.end, "UTC", WEEKLY, {local("2026-01-06T09:00"): Change()})
    moved = Series(
        weekly.start,
        weekly.end,
        "UTC",
        WEEKLY,
        {local("2026-01-13T09:00"): Change(local("2026-01-06T10:30"), local("2026-01-06T12:00"))},
    )

    assert conflicts.first_clash(one, weekly)
    assert conflicts.first_clash(one, free) is None
    found = conflicts.first_clash(one, moved)
    assert found
    assert found.at == at("2026-01-06T10:00", 0), "the regular one of that day"
    both = {**free.changes, **moved.changes}
    found = conflicts.first_clash(one, Series(weekly.start, weekly.end, "UTC", WEEKLY, both))
    assert found
    assert found.at == at("2026-01-06T10:30", 0)


def test_a_shift_that_somebody_else_has_is_no_clash() -> None:
    given = {local("2026-01-06T09:00"): Change(local("2026-01-06T09:00"), None, "usr_other")}
    weekly = Series(local("2026-01-06T09:00"), local("2026-01-06T17:00"), "UTC", WEEKLY, given)
    one = shifts("UTC", "2026-01-06T10:00", "2026-01-06T11:00")

    assert conflicts.first_clash(one, weekly) is None


def test_gaps_are_seen_in_every_century() -> None:
    early = shifts("Europe/Berlin", "2091-01-05T01:00", "2091-01-05T02:30", Rule("daily"))
    late = shifts("Europe/Berlin", "2091-01-05T03:00", "2091-01-05T04:00", Rule("daily"))

    found = conflicts.first_clash(early, late)

    assert found
    assert found.at.year == 2091


def test_many_changes_do_not_multiply() -> None:
    def moved(minutes: int) -> Series:
        start = local("2026-01-05T09:00") + timedelta(minutes=minutes)
        ids = [start + timedelta(days=day) for day in range(500)]
        changes = {
            id: Change(id + timedelta(hours=1), id + timedelta(hours=1, minutes=20)) for id in ids
        }
        return Series(start, start + timedelta(minutes=20), NEW_YORK, Rule("daily"), changes)

    began = time.perf_counter()
    assert conflicts.first_clash(moved(0), moved(30)) is None
    assert time.perf_counter() - began < 1.5


def test_zones_that_shift_against_each_other_meet_for_some_weeks() -> None:
    """Between the changes in New York and in Berlin the zones are five hours apart, not six."""
    york = shifts(NEW_YORK, "2026-01-05T08:00", "2026-01-05T09:00", Rule("daily"))
    berlin = shifts("Europe/Berlin", "2026-01-05T13:00", "2026-01-05T14:00", Rule("daily"))

    found = conflicts.first_clash(york, berlin)

    assert found
    assert found.at == at("2026-03-08T08:00", -4)


def test_deciding_is_quick(say: Callable[[str], None]) -> None:
    weekdays = tuple(map(Day, ("mo", "tu", "we", "th", "fr")))
    a = shifts(NEW_YORK, "2026-01-05T09:00", "2026-01-05T12:00", Rule("weekly", by_day=weekdays))
    b = shifts(NEW_YORK, "2026-01-05T12:00", "2026-01-05T17:00", Rule("weekly", by_day=weekdays))
    monthly = shifts(
        NEW_YORK, "2026-01-10T09:00", "2026-01-10T12:00", Rule("monthly", by_day=(Day("sa", 2),))
    )
    began = time.perf_counter()
    for _ in range(200):
        assert conflicts.first_clash(a, b) is None
    each = (time.perf_counter() - began) / 200
    began = time.perf_counter()
    assert conflicts.first_clash(a, monthly) is None
    walked = time.perf_counter() - began
    say(
        f"clashes: two endless weekly rules {each * 1e6:.0f} us, a monthly one walked {walked:.2f} s"
    )
    assert each < 0.005
