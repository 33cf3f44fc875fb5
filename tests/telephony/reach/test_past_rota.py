"""Whom a replay rings is whom a call at that moment would ring."""

import random
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.permissions import Actor
from telephony import ivr, lines
from telephony.calls.rota import routing
from telephony.calls.rota.duty import DutyReader
from telephony.reach import past_shifts
from tests.support.calls import create_line
from tests.support.users import UserFixtures

ZONE = ZoneInfo("America/New_York")
SINCE, UNTIL = (datetime(2026, 10, day, tzinfo=ZONE) for day in (30, 31))
UNTIL += timedelta(days=3)
"""Four days with a clock change."""


@pytest.mark.parametrize("mode", ["always", "schedule"])
def test_calls_ring_the_same_people_as_in_a_replay(test_users: UserFixtures, mode: str) -> None:
    line, near = create_line(test_users), create_line(test_users, name="Canal Street")
    named = test_users.create_user(locations=[line.location.id], name="Ned Named")
    on_duty = {"onDuty": {"graceMinutes": 20, "locations": [near.location.id]}}
    ring: dict[str, Any] = {"type": "ring", "target": on_duty}
    named_ring: dict[str, Any] = {"type": "ring", "target": {"users": [named.id]}}
    line.update_configuration(
        open={**ring, "otherwise": named_ring}, hours={"mode": mode}, closed={"type": "voicemail"}
    )
    dora, _ = line.put_on_duty("2026-10-30T09:00", "2026-10-30T17:00")
    line.put_on_duty("2026-10-31T22:00", "2026-11-01T06:00", user=dora)
    line.put_on_duty("2026-11-01T01:30", "2026-11-01T04:00", name="Eli Early")
    line.put_on_duty("2026-11-02T09:00", "2026-11-02T17:00", has_ringing_phone=False, name="Una Silent")
    near.put_on_duty("2026-10-30T16:00", "2026-11-01T02:00", name="Nora Near")
    resolved = resolve(line.location.id, test_users.ann.actor)
    rota = past_shifts.load_rota(resolved, SINCE, UNTIL)

    generator = random.Random(7)
    moments = sorted(SINCE + (UNTIL - SINCE) * generator.random() for _ in range(60))
    ringing_counts = set()
    for at in moments:
        duty = DutyReader(resolved, at)
        staff = duty.list_staff(ivr.grace_period(resolved.configuration)) if mode == "schedule" else None
        assert rota.find_entrance(at) == routing.find_entrance(resolved, at, staff)
        for path, action in ivr.iter_actions({"open": resolved.configuration["open"]}):
            if action["type"] == "ring":
                candidates = routing.list_candidates(resolved, action["target"], at)
                assert rota.list_candidates(path, action, at) == candidates, (at, path)
                ringing_counts.add(sum(bool(candidate.phone) for candidate in candidates))
    assert ringing_counts >= {0, 1, 2}


def resolve(location_id: str, actor: Actor) -> lines.ResolvedLine:
    record, location = lines.get_line(location_id, actor=actor)
    return lines.to_resolved_line(record, location)
