"""Which minutes of a window reach nobody: by hand, and against a call in each minute."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staffing.recurrence import dst
from staffing.recurrence.rules import RecurrenceRule
from staffing.recurrence.wall_clock import to_instant
from telephony import ivr
from telephony.ivr.opening_hours import WEEKDAYS
from telephony.reach.sweep import MAX_HOLES, Hole, Reach, find_reach
from tests.support.reach import HOME, NEXT_DOOR, RING, ZONE, PlannedRota, iter_minutes

VOICEMAIL = {"type": "voicemail"}
WEEKLY = {
    "mo": [["09:00", "12:00"]],
    "th": [["09:00", "12:00"]],
    "sa": [["21:00", "02:30"]],
    "su": [["02:45", "10:00"]],
}
HOURS: dict[str, dict[str, Any]] = {
    "schedule": {"mode": "schedule"},
    "schedule and holidays": {"mode": "schedule", "holidays": {"country": "US", "dates": ["2027-11-07"]}},
    "weekly": {"mode": "weekly", "weekly": WEEKLY},
    "weekly and holidays": {"mode": "weekly", "weekly": WEEKLY, "holidays": {"dates": ["2027-03-14", "2027-11-06"]}},
    "always": {"mode": "always", "holidays": {"country": "US"}},
}


def ring(otherwise: dict[str, Any] = VOICEMAIL, **duty: Any) -> dict[str, Any]:
    """Ring people on duty."""
    return {"type": "ring", "target": {"onDuty": duty}, "otherwise": otherwise}


def menu(otherwise: dict[str, Any] = VOICEMAIL, **keys: dict[str, Any]) -> dict[str, Any]:
    """A menu; keys are named k1, k2."""
    actions = {name[1:]: action for name, action in keys.items()}
    return {"type": "menu", "prompt": {"say": "x"}, "keys": actions, "otherwise": otherwise}


SAY = {"type": "say", "prompt": {"say": "x"}}
OPEN: dict[str, dict[str, Any]] = {
    "ring": ring(),
    "ring with a long grace": ring(graceMinutes=95),
    "ring without a grace": ring(graceMinutes=0, locations=[NEXT_DOOR]),
    "ring one after another": ring(ring(graceMinutes=30), skills=["tax"], graceMinutes=3),
    "menu": menu(k1=ring(skills=["tax"]), k2=ring(roles=["manager"], locations=[NEXT_DOOR]), k3=SAY),
    "menu after ringing": ring(menu(ring(graceMinutes=60), k1={**RING, "target": {"users": ["usr_kim"]}}, k2=SAY)),
    "named": {"type": "ring", "target": {"users": ["usr_sam", "usr_una"]}, "otherwise": {"type": "hangup"}},
    "number": menu(k1={"type": "ring", "target": {"numbers": ["+16175550123"]}}, k2=ring(roles=["manager"])),
    "number abroad": {"type": "ring", "target": {"numbers": ["+442071838750"]}, "otherwise": ring(graceMinutes=5)},
    "say": SAY,
}
STARTS = ["2027-03-13T12:00", "2027-11-06T12:00", "2027-11-24T12:00"]
"""Before each change of the clock, and before Thanksgiving."""


def plan(configuration: dict[str, Any], start: datetime) -> PlannedRota:
    """People with all sorts of shifts and phones, from a day on."""
    planned = PlannedRota(configuration)
    planned.add_person("usr_sam", skills=["tax"])
    planned.add_person("usr_kim", role="manager")
    planned.add_person("usr_una", is_verified=False, skills=["tax"])
    planned.add_person("usr_bea", status="blocked")
    planned.add_person("usr_flo", phone=str(planned.staff["usr_sam"].phone))

    def wall(hours: float) -> str:
        return (start + timedelta(hours=hours)).isoformat()

    planned.add_shift("usr_sam", wall(1), wall(5.5))
    planned.add_shift("usr_sam", wall(13.5), wall(14.75))
    planned.add_shift("usr_kim", wall(8), wall(17), rule=RecurrenceRule("daily"))
    planned.add_shift("usr_una", wall(3), wall(33))
    planned.add_shift("usr_bea", wall(-2), wall(40))
    planned.add_shift("usr_flo", wall(19), wall(24))
    planned.add_shift("usr_flo", wall(2), wall(4))
    planned.add_shift("usr_kim", wall(20.25), wall(22), location_id=NEXT_DOOR)
    planned.add_shift("usr_sam", wall(26), wall(30), location_id=NEXT_DOOR)
    return planned


def configure(hours: str = "always", opened: str = "ring", **changes: Any) -> dict[str, Any]:
    return {**ivr.default_configuration("x"), "hours": HOURS[hours], "open": OPEN[opened], **changes}


def assert_equals_brute_force(planned: PlannedRota, since: datetime, until: datetime) -> Reach:
    """Each minute has the holes that a call in it would find."""
    reach = find_reach(planned.build(since, until))
    open_minutes = 0
    for at in iter_minutes(since, until):
        unreached = planned.list_unreached(at)
        assert {hole.way for hole in reach.holes if hole.start <= at < hole.end} == unreached, at
        open_minutes += planned.is_open(at)
    assert reach.open_minutes == open_minutes
    assert all(hole.start < hole.end for hole in reach.holes)
    return reach


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    hours=st.sampled_from(sorted(HOURS)),
    opened=st.sampled_from(sorted(OPEN)),
    start=st.sampled_from(STARTS),
    zone=st.sampled_from([None, "Europe/Berlin"]),
    break_quarters=st.lists(st.integers(0, 60), max_size=2),
    shifts=st.lists(
        st.tuples(
            st.sampled_from(["usr_sam", "usr_kim", "usr_una", "usr_flo"]),
            st.integers(0, 36 * 6),
            st.integers(1, 90),
            st.sampled_from([HOME, NEXT_DOOR]),
        ),
        max_size=3,
    ),
)
def test_a_call_in_each_minute_finds_the_same(
    hours: str,
    opened: str,
    start: str,
    zone: str | None,
    break_quarters: list[int],
    shifts: list[tuple[str, int, int, str]],
) -> None:
    first = datetime.fromisoformat(start)
    planned = plan(configure(hours, opened, **({"timeZone": zone} if zone else {})), first)
    for staff_id, ten_minutes, length, location_id in shifts:
        begins = first + timedelta(minutes=10 * ten_minutes)
        times = begins.isoformat(), (begins + timedelta(minutes=10 * length)).isoformat()
        planned.add_shift(staff_id, *times, location_id=location_id)
    since = to_instant(first, ZONE)
    for staff_id, quarters in zip(("usr_sam", "usr_kim"), break_quarters, strict=False):
        began_at = since + timedelta(minutes=15 * quarters, seconds=5)
        planned.pause(staff_id, began_at, began_at + timedelta(minutes=40, seconds=-5))
    assert_equals_brute_force(planned, since, since + timedelta(hours=30))


def wall_window(start: str, end: str, zone: str = ZONE) -> tuple[datetime, datetime]:
    """The instants of two wall times."""
    return to_instant(datetime.fromisoformat(start), zone), to_instant(datetime.fromisoformat(end), zone)


def find(planned: PlannedRota, start: str, end: str, **options: Any) -> Reach:
    return find_reach(planned.build(*wall_window(start, end, planned.zone)), **options)


def local(hole: Hole) -> tuple[str, str]:
    """Start and end by the clock in Boston, with the weekday."""
    start, end = (at.astimezone(ZoneInfo(ZONE)) for at in (hole.start, hole.end))
    return f"{start:%a %H:%M}", f"{end:%a %H:%M}"


# --- by hand --------------------------------------------------------------------------------------
def test_closed_hours_are_no_hole() -> None:
    """With nobody at all, what is open is the hole; a line that the rota opens is closed."""
    nobody = PlannedRota(configure("weekly"))
    reach = find(nobody, "2027-06-07T00:00", "2027-06-14T00:00")
    assert [local(hole) for hole in reach.holes] == [
        ("Mon 09:00", "Mon 12:00"),
        ("Thu 09:00", "Thu 12:00"),
        ("Sat 21:00", "Sun 02:30"),
        ("Sun 02:45", "Sun 10:00"),
    ]
    assert reach.open_periods == reach.hole_periods
    assert (reach.open_minutes, reach.reached_minutes, reach.hole_minutes) == (1125, 0, 1125)
    assert all(hole.would == ["shift:nobody_on_duty"] and not hole.people for hole in reach.holes)

    by_rota = find(PlannedRota(configure("schedule")), "2027-06-07T00:00", "2027-06-14T00:00")
    assert (by_rota.holes, by_rota.open_minutes, by_rota.closed_by_rota_minutes) == ([], 0, 7 * 1440)
    (hole,) = find(PlannedRota(configure("always")), "2027-06-07T00:00", "2027-06-14T00:00").holes
    assert (hole.minutes, hole.ends, hole.way) == (7 * 1440, "voicemail", "open")


@pytest.mark.parametrize(
    ("start", "open_minutes", "hole_minutes"),
    [("2027-03-13T22:00", 8 * 60, 2 * 60), ("2027-11-06T22:00", 10 * 60, 2 * 60), ("2027-06-12T22:00", 9 * 60, 120)],
)
def test_nights_in_which_the_clock_changes(start: str, open_minutes: int, hole_minutes: int) -> None:
    """Open from 22:00 to 7:00; somebody is there from midnight on."""
    first = datetime.fromisoformat(start)
    hours = {"mode": "weekly", "weekly": {"sa": [["22:00", "07:00"]]}}
    planned = PlannedRota({**configure(), "hours": hours, "open": OPEN["ring without a grace"]})
    planned.add_person("usr_sam")
    planned.add_shift("usr_sam", (first + timedelta(hours=2)).isoformat(), (first + timedelta(hours=9)).isoformat())
    window = first - timedelta(hours=12), first + timedelta(hours=24)
    reach = find(planned, *(at.isoformat() for at in window))
    assert (reach.open_minutes, reach.hole_minutes) == (open_minutes, hole_minutes)
    assert [local(hole) for hole in reach.holes] == [("Sat 22:00", "Sun 00:00")]


def test_hours_that_end_in_a_skipped_hour_end_when_it_is_skipped() -> None:
    hours = {"mode": "weekly", "weekly": {"sa": [["21:00", "02:30"]]}}
    nobody = PlannedRota({**configure(), "hours": hours})
    (hole,) = find(nobody, "2027-03-13T12:00", "2027-03-14T12:00").holes
    assert (local(hole), hole.minutes) == (("Sat 21:00", "Sun 03:00"), 300)


@pytest.mark.parametrize("zone", ["America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "America/Santiago"])
@pytest.mark.parametrize("month", [3, 4, 9, 10, 11])
def test_zones_that_change_their_clocks_at_midnight(zone: str, month: int) -> None:
    """Or by half an hour: each minute near their changes in a year is as a call finds it."""
    weekly = {day: [["23:30", "00:30"], ["01:15", "03:00"]] for day in ("mo", "tu", "we", "th", "fr", "sa", "su")}
    holidays = {"dates": [f"2027-{month:02}-{day:02}" for day in range(1, 29, 3)]}
    planned = PlannedRota({**configure(), "hours": {"mode": "weekly", "weekly": weekly, "holidays": holidays}}, zone)
    planned.add_person("usr_sam")
    planned.add_shift("usr_sam", "2027-01-01T00:00", "2027-01-01T02:00", rule=RecurrenceRule("daily"))
    changes = [at for at in dst.list_transitions(zone, 2027) if (at.year, at.month) == (2027, month)]
    since = (changes or [datetime(2027, month, 7, tzinfo=UTC)])[0] - timedelta(hours=6)
    assert_equals_brute_force(planned, since, since + timedelta(hours=12))


def test_the_grace_follows_the_shift() -> None:
    planned = PlannedRota(configure("always", "ring with a long grace"))
    planned.add_person("usr_sam")
    planned.add_shift("usr_sam", "2027-06-07T09:00", "2027-06-07T17:00")
    reach = find(planned, "2027-06-07T16:00", "2027-06-07T20:00")
    assert [local(hole) for hole in reach.holes] == [("Mon 18:35", "Mon 20:00")]
    before = find(planned, "2027-06-07T17:30", "2027-06-07T18:00")
    assert (before.holes, before.reached_minutes) == ([], 30)


def test_neighbours_have_no_grace_and_are_shared() -> None:
    planned = PlannedRota(configure("always", "ring without a grace"))
    planned.add_person("usr_sam")
    planned.add_person("usr_kim", role="manager")
    planned.add_shift("usr_sam", "2027-06-07T09:00", "2027-06-07T12:00", location_id=NEXT_DOOR)
    planned.add_shift("usr_kim", "2027-06-07T11:00", "2027-06-07T13:00", location_id=NEXT_DOOR)
    window = "2027-06-07T08:00", "2027-06-07T14:00"
    reach = find(planned, *window)
    assert [local(hole) for hole in reach.holes] == [("Mon 08:00", "Mon 09:00"), ("Mon 13:00", "Mon 14:00")]
    assert reach.shared == [], "their own location has no line"
    next_door = {NEXT_DOOR: [{"onDuty": {"roles": ["staff"]}}, {"users": ["usr_kim"]}]}
    (shared,) = find(planned, *window, neighbour_targets=next_door).shared
    assert (shared.staff_id, shared.location_id, shared.minutes) == ("usr_sam", NEXT_DOOR, 180)


def test_holidays_are_closed_unless_somebody_is_planned_on_purpose() -> None:
    planned = PlannedRota(configure("schedule and holidays"))
    planned.add_person("usr_sam", is_verified=False)
    planned.add_shift("usr_sam", "2027-11-22T08:00", "2027-11-22T16:00", rule=RecurrenceRule("daily"))
    planned.add_shift("usr_sam", "2027-11-25T18:00", "2027-11-25T20:00")
    reach = find(planned, "2027-11-24T00:00", "2027-11-27T00:00")
    expected = [("Wed 08:00", "Wed 16:10"), ("Thu 18:00", "Thu 20:10"), ("Fri 08:00", "Fri 16:10")]
    assert [local(hole) for hole in reach.holes] == expected
    assert reach.closed_by_rota_minutes == 2 * (1440 - 490), "not those of the holiday"


def test_each_way_through_a_menu_by_itself() -> None:
    planned = PlannedRota(configure("always", "menu"))
    planned.add_person("usr_tom", role="manager")
    planned.add_person("usr_tax", skills=["tax"])
    planned.add_shift("usr_tom", "2027-06-07T09:00", "2027-06-07T17:00")
    planned.add_shift("usr_tax", "2027-06-07T11:50", "2027-06-07T12:50")
    reach = find(planned, "2027-06-07T10:00", "2027-06-07T16:00")
    assert reach.ways == ["open/keys/1", "open/keys/2"], "a key that tells something rings nobody on purpose"
    first, second = reach.holes
    assert (local(first), first.way) == (("Mon 10:00", "Mon 11:50"), "open/keys/1")
    assert [(person.staff_id, person.why_not) for person in first.people] == [("usr_tom", "other_skill")]
    assert first.would == ["shift:other_skill", "ivr:other_skill"]
    assert local(second) == ("Mon 13:00", "Mon 16:00")
    assert (reach.reached_minutes, reach.hole_minutes) == (70, 290)
    assert find(planned, "2027-06-07T10:00", "2027-06-07T16:00", way="open/keys/2").holes == []
    assert find(planned, "2027-06-07T10:00", "2027-06-07T16:00", way="open").hole_minutes == 290
    assert find(planned, "2027-06-07T10:00", "2027-06-07T16:00", way="open/keys/7").ways == []


def test_numbers_are_assumed_to_answer() -> None:
    planned = PlannedRota(configure("always", "ring"))
    number = {"type": "ring", "target": {"numbers": ["+16175550123"]}}
    planned.configuration["open"] = ring(number)
    planned.add_person("usr_sam")
    planned.add_shift("usr_sam", "2027-06-07T09:00", "2027-06-07T12:00")
    reach = find(planned, "2027-06-07T08:00", "2027-06-07T14:00")
    assert (reach.holes, reach.reached_minutes, reach.assumed_minutes) == ([], 360, 60 + 110)
    planned.configuration["open"] = OPEN["number abroad"]
    assert find(planned, "2027-06-07T08:00", "2027-06-07T14:00").hole_minutes == 60 + 115, "such a number is not rung"


def test_why_and_what_would_help() -> None:
    planned = PlannedRota(configure("always", "ring"))
    planned.add_person("usr_una", is_verified=False)
    planned.add_person("usr_off", settings={})
    planned.add_person("usr_bea", status="blocked")
    planned.add_person("usr_sam")
    for id in planned.staff:
        planned.add_shift(id, "2027-06-07T09:00", "2027-06-07T12:00")
    planned.add_shift("usr_una", "2027-06-07T12:00", "2027-06-07T13:00")
    planned.add_shift("usr_gone", "2027-06-07T09:00", "2027-06-07T12:00")
    break_starts, break_ends = wall_window("2027-06-07T10:00", "2027-06-07T10:30")
    planned.pause("usr_sam", break_starts + timedelta(seconds=5), break_ends)
    on_a_break, afterwards = find(planned, "2027-06-07T09:00", "2027-06-07T13:00").holes
    assert local(on_a_break) == ("Mon 10:00", "Mon 10:30")
    assert {person.staff_id: person.why_not for person in on_a_break.people} == {
        "usr_una": "phone_not_verified",
        "usr_off": "ringing_off",
        "usr_bea": "blocked",
        "usr_sam": "on_a_break",
    }
    assert on_a_break.would == [
        "verify:usr_una", "ring:usr_off", "unblock:usr_bea", "resume:usr_sam", "shift:nobody_on_duty",
    ]  # fmt: skip
    assert local(afterwards) == ("Mon 12:10", "Mon 13:00")
    (una,) = afterwards.people
    assert (una.staff_id, una.until) == ("usr_una", wall_window("2027-06-07T12:00", "2027-06-07T13:00")[1])


def test_a_break_silences_a_shared_phone() -> None:
    planned = PlannedRota(configure("always", "ring"))
    sam = planned.add_person("usr_sam")
    planned.add_person("usr_flo", phone=str(sam.phone))
    for id in planned.staff:
        planned.add_shift(id, "2027-06-07T09:00", "2027-06-07T12:00")
    break_starts, break_ends = wall_window("2027-06-07T10:00", "2027-06-07T10:30")
    planned.pause("usr_sam", break_starts + timedelta(seconds=5), break_ends)
    (hole,) = find(planned, "2027-06-07T09:00", "2027-06-07T12:00").holes
    assert {person.staff_id: person.why_not for person in hole.people} == {
        "usr_sam": "on_a_break",
        "usr_flo": "same_phone",
    }


def test_of_a_suspended_customer_nothing_is_open() -> None:
    built = PlannedRota(configure("always")).build(*wall_window("2027-06-07T09:00", "2027-06-08T09:00"))
    reach = find_reach(replace(built, line=replace(built.line, is_suspended=True)))
    assert (reach.is_suspended, reach.holes, reach.open_minutes, reach.hole_minutes) == (True, (), 0, 0)


def test_many_holes_are_cut_and_counted() -> None:
    weekly = {day: [[f"{hour:02}:00", f"{hour:02}:30"] for hour in range(6)] for day in WEEKDAYS}
    keys = {f"k{number}": ring(graceMinutes=number) for number in range(6)}
    planned = PlannedRota({**configure(), "hours": {"mode": "weekly", "weekly": weekly}, "open": menu(**keys)})
    reach = find(planned, "2027-06-01T00:00", "2027-08-01T00:00")
    assert (len(reach.holes), reach.is_cut, len(reach.hole_periods)) == (MAX_HOLES, True, 61 * 6)
    assert reach.hole_minutes == reach.open_minutes == 61 * 6 * 30
