"""What webhooks of calls cost: reads and writes, and how many of them follow each other."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest
from django.conf import settings

from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, local_times_around, new_sid, post_webhook
from tests.support.environment import Environment
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, process_outbox

RING = {"type": "ring", "target": {"onDuty": {}}, "otherwise": {"type": "voicemail"}}
MENU = {
    "type": "menu",
    "prompt": {"say": "Press 1."},
    "keys": {"1": RING},
    "retries": 1,
    "otherwise": {"type": "voicemail"},
}
_callers = count(1_000)


@dataclass
class WatchedCall:
    """A call of which each webhook is posted alone."""

    line: LineFixture
    env: Environment
    record_figure: Callable[[str], None]
    sid: str = field(default_factory=new_sid)
    caller: str = field(default_factory=lambda: f"+1617555{next(_callers)}")
    """Not one of another test: a caller may have few calls at once."""

    def post(self, path: str = "", **form: str) -> httpx.Response:
        """Post a signed webhook of the call."""
        url = f"{self.line.test_users.ann.web}/telephony/voice{path}"
        call = {"AccountSid": settings.TWILIO["account_sid"], "CallSid": self.sid, "To": self.line.number}
        body = {
            **call,
            "From": self.caller,
            "CallStatus": "in-progress",
            "LocalTime": WEDNESDAY_NOON.isoformat(),
            **form,
        }
        signature = sign_webhook(url, body, "local-twilio-token")
        response = post_webhook(url, body, **{"X-Twilio-Signature": signature})
        assert response.status_code in (200, 204), response.text
        return response

    def assert_cost(self, title: str, path: str = "", *, trips: int, calls: int, says: str = "", **form: str) -> None:
        """Post a webhook that makes at most so many calls of DynamoDB, so many after each other."""
        with self.env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
            response = self.post(path, **form)
        db_calls = [call for call in plan.calls if call.service == "dynamodb"]
        self.record_figure(f"{title}: {count_sequential_trips(db_calls)} waits, {len(db_calls)} reads and writes")
        assert says in response.text
        assert count_sequential_trips(db_calls) <= trips, [call.operation for call in db_calls]
        assert len(db_calls) <= calls, [call.operation for call in db_calls]


@pytest.fixture
def call(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> Iterator[Callable[..., WatchedCall]]:
    """Creates a call to a line with two people on duty, which is not the first one of the day."""

    def create(*, is_staffed: bool = True, **configuration: Any) -> WatchedCall:
        line = create_line(test_users)
        for hours in (4, 5) if is_staffed else ():
            line.put_on_duty(*local_times_around(WEDNESDAY_NOON, hours))
        if configuration:
            line.update_configuration(**configuration)
        watched = WatchedCall(line, env, record_figure)
        watched.post()
        watched.post("/ended", CallStatus="completed", CallDuration="1")
        watched.sid = new_sid()
        return watched

    yield create
    process_outbox()


def test_a_call_that_rings_in_turn(call: Callable[..., WatchedCall]) -> None:
    watched, leg = call(), "n=0&p=open"
    of_leg = f"c={watched.sid}&{leg}"

    watched.assert_cost("a call rings the rota in turn", trips=5, calls=8, says="<Dial")
    watched.assert_cost("a phone is picked up", f"/screen?{of_leg}", trips=1, calls=1, says="<Gather")
    watched.assert_cost("1 is pressed", f"/screened?{of_leg}", Digits="1", trips=2, calls=3, says="<Response />")
    bridged = {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "33"}
    watched.assert_cost("the conversation ends", f"/dialled?{leg}", **bridged, trips=2, calls=3, says="<Hangup")
    ended = {"CallStatus": "completed", "CallDuration": "40"}
    watched.assert_cost("the call ends", "/ended", **ended, trips=4, calls=5)


def test_a_call_that_goes_on_to_the_next_phone(call: Callable[..., WatchedCall]) -> None:
    watched = call(open={**RING, "target": {"onDuty": {"first": "last_spoken"}}})

    watched.assert_cost("who talked with the caller rings first", trips=5, calls=8, says="<Dial")
    form = {"DialCallStatus": "no-answer"}
    watched.assert_cost("the next phone rings", "/dialled?n=0&p=open", **form, trips=2, calls=2, says="<Dial")


def test_a_call_that_rings_all_at_once(call: Callable[..., WatchedCall]) -> None:
    watched = call(open={**RING, "strategy": "all"})
    of_leg = f"c={watched.sid}&n=0&p=open"

    watched.assert_cost("all phones ring", trips=6, calls=10, says="<Redirect")
    watched.assert_cost("the caller waits", "/wait?k=0&p=open", trips=1, calls=1, says="<Redirect")
    watched.assert_cost("a leg is picked up", f"/leg?{of_leg}", trips=2, calls=2, says="<Gather")
    watched.assert_cost("1 is pressed first", f"/joined?{of_leg}", Digits="1", trips=3, calls=4, says="<Conference")
    form = {"CallStatus": "completed", "CallDuration": "20"}
    watched.assert_cost("the leg ends", f"/left?{of_leg}", **form, trips=4, calls=5)


def test_a_call_with_a_menu(call: Callable[..., WatchedCall]) -> None:
    watched = call(open=MENU)

    watched.assert_cost("a call to a menu", trips=4, calls=7, says="<Gather")
    watched.assert_cost("a key rings the rota", "/key?a=0&p=open", Digits="1", trips=7, calls=9, says="<Dial")


def test_a_call_to_a_closed_line(call: Callable[..., WatchedCall]) -> None:
    watched = call(is_staffed=False)

    watched.assert_cost("a closed line says when it opens", trips=4, calls=9, says="<Record")


def test_a_blocked_caller(call: Callable[..., WatchedCall]) -> None:
    watched = call()
    body = {"number": watched.caller, "locationId": watched.line.location.id}
    assert watched.line.test_users.ann.post("/blockedCaller", body).status_code == 201

    watched.assert_cost("a blocked caller", trips=2, calls=2, says="<Reject")


def test_a_caller_waits_once_for_a_rota_that_does_not_answer(call: Callable[..., WatchedCall]) -> None:
    """It was asked for the entrance and for the ring plan, for two seconds each."""
    watched = call()

    with watched.env.apply_plan(FaultPlan(always={"dynamodb Query": "hang"})):
        began_at = time.monotonic()
        answer = watched.post()
        seconds = time.monotonic() - began_at

    assert "<Record" in answer.text
    assert seconds < 3
    assert [event["kind"] for event in watched.line.get_call(watched.sid)["events"]].count("lookup_failed") == 2


@pytest.mark.parametrize("operation", ["BatchGetItem", "Query", "UpdateItem"])
def test_phones_ring_although_one_read_is_lost(call: Callable[..., WatchedCall], operation: str) -> None:
    """It was waited for until no time was left for the rota, so the caller got a voicemail."""
    watched = call()

    with watched.env.apply_plan(FaultPlan(faults={("dynamodb", operation, 1): "hang"})) as plan:
        answer = watched.post()

    assert plan.fired_faults
    assert "<Dial" in answer.text


def test_phones_ring_although_their_plan_is_stored_late(call: Callable[..., WatchedCall]) -> None:
    """The caller heard ringing, and the record said that all phones ring, but none was called."""
    watched = call(open={**RING, "strategy": "all"})

    faults = {("dynamodb", "TransactWriteItems", number): "hang" for number in (1, 2)}
    with watched.env.apply_plan(FaultPlan(faults=faults)) as plan:
        answer = watched.post()
        deadline = time.monotonic() + 10
        while sum(call.service == "twilio" for call in plan.calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)

    assert "<Redirect" in answer.text
    assert sum(call.service == "twilio" for call in plan.calls) == 2
