"""The heat map of a location: calls against people on duty."""

import re
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts import locations
from accounts.models import Location
from telephony.calls import demand
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, create_shift, now, store_missed_call

WEEKDAYS = {"frequency": "weekly", "byDay": [{"day": day} for day in ("mo", "tu", "we", "th", "fr")]}


@pytest.fixture(scope="module")
def called_location(test_users: UserFixtures) -> Location:
    """Sam works from 9 to 17 on weekdays; on the first day of the window 30 calls came until 19."""
    number = test_users.purchase_number()
    location = locations.get_location(str(number.number.location_id), actor=test_users.ann.actor)
    since, _ = demand.find_window(now(), str(location.time_zone), demand.WEEKS)
    start = since.astimezone(ZoneInfo(str(location.time_zone))).replace(tzinfo=None)
    monday = start - timedelta(days=start.weekday() + 7)
    times = {"start": monday + timedelta(hours=9), "end": monday + timedelta(hours=17)}
    create_shift(test_users.ann.actor, location, test_users.sam.id, pattern=WEEKDAYS, recurring=True, **times)
    for index in range(30):
        outcome = ("answered", "answered", "missed")[index % 3]
        store_missed_call(number, started_at=since + timedelta(hours=9, minutes=20 * index), outcome=outcome)
    return location


def test_hours_without_people_are_named(
    called_location: Location,
    env: Environment,
    operator_sessions: dict[str, OperatorSession],
    record_figure: Callable[[str], None],
) -> None:
    session, path = operator_sessions["read-only"], f"/admin/telephony/call/by-hour/{called_location.id}/"
    text = " ".join(re.sub(r"<[^>]+>", " ", session.get(path).text).split())
    assert "30 calls in 4 weeks, 10 not answered while open" in text
    assert re.search(
        r"at hours with often nobody on duty \w+day \d\d:00–\d\d:00: 3 calls, 1 not answered, 0 on duty", text
    )
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert session.get(path).status_code == 200
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    trips, capacity = count_sequential_trips(calls), sum(call.capacity for call in calls)
    record_figure(f"heat map of a location: {trips} sequential trips, {len(calls)} calls, {capacity:.0f} units")
    assert trips <= 5, "the location, then reach: its line, shifts, series and people"
    assert capacity <= 60
    assert "calls in 12 weeks" in session.get(f"{path}?weeks=12").text
    assert session.get(f"{path}?weeks=3").status_code == 400
    assert session.get("/admin/telephony/call/by-hour/loc_unknown/").status_code == 404
