"""What reach costs has bounds, however many shifts, holidays, ring actions and breaks meet."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config import costs
from staffing.recurrence.rules import RecurrenceRule
from staffing.schedules.queries import QueryTooWide
from telephony.reach.results import Reach
from telephony.reach.sweep import find_reach
from tests.support.reach import RING, PlannedRota

MAX_CPU_SECONDS = 4
PEOPLE, SERIES, DAYS = 120, 190, 62
SINCE = datetime(2026, 11, 10, 5, tzinfo=UTC)  # midnight there
UNTIL = SINCE + timedelta(days=DAYS)
VOICEMAIL = {"type": "voicemail"}


def build_rota(*, hours: dict[str, Any], entrance: dict[str, Any], shift_hours: int = 8, series: int = SERIES) -> Any:
    """Nearly as many shifts as a window may have."""
    rota = PlannedRota({"hours": hours, "open": entrance, "closed": VOICEMAIL})
    for number in range(PEOPLE):
        rota.add_person(f"usr_{number}")
    for number in range(series):
        start = datetime.fromisoformat("2026-11-01") + timedelta(minutes=7 * number % 1440)
        end = start + timedelta(hours=shift_hours)
        rule = RecurrenceRule(frequency="daily")
        rota.add_shift(f"usr_{number % PEOPLE}", start.isoformat(), end.isoformat(), rule=rule)
    return rota


def nest(depth: int) -> dict[str, Any]:
    """Ring actions one after the other, none of which means anybody."""
    action: dict[str, Any] = VOICEMAIL
    for number in range(depth):
        action = RING | {"target": {"onDuty": {"skills": [f"skill {number}"]}}, "otherwise": action}
    return action


@pytest.fixture
def measure(record_figure: Callable[[str], None]) -> Callable[[str, PlannedRota], Reach | QueryTooWide]:
    """Finds the reach in little CPU time."""

    def run(title: str, rota: PlannedRota) -> Reach | QueryTooWide:
        built = rota.build(SINCE, UNTIL)
        with costs.measure() as cost:
            try:
                result: Reach | QueryTooWide = find_reach(built)
            except QueryTooWide as too_wide:
                result = too_wide
        record_figure(f"reach, {title}: {cost.cpu_seconds:.2f} CPU s")
        assert cost.cpu_seconds < MAX_CPU_SECONDS
        return result

    return run


def test_holidays_in_a_row_take_little_time(measure: Callable[[str, PlannedRota], Any]) -> None:
    """20 took 3 s of CPU, and 62 ten times as much."""
    dates = [str((SINCE + timedelta(days=number)).date()) for number in range(DAYS)]
    ring = RING | {"otherwise": VOICEMAIL}
    rota = build_rota(hours={"mode": "schedule", "holidays": {"dates": dates}}, entrance=ring)
    assert not measure("62 holidays", rota).open_periods  # weekly shifts are not for holidays
    assert measure(
        "62 holidays, long shifts",
        build_rota(
            hours={"mode": "schedule", "holidays": {"dates": dates}}, entrance=ring, shift_hours=700, series=PEOPLE
        ),
    ).open_periods == [(SINCE, UNTIL)]


def test_breaks_and_many_ring_actions_take_little_time(measure: Callable[[str, PlannedRota], Any]) -> None:
    """Each of nine ring actions took half a second of CPU for the eight hours of a break."""
    rota = build_rota(hours={"mode": "always"}, entrance=nest(50))
    rota.pause("usr_0", UNTIL - timedelta(hours=9), UNTIL - timedelta(hours=1))
    assert len(measure("50 ring actions and a break", rota).holes) == 1


def test_holes_within_too_many_long_shifts_are_refused_soon(measure: Callable[[str, PlannedRota], Any]) -> None:
    """It took minutes."""
    spans = [[f"{hour:02}:00", f"{hour:02}:10"] for hour in range(0, 18, 3)]
    weekly = dict.fromkeys(("mo", "tu", "we", "th", "fr", "sa", "su"), spans)
    hours = {"mode": "weekly", "weekly": weekly}
    rota = build_rota(hours=hours, entrance=nest(50), shift_hours=700, series=PEOPLE)
    assert isinstance(measure("holes within long shifts", rota), QueryTooWide)
