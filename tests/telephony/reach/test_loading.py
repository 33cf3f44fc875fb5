"""The reach of stored lines: what previews of calls say, without a line, and what it costs."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts import locations, users
from accounts.users import update
from config import costs
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from staffing.schedules import queries, save
from telephony import ivr, lines
from telephony.calls import preview
from telephony.models import PhonePause, PhoneVerification
from telephony.reach import loading
from telephony.reach.sweep import Hole
from tests.support.bulk import put_records
from tests.support.calls import LineFixture, create_line
from tests.support.environment import Environment
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, enable_ringing, now

ZONE = "America/New_York"
VOICEMAIL = {"type": "voicemail"}
wall = datetime.fromisoformat


def load_location(line: LineFixture) -> Any:
    return locations.get_location(line.location.id, actor=line.test_users.ann.actor)


# --- previews -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def varied_line(test_users: UserFixtures) -> LineFixture:
    """A line with people of all sorts in the week in which the clock changes."""
    line, neighbour = create_line(test_users), create_line(test_users)
    ring_tax = {"type": "ring", "target": {"onDuty": {"skills": ["tax"], "graceMinutes": 20}}, "otherwise": VOICEMAIL}
    both = {"locations": [neighbour.location.id], "graceMinutes": 20}  # the same: it decides when the rota opens
    ring_both = {"type": "ring", "target": {"onDuty": both}, "otherwise": VOICEMAIL}
    menu = {"type": "menu", "prompt": {"say": "x"}, "keys": {"1": ring_tax, "2": ring_both}, "otherwise": ring_tax}
    weekly = {day: [["08:30", "12:00"], ["12:45", "18:00"]] for day in ("mo", "tu", "th", "fr")}
    hours = {"mode": "weekly", "weekly": {**weekly, "sa": [["21:00", "02:30"]], "su": [["03:00", "12:00"]]}}
    line.update_configuration(hours=hours, open=menu)
    times = [
        ("2027-11-04T09:00", "2027-11-04T15:00"),
        ("2027-11-04T22:00", "2027-11-05T10:00"),
        ("2027-11-06T20:00", "2027-11-07T01:30"),
        ("2027-11-07T03:30", "2027-11-07T09:00"),
        ("2027-11-08T11:00", "2027-11-08T17:00"),
    ]
    skilled = test_users.create_user(locations=[line.location.id], name="Tara Tax", skills=["tax"])
    silent = test_users.create_user(locations=[line.location.id], name="Una Silent", skills=["tax"])
    gone = test_users.create_user(locations=[line.location.id], name="Bea Gone")
    enable_ringing(skilled)
    enable_ringing(gone)
    for number, (start, end) in enumerate(times):
        line.put_on_duty(start, end, user=skilled, has_ringing_phone=False)
        later = (wall(time) + timedelta(hours=2) for time in (start, end))
        line.put_on_duty(*(time.isoformat() for time in later), user=silent, has_ringing_phone=False)
        if number % 2:
            line.put_on_duty(start, end, user=gone, has_ringing_phone=False)
    neighbour.put_on_duty("2027-11-05T07:00", "2027-11-05T14:00")
    update.update_user(gone.id, {"status": "blocked"}, actor=test_users.ann.actor, at=now())
    break_ends = datetime(2027, 11, 4, 16, 40, tzinfo=UTC)
    put_records([PhonePause.of_user(skilled.id, test_users.customer.id, break_ends - timedelta(hours=1), break_ends)])
    return line


@pytest.mark.parametrize(("mode", "moments"), [("weekly", 200), ("schedule", 100), ("always", 60)])
def test_previews_of_200_moments_say_the_same(varied_line: LineFixture, mode: str, moments: int) -> None:
    if mode != "weekly":
        varied_line.update_configuration(hours={"mode": mode, "holidays": {"dates": ["2027-11-05"]}})
    since, until = datetime(2027, 11, 4, 4, tzinfo=UTC), datetime(2027, 11, 9, 5, tzinfo=UTC)
    reach = loading.load_reach(load_location(varied_line), since=since, until=until)
    actor = varied_line.test_users.ann.actor
    configuration = lines.get_line(varied_line.location.id, actor=actor)[0].configuration or {}
    ways = {way.path: ivr.action_at(configuration, way.path) for way in ivr.list_ways(configuration)}
    assert list(reach.ways) == list(ways) == ["open/otherwise", "open/keys/1", "open/keys/2"]
    chosen, agreed = random.Random(7), dict[str, int]()
    for _ in range(moments):
        at = since + timedelta(seconds=chosen.randrange(int((until - since).total_seconds())))
        path = chosen.choice(list(ways))
        changed = {**configuration, "open": ways[path]}
        call = preview.preview_call(varied_line.location.id, actor=actor, at=at, configuration=changed)
        hole = next((hole for hole in reach.holes if hole.way == path and hole.start <= at < hole.end), None)
        outcome = assert_agrees(hole, call)
        agreed[outcome] = agreed.get(outcome, 0) + 1
    assert min(agreed.get(name, 0) for name in ("closed", "reached", "hole")) >= 5, agreed


def assert_agrees(hole: Hole | None, call: preview.CallPreview) -> str:
    """Whether a hole, or none, is what a preview says, and why; the outcome."""
    if call.entrance.name != "open":
        assert hole is None, call.at
        return "closed"
    (ring,) = [step for step in call.steps if step.kind == "ring"]
    if any(person.phone for person in ring.people):
        assert hole is None, call.at
        return "reached"
    assert hole is not None, call.at
    assert hole.ends == call.steps[-1].kind == "voicemail"
    reasons = {person.staff_id: person.why_not for person in hole.people}
    assert {person.id: person.why_not for person in ring.people}.items() <= reasons.items(), call.at
    return "hole"


# --- without a line, foreign ones -----------------------------------------------------------------
def test_without_a_line_the_rota_is_looked_at(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    bare = LineFixture(test_users, location, "")
    bare.put_on_duty("2027-06-07T09:00", "2027-06-07T12:00")
    bare.put_on_duty("2027-06-07T13:00", "2027-06-07T15:00", has_ringing_phone=False, name="Una Silent")
    since = datetime(2027, 6, 7, 4, tzinfo=UTC)
    reach = loading.load_reach(load_location(bare), since=since, until=since + timedelta(days=1))
    assert (reach.line_version, reach.ways, reach.is_suspended) == (None, ["open"], False)
    (hole,) = reach.holes
    assert [person.why_not for person in hole.people] == ["not_signed_in"]
    assert (hole.minutes, reach.reached_minutes) == (130, 190)
    assert reach.closed_by_rota_minutes == 1440 - 130 - 190


def test_locations_that_are_no_longer_the_customers_ring_nobody(test_users: UserFixtures) -> None:
    """A configuration may name any location: an older one does, or a deleted one."""
    line = create_line(test_users)
    configuration = {**ivr.default_configuration("x"), "hours": {"mode": "always"}}
    foreign = {"onDuty": {"locations": [test_users.hilltop.id]}}
    configuration["open"] = {"type": "ring", "target": foreign}
    record, _ = lines.get_line(line.location.id, actor=test_users.ann.actor)
    put_records([record.with_changes(configuration=configuration)])
    starts_at = test_users.foreign_shift.series().first_occurrence.start
    reach = loading.load_reach(load_location(line), since=starts_at, until=starts_at + timedelta(hours=1))
    (hole,) = reach.holes
    assert (hole.minutes, hole.people) == (60, [])


# --- cost -----------------------------------------------------------------------------------------
MONTHS = datetime(2031, 6, 2, 4, tzinfo=UTC), datetime(2031, 8, 3, 4, tzinfo=UTC)
"""62 days."""


@pytest.fixture(scope="module")
def large_line(test_users: UserFixtures) -> LineFixture:
    """A line that rings 40 people of two locations by skill, who work on five days of each week."""
    line, neighbour = create_line(test_users), create_line(test_users)
    owner = {"customer_id": test_users.customer.id}
    staff = [test_users.create_user(locations=[line.location.id], name=f"Large {number}") for number in range(40)]
    records: list[Any] = []
    for number, user in enumerate(staff):
        phone = f"+1617556{number:04}"
        skills = ["tax"] if number % 3 else []
        records.append(users.get_user(user.id).with_changes(phone=phone, settings={"ringing": True}, skills=skills))
        if number % 10:
            records.append(PhoneVerification(user.id, customer_id=user.customer_id, phone=phone, verified_at=now()))
        start = wall("2031-05-05T06:00") + timedelta(minutes=20 * number, days=number % 3)
        location_id = (neighbour if number >= 35 else line).location.id
        rule = RecurrenceRule("weekly", by_day=tuple(map(NthWeekday, ("mo", "tu", "we", "th", "fr"))))
        series = Series(start, start + timedelta(hours=8), ZONE, rule)
        schedule = save.build_schedule(series, user.id, at=now(), details={}, location_id=location_id, **owner)
        records.append(schedule)
        for day in range(62) if number % 2 else ():  # a split day, of single shifts
            start = wall("2031-06-02T16:00") + timedelta(days=day, minutes=7 * number)
            series = Series(start, start + timedelta(hours=2), ZONE)
            owned = {"location_id": location_id, **owner}
            records.append(save.build_schedule(series, user.id, at=now(), details={}, **owned))
    put_records(records)
    keys = {
        "1": {"type": "ring", "target": {"onDuty": {"skills": ["tax"]}}},
        "2": {"type": "ring", "target": {"onDuty": {"locations": [neighbour.location.id]}}},
    }
    days = {day: [["07:00", "19:00"]] for day in ("mo", "tu", "we", "th", "fr", "sa")}
    hours = {"mode": "weekly", "weekly": days, "holidays": {"country": "US"}}
    line.update_configuration(hours=hours, open={"type": "menu", "prompt": {"say": "x"}, "keys": keys})
    return line


def test_two_months_with_40_people_cost_little(
    large_line: LineFixture, env: Environment, record_figure: Callable[[str], None]
) -> None:
    location = load_location(large_line)
    since, until = MONTHS
    seconds = []
    for _ in range(4):  # the least is without imports and collections of garbage
        with costs.measure() as cost:
            reach = loading.load_reach(location, since=since, until=until)
        seconds.append(cost.cpu_seconds)
    url = f"/location/{location.id}/reach?from=2031-06-02&to=2031-08-03"
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert large_line.test_users.ann.get(url).json()["holeMinutes"] == reach.hole_minutes
    trips = count_sequential_trips([call for call in plan.calls if call.service == "dynamodb"])
    record_figure(f"62 days, 40 people: {min(seconds):.3f} CPU s, {trips} round trips, {len(reach.holes)} holes")
    assert reach.open_minutes > 30_000
    assert {hole.way for hole in reach.holes} == {"open/keys/1", "open/keys/2"}
    assert 0 < trips <= 4
    assert min(seconds) < 0.15


def test_too_many_shifts_are_refused(large_line: LineFixture) -> None:
    owner = {"customer_id": large_line.test_users.customer.id, "location_id": large_line.location.id}
    crowded = create_line(large_line.test_users)
    owner["location_id"] = crowded.location.id
    first, rule = wall("2031-06-01T06:00"), RecurrenceRule("daily")
    put_records(
        save.build_schedule(
            Series(start := first + timedelta(minutes=number), start + timedelta(minutes=30), ZONE, rule),
            large_line.test_users.sam.id,
            at=now(),
            details={},
            **owner,
        )
        for number in range(1 + loading.MAX_SHIFTS // 62)
    )
    location = load_location(crowded)
    with pytest.raises(queries.QueryTooWide, match="shorter"):
        loading.load_reach(location, since=MONTHS[0], until=MONTHS[1] + timedelta(hours=20))
    assert loading.load_reach(location, since=MONTHS[0], until=MONTHS[1] - timedelta(days=2)).holes
