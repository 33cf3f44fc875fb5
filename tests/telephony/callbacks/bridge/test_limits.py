"""Who may call a caller back, when it is refused, what it costs, and how it ends."""

import time
from datetime import timedelta
from itertools import count

from django.conf import settings

from config import dynamodb
from config.dynamodb import unaudited
from telephony.callbacks.bridge import outbound_call
from telephony.calls.limits import usage
from telephony.calls.state import call_record
from telephony.models import OngoingCall, PhoneVerification, Usage
from tests.support.bridge import (
    CALL_AGAIN,
    begin_by_hand,
    call_back,
    next_caller,
    open_callback,
    play,
    refusal_code,
    request_call,
    reserve_again,
)
from tests.support.calls import LineFixture, create_line, new_call_ids
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, enable_ringing, now, process_outbox

_keys = count(1)
CONSENT = "This call is recorded for training."


def test_refusals_leave_nothing(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    ann, callback = line.test_users.ann, open_callback(line, caller)
    withheld = open_callback(line, "")
    abroad = open_callback(line, "+493012345678")
    reserved = usage.load(line.location.customer_id, now()).committed

    assert refusal_code(request_call(ann, withheld["id"])) == "caller_withheld"
    assert refusal_code(request_call(ann, abroad["id"])) == "caller_not_callable"
    verification = dynamodb.get_record(PhoneVerification, ann.id)
    assert verification
    unaudited.remove(verification, PhoneVerification.user_id.exists())
    assert refusal_code(request_call(ann, callback["id"])) == "phone_not_verified"
    enable_ringing(ann.user, "+493012345679")
    assert refusal_code(request_call(ann, callback["id"])) == "phone_not_callable"
    enable_ringing(ann.user, ann_phone)
    ongoing_call = OngoingCall(
        user_id=ann.id,
        call_id="CA" + "1" * 32,
        began_at=now() + timedelta(seconds=30),  # of another request, which got on faster
        expires_at=int(time.time()) + 60,
    )
    assert unaudited.create(ongoing_call)
    assert refusal_code(request_call(ann, callback["id"])) == "on_a_call"
    unaudited.remove(ongoing_call, OngoingCall.user_id.exists())
    with env.apply_plan(FaultPlan(always={"twilio": "503"})):
        assert refusal_code(request_call(ann, callback["id"], "down")) == "call_not_placed"
    assert refusal_code(request_call(ann, callback["id"], "down")) == "call_not_placed", "nobody is called later"
    assert ann.post(f"/callback/{callback['id']}/close", {"outcome": "no_answer"}).status_code == 200
    assert refusal_code(request_call(ann, callback["id"])) == "callback_closed"

    assert usage.load(line.location.customer_id, now()).committed == reserved
    assert dynamodb.get_record(OngoingCall, ann.id) is None


def test_only_who_may_handle_it(line: LineFixture, caller: str) -> None:
    users, callback = line.test_users, open_callback(line, caller)

    assert request_call(users.cleo, callback["id"]).status_code == 404
    assert request_call(users.sam, callback["id"]).status_code == 403, "not on duty there"
    assert request_call(users.ann, "cbk_" + "0" * 26).status_code == 404


def test_a_location_without_its_number_calls_nobody(
    test_users: UserFixtures, env: Environment, caller: str, ann_phone: str
) -> None:
    line = create_line(test_users, name="Old Road")
    callback = open_callback(line, caller)
    response = test_users.ann.delete(f"/phoneNumber/%2B{line.number.lstrip('+')}")
    assert response.status_code < 300, response.text

    assert refusal_code(request_call(test_users.ann, callback["id"])) == "no_line"


def test_minutes_are_reserved_and_counted(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    ann, callback, customer_id = line.test_users.ann, open_callback(line, caller), line.location.customer_id
    before = usage.load(customer_id, now())

    played = play(env, call_back(ann, callback["id"]))

    assert "talks with" in "\n".join(played["lines"])
    after = usage.load(customer_id, now())
    assert after.used - before.used == 2, "each phone began one minute"
    assert (after.committed - before.committed, after.calls) == (2, before.calls)
    row = Usage(usage.key(customer_id, now()))
    lease = usage.new_lease(now(), line.location.id, outbound_call.counted_as(caller))
    ids = new_call_ids(settings.TELEPHONY["concurrent_calls_of_caller"])
    unaudited.update(row, [Usage.calls[id].set(lease.text) for id in ids], Usage.key.exists())
    try:
        response = request_call(ann, callback["id"])
    finally:
        unaudited.update(row, [Usage.calls[id].remove() for id in ids], Usage.key.exists())
    assert refusal_code(response, 429) == "lines_busy"
    assert int(response.headers["retry-after"]) < 600
    unaudited.update(row, [Usage.used.add(2_000), Usage.committed.add(2_000)], Usage.key.exists())
    try:
        response = request_call(ann, callback["id"])
    finally:
        unaudited.update(row, [Usage.used.add(-2_000), Usage.committed.add(-2_000)], Usage.key.exists())
    assert refusal_code(response, 429) == "minutes_used_up"
    assert int(response.headers["retry-after"]) > 0
    assert usage.load(customer_id, now()).calls == before.calls


def test_a_call_whose_end_is_not_reported_ends(line: LineFixture, env: Environment, caller: str) -> None:
    call_id, post = begin_by_hand(line, env, caller)
    reserve_again(call_id)
    customer_id, before = line.location.customer_id, usage.load(line.location.customer_id, now())
    assert "<Dial" in post("back-key", Digits="1").text

    process_outbox(seconds_ahead=150)
    talking = call_record.load(call_id)
    process_outbox(seconds_ahead=4_000)
    over = call_record.load(call_id)

    assert talking
    assert not talking.row.ended_at
    assert over
    assert over.row.ended_at
    assert over.row.outcome == "missed"
    assert CALL_AGAIN in post("back").text
    assumed = usage.load(customer_id, now())
    assert assumed.used - before.used == 2 * usage.UNREPORTED_MINUTES, "of each of the two phones"
    assert call_id not in assumed.calls

    for _ in range(2):
        assert post("back-ended", CallStatus="completed", CallDuration=str(25 * 60)).is_success

    reported = usage.load(customer_id, now())
    assert reported.used - before.used == 2 * 25, "the late report adds what is missing, once"
    assert reported.committed - reported.used == before.committed - before.used - usage.CALLER_MINUTES
    counted = usage.minutes_of_caller(reported, usage.pseudonym_of(outbound_call.counted_as(caller)))
    assert (counted, usage.minutes_of_caller(reported, usage.pseudonym_of(caller))) == (2 * 25, 1)


def test_users_in_a_callback_are_not_called(line: LineFixture, env: Environment, caller: str) -> None:
    """From the moment on at which their phone rings."""
    begin_by_hand(line, env, caller)
    _, post = begin_by_hand(line, env, next_caller())
    assert "<Dial" in post("back-key", Digits="1").text

    record = dynamodb.get_record(OngoingCall, line.test_users.ann.id)

    assert record
    assert record.is_ongoing(now() + timedelta(minutes=14))


def test_one_command_shows_it(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    completed = env.run_management_command("call", line.number, "--from", caller, "--call-back", "ann")

    assert completed.returncode == 0, completed.stderr
    for part in ("leave a message", "Call-back to the number ending in", f"talks with {caller}", f"ann ({ann_phone})"):
        assert part in completed.stdout
