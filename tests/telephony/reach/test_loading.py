"""The reach of stored lines: what previews of calls say, without a line, and what it costs."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts import locations
from accounts.users import update
from telephony import ivr, lines
from telephony.calls import preview
from telephony.models import PhonePause
from telephony.reach import loading
from telephony.reach.sweep import Hole
from tests.support.bulk import put_records
from tests.support.calls import LineFixture, create_line
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
    ring_both = {"type": "ring", "target": {"onDuty": {"locations": [neighbour.location.id]}}, "otherwise": VOICEMAIL}
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


def test_previews_of_200_moments_say_the_same(varied_line: LineFixture) -> None:
    since, until = datetime(2027, 11, 4, 4, tzinfo=UTC), datetime(2027, 11, 9, 5, tzinfo=UTC)
    reach = loading.load_reach(load_location(varied_line), since=since, until=until)
    actor = varied_line.test_users.ann.actor
    configuration = lines.get_line(varied_line.location.id, actor=actor)[0].configuration or {}
    ways = {way.path: ivr.action_at(configuration, way.path) for way in ivr.list_ways(configuration)}
    assert list(reach.ways) == list(ways) == ["open/otherwise", "open/keys/1", "open/keys/2"]
    chosen, agreed = random.Random(7), dict[str, int]()
    for _ in range(200):
        at = since + timedelta(seconds=chosen.randrange(int((until - since).total_seconds())))
        path = chosen.choice(list(ways))
        changed = {**configuration, "open": ways[path]}
        call = preview.preview_call(varied_line.location.id, actor=actor, at=at, configuration=changed)
        hole = next((hole for hole in reach.holes if hole.way == path and hole.start <= at < hole.end), None)
        outcome = assert_agrees(hole, call)
        agreed[outcome] = agreed.get(outcome, 0) + 1
    assert min(agreed.get(name, 0) for name in ("closed", "reached", "hole")) >= 15, agreed


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
