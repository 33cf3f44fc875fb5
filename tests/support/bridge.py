"""Calling callers back in tests: requests, simulated phones, and webhooks posted by hand."""

import time
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx

from config.dynamodb import unaudited
from telephony.callbacks.bridge import outbound_call
from telephony.calls.limits import concurrency
from telephony.calls.state import call_record
from telephony.models import Call, OngoingCall
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import LineFixture, post_webhook
from tests.support.environment import Environment
from tests.support.http_client import HTTP
from tests.support.users import SignedInUser, enable_ringing, now, process_outbox

_callers = count(1_000)
CALL_AGAIN = "This call cannot be completed. Please call again."


def next_caller() -> str:
    return f"+1617555{next(_callers)}"


def set_phone(env: Environment, number: str, behavior: str) -> None:
    HTTP.post(f"{env.twilio}/_local/phones", json={"number": number, "does": behavior}).raise_for_status()


def open_callback(line: LineFixture, caller: str) -> dict[str, Any]:
    """The call-back of somebody who has just left a voicemail."""
    line.call(now(), **{"from": caller})
    process_outbox()
    items = line.test_users.ann.get(f"/callback?locationId={line.location.id}").json()["items"]
    return next(item for item in items if item["caller"] == caller)


def request_call(person: SignedInUser, callback_id: str, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return person.post(f"/callback/{callback_id}/call", {}, headers=headers)


def call_back(person: SignedInUser, callback_id: str) -> str:
    response = request_call(person, callback_id)
    assert response.status_code == 202, response.text
    return str(response.json()["callId"])


def find_played(env: Environment, call_id: str) -> list[dict[str, Any]]:
    """The simulated calls that Twilio placed for a call."""
    calls = HTTP.get(f"{env.twilio}/_local/calls").raise_for_status().json()
    return [call for call in calls if f"c={call_id}" in call["url"]]


def play(env: Environment, call_id: str) -> dict[str, Any]:
    """The one simulated call of a call, once it is over."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        played = find_played(env, call_id)
        if played and all(call["isOver"] for call in played):
            (call,) = played
            return dict(call)
        time.sleep(0.05)
    raise TimeoutError(call_id)


def find_webhook(played: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in played["posted"] if urlsplit(item["url"]).path.endswith(f"/{name}"))


def repeat(webhook: dict[str, Any]) -> str:
    return post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]}).text


def count_legs(played: dict[str, Any], number: str) -> int:
    return sum(f"rings {number}" in line for line in played["lines"])


def assert_sequence(played: dict[str, Any], *parts: str) -> None:
    remaining = iter(played["lines"])
    text = "\n".join(played["lines"])
    for part in parts:
        assert any(part in line for line in remaining), f"{part!r} is missing in\n{text}"


def begin_by_hand(line: LineFixture, env: Environment, caller: str) -> tuple[str, Callable[..., Any]]:
    """A call whose user lets it ring, and a function that posts its webhooks.

    By default to the web process, and it returns the response; ``send`` sends them elsewhere.
    """
    ann = line.test_users.ann
    set_phone(env, enable_ringing(ann.user), "nothing")
    release(ann)
    call_id = call_back(ann, open_callback(line, caller)["id"])
    played = play(env, call_id)
    reopen(call_id)

    def post(name: str, send: Callable[..., Any] = post_webhook, **form: str) -> Any:
        ended = find_webhook(played, "back-ended")
        url = ended["url"].replace("back-ended", name)
        body = {**ended["form"], "CallStatus": "in-progress", **form}
        signature = sign_webhook(url, body, "local-twilio-token")
        return send(url, body, **{"X-Twilio-Signature": signature})

    return call_id, post


def reserve_again(call_id: str) -> None:
    """Reserve minutes for a call that was set back."""
    call = call_record.load(call_id)
    assert call
    counted_as = outbound_call.counted_as(call.row.caller)
    concurrency.begin(call.row.customer_id, call_id, now(), location_id=call.row.location_id, caller=counted_as)


def reopen(call_id: str) -> None:
    """Set a call back to the moment at which its user picks up."""
    call = call_record.load(call_id)
    assert call
    ringing_until = int(time.time()) + 60
    user_id = call.candidates[0].id
    unaudited.create(OngoingCall(user_id=user_id, call_id=call_id, began_at=now(), expires_at=ringing_until))
    actions = [Call.ended_at.remove(), Call.outcome.set("ringing"), Call.steps.delete({"ended"})]
    unaudited.update(Call(call_id), actions, Call.id.exists())


def release(person: SignedInUser) -> None:
    """Let somebody call again at once, as they can after a while."""
    unaudited.remove(OngoingCall(person.id), OngoingCall.user_id.exists())


def refusal_code(response: httpx.Response, status: int = 409) -> str:
    assert response.status_code == status, response.text
    return str(response.json()["code"])
