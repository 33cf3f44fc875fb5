"""What follows from a call: a call-back that is opened, joined or closed, once per call."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import permissions
from accounts.models import User
from config import costs, dynamodb, journal, outbox
from config.audit import reader
from config.dynamodb import unaudited
from telephony.callbacks import opening
from telephony.calls.state import call_messages, call_record
from telephony.calls.webhooks import ending
from telephony.models import Call, OpenCallback, caller_key
from telephony.twilio import voice
from tests.support.calls import WEDNESDAY_NOON, LineFixture, PlayedCall, create_line, local_times_around, post_webhook
from tests.support.users import UserFixtures, now, outbox_job, process_outbox, store_missed_call

CALLER = "+16175550177"


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A new location in Boston's time zone with a number and without staff."""
    return create_line(test_users)


def list_callbacks(line: LineFixture, **query: str) -> list[dict[str, Any]]:
    response = line.test_users.ann.get("/callback", params={"locationId": line.location.id, **query})
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


def miss_call(line: LineFixture, **parameters: Any) -> PlayedCall:
    """A call whose caller hangs up before somebody answers, and what follows from it."""
    call = line.call(**{"from": CALLER, "hangUpAfter": 20, **parameters})
    process_outbox()
    return call


def put_on_duty(line: LineFixture) -> tuple[User, str]:
    return line.put_on_duty(*local_times_around(WEDNESDAY_NOON))


def count_open(line: LineFixture, caller: str = CALLER) -> int:
    """The uniqueness records of a caller, which the journal keeps with the call-backs."""
    return sum(dynamodb.get_record(OpenCallback, key) is not None for key in [caller_key(line.location.id, caller)])


def test_missed_calls_of_a_caller_are_one_callback(line: LineFixture) -> None:
    put_on_duty(line)
    first = miss_call(line)
    second = miss_call(line, at=WEDNESDAY_NOON + timedelta(minutes=10))

    (callback,) = list_callbacks(line)

    assert first.api_record["outcome"] == "missed"
    assert (callback["status"], callback["caller"], callback["canCall"]) == ("open", CALLER, True)
    assert (callback["calls"], callback["callId"], callback["version"]) == (2, second.id, 2)
    assert datetime.fromisoformat(callback["dueAt"]) < WEDNESDAY_NOON + timedelta(minutes=1)
    assert datetime.fromisoformat(callback["lastCallAt"]) == WEDNESDAY_NOON + timedelta(minutes=10)
    assert {call.api_record["callbackId"] for call in (first, second)} == {callback["id"]}
    assert line.test_users.ann.get(f"/callback/{callback['id']}").json() == callback


def test_answered_call_closes_the_callback_of_its_caller(line: LineFixture) -> None:
    sue, phone = put_on_duty(line)
    miss_call(line)
    other = miss_call(line, **{"from": "+16175550178"})

    call = line.call(WEDNESDAY_NOON + timedelta(hours=1), **{"from": CALLER}, phones={phone: "answers"})
    process_outbox()

    (closed,) = list_callbacks(line, status="done")
    assert (closed["outcome"], closed["takenBy"], closed["caller"]) == ("reached", sue.id, CALLER)
    assert call.api_record["callbackId"] == closed["id"]
    assert [callback["callId"] for callback in list_callbacks(line)] == [other.id]
    assert count_open(line) == 0
    again = miss_call(line, at=WEDNESDAY_NOON + timedelta(hours=2))
    assert {callback["callId"] for callback in list_callbacks(line)} == {again.id, other.id}


def test_call_answered_by_a_number_closes_it_for_nobody(line: LineFixture) -> None:
    number = "+16175550142"
    put_on_duty(line)
    miss_call(line)
    ring = {"type": "ring", "target": {"numbers": [number]}, "otherwise": {"type": "hangup"}}
    line.update_configuration(open=ring)

    line.call(WEDNESDAY_NOON + timedelta(hours=1), **{"from": CALLER}, phones={number: "answers"})
    process_outbox()

    (closed,) = list_callbacks(line, status="done,dropped")
    assert (closed["outcome"], closed["takenBy"]) == ("reached", None)


