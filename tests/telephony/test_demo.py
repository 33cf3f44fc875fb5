"""The past calls of the demo data, as the product shows them."""

from collections import Counter
from datetime import datetime, timedelta

from telephony.demo import DAYS, create_past_calls
from tests.support.calls import create_line
from tests.support.users import UserFixtures, create_shift, enable_ringing, now

EVERY_DAY = {"frequency": "daily"}


def test_past_calls_rang_who_was_on_duty(test_users: UserFixtures) -> None:
    line, at = create_line(test_users), now()
    dora = test_users.create_user(locations=[line.location.id], name="Dora Day")
    enable_ringing(dora)
    start = datetime.combine((at - timedelta(days=DAYS + 7)).date(), datetime.min.time())
    times = {"start": start, "end": start + timedelta(hours=24)}
    create_shift(test_users.ann.actor, line.location, dora.id, pattern=EVERY_DAY, recurring=True, **times)

    count = create_past_calls(line.location.id, actor=test_users.ann.actor, at=at)
    assert create_past_calls(line.location.id, actor=test_users.ann.actor, at=at) == count

    window = {"from": (at - timedelta(days=DAYS + 1)).isoformat(), "locationId": line.location.id}
    calls = test_users.ann.get("/call", params=window).json()["items"]
    assert len(calls) == count > 150, "stored twice, each call is there once"
    outcomes = Counter(call["outcome"] for call in calls)
    assert outcomes.keys() == {"answered", "missed", "voicemail"}
    assert outcomes["answered"] > count * 0.7
    assert {call["answeredBy"] for call in calls if call["outcome"] == "answered"} == {dora.id}
    assert all([person["staffId"] for person in call["people"]] == [dora.id] for call in calls)
    assert max(call["endedAt"] for call in calls) < at.isoformat()
    message = next(call for call in calls if call["outcome"] == "voicemail")
    recording = test_users.ann.get(f"/call/{message['id']}/recording")
    assert (recording.status_code, recording.content[:4]) == (200, b"RIFF")
    demand = test_users.ann.get(f"/location/{line.location.id}/demand").json()
    by_hour = {(hour["day"], hour["hour"]): hour for hour in demand["hours"]}
    assert by_hour["mo", 9]["calls"] > by_hour["su", 12]["calls"]
    assert by_hour["mo", 9]["secondsToAnswer"]["p50"] in range(4, 20)
    assert by_hour["mo", 9]["onDuty"] == 1
