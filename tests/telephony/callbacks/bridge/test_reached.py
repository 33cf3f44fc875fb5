"""What follows from the call to a caller: they were reached, or their call-back waits on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from config import dynamodb
from config.dynamodb import unaudited
from telephony.callbacks import handing_over
from telephony.callbacks.bridge import call_end, outbound_call
from telephony.calls.limits import usage
from telephony.models import Call, Callback, LastConversation, OngoingCall, PhoneNumber, Usage, caller_key
from telephony.twilio import client
from tests.support.bridge import (
    begin_by_hand,
    call_back,
    open_callback,
    play,
    refusal_code,
    release,
    request_call,
    set_phone,
)
from tests.support.callbacks import put_callback, put_record
from tests.support.calls import LineFixture, create_line, new_sid
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now, process_outbox


def load(callback_id: str) -> Callback:
    callback = dynamodb.get_record(Callback, callback_id)
    assert callback
    return callback


def hold_until(callback_id: str, until: datetime) -> None:
    callback = load(callback_id)
    callback.taken_until = until
    put_record(callback)


def find_last_conversation(line: LineFixture, caller: str) -> LastConversation | None:
    return dynamodb.get_record(LastConversation, caller_key(line.location.id, caller))


# --- the caller was reached -----------------------------------------------------------------------
def test_a_caller_who_was_reached_is_not_called_again(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    ann, abe, callback = line.test_users.ann, line.test_users.abe, open_callback(line, caller)
    play(env, call_back(ann, callback["id"]))

    process_outbox()

    closed = ann.get(f"/callback/{callback['id']}").json()
    assert (closed["status"], closed["outcome"], closed["takenBy"]) == ("done", "reached", ann.id)
    last = find_last_conversation(line, caller)
    assert last
    assert last.user_id == ann.id
    process_outbox(seconds_ahead=3 * 3600)
    assert load(callback["id"]).status == "done"

    path = f"/callback/{callback['id']}/close"
    assert refusal_code(abe.post(path, {"outcome": "no_answer"})) == "callback_closed", "abe has not called"
    assert ann.post(path, {"outcome": "no_answer"}).json()["outcome"] == "no_answer", "a mailbox had answered"
    assert refusal_code(ann.post(path, {"outcome": "reached"})) == "callback_closed", "once"


@pytest.mark.parametrize("reason", ["mailbox", "unreported"])
def test_it_is_not_known_whether_the_caller_was_reached(
    line: LineFixture, env: Environment, caller: str, reason: str
) -> None:
    """What is hung up on soon may be a mailbox; how long a call took whose end is unknown, too."""
    call_id, post = begin_by_hand(line, env, caller)
    began_at = now()
    assert "<Dial" in post("back-key", Digits="1").text
    post("back-reached", LocalTime=began_at.isoformat())
    if reason == "mailbox":
        ended_at = began_at + call_end.MIN_CONVERSATION - timedelta(seconds=1)
        post("back-ended", CallStatus="completed", CallDuration="60", LocalTime=ended_at.isoformat())

    process_outbox(seconds_ahead=4_000)

    call = dynamodb.get_record(Call, call_id)
    assert call
    assert (call.outcome, bool(call.ended_at)) == ("answered", True)
    callback = load(str(call.callback_id))
    assert (callback.status, callback.taken_by) == ("taken", line.test_users.ann.id)
    assert find_last_conversation(line, caller) is None


def test_nobody_else_calls_who_is_being_called(line: LineFixture, env: Environment, caller: str) -> None:
    """The hold covers the longest conversation, and is decided again when it is over."""
    ann, abe = line.test_users.ann, line.test_users.abe
    callback_id = open_callback(line, caller)["id"]
    assert ann.post(f"/callback/{callback_id}/take").status_code == 200
    hold_until(callback_id, now() + timedelta(seconds=30))
    call_id, post = begin_by_hand(line, env, caller)
    assert load(callback_id).taken_until > now() + timedelta(minutes=15)
    assert "<Dial" in post("back-key", Digits="1").text

    for at in (now(), now() + timedelta(minutes=10)):
        hold_until(callback_id, at)
        handing_over.decide_again(callback_id, at)
        assert refusal_code(request_call(abe, callback_id)) == "callback_taken"

    until = load(callback_id).taken_until
    assert until > now() + timedelta(minutes=15)
    post("back-ended", CallStatus="completed", CallDuration="10")
    handing_over.decide_again(callback_id, until)
    assert load(callback_id).status == "open"


def test_a_key_at_the_end_keeps_nobody_in_the_call(line: LineFixture, env: Environment, caller: str) -> None:
    """The end is reported between the step of the key and what follows it."""
    ann = line.test_users.ann
    call_id, post = begin_by_hand(line, env, caller)
    ongoing_call = dynamodb.get_record(OngoingCall, ann.id)
    assert ongoing_call
    release(ann)

    assert "<Dial" in post("back-key", Digits="1").text

    assert dynamodb.get_record(OngoingCall, ann.id) is None


# --- refusals -------------------------------------------------------------------------------------
@pytest.fixture
def unknown_outcomes(env: Environment) -> Iterator[None]:
    """Twilio places calls, but says that it is unavailable."""

    def switch(value: str) -> None:
        httpx.post(f"{env.twilio}/_local/switches", json={"calls": value}).raise_for_status()

    switch("unknown")
    yield
    switch("created")


@pytest.mark.usefixtures("unknown_outcomes")
def test_a_phone_that_was_called_although_the_answer_is_lost(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    """If its user has pressed 1 the call goes on, else the phone may still ring."""
    ann, callback = line.test_users.ann, open_callback(line, caller)
    response = request_call(ann, callback["id"], "lost-accepted")
    assert response.status_code == 202, response.text
    assert play(env, response.json()["callId"])["lines"][-1].endswith("completed")
    assert request_call(ann, callback["id"], "lost-accepted").json() == response.json()

    set_phone(env, ann_phone, "nothing")
    response = request_call(ann, callback["id"])
    assert refusal_code(response) == "call_not_placed"
    assert "Your phone may ring all the same" in response.json()["detail"]


def test_locations_do_not_call_each_other(line: LineFixture, ann_phone: str) -> None:
    for number in (line.number, str(line.test_users.boston_number.number.number)):
        callback = put_callback(line.location, number, new_sid(), now())
        refusal = request_call(line.test_users.ann, str(callback.id))
        assert refusal_code(refusal) == "caller_not_callable"
        assert "locations cannot call each other" in refusal.json()["detail"]


def test_a_number_that_was_released_at_twilio(
    test_users: UserFixtures, env: Environment, caller: str, ann_phone: str
) -> None:
    line = create_line(test_users, name="Former Road")
    callback, number = open_callback(line, caller), dynamodb.get_record(PhoneNumber, line.number)
    assert number
    client.release_number(str(number.sid))

    for _ in range(2):
        assert refusal_code(request_call(test_users.ann, callback["id"], "released")) == "no_line"


def test_minutes_of_a_caller_are_those_of_their_calls(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    """Being called back uses up minutes of its own; the refusal says which, and until when."""
    ann, callback = line.test_users.ann, open_callback(line, caller)
    row = Usage(usage.key(line.location.customer_id, now()))

    def use_up(number: str) -> None:
        path = Usage.callers[usage.pseudonym_of(number)]
        unaudited.update(row, [path.set("1000000")], Usage.key.exists())

    use_up(outbound_call.counted_as(caller))
    refusal = request_call(ann, callback["id"])
    assert refusal_code(refusal, 429) == "minutes_used_up"
    assert "for calls to this caller" in refusal.json()["detail"]
    midnight = datetime.combine(now().astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
    assert abs(int(refusal.headers["retry-after"]) - (midnight - now()).total_seconds()) < 10

    other = open_callback(line, str(int(caller) + 5_000).join(["+", ""]))
    use_up(other["caller"])
    assert request_call(ann, other["id"]).status_code == 202, "their own calls do not count"
