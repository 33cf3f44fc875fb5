"""Callers who hang up as somebody answers, and calls whose end nobody reports."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from accounts.permissions import user_actor
from config import dynamodb, outbox
from config.dynamodb import unaudited
from config.outbox import OutboxMessage
from telephony import phone_pauses
from telephony.callbacks import callback_record
from telephony.calls.state import call_record
from telephony.calls.state.call_steps import CallStep, step_updates
from telephony.models import Call, PhonePause
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, PlayedCall, create_line, new_sid, post_webhook
from tests.support.crash_harness import is_worth_trying
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, enable_ringing, free_number, now, process_outbox
from tests.telephony.calls.rota.test_ongoing import SHIFT, reason_now

UNBRIDGED = {"DialBridged": "false", "DialCallStatus": "completed"}
ANSWERED_AT = WEDNESDAY_NOON + timedelta(seconds=20)
LONGEST = timedelta(minutes=90)
"""After which a call is over, whatever is reported."""


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> Iterator[LineFixture]:
    yield create_line(test_users)
    process_outbox()


def ring(line: LineFixture, strategy: str = "sequence") -> None:
    target: dict[str, Any] = {"onDuty": {}}
    line.update_configuration(
        hours={"mode": "always"},
        open={"type": "ring", "target": target, "strategy": strategy, "otherwise": {"type": "voicemail"}},
    )


class Replay:
    """A call of another caller, whose webhooks are posted one by one, as those of a played call."""

    def __init__(self, played: PlayedCall) -> None:
        self.played, self.sid = played, new_sid()

    def post(self, name: str, at: datetime | None = None, **form: str) -> str:
        response, expected_status = self._send(name, at, form)
        assert response.status_code == expected_status, response.text
        return response.text

    def post_once(self, name: str) -> None:
        """Post a webhook that may fail: Twilio repeats it then."""
        response, expected_status = self._send(name, None, {})
        assert response.status_code in (expected_status, 503), response.text

    def _send(self, name: str, at: datetime | None, form: dict[str, str]) -> tuple[httpx.Response, int]:
        webhook = next(item for item in self.played.webhooks if urlsplit(item["url"]).path.endswith(f"/{name}"))
        url = webhook["url"].replace(self.played.id, self.sid)
        body = {key: value.replace(self.played.id, self.sid) for key, value in webhook["form"].items()} | form
        body |= {"LocalTime": at.isoformat()} if at else {}
        headers = {"X-Twilio-Signature": sign_webhook(url, body, "local-twilio-token")}
        return post_webhook(url, body, **headers), webhook["status"]

    def run_message(self, name: str) -> None:
        """Process a message of the call before it is due."""
        outbox.run_message_now(f"{name}-{self.sid}", clock=now)

    @property
    def row(self) -> Call:
        row = dynamodb.get_record(Call, self.sid)
        assert row
        return row

    @property
    def kinds(self) -> list[str]:
        return [event["kind"] for event in call_record.CallRecord(self.row).events]

    @property
    def callback_status(self) -> str | None:
        """Of the call-back that the call opened."""
        callback = callback_record.load(str(self.row.callback_id))
        return str(callback.status) if callback else None


def play(line: LineFixture, behavior: str = "answers", **more: Any) -> tuple[Any, str, Replay]:
    """Somebody on duty at a new location, their phone, and a call whose webhooks can be posted."""
    user, phone = line.put_on_duty(*SHIFT)
    played = line.call(phones={phone: behavior}, **{"from": free_number(), **more})
    process_outbox()
    for item in line.test_users.ann.get(f"/callback?locationId={line.location.id}").json()["items"]:
        line.test_users.ann.post(f"/callback/{item['id']}/close", {"outcome": "no_answer"})
    return user, phone, Replay(played)


# --- the caller hangs up as somebody presses 1 ----------------------------------------------------
@pytest.mark.parametrize("order", [*permutations(("screened", "dialled", "ended")), ("screened", "late", "dialled")])
def test_who_was_not_connected_has_not_answered(test_users: UserFixtures, order: tuple[str, ...]) -> None:
    line = create_line(test_users)
    ring(line)
    user, _, call = play(line)
    call.post("voice")
    for name in order:
        if name == "late":  # the report of the phone takes long
            call.post("ended", ANSWERED_AT + timedelta(minutes=1), CallDuration="80")
        else:
            form = {"dialled": UNBRIDGED, "ended": {"CallDuration": "21"}}.get(name, {})
            call.post(name, ANSWERED_AT + timedelta(seconds=name != "screened"), **form)
    call.run_message("follow-up")

    assert call.row.outcome == "missed"
    assert not call.row.answered_by
    assert call.callback_status == "open"
    assert reason_now(line, user) == "", "nobody talks"


def test_who_presses_1_too_late_hears_so(line: LineFixture) -> None:
    ring(line)
    _, _, call = play(line)
    call.post("voice")
    call.post("ended")
    answer = call.post("screened")
    assert "no longer waiting" in answer
    assert "<Hangup" in answer
    assert "accepted" not in call.kinds


def test_a_short_conversation_is_reported_after_the_call(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    ring(line)
    user, _, call = play(line)
    call.post("voice")
    call.post("screened", ANSWERED_AT)
    call.post("ended", ANSWERED_AT + timedelta(seconds=5), CallDuration="25")
    process_outbox()
    assert call.callback_status is None, "it is not known yet"
    call.post("dialled", ANSWERED_AT + timedelta(seconds=6))
    call.run_message("follow-up")

    assert (call.row.outcome, call.row.answered_by) == ("answered", user.id)
    assert call.callback_status is None


def test_the_next_phone_does_not_ring_for_a_caller_who_has_gone(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    ring(line)
    line.put_on_duty(*SHIFT, name="Second Person")
    _, _, call = play(line, "nothing")
    call.post("voice")
    call.post("ended", ANSWERED_AT)
    assert "<Dial" not in call.post("dialled", ANSWERED_AT + timedelta(seconds=1))
    assert (call.kinds.count("rung"), call.kinds.count("not_taken")) == (1, 1)

    other = Replay(call.played)  # the end of the call is not reported yet, but the phone's report says so
    other.post("voice")
    assert "<Dial" not in other.post("dialled", CallStatus="completed")
    assert (other.kinds.count("rung"), other.kinds.count("not_taken")) == (1, 1)


@pytest.mark.parametrize(("seconds", "outcome"), [(1, "missed"), (8, "answered")])
def test_ring_all_a_caller_who_does_not_meet_who_answered(test_users: UserFixtures, seconds: int, outcome: str) -> None:
    line = create_line(test_users)
    ring(line, "all")
    user, _, call = play(line)
    call.post("voice")
    call.post("joined", ANSWERED_AT)
    call.post("ended", ANSWERED_AT + timedelta(seconds=seconds), CallDuration=str(20 + seconds))
    call.run_message("follow-up")

    assert call.row.outcome == outcome
    assert call.callback_status == ("open" if outcome == "missed" else None)
    assert reason_now(line, user) == ""


def test_ring_all_whoever_hangs_up_before_they_meet_has_not_answered(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    ring(line, "all")
    _, _, call = play(line)
    call.post("voice")
    call.post("joined")
    call.post("left")
    assert "<Record" in call.post("wait")
    assert call.row.outcome == "ringing"


def test_ring_all_whoever_presses_1_after_ringing_hears_so(line: LineFixture) -> None:
    ring(line, "all")
    _, _, call = play(line, "mailbox")
    call.post("voice")
    assert "<Record" in call.post("wait", ANSWERED_AT + timedelta(minutes=2))
    assert "no longer waiting" in call.post("joined", Digits="1")


# --- ends that are not reported, or were to another release ---------------------------------------
def test_a_call_whose_end_is_lost_is_ended_and_followed_up(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    ring(line)
    _, _, call = play(line, "nothing")
    call.post("voice")
    message = dynamodb.get_record(OutboxMessage, f"unreported-{call.sid}")
    assert message
    assert abs(message.due_at - now() - LONGEST) < timedelta(minutes=1)

    call.run_message("unreported")
    call.run_message("follow-up")

    assert (call.row.outcome, call.callback_status) == ("missed", "open")
    call.post("ended")
    assert call.kinds.count("ended") == 1


def test_a_reported_end_leaves_no_message(line: LineFixture) -> None:
    ring(line)
    _, _, call = play(line, "nothing")
    call.post("voice")
    message_id = f"unreported-{call.sid}"
    assert dynamodb.get_record(OutboxMessage, message_id)
    call.post("ended")
    assert dynamodb.get_record(OutboxMessage, message_id) is None


def test_a_call_that_ended_at_the_release_before(test_users: UserFixtures) -> None:
    """It stored who talks no end of, and followed up no call."""
    line = create_line(test_users)
    ring(line)
    user, _, call = play(line)
    call.post("voice")
    call.post("screened")
    assert reason_now(line, user) == "on_a_call"
    ended = [*step_updates(CallStep("ended")), Call.ended_at.set(WEDNESDAY_NOON), Call.seconds.set(30)]
    unaudited.update(call.row, ended, Call.id.exists())
    assert reason_now(line, user) == ""

    unaudited.update(call.row, [Call.outcome.set("missed"), Call.answered_by.remove()], Call.id.exists())
    for _ in range(2):
        call.post("ended")
        process_outbox()
    assert call.callback_status == "open"


# --- phones that two people share, and breaks -----------------------------------------------------
def test_a_shared_phone_does_not_ring_while_its_user_talks_or_has_a_break(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    ring(line)
    first, phone, call = play(line)
    second, _ = line.put_on_duty(*SHIFT, name="Second Person")
    enable_ringing(second, phone)
    assert reason_now(line, second) in ("", "same_phone")
    call.post("voice")
    call.post("screened")
    assert {reason_now(line, user) for user in (first, second)} == {"on_a_call", "same_phone"}
    call.post("ended")

    phone_pauses.pause(first, 30, actor=user_actor(first), at=WEDNESDAY_NOON)
    assert (reason_now(line, first), reason_now(line, second)) == ("on_a_break", "same_phone")


def test_the_key_2_shortens_no_break_and_its_repetition_begins_none(test_users: UserFixtures, env: Environment) -> None:
    line = create_line(test_users)
    ring(line)
    user, _, call = play(line, "breaks")
    actor = user_actor(user)
    phone_pauses.resume(user, actor=actor, at=WEDNESDAY_NOON + timedelta(minutes=1))
    call.post("voice")
    phone_pauses.pause(user, 480, actor=actor, at=WEDNESDAY_NOON)
    with env.apply_plan(FaultPlan(always={"dynamodb UpdateItem": "503"})):
        call.post("screened")
    pause = dynamodb.get_record(PhonePause, user.id)
    assert pause
    assert pause.paused_until == WEDNESDAY_NOON + timedelta(minutes=480)

    phone_pauses.resume(user, actor=actor, at=WEDNESDAY_NOON + timedelta(minutes=2))
    assert "will not be called" in call.post("screened", WEDNESDAY_NOON + timedelta(minutes=3))
    assert dynamodb.get_record(PhonePause, user.id) is None


@pytest.mark.parametrize("mode", ["503", "lost"])
def test_ends_of_missed_calls_survive_failed_calls(test_users: UserFixtures, env: Environment, mode: str) -> None:
    """Whichever call of the report fails: once Twilio repeats it, one call-back counts it once."""
    line = create_line(test_users)
    ring(line)
    _, _, call = play(line, "nothing", hangUpAfter=20)
    call.post("voice")
    with env.apply_plan(FaultPlan()) as baseline:
        call.post("ended")
    # A worker is woken by Redis after the answer, by a thread that may be late.
    faults = [call.signature for call in baseline.calls if call.service == "dynamodb" and is_worth_trying(call)]
    assert faults
    for signature in faults:
        other = Replay(call.played)
        other.post("voice")
        with env.apply_plan(FaultPlan(faults={signature: mode})) as plan:
            other.post_once("ended")
        assert plan.fired_faults
        other.post("ended")
        other.run_message("follow-up")
        callback = callback_record.load(str(other.row.callback_id))
        assert callback, plan.fired_faults
        assert (other.row.outcome, callback.status, int(callback.calls)) == ("missed", "open", 1), plan.fired_faults
        assert other.kinds.count("ended") == 1, plan.fired_faults
        line.test_users.ann.post(f"/callback/{callback.id}/close", {"outcome": "no_answer"})