def test_late_follow_up_of_an_answered_call_leaves_a_later_one(line: LineFixture) -> None:
    _, phone = put_on_duty(line)
    answered = line.call(**{"from": CALLER}, phones={phone: "answers"})
    missed = line.call(WEDNESDAY_NOON + timedelta(hours=1), **{"from": CALLER}, hangUpAfter=20)

    for call in (missed, answered):
        outbox.run_message_now(f"follow-up-{call.id}", clock=now)

    (callback,) = list_callbacks(line)
    assert callback["callId"] == missed.id


def test_repeated_webhooks_count_once(line: LineFixture) -> None:
    put_on_duty(line)
    call = miss_call(line)
    before = list_callbacks(line)
    (ended,) = [webhook for webhook in call.webhooks if "/ended" in webhook["url"]]

    for _ in range(2):
        signature = {"X-Twilio-Signature": ended["signature"]}
        post_webhook(ended["url"], ended["form"], **signature).raise_for_status()
    process_outbox()
    enqueue_again(call)
    process_outbox()

    assert list_callbacks(line) == before
    assert [event["kind"] for event in call.api_record["events"]].count("ended") == 1


def enqueue_again(call: PlayedCall) -> None:
    """Ask once more for what follows from a call, as a voicemail and another release may."""
    record = call_record.load(call.id)
    assert record
    with journal.write_intent(permissions.system_actor(record.row.customer_id), now()) as write:
        call_messages.enqueue_follow_up(write, record)


@pytest.mark.parametrize("parameters", [{"hangUpAfter": 2}, {"from": ""}], ids=["too short", "withheld"])
def test_nobody_calls_back(line: LineFixture, parameters: dict[str, Any]) -> None:
    put_on_duty(line)

    call = miss_call(line, **parameters)

    assert call.api_record["outcome"] == "missed"
    assert list_callbacks(line) == []


def test_each_voicemail_of_a_withheld_number_is_a_callback(line: LineFixture) -> None:
    calls = [line.call(WEDNESDAY_NOON + timedelta(minutes=number), **{"from": "anonymous"}) for number in range(2)]
    process_outbox()

    callbacks = list_callbacks(line)

    assert {callback["callId"] for callback in callbacks} == {call.id for call in calls}
    assert {(callback["caller"], callback["canCall"], callback["calls"]) for callback in callbacks} == {("", False, 1)}


def test_voicemail_is_a_callback_before_its_recording_is_there(line: LineFixture) -> None:
    call = line.call(**{"from": CALLER})
    outbox.run_message_now(f"follow-up-{call.id}", clock=now)

    (callback,) = list_callbacks(line)
    assert (call.api_record["outcome"], callback["callId"]) == ("voicemail", call.id)
    assert call.api_record["recordings"][0]["ready"] is False


def test_call_outside_opening_hours_is_no_callback(line: LineFixture) -> None:
    weekly = {"mo": [["09:00", "09:30"]]}
    closed = {"type": "say", "prompt": {"say": "We are closed."}}
    line.update_configuration(hours={"mode": "weekly", "weekly": weekly}, closed=closed)

    call = line.call(**{"from": CALLER})
    process_outbox()

    assert call.api_record["outcome"] == "closed"
    assert list_callbacks(line) == []


def test_audit_does_not_name_the_caller(line: LineFixture) -> None:
    put_on_duty(line)
    miss_call(line)
    miss_call(line, at=WEDNESDAY_NOON + timedelta(minutes=10))
    (callback,) = list_callbacks(line)

    entries = [entry.body for entry in reader.iter_stream(line.test_users.customer.id) if entry.seq]
    own = [body for body in entries if body["subject"]["id"] == callback["id"]]

    assert [body["action"] for body in own] == ["callback.opened", "callback.joined"]
    assert not {"caller", "note"} & {field for body in own for field in body["fields"]}
    assert own[0]["subject"]["type"] == "call-back"


