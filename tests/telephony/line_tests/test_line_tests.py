"""Lines test themselves: what does not work is on the board within one run, until it is mended."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config import dynamodb, errors
from config.outbox import OutboxMessage
from telephony.line_tests import planning, results
from telephony.models import LineTest
from telephony.numbers.reservation import NumberWithLine
from tests.support.board import problems_of
from tests.support.environment import Environment
from tests.support.http_client import HTTP
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, enable_ringing, now, process_outbox, simulate_call

AUDIO = "https://cdn.harbour-dental.example/welcome.mp3"


@pytest.fixture
def held(test_users: UserFixtures) -> NumberWithLine:
    """A line that is always open and rings Sam, whose phone is verified, then Mia's voicemail."""
    held = test_users.purchase_number()
    enable_ringing(test_users.sam.user)
    ring = {"type": "ring", "target": {"users": [test_users.sam.id]}, "strategy": "sequence"}
    configure(test_users.ann, held, hours={"mode": "always"}, open=ring)
    return held


def configure(user: SignedInUser, held: NumberWithLine, **members: Any) -> None:
    path = f"/ivrConfiguration/{held.number.location_id}"
    configuration = {**user.get(path).json()["configuration"], **members}
    response = user.put(path, {"configuration": configuration})
    assert response.status_code == 200, response.text


def pending_message(held: NumberWithLine) -> OutboxMessage | None:
    return dynamodb.get_record(OutboxMessage, f"line-test-{held.number.location_id}")


def run(held: NumberWithLine) -> LineTest:
    """Run the pending test of a line, as its message does when it is due."""
    process_outbox()  # what a change of the configuration has planned
    message = pending_message(held)
    assert message is not None
    for seconds in (1, 31):  # the test, then the check of the board
        process_outbox(seconds_ahead=(message.due_at - now()).total_seconds() + seconds)
    test = dynamodb.get_record(LineTest, held.number.location_id)
    assert test is not None
    assert test.tested_at >= message.due_at
    return test


def failures(held: NumberWithLine) -> list[tuple[str, str]]:
    return [(step.code, step.path) for step in results.list_failed_steps(run(held))]


def on_board(test_users: UserFixtures, held: NumberWithLine) -> list[str] | None:
    """The codes of the failed steps that the board has of a line; None: it has none."""
    item = problems_of(test_users.customer).get(f"line-test-failed#{held.number.location_id}")
    return [step["code"] for step in item.facts["steps"]] if item else None


def change_at_twilio(env: Environment, held: NumberWithLine, **settings: str) -> None:
    response = HTTP.post(f"{env.twilio}/_local/webhooks", json={"number": held.number.number, **settings})
    assert response.status_code == 204, response.text


def test_line_in_order_has_no_failing_step_and_is_tested_again_before_it_opens(
    test_users: UserFixtures, held: NumberWithLine, env: Environment
) -> None:
    test = run(held)

    assert (test.result, on_board(test_users, held)) == ("ok", None)
    location = test_users.ann.get(f"/location/{held.number.location_id}").json()
    due = test.due_at.astimezone(ZoneInfo(location["timeZone"]))
    assert timedelta(0) < test.due_at - test.tested_at <= timedelta(days=1, minutes=15)
    assert f"{due:%H:%M}" > "07:44"
    assert f"{due:%H:%M}" <= "07:55", "open all night: before eight in the morning"
    message = pending_message(held)
    assert message is not None
    assert message.due_at == test.due_at
    answer = test_users.ann.get(f"/location/{held.number.location_id}/line-test").json()
    assert [(step["name"], step["result"]) for step in answer["steps"]] == [
        ("number", "ok"),
        ("entrance", "ok"),
        ("voices", "ok"),
        ("ring", "ok"),
        ("end", "ok"),
    ]
    assert answer["steps"][3]["sentence"] == "A call rings one phone."


def test_broken_webhook_is_on_the_board_until_it_is_mended(
    test_users: UserFixtures, held: NumberWithLine, env: Environment
) -> None:
    voice_url = f"{test_users.ann.web}/telephony/voice"
    change_at_twilio(env, held, VoiceUrl="https://demo.twilio.example/welcome/voice/")

    assert failures(held) == [("webhook_elsewhere", "")]
    assert on_board(test_users, held) == ["webhook_elsewhere"]
    first = dynamodb.get_record(LineTest, held.number.location_id)
    assert first is not None
    assert first.due_at - first.tested_at == timedelta(hours=1), "a failed test is repeated soon"

    change_at_twilio(env, held, VoiceUrl=voice_url, VoiceFallbackUrl="https://old.example/")
    assert failures(held) == [("webhook_settings", "")]
    second = dynamodb.get_record(LineTest, held.number.location_id)
    assert second is not None
    assert second.failed_since == first.tested_at

    change_at_twilio(env, held, VoiceFallbackUrl=f"{voice_url}/fallback")
    assert failures(held) == []
    assert on_board(test_users, held) is None


