"""When a caller would next be answered, against a preview of every quarter of an hour."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import permissions, users
from accounts.users import update
from config import costs
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.recurrence.wall_clock import to_instant
from staffing.schedules import save
from telephony import ivr, lines
from telephony.calls.rota import next_opening, routing
from telephony.calls.rota.duty import DutyReader
from telephony.lines import ResolvedLine
from telephony.models import PhonePause
from tests.support.bulk import put_records
from tests.support.calls import LineFixture, create_line
from tests.support.users import UserFixtures, now

ZONE = "America/New_York"
RING: dict[str, Any] = {"type": "ring", "target": {"onDuty": {}}}
SAY: dict[str, Any] = {"type": "say", "prompt": {"say": "x"}}


wall = datetime.fromisoformat


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    """A line whose only ringable person on duty is Dora; Rex and Una are on duty at other times."""
    line = create_line(test_users)
    dora, _ = line.put_on_duty("2027-03-10T09:00", "2027-03-10T17:00")
    for start, end in (
        ("2027-03-13T22:00", "2027-03-14T06:00"),  # a night with a clock change
        ("2027-03-14T13:17", "2027-03-14T14:00"),
        ("2027-11-06T22:00", "2027-11-07T01:30"),
        ("2027-11-07T09:00", "2027-11-07T17:00"),
        ("2027-11-25T10:00", "2027-11-25T12:00"),  # Thanksgiving, planned on purpose
    ):
        line.put_on_duty(start, end, user=dora)
    line.put_on_duty("2027-03-11T09:00", "2027-03-11T17:00", has_ringing_phone=False, name="Una Silent")
    break_ends = datetime(2027, 11, 7, 14, 40, tzinfo=UTC)
    put_records([PhonePause.of_user(dora.id, test_users.customer.id, break_ends - timedelta(hours=1), break_ends)])
    _add_series(line, dora.id, wall("2027-11-22T08:00"), wall("2027-11-22T16:00"), RecurrenceRule("daily"))
    return line


def _add_series(line: LineFixture, staff_id: str, start: datetime, end: datetime, rule: RecurrenceRule) -> None:
    owner = {"customer_id": line.test_users.customer.id, "location_id": line.location.id}
    series = Series(start, end, ZONE, rule)
    put_records([save.build_schedule(series, staff_id, at=now(), details={}, **owner)])


def _resolve(line: LineFixture, **changes: Any) -> ResolvedLine:
    configuration = {**ivr.default_configuration("x"), **changes}
    record, location = lines.get_line(line.location.id, actor=line.test_users.ann.actor)
    return lines.to_resolved_line(record.with_changes(configuration=configuration), location)


def _is_answered(line: ResolvedLine, at: datetime) -> bool:
    """As a call finds it out."""
    configuration = line.configuration
    staff = None
    if ivr.follows_rota(configuration):
        staff = DutyReader(line, at).list_staff(ivr.grace_period(configuration))
    if routing.find_entrance(line, at, staff).name != "open":
        return False
    actions = [action for _, action in ivr.iter_actions({"open": configuration["open"]}) if action["type"] == "ring"]
    return not actions or any(
        candidate.phone for action in actions for candidate in routing.list_candidates(line, action["target"], at)
    )


WEEKLY = {"mo": [["09:00", "12:00"], ["13:30", "17:00"]], "sa": [["21:00", "02:30"]], "su": [["02:45", "10:00"]]}
HOURS: dict[str, dict[str, Any]] = {
    "schedule": {"mode": "schedule"},
    "schedule and holidays": {"mode": "schedule", "holidays": {"country": "US"}},
    "weekly": {"mode": "weekly", "weekly": WEEKLY},
    "weekly and holidays": {"mode": "weekly", "weekly": WEEKLY, "holidays": {"dates": ["2027-03-15", "2027-11-07"]}},
    "always": {"mode": "always", "holidays": {"country": "US", "dates": ["2027-03-14"]}},
}
OPEN: dict[str, dict[str, Any]] = {
    "ring": RING,
    "ring with a long grace": {"type": "ring", "target": {"onDuty": {"graceMinutes": 90}}},
    "ring managers": {"type": "ring", "target": {"onDuty": {"roles": ["manager"]}}},
    "menu": {"type": "menu", "prompt": {"say": "x"}, "keys": {"1": SAY, "2": RING}},
    "number": {"type": "ring", "target": {"numbers": ["+16175550123"]}},
    "number abroad": {"type": "ring", "target": {"numbers": ["+442071838750"]}, "otherwise": RING},
    "say": SAY,
}
FIRST_TIMES = [wall("2027-03-12T18:00"), wall("2027-11-05T18:00"), wall("2027-11-24T06:00")]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    hours=st.sampled_from(sorted(HOURS)),
    opened=st.sampled_from(sorted(OPEN)),
    first=st.sampled_from(FIRST_TIMES),
    quarters=st.integers(0, 200),
    zone=st.sampled_from([None, "Europe/Berlin"]),
)
def test_nobody_would_be_answered_before_and_somebody_then(
    line: LineFixture, hours: str, opened: str, first: datetime, quarters: int, zone: str | None
) -> None:
    changes = {"hours": HOURS[hours], "open": OPEN[opened], **({"timeZone": zone} if zone else {})}
    resolved = _resolve(line, **changes)
    at = to_instant(first + timedelta(minutes=15 * quarters), ZONE)

    opening = next_opening.find_next_opening(resolved, at)

    if opening is not None:
        assert at <= opening <= at + next_opening.LOOK_AHEAD
        assert _is_answered(resolved, opening)
        assert opening == at or not _is_answered(resolved, opening - timedelta(seconds=1))
    until = min(opening or at + timedelta(hours=40), at + timedelta(hours=40))
    step = timedelta(minutes=15) if (until - at) < timedelta(hours=12) else timedelta(minutes=45)
    while at < until:
        assert not _is_answered(resolved, at), at
        at += step


def test_a_line_with_nobody_to_ring_does_not_open(line: LineFixture) -> None:
    at = datetime(2027, 3, 10, 15, tzinfo=UTC)
    assert next_opening.find_next_opening(_resolve(line), at) == at
    for changes in (
        {"open": OPEN["ring managers"]},
        {"open": {"type": "ring", "target": {"users": [line.test_users.mia.id]}}},
        {"hours": {"mode": "weekly", "weekly": {}}, "open": SAY},
    ):
        assert next_opening.find_next_opening(_resolve(line, **changes), at) is None
    assert next_opening.find_next_opening(_resolve(line, open=SAY), datetime(2027, 4, 10, tzinfo=UTC)) is None
    empty = ResolvedLine("", "", "", "", "UTC", configuration={}, is_suspended=False)
    assert next_opening.find_next_opening(empty, at) is None


def test_people_who_cannot_be_called_are_passed_over(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    first, _ = line.put_on_duty("2027-06-03T09:00", "2027-06-03T12:00")
    covering, _ = line.put_on_duty("2027-06-03T10:30", "2027-06-03T11:00")
    at = datetime(2027, 6, 3, 1, tzinfo=UTC)
    assert next_opening.find_next_opening(_resolve(line), at) == datetime(2027, 6, 3, 13, tzinfo=UTC)
    update.update_user(first.id, {"status": "blocked"}, actor=test_users.ann.actor, at=now())
    assert next_opening.find_next_opening(_resolve(line), at) == datetime(2027, 6, 3, 14, 30, tzinfo=UTC)
    latest = users.get_user(covering.id)
    actor = permissions.user_actor(latest)
    update.update_own_profile(latest, {"settings": {"ringing": False}}, actor=actor, at=now())
    assert next_opening.find_next_opening(_resolve(line), at) is None


def test_people_of_other_locations_are_called_while_the_line_is_open(test_users: UserFixtures) -> None:
    line, neighbour = create_line(test_users), create_line(test_users)
    neighbour.put_on_duty("2027-06-03T09:00", "2027-06-03T12:00")
    line.put_on_duty("2027-06-03T11:00", "2027-06-03T13:00", has_ringing_phone=False)
    ring = {"type": "ring", "target": {"onDuty": {"locations": [neighbour.location.id]}}}
    at = datetime(2027, 6, 3, 1, tzinfo=UTC)
    always = _resolve(line, open=ring, hours={"mode": "always"})
    assert next_opening.find_next_opening(always, at) == datetime(2027, 6, 3, 13, tzinfo=UTC)
    assert next_opening.find_next_opening(_resolve(line, open=ring), at) == datetime(2027, 6, 3, 15, tzinfo=UTC)
    gone = datetime(2027, 6, 3, 16, 5, tzinfo=UTC)
    assert next_opening.find_next_opening(always, gone) is None, "who has gone home is rung for their own location"


def test_breaks_end(line: LineFixture) -> None:
    """Whoever is on duty from 9:00 on has a break until 9:40, and so has who is named."""
    at, end = datetime(2027, 11, 7, 13, 45, tzinfo=UTC), datetime(2027, 11, 7, 14, 40, tzinfo=UTC)
    assert next_opening.find_next_opening(_resolve(line), at) == end
    (candidate,) = routing.list_candidates(_resolve(line), {"onDuty": {}}, end)
    named = {"hours": {"mode": "always"}, "open": {"type": "ring", "target": {"users": [candidate.id]}}}
    assert next_opening.find_next_opening(_resolve(line, **named), at) == end


def _mondays(start: str, end: str) -> dict[str, Any]:
    return {"mode": "weekly", "weekly": {"mo": [[start, end]]}}


def test_looking_ahead_costs_about_what_looking_up_costs(
    test_users: UserFixtures, record_figure: Callable[[str], None]
) -> None:
    """At a location with 1,000 series; one that opens within a week, and one that never does."""
    line = create_line(test_users)
    people = [line.put_on_duty("2027-06-01T01:00", "2027-06-01T01:15")[0] for _ in range(10)]
    owner = {"customer_id": test_users.customer.id, "location_id": line.location.id}
    first, rule = wall("2031-01-06T09:00"), RecurrenceRule("weekly")
    put_records(
        save.build_schedule(
            Series(start := first + timedelta(minutes=15 * (number // 10)), start + timedelta(minutes=15), ZONE, rule),
            people[number % 10].id,
            at=now(),
            details={},
            **owner,
        )
        for number in range(1000)
    )
    figures = []
    at = datetime(2031, 6, 4, 2, tzinfo=UTC)
    for changes, expected in (
        ({}, datetime(2031, 6, 9, 13, tzinfo=UTC)),
        (
            {"hours": {"mode": "weekly", "weekly": {"mo": [["10:07", "11:00"]]}}},
            datetime(2031, 6, 9, 14, 7, tzinfo=UTC),
        ),
        ({"hours": {"mode": "weekly", "weekly": {"mo": [["08:00", "09:00"]]}}}, None),
    ):
        resolved = _resolve(line, **changes)
        look_ups, looks_ahead = [], []
        for _ in range(3):  # the least is without the garbage collector
            with costs.measure() as looking_up:
                DutyReader(resolved, at).list_staff(timedelta(0))
            with costs.measure() as looking_ahead:
                assert next_opening.find_next_opening(resolved, at) == expected
            look_ups.append(looking_up.cpu_seconds)
            looks_ahead.append(looking_ahead.cpu_seconds)
        figures.append((min(look_ups), min(looks_ahead), looking_ahead.round_trips))
    record_figure(f"1,000 series: CPU s of a look-up, of looking ahead, and its round trips: {figures}")
    for (look_up_seconds, look_ahead_seconds, round_trips), factor in zip(figures, (4, 4, 8), strict=True):
        assert round_trips <= 5
        assert look_ahead_seconds < factor * look_up_seconds


def test_what_looking_ahead_costs_grows_with_those_who_can_be_called(
    test_users: UserFixtures, record_figure: Callable[[str], None]
) -> None:
    """300 people who cannot be called work every day, and one who can comes in 29 days."""
    line = create_line(test_users)
    people = [
        line.put_on_duty("2027-06-01T01:00", "2027-06-01T01:15", has_ringing_phone=number == 0)[0]
        for number in range(10)
    ]
    owner = {"customer_id": test_users.customer.id, "location_id": line.location.id}
    first, rule = wall("2031-01-06T06:00"), RecurrenceRule("daily")
    put_records(
        save.build_schedule(
            Series(start := first + timedelta(minutes=5 * (number % 144)), start + timedelta(hours=16), ZONE, rule),
            people[1 + number % 9].id,
            at=now(),
            details={},
            **owner,
        )
        for number in range(300)
    )
    line.put_on_duty("2031-07-03T01:00", "2031-07-03T01:30", user=people[0], has_ringing_phone=False)
    at, resolved = datetime(2031, 6, 4, 2, tzinfo=UTC), _resolve(line)
    look_up_seconds, look_ahead_seconds = [], []
    for _ in range(3):  # the least of three: a collection of garbage takes longer than either
        with costs.measure() as looking_up:
            DutyReader(resolved, at).list_staff(timedelta(0))
        with costs.measure() as looking_ahead:
            assert next_opening.find_next_opening(resolved, at) == datetime(2031, 7, 3, 5, tzinfo=UTC)
        look_up_seconds.append(looking_up.cpu_seconds)
        look_ahead_seconds.append(looking_ahead.cpu_seconds)
    record_figure(f"300 daily series: CPU s {min(look_up_seconds):.3f}, ahead {min(look_ahead_seconds):.3f}")
    assert min(look_ahead_seconds) < 4 * min(look_up_seconds)