def test_calls_that_end_at_once_are_one_callback(line: LineFixture) -> None:
    put_on_duty(line)
    calls = [line.call(WEDNESDAY_NOON, **{"from": CALLER}, hangUpAfter=20) for _ in range(6)]

    def follow_up(call: PlayedCall) -> None:
        outbox.run_message_now(f"follow-up-{call.id}", clock=now)

    with ThreadPoolExecutor(6) as executor:
        list(executor.map(follow_up, calls))

    (callback,) = list_callbacks(line)
    assert callback["calls"] == 6


def test_late_follow_up_of_a_missed_call_finds_that_the_caller_was_reached(line: LineFixture) -> None:
    _, phone = put_on_duty(line)
    missed = line.call(**{"from": CALLER}, hangUpAfter=20)
    answered = line.call(WEDNESDAY_NOON + timedelta(minutes=5), **{"from": CALLER}, phones={phone: "answers"})

    for call in (answered, missed):
        outbox.run_message_now(f"follow-up-{call.id}", clock=now)

    assert list_callbacks(line) == []


def test_callback_is_due_when_somebody_is_there(line: LineFixture) -> None:
    """Whoever leaves a message at night is called back when the next shift begins."""
    line.put_on_duty("2027-06-03T09:00", "2027-06-03T17:00")

    night = datetime.fromisoformat("2027-06-02T22:00:00-04:00")
    call = line.call(night, **{"from": CALLER})
    process_outbox()

    (callback,) = list_callbacks(line)
    morning = datetime.fromisoformat("2027-06-03T09:00:00-04:00")
    assert datetime.fromisoformat(callback["dueAt"]) == morning, call.text
    message = dynamodb.get_record(outbox.OutboxMessage, f"due-{callback['id']}-1")
    assert message
    assert message.due_at == morning


def test_random_calls_leave_at_most_one_callback_per_caller(test_users: UserFixtures) -> None:
    """Whatever comes in whatever order, repeated or not, agrees with what was counted by hand."""
    held = test_users.purchase_number()
    choices = random.Random(19)
    job, callers = outbox_job(test_users.customer.id), ("+16175550181", "+16175550182")
    counts: dict[str, int] = dict.fromkeys(callers, 0)
    started_at = now() - timedelta(hours=2)
    for step in range(40):
        caller, outcome = choices.choice(callers), choices.choice(("missed", "missed", "answered", "closed"))
        call = store_missed_call(held, caller=caller, outcome=outcome, started_at=started_at + timedelta(minutes=step))
        for _ in range(choices.choice((1, 1, 2))):
            opening.follow_up_call(call.id, job=job)
        counts[caller] = {"missed": counts[caller] + 1, "answered": 0, "closed": counts[caller]}[outcome]
        query = {"locationId": held.number.location_id}
        items = test_users.ann.get("/callback", params=query).json()["items"]
        assert {item["caller"]: item["calls"] for item in items} == {key: n for key, n in counts.items() if n}
        assert len(items) == len({item["caller"] for item in items})


def test_calls_of_a_removed_location_open_nothing(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 200
    call = store_missed_call(test_users.boston_number)
    unaudited.update(call.row, [Call.location_id.set(location.id)], Call.id.exists())

    opening.follow_up_call(call.id, job=outbox_job(test_users.customer.id))

    assert dynamodb.get_record(OpenCallback, caller_key(location.id, str(call.row.caller))) is None


def test_end_of_a_call_and_what_follows_cost_few_round_trips(
    test_users: UserFixtures, record_figure: Callable[[str], None]
) -> None:
    held = test_users.boston_number
    call = store_missed_call(held, outcome="ringing")
    form = {"CallSid": call.id, "To": str(held.number.number), "From": str(call.row.caller), "CallDuration": "20"}
    webhook = voice.parse_webhook({}, form, at=now(), now=now())
    job = outbox_job(test_users.customer.id)

    with costs.measure() as end:
        ending.handle_call_ended(webhook)
    with costs.measure() as follow_up:
        opening.follow_up_call(call.id, job=job)

    record_figure(f"round trips: end of a call {end.round_trips}, opening its call-back {follow_up.round_trips}")
    assert end.round_trips <= 6
    assert follow_up.round_trips <= 12
    stored = call_record.load(call.id)
    assert stored
    assert (stored.row.outcome, stored.row.callback_id is not None) == ("missed", True)