def test_phone_that_is_not_verified_any_more(test_users: UserFixtures, held: NumberWithLine) -> None:
    phone = test_users.sam.get("/user").json()["phone"]
    assert test_users.sam.patch("/user", {"phone": "+16175550199"}).status_code == 200

    assert failures(held) == [("nobody_rings", "open")]
    assert on_board(test_users, held) == ["nobody_rings"]
    steps = test_users.ann.get(f"/location/{held.number.location_id}/line-test").json()["steps"]
    assert "A call would ring nobody: phone number is not verified." in {step["sentence"] for step in steps}
    assert test_users.sam.id not in str(dynamodb.get_record(LineTest, held.number.location_id))

    assert test_users.sam.patch("/user", {"phone": phone}).status_code == 200
    enable_ringing(test_users.sam.user)
    assert failures(held) == []
    assert on_board(test_users, held) is None


def test_missing_audio_file(test_users: UserFixtures, held: NumberWithLine, env: Environment) -> None:
    configure(test_users.ann, held, greeting={"play": AUDIO})
    assert failures(held) == []
    HTTP.post(f"{env.twilio}/_local/audio", json={"url": AUDIO, "status": 404})

    assert failures(held) == [("audio_missing", "greeting")]
    assert on_board(test_users, held) == ["audio_missing"]

    HTTP.post(f"{env.twilio}/_local/audio", json={"url": AUDIO, "status": 200})
    assert failures(held) == []
    assert on_board(test_users, held) is None


def test_vendor_that_is_away_fails_no_test(test_users: UserFixtures, held: NumberWithLine, env: Environment) -> None:
    with env.apply_plan(FaultPlan(always={"twilio": "503"})):
        test = run(held)

    assert test.result == "unknown"
    assert [step["code"] for step in test.steps if step["name"] == "number"] == ["service_away"]
    assert on_board(test_users, held) is None
    assert test.due_at - test.tested_at > timedelta(hours=1)


def test_line_without_anybody_on_duty_and_one_that_never_opens(test_users: UserFixtures, held: NumberWithLine) -> None:
    duty = {"type": "ring", "target": {"onDuty": {}}, "strategy": "all"}
    configure(test_users.ann, held, open=duty)
    assert failures(held) == [("nobody_there", "open")]

    configure(test_users.ann, held, hours={"mode": "schedule"})
    test = run(held)

    assert test.result == "unknown"
    assert "never_opens" in {step["code"] for step in test.steps}


def test_weekly_line_is_tested_before_it_opens(test_users: UserFixtures, held: NumberWithLine) -> None:
    days = dict.fromkeys(["mo", "tu", "we", "th", "fr", "sa", "su"])
    weekly = {day: [["09:30", "12:00"], ["13:00", "17:00"]] for day in days}
    configure(test_users.ann, held, hours={"mode": "weekly", "weekly": weekly})
    process_outbox()
    zone = ZoneInfo(test_users.ann.get(f"/location/{held.number.location_id}").json()["timeZone"])

    test = run(held)

    assert f"{test.simulated_at.astimezone(zone):%H:%M}" == "09:30"
    assert timedelta(minutes=4) < test.simulated_at - test.tested_at <= timedelta(minutes=15)
    assert "09:14" < f"{test.due_at.astimezone(zone):%H:%M}" <= "09:25"
    assert test.due_at.astimezone(zone).date() == test.tested_at.astimezone(zone).date() + timedelta(days=1)


def test_lines_of_before_get_their_message_from_the_daily_pass(test_users: UserFixtures, held: NumberWithLine) -> None:
    process_outbox()
    message = pending_message(held)
    assert message is not None
    dynamodb.call("DeleteItem", TableName=message.table_name(), Key={"id": {"S": str(message.id)}})

    planning.begin_planning(now())
    for seconds in range(0, 60, 3):
        process_outbox(seconds_ahead=seconds)
        if pending_message(held):
            break

    assert pending_message(held) is not None


def test_only_lines_that_take_calls_are_tested(test_users: UserFixtures, held: NumberWithLine) -> None:
    location_id = held.number.location_id
    assert test_users.ann.delete(f"/phoneNumber/{held.number.number.replace('+', '%2B')}").status_code == 200

    with pytest.raises(errors.Conflict, match="nothing to test"):
        results.test_now(location_id, actor=test_users.ann.actor, at=now())
    message = pending_message(held)
    process_outbox(seconds_ahead=(message.due_at - now()).total_seconds() + 1 if message else 0)

    assert dynamodb.get_record(LineTest, location_id) is None
    assert pending_message(held) is None


def test_test_on_request_is_audited_and_calls_nobody(
    test_users: UserFixtures, held: NumberWithLine, env: Environment
) -> None:
    with env.apply_plan() as plan:
        test = results.test_now(held.number.location_id, actor=test_users.ann.actor, at=now())

    assert test.result == "ok"
    assert [call.operation for call in plan.calls if call.service == "twilio"] != []
    assert not [call for call in plan.calls if call.service == "twilio" and not call.operation.startswith("GET")]
    entries = test_users.ann.get(f"/user/{test_users.ann.id}/audit-logs?limit=5").json()["items"]
    assert entries[0]["action"] == "line.tested"


def test_what_the_test_says_is_what_a_call_does(test_users: UserFixtures, held: NumberWithLine) -> None:
    assert [step["facts"] for step in run(held).steps if step["code"] == "rings"] == [{"count": 1}]

    assert str(test_users.sam.get("/user").json()["phone"]) in str(simulate_call(held.number.number))
