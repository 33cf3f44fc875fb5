"""Which minutes of a window reach nobody: by hand, and against a call in each minute."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staffing.recurrence.rules import RecurrenceRule
from staffing.recurrence.wall_clock import to_instant
from telephony import ivr
from telephony.reach.sweep import Reach, find_reach
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


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
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
