"""Calls that could not be stored when they began are stored by what Twilio reports next."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.conf import settings

from config import dynamodb
from telephony import line_lookup
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_creation, call_record
from telephony.calls.state.call_steps import CallEvent, CallStep
from telephony.models import Call, CallOfUser
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, local_times_around, new_sid, post_webhook
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures

PHONE = "+16175550141"
RING = {"type": "ring", "target": {"numbers": [PHONE]}, "otherwise": {"type": "voicemail"}}
OFFICE_HOURS = {"mode": "weekly", "weekly": {"we": [["09:00", "17:00"]]}}
UNWRITABLE = {f"dynamodb {operation}": "denied" for operation in ("PutItem", "UpdateItem", "TransactWriteItems")}
Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users)


@pytest.fixture
def sid() -> str:
    """The id of a new call."""
    return new_sid()


@pytest.fixture
def post(line: LineFixture, sid: str) -> Post:
    """Posts signed webhooks of the call."""

    def post(path: str = "", at: Any = WEDNESDAY_NOON, **form: str) -> httpx.Response:
        url = line.test_users.ann.web + "/telephony/voice" + path
        call = {"AccountSid": settings.TWILIO["account_sid"], "CallSid": sid, "To": line.number, "From": "+16175550199"}
        body = {**call, "LocalTime": at.isoformat(), **form}
        return post_webhook(url, body, **{"X-Twilio-Signature": sign_webhook(url, body, "local-twilio-token")})

    return post


@pytest.fixture
def begin_unstored(env: Environment, post: Post, sid: str) -> Callable[..., str]:
    """Begins the call while nothing can be written; the TwiML."""

    def begin(**options: Any) -> str:
        with env.apply_plan(FaultPlan(always=UNWRITABLE)):
            answer = post(**options)
        assert answer.status_code == 200
        assert call_record.load(sid) is None
        return answer.text

    return begin


def test_a_menu_goes_on(line: LineFixture, post: Post, begin_unstored: Callable[..., str], sid: str) -> None:
    """Whoever pressed a key heard a general message in English instead, and left a voicemail."""
    menu = {"type": "menu", "prompt": {"say": "Press 1."}, "keys": {"1": RING}}
    line.update_configuration(open=menu, hours=OFFICE_HOURS)
    assert "<Gather" in begin_unstored()

    assert f">{PHONE}</Number>" in post("/key?p=open&a=0", Digits="1").text

    call = line.get_call(sid)
    assert [event["kind"] for event in call["events"]] == ["entered", "key", "planned", "rung"]
    assert call["caller"] == "+16175550199"


def test_a_call_that_was_answered_is_not_missed(
    line: LineFixture, post: Post, begin_unstored: Callable[..., str], sid: str
) -> None:
    line.update_configuration(open=RING, hours=OFFICE_HOURS)
    begin_unstored()
    bridged = {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "60"}
    assert "<Hangup" in post("/dialled?p=open&n=0", **bridged).text
    assert post("/ended", CallDuration="65").status_code == 204
    assert line.get_call(sid)["outcome"] == "answered"


@pytest.mark.parametrize(("hour", "outcome"), [(12, "missed"), (20, "closed")])
def test_a_caller_who_hangs_up_is_seen(
    line: LineFixture, post: Post, begin_unstored: Callable[..., str], sid: str, hour: int, outcome: str
) -> None:
    """The record began when the call ended, and always within opening hours."""
    line.update_configuration(open=RING, hours=OFFICE_HOURS)
    at = WEDNESDAY_NOON.replace(hour=hour)
    begin_unstored(at=at)
    assert post("/ended", at=at, CallDuration="45").status_code == 204
    call = line.get_call(sid)
    assert (call["outcome"], call["seconds"]) == (outcome, 45)
    assert datetime.fromisoformat(call["startedAt"]) == at - timedelta(seconds=45)


def test_the_next_step_stores_the_call(line: LineFixture, sid: str, test_users: UserFixtures) -> None:
    """A plan that could not be stored rang people who did not find the call."""
    user, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    resolved = line_lookup.resolve_line(line.number)
    assert resolved
    call = call_creation.new_call(sid, resolved, caller=PHONE, entrance="open", at=WEDNESDAY_NOON)
    plan = RingPlan([RingCandidate(user.id, user.name, "on_duty", phone=phone)])
    event = CallEvent(kind="planned", at=WEDNESDAY_NOON.isoformat())

    assert call.record(CallStep("plan", "open"), event, plan=plan)
    assert not call.record(CallStep("plan", "open"), event, plan=plan), "once"

    stored = call_record.load(sid)
    assert stored
    assert [event["kind"] for event in stored.events] == ["entered", "planned"]
    assert [candidate.id for candidate in stored.candidates] == [user.id]


def test_a_step_of_an_unknown_call_stores_nothing(sid: str) -> None:
    call = call_record.CallRecord(Call(id=sid))
    assert not call.record(CallStep("ended"))
    assert call_record.load(sid) is None


def test_people_of_a_plan_find_a_call_that_another_webhook_stored_first(line: LineFixture, sid: str) -> None:
    resolved = line_lookup.resolve_line(line.number)
    assert resolved
    late, first = (
        call_creation.new_call(sid, resolved, caller="", entrance="open", at=WEDNESDAY_NOON) for _ in range(2)
    )
    first.save()
    user = line.test_users.create_user()
    plan = RingPlan([RingCandidate(user.id, "", "scheduled", phone=PHONE)])

    assert late.record(CallStep("plan", "open"), plan=plan)

    rows = dynamodb.query_records(CallOfUser, "#user_id = :user", {":user": {"S": user.id}}, ConsistentRead=True)
    assert [row.call_id for row in rows] == [sid]
