"""Which holes are new: one is told once, and again only if it grows or returns."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from telephony.reach import known_holes
from telephony.reach.known_holes import KnownHole

LEAST = timedelta(minutes=15)
UNTIL = datetime(2027, 3, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Hole:
    start: datetime
    end: datetime
    way: str = "open"


def at(time: str, day: int = 1) -> datetime:
    return datetime.fromisoformat(f"2027-03-{day:02}T{time}+00:00")


def hole(start: str, end: str, way: str = "open") -> Hole:
    return Hole(at(start), at(end), way)


def look(holes: list[Hole], known: list[KnownHole], until: datetime = UNTIL) -> tuple[list[Hole], list[KnownHole]]:
    """What is new, and what is known afterwards, as it is stored and read again."""
    new = known_holes.find_new(holes, known, least=LEAST)
    remembered = known_holes.remember(holes, new, known, until=until)
    return new, [KnownHole.parse(item.to_json()) for item in remembered]


CASES = [
    ([hole("12:30", "14:00")], [hole("12:30", "14:00")], 0, "the same"),
    ([hole("12:30", "14:00")], [hole("13:00", "14:00")], 0, "it shrinks"),
    ([hole("12:30", "14:00")], [hole("12:20", "14:04")], 0, "it grows by less than a reason to tell"),
    ([hole("12:30", "14:00")], [hole("12:20", "14:05")], 1, "it grows by as much as a reason to tell"),
    ([hole("12:30", "14:00")], [hole("12:30", "13:00"), hole("13:10", "14:00")], 0, "it is cut in two"),
    ([hole("12:30", "13:00"), hole("13:10", "14:00")], [hole("12:30", "14:00")], 0, "two become one"),
    ([hole("12:30", "14:00")], [hole("12:30", "14:00"), hole("16:00", "17:00")], 1, "another one"),
    ([hole("12:30", "14:00")], [hole("12:30", "14:00", "open/keys/1")], 1, "on another way"),
    ([], [hole("12:30", "12:44")], 0, "shorter than a reason to tell"),
    ([], [hole("12:30", "12:45")], 1, "as long as a reason to tell"),
]


@pytest.mark.parametrize(("before", "after", "count", "why"), CASES, ids=[case[3] for case in CASES])
def test_a_hole_is_reported_once(before: list[Hole], after: list[Hole], count: int, why: str) -> None:
    _, known = look(before, [])
    new, known = look(after, known)
    assert len(new) == count, why
    assert look(after, known)[0] == []


def test_what_grows_slowly_is_reported_when_it_has_grown_enough() -> None:
    _, known = look([hole("12:00", "13:00")], [])
    minutes = []
    for minute in range(5, 35, 5):
        new, known = look([hole("12:00", f"13:{minute:02}")], known)
        minutes += [minute] if new else []
    assert minutes == [15, 30]


def test_what_is_gone_and_returns_is_new() -> None:
    _, known = look([hole("12:00", "13:00")], [])
    assert look([], known) == ([], [])
    assert len(look([hole("12:00", "13:00")], [])[0]) == 1


def test_what_is_gone_stays_known_for_a_while() -> None:
    _, known = look([hole("12:00", "13:00"), hole("15:00", "16:00", "open/keys/1")], [])
    known = known_holes.remember([hole("12:20", "12:30")], [], known, until=UNTIL, keeps_gone=True)
    for _ in range(3):  # nothing is stored twice
        known = known_holes.remember([hole("12:20", "12:30")], [], known, until=UNTIL, keeps_gone=True)
    assert len(known) == 4
    assert look([hole("12:00", "13:00"), hole("15:00", "16:00", "open/keys/1")], known)[0] == []
    assert len(look([hole("15:00", "16:00")], known)[0]) == 1, "on another way"


def test_what_reaches_the_end_of_the_look_goes_on_without_news() -> None:
    """A line that nobody answers at all is told once, not every night for one more day."""
    _, known = look([Hole(at("00:00"), UNTIL)], [])
    for days in range(1, 20):
        until = UNTIL + timedelta(days=days)
        new, known = look([Hole(at("00:00") + timedelta(days=days), until)], known, until)
        assert new == []
    later = until + timedelta(days=1)
    new, _ = look(
        [Hole(at("00:00", 27), later - timedelta(hours=2)), Hole(later - timedelta(hours=1), later)], known, later
    )
    assert [hole.end for hole in new] == [later], "one that begins later is another"
