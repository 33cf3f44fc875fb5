"""Whoever talks in a call is not rung by another until it ends, or could have ended."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from accounts.models import User
from config import dynamodb
from telephony import line_lookup
from telephony.calls.rota import ongoing, routing
from telephony.models import OngoingCall
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, PlayedCall, create_line, new_sid, post_webhook
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, process_outbox

SHIFT = ("2027-06-02T08:00:00", "2027-06-02T16:00:00")
CALL_MINUTES = timedelta(minutes=settings.TELEPHONY["call_minutes"])


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users)


@pytest.fixture(params=["sequence", "all"])
def strategy(request: pytest.FixtureRequest, line: LineFixture) -> Iterator[str]:
    target: dict[str, Any] = {"onDuty": {}}
    line.update_configuration(
        open={"type": "ring", "target": target, "strategy": request.param, "otherwise": {"type": "voicemail"}}
    )
    yield request.param
    process_outbox()


def replay(call: PlayedCall, sid: str, *names: str) -> None:
    """Post webhooks of a call that was played anew, as those of another call."""
    for webhook in call.webhooks:
        name = urlsplit(webhook["url"]).path.rpartition("/")[2]
        if name in names:
            url = webhook["url"].replace(call.id, sid)
            form = {key: value.replace(call.id, sid) for key, value in webhook["form"].items()}
            signature = sign_webhook(url, form, "local-twilio-token")
            response = post_webhook(url, form, **{"X-Twilio-Signature": signature})
            assert response.status_code == webhook["status"], response.text


def reason_now(line: LineFixture, user: User, minutes: float = 5) -> str:
    """Why a call some minutes after noon would not ring a user; empty if it would."""
    resolved = line_lookup.resolve_line(line.number)
    assert resolved
    candidates = routing.list_candidates(resolved, {"onDuty": {}}, WEDNESDAY_NOON + timedelta(minutes=minutes))
    return next(candidate.why_not for candidate in candidates if candidate.id == user.id)


def preview_people(line: LineFixture, at: str) -> list[dict[str, Any]]:
    response = line.test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview?at={at}")
    (step,) = (step for step in response.json()["steps"] if step["type"] == "ring")
    return list(step["people"])


def test_who_talks_in_a_call_is_not_called(line: LineFixture, strategy: str) -> None:
    staff, phone = line.put_on_duty(*SHIFT)
    played = line.call(phones={phone: "answers"})
    accepting, ending = ("screened", "dialled") if strategy == "sequence" else ("joined", "left")
    sid = new_sid()

    replay(played, sid, "voice", accepting)
    second = line.call("2027-06-02T12:05:00-04:00", phones={phone: "answers"}, **{"from": "+16175550142"})

    second.assert_absent(f"rings {phone}")
    assert second.api_record["people"] == [
        {
            "staffId": staff.id,
            "phoneNumber": None,
            "why": "scheduled",
            "locationId": None,
            "lastSpoken": False,
            "whyNot": "on_a_call",
        }
    ]
    assert preview_people(line, "2027-06-02T12:05:00")[0]["whyNot"] == "on_a_call"
    assert preview_people(line, "2027-06-02T11:00:00")[0]["whyNot"] is None, "before the call"
    assert preview_people(line, "2027-06-02T15:00:00")[0]["whyNot"] is None, "after the call"

    replay(played, sid, ending)
    third = line.call("2027-06-02T12:06:00-04:00", phones={phone: "answers"}, **{"from": "+16175550143"})
    third.assert_sequence(f"talks with {phone}")
    replay(played, sid, "ended")
    assert dynamodb.get_record(OngoingCall, staff.id) is None


def test_the_end_of_a_call_frees_who_talked_in_it(line: LineFixture, strategy: str) -> None:
    """The report of the phone may be lost; that of the call is repeated until it is taken."""
    staff, phone = line.put_on_duty(*SHIFT)
    played = line.call(phones={phone: "answers"})
    sid = new_sid()
    replay(played, sid, "voice", "screened", "joined")
    assert reason_now(line, staff) == "on_a_call"

    replay(played, sid, "ended")

    assert reason_now(line, staff) == ""


def test_a_lost_report_of_the_end_silences_nobody_for_the_day(line: LineFixture) -> None:
    staff, phone = line.put_on_duty(*SHIFT)
    played = line.call(phones={phone: "answers"})

    replay(played, new_sid(), "voice", "screened")

    record = dynamodb.get_record(OngoingCall, staff.id)
    assert record
    assert record.expires_at <= (WEDNESDAY_NOON + CALL_MINUTES + timedelta(minutes=1)).timestamp()
    assert reason_now(line, staff, minutes=10) == "on_a_call"
    assert reason_now(line, staff, minutes=62) == ""


def test_the_late_end_of_an_earlier_call_leaves_the_present_one(line: LineFixture) -> None:
    staff, _ = line.put_on_duty(*SHIFT)
    earlier, present = new_sid(), new_sid()
    for call_id in (earlier, present):
        ongoing.begin(staff.id, call_id, minutes=60, at=WEDNESDAY_NOON)

    ongoing.end(staff.id, earlier)
    assert reason_now(line, staff) == "on_a_call"
    ongoing.end(staff.id, present)
    assert reason_now(line, staff) == ""


def test_numbers_of_the_configuration_ring_again(line: LineFixture) -> None:
    """Such a number may be a switchboard."""
    ongoing.begin("+16175550142", new_sid(), minutes=60, at=WEDNESDAY_NOON)

    assert dynamodb.get_record(OngoingCall, "+16175550142") is None


def test_a_call_is_connected_if_this_cannot_be_stored(line: LineFixture, env: Environment) -> None:
    _, phone = line.put_on_duty(*SHIFT)
    played = line.call(phones={phone: "answers"})
    sid = new_sid()
    replay(played, sid, "voice")
    writes = FaultPlan()
    with env.apply_plan(writes):
        replay(played, sid, "screened")
    updates = [call for call in writes.calls if call.operation == "UpdateItem"]
    assert len(updates) == 2, "the answer, and who talks"
    for name in ("dialled", "ended"):
        replay(played, sid, name)

    other_sid = new_sid()
    replay(played, other_sid, "voice")
    with env.apply_plan(FaultPlan(faults={updates[-1].signature: "503"}, always={})) as plan:
        replay(played, other_sid, "screened")

    assert plan.fired_faults
    assert line.get_call(other_sid)["outcome"] == "answered"


def test_who_presses_1_after_the_end_of_a_call_stays_in_their_other_call(line: LineFixture) -> None:
    staff, phone = line.put_on_duty(*SHIFT)
    played, sid, other_sid = line.call(phones={phone: "answers"}), new_sid(), new_sid()
    replay(played, sid, "voice")
    replay(played, sid, "ended")
    ongoing.begin(staff.id, other_sid, minutes=30, at=WEDNESDAY_NOON)

    replay(played, sid, "screened")

    record = dynamodb.get_record(OngoingCall, staff.id)
    assert record
    assert record.call_id == other_sid
