"""The strip of a line's reach: days by quarter hour, and holes in words with what mends them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from telephony.admin import reach_panel
from telephony.admin.reach_holes import HoleContext, describe_holes, describe_way, format_minutes
from telephony.admin.reach_strip import StripDay, build_strip, count_holes_by_hour
from telephony.reach.results import Hole, Reach, SharedPerson, Unreachable, count_minutes

ZONE = "America/New_York"
MIDNIGHT = datetime.fromisoformat("2026-10-31T00:00:00-04:00")  # the clock changes a day later
SAM, MIA = Unreachable("usr_sam", "phone_not_verified", None), Unreachable("usr_mia", "other_skill", None)


def at(hours: float, days: int = 0) -> datetime:
    return MIDNIGHT + timedelta(days=days, hours=hours)


def hole(start: datetime, end: datetime, way: str = "open", **values: Any) -> Hole:
    return Hole(start, end, "open", way, "voicemail", **values)


def reach(holes: Sequence[Hole], *, ways: Sequence[str] = ("open",), days: int = 3) -> Reach:
    """Open from 8 to 18 on each day."""
    open_periods = [(at(8, day), at(18, day)) for day in range(days)]
    periods = sorted({(item.start, item.end) for item in holes})
    return Reach(
        "loc_1", ZONE, at(0), at(0, days), 600 * days, 600 * days - count_minutes(periods), holes,
        open_periods=open_periods, hole_periods=periods, ways=ways, line_version=1,
    )  # fmt: skip


def context(*, may_write: bool = True) -> HoleContext:
    names = {"usr_sam": "Sam <Reed>", "usr_mia": "Mia Tran"}
    return HoleContext("loc_1", "cus_1", ZONE, ZONE, names, has_line=True, may_write=may_write)


def days_of(strip: list[list[StripDay]]) -> list[StripDay]:
    return [day for week in strip for day in week]


def test_a_strip_shows_each_quarter_in_its_worst_state() -> None:
    (day, *_) = days_of(build_strip(reach([hole(at(12.5), at(13.1))])))
    assert [(part.state, part.left, part.width) for part in day.parts] == [
        ("closed", 0, 33.33),
        ("rings", 33.33, 18.75),
        ("nobody", 52.08, 3.13),  # until 13:15
        ("rings", 55.21, 19.79),
        ("closed", 75.0, 25.0),
    ]
    assert (day.state, day.holes) == ("nobody", ["12:30–13:06"])


def test_some_keys_are_not_all_callers() -> None:
    ways = ["open/keys/1", "open/keys/2"]
    holes = [hole(at(9), at(12), ways[0]), hole(at(10), at(11), ways[1])]
    (day, *_) = days_of(build_strip(reach(holes, ways=ways)))
    states = [part.state for part in day.parts]
    assert states == ["closed", "rings", "partly", "nobody", "partly", "rings", "closed"]


def test_a_day_on_which_the_clock_changes_is_as_long_as_it_is() -> None:
    strip = build_strip(reach([], days=9))
    assert [len(week) for week in strip] == [7, 2]
    long_day = days_of(strip)[1]
    assert long_day.day.hours == 25
    assert sum(part.width for part in long_day.parts) == 100
    assert (long_day.parts[1].left, long_day.state) == (32.0, "rings"), "the line opens after eight of 25 hours"


def test_without_holes_all_is_well() -> None:
    check = reach_panel.describe(reach([]), at=at(0), hours_mode="weekly")
    assert (check.text, check.tone) == ("Calls ring somebody whenever the line is open", "good")
    assert describe_holes(reach([]), context()) == []


def test_holes_of_a_kind_are_one_with_their_reasons_and_what_mends_them() -> None:
    would = ["verify:usr_sam", "shift:other_skill", "verify:usr_of_another_customer", "of_a_later_release:usr_sam"]
    holes = [hole(at(9, day), at(10, day), people=[SAM, MIA], would=would) for day in range(5)]
    holes.insert(1, hole(at(12), at(18), would=["shift:nobody_on_duty"]))
    shown = describe_holes(reach(holes, days=5), context())
    assert [words.times[0] for words in shown] == ["Sat 31 Oct 2026, 09:00 to 10:00", "Sat 31 Oct 2026, 12:00 to 18:00"]
    assert (shown[0].more, shown[0].duration) == ("and 2 more, the last on Wed 4 Nov 2026, 08:00", "5 h")
    assert (shown[0].callers, shown[0].ends) == ("Every caller", "Callers leave a message.")
    assert "is not verified." in shown[0].reasons[0]
    assert "Sam &lt;Reed&gt;</a>" in shown[0].reasons[0]
    assert "Mia Tran</a> has none of the skills that are asked for." in shown[0].reasons[1]
    assert [mend.label for mend in shown[0].mends] == ["Ask to verify: Sam <Reed>", "Add a shift", "Open IVR"]
    assert "startTime=2026-10-31T09%3A00&endTime=2026-10-31T10%3A00" in shown[0].mends[1].url
    assert shown[1].reasons == ["Nobody is on duty."]
    assert [mend.label for mend in shown[1].mends] == ["Add a shift"]


def test_who_only_reads_gets_no_link_to_add_a_shift() -> None:
    (words,) = describe_holes(reach([hole(at(9), at(10), would=["shift:nobody_on_duty"])]), context(may_write=False))
    assert [mend.label for mend in words.mends] == ["Open IVR"]


def test_a_hole_is_urgent_within_a_week() -> None:
    holes = [hole(at(9), at(10))]
    near = reach_panel.describe(reach(holes), at=at(0), hours_mode="weekly")
    far = reach_panel.describe(reach(holes), at=at(0, -8), hours_mode="weekly")
    assert (near.text, near.tone) == ("Calls ring nobody for 1 h of 30 h that the line is open", "danger")
    assert far.tone == "warning"


def test_ways_are_read_as_keys() -> None:
    assert describe_way("open/keys/1") == "press 1"
    assert describe_way("open/keys/1/keys/2/otherwise") == "press 1, then 2, then no key"
    assert describe_way("open/otherwise") == describe_way("open") == "press no key"
    assert [format_minutes(minutes) for minutes in (45, 60, 90)] == ["45 min", "1 h", "1 h 30 min"]


def test_people_with_the_same_reason_are_named_together() -> None:
    others = [Unreachable(f"usr_{number}", "other_skill", None) for number in range(7)]
    holes = [hole(at(9, index), at(10, index), people=[person, MIA]) for index, person in enumerate(others)]
    (words,) = describe_holes(reach(holes, days=7), context())
    assert "Mia Tran</a>, a removed person" in words.reasons[0]
    assert words.reasons[0].endswith(" and 3 more: none of the skills.")


def test_holes_are_counted_by_hour_of_the_week() -> None:
    holes = [hole(at(12.5), at(14)), hole(at(12.5, 7), at(13, 7)), hole(at(9, 1), at(9.25, 1))]
    assert count_holes_by_hour(reach(holes, days=9)) == {(5, 12): 1, (5, 13): 1, (5, 11): 1, (6, 8): 1}


def test_a_location_without_a_line_reads_what_a_number_would_bring() -> None:
    without_holes = replace(reach([]), line_version=None)
    check = reach_panel.describe(without_holes, at=at(0), hours_mode="")
    assert (check.text, check.tone) == (
        "With a number, calls would ring somebody whenever somebody is on duty",
        "neutral",
    )
    with_holes = replace(reach([hole(at(9), at(10))]), line_version=None)
    text = reach_panel.describe(with_holes, at=at(0), hours_mode="").text
    assert text == "With a number, calls would ring nobody for 1 h of 30 h that the line is open"


def test_the_strip_has_four_weeks_by_any_clock() -> None:
    assert [len(week) for week in build_strip(reach([], days=28), zone="UTC")] == [7, 7, 7, 7]


def test_people_whom_two_lines_ring_are_named() -> None:
    shared = [SharedPerson("usr_sam", "loc_2", at(9), 90), SharedPerson("usr_gone", "loc_2", at(9), 90)]
    loaded = reach_panel.LoadedReach(replace(reach([]), shared=shared), {"usr_sam": "Sam Reed"}, {"loc_2": "Denver"})
    assert reach_panel.list_shared(loaded, ZONE) == [
        "Sam Reed is also rung by the line of Denver, first on Sat 31 Oct 2026, 09:00, for 1 h 30 min in all: "
        "one call at a time takes them."
    ]
