"""Calling a caller back: two legs from the location's number, each called at most once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from config import dynamodb
from config.dynamodb import unaudited
from telephony.callbacks import spoken
from telephony.calls import call_record, usage
from telephony.models import Call, OngoingCall, PhoneVerification, Usage
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import LineFixture, create_line, post_webhook
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, enable_ringing, now, process_outbox

_callers = count(1_000)
_keys = count(1)
CONSENT = "This call is recorded for training."
CALL_AGAIN = "This call cannot be completed. Please call again."


def next_caller() -> str:
    return f"+1617555{next(_callers)}"


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    for person in test_users.users_by_role.values():
        enable_ringing(person.user)
    return create_line(test_users)


@pytest.fixture
def caller(env: Environment) -> str:
    """A caller who picks up when they are called back."""
    number = next_caller()
    set_phone(env, number, "answers")
    return number


@pytest.fixture
def ann_phone(env: Environment, test_users: UserFixtures) -> str:
    """Ann's phone, which she answers with key 1."""
    phone = enable_ringing(test_users.ann.user)
    set_phone(env, phone, "answers")
    return phone


@pytest.fixture(autouse=True)
def free_everybody(test_users: UserFixtures) -> Iterator[None]:
    """No test leaves anybody in a call."""
    yield
    for person in test_users.users_by_role.values():
        release(person)


def set_phone(env: Environment, number: str, behavior: str) -> None:
    httpx.post(f"{env.twilio}/_local/phones", json={"number": number, "does": behavior}).raise_for_status()


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
    calls = httpx.get(f"{env.twilio}/_local/calls").raise_for_status().json()
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


def count_legs(played: dict[str, Any], number: str) -> int:
    return sum(f"rings {number}" in line for line in played["lines"])


def find_webhook(played: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in played["posted"] if urlsplit(item["url"]).path.endswith(f"/{name}"))


def repeat(webhook: dict[str, Any]) -> str:
    return post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]}).text


def assert_sequence(played: dict[str, Any], *parts: str) -> None:
    remaining = iter(played["lines"])
    text = "\n".join(played["lines"])
    for part in parts:
        assert any(part in line for line in remaining), f"{part!r} is missing in\n{text}"


# --- the call -------------------------------------------------------------------------------------
def test_a_user_calls_a_caller_back(
    line: LineFixture, env: Environment, caller: str, ann_phone: str, record_property: Callable[[str, object], None]
) -> None:
    """Acceptance (6): the user's phone, press 1, then the caller, from the line's number."""
    ann, callback = line.test_users.ann, open_callback(line, caller)

    call_id = call_back(ann, callback["id"])

    played = play(env, call_id)
    record_property("transcript", "a user calls a caller back\n" + "\n".join(played["lines"]))
    digits = " ".join(caller[-4:])
    assert_sequence(
        played,
        f"rings {ann_phone}",
        f"{ann_phone}   picks up",
        f"hears: Call-back to the number ending in {digits}, who called at ",
        "hears: Press 1 to call.",
        "presses 1",
        f"rings {caller}",
        f"{caller}   picks up",
        f"{ann_phone}   talks with {caller}",
        "the call is over: completed",
    )
    assert {webhook["form"]["From"] for webhook in played["posted"]} == {line.number}
    dial = find_webhook(played, "back-key")["answer"]
    assert f'callerId="{line.number}"' in dial
    stored = ann.get(f"/call/{call_id}").json()
    assert (stored["direction"], stored["caller"], stored["callbackId"]) == ("out", caller, callback["id"])
    assert (stored["outcome"], stored["answeredBy"]) == ("answered", ann.id)
    assert [event["kind"] for event in stored["events"]] == ["rung", "called_back", "accepted", "ended"]
    assert stored["people"] == [
        {
            "staffId": ann.id,
            "phoneNumber": None,
            "why": "calling_back",
            "locationId": None,
            "lastSpoken": False,
            "whyNot": None,
        }
    ]
    assert stored["seconds"] > 30
    after = ann.get(f"/callback/{callback['id']}").json()
    assert (after["status"], after["takenBy"]) == ("taken", ann.id)
    assert dynamodb.get_record(OngoingCall, ann.id) is None
    actions = [entry["action"] for entry in ann.get(f"/user/{ann.id}/audit-logs?limit=5").json()["items"]]
    assert {"callback.called", "callback.taken"} <= set(actions)


@pytest.mark.parametrize(
    ("behavior", "how", "seconds"),
    [
        ("nothing", "no_answer", 0),
        ("declines", "no_answer", 0),
        ("mailbox", "not_pressed", 1),
        ("wrong key", "not_pressed", 1),
    ],
)
def test_nobody_is_called_unless_the_user_presses_1(
    line: LineFixture, env: Environment, caller: str, ann_phone: str, behavior: str, how: str, seconds: int
) -> None:
    ann, callback = line.test_users.ann, open_callback(line, caller)
    set_phone(env, ann_phone, behavior)

    call_id = call_back(ann, callback["id"])

    played = play(env, call_id)
    assert count_legs(played, caller) == 0
    stored = ann.get(f"/call/{call_id}").json()
    assert stored["outcome"] == "missed"
    assert [event["kind"] for event in stored["events"]] == ["rung", "not_taken", "ended"]
    assert stored["events"][1]["how"] == how
    assert (stored["seconds"] > 0) == (seconds > 0)
    assert dynamodb.get_record(OngoingCall, ann.id) is None
    assert ann.get(f"/callback/{callback['id']}").json()["takenBy"] == ann.id
    assert call_back(ann, callback["id"]) != call_id, "they call again"


def test_a_caller_who_does_not_answer_is_not_reached(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    ann, callback = line.test_users.ann, open_callback(line, caller)
    set_phone(env, caller, "nothing")

    call_id = call_back(ann, callback["id"])

    assert_sequence(play(env, call_id), f"rings {caller}", "nobody picks up", "hears: The caller does not answer.")
    stored = ann.get(f"/call/{call_id}").json()
    assert (stored["outcome"], stored["answeredBy"]) == ("missed", None)
    assert [event["kind"] for event in stored["events"]] == ["rung", "called_back", "not_reached", "ended"]
    assert stored["events"][2]["how"] == "no_answer"


def test_both_hear_that_they_are_recorded(
    test_users: UserFixtures, env: Environment, caller: str, ann_phone: str
) -> None:
    line = create_line(test_users, name="Mill Road")
    line.update_configuration(recording={"calls": True, "consentPrompt": {"say": CONSENT}})
    callback = open_callback(line, caller)

    call_id = call_back(test_users.ann, callback["id"])

    assert_sequence(
        play(env, call_id),
        f"{ann_phone}   hears: The call will be recorded.",
        "presses 1",
        f"{caller}   hears: {CONSENT}",
        f"talks with {caller}",
    )
    process_outbox()
    assert [item["kind"] for item in test_users.ann.get(f"/call/{call_id}").json()["recordings"]] == ["conversation"]
    assert test_users.ann.get(f"/call/{call_id}/recording").headers["content-type"] == "audio/wav"


def test_nobody_is_recorded_unheard(test_users: UserFixtures, env: Environment, caller: str, ann_phone: str) -> None:
    """The caller picks up while the store is down: what they must hear is not known."""
    line = create_line(test_users, name="Elm Road")
    line.update_configuration(recording={"calls": True, "consentPrompt": {"say": CONSENT}})
    played = play(env, call_back(test_users.ann, open_callback(line, caller)["id"]))

    with env.apply_plan(FaultPlan(always={"dynamodb": "503"})):
        answer = repeat(find_webhook(played, "back-reached"))

    assert "<Hangup" in answer
    assert CONSENT not in answer


TO_0199 = {
    "en": "Call-back to the number ending in 0 1 9 9, who called",
    "de": "Rückruf an die Nummer mit den Endziffern 0 1 9 9, die",
    "es": "Devolución de llamada al número que termina en 0 1 9 9, que llamó",
}


@pytest.mark.parametrize(
    ("language", "called_at", "expected"),
    [
        ("en-US", "2027-06-02T09:12:00-04:00", f"{TO_0199['en']} at 9:12 AM."),
        ("en-GB", "2027-06-01T15:05:00-04:00", f"{TO_0199['en']} yesterday at 3:05 PM."),
        ("de-AT", "2027-06-02T09:12:00-04:00", f"{TO_0199['de']} um 9:12 Uhr angerufen hat."),
        ("de-DE", "2027-05-30T00:00:00-04:00", f"{TO_0199['de']} vor 3 Tagen um 0:00 Uhr angerufen hat."),
        ("es-MX", "2027-06-02T01:05:00-04:00", f"{TO_0199['es']} a la 1:05."),
        ("es-ES", "2027-06-01T21:05:00-04:00", f"{TO_0199['es']} ayer a las 21:05."),
        ("fr-FR", "2027-06-02T12:00:00-04:00", f"{TO_0199['en']} at 12:00 PM."),
    ],
)
def test_announcements(language: str, called_at: str, expected: str) -> None:
    at, zone = datetime.fromisoformat("2027-06-02T23:30:00-04:00"), "America/New_York"
    text = spoken.announce("+16175550199", datetime.fromisoformat(called_at), at, zone=zone, language=language)
    assert text == expected


# --- at most once ---------------------------------------------------------------------------------
def test_a_repeated_request_places_no_second_call(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    ann, callback, key = line.test_users.ann, open_callback(line, caller), f"bridge-{next(_keys)}"
    first = request_call(ann, callback["id"], key)
    play(env, first.json()["callId"])

    second = request_call(ann, callback["id"], key)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    play(env, first.json()["callId"])


def test_two_requests_of_one_user_at_once_place_one_call(
    line: LineFixture, env: Environment, caller: str, ann_phone: str
) -> None:
    ann, callback = line.test_users.ann, open_callback(line, caller)

    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda _: request_call(ann, callback["id"]), range(2)))

    accepted = [response for response in responses if response.status_code == 202]
    refused = [response for response in responses if response.status_code != 202]
    assert len(accepted) == 1, [response.text for response in responses]
    assert {response.json()["code"] for response in refused} <= {"on_a_call"}
    play(env, accepted[0].json()["callId"])


def test_two_people_at_once_place_one_call(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    callback = open_callback(line, caller)

    with ThreadPoolExecutor(2) as pool:
        people = [line.test_users.ann, line.test_users.abe]
        responses = list(pool.map(lambda person: request_call(person, callback["id"]), people))

    assert sorted(response.status_code for response in responses) == [202, 409]
    (refusal,) = (response for response in responses if response.status_code == 409)
    assert refusal.json()["code"] == "callback_taken"


def test_a_repeated_key_calls_nobody_again(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    """Twilio repeats a webhook whose answer it did not get: the caller may have been called."""
    played = play(env, call_back(line.test_users.ann, open_callback(line, caller)["id"]))

    assert count_legs(played, caller) == 1
    for name in ("back-key", "back"):
        answer = repeat(find_webhook(played, name))
        assert "<Dial" not in answer
        assert CALL_AGAIN in answer
    assert "<Dial" not in repeat(find_webhook(played, "back-dialled"))


def test_webhooks_are_idempotent(line: LineFixture, env: Environment, caller: str, ann_phone: str) -> None:
    call_id = call_back(line.test_users.ann, open_callback(line, caller)["id"])
    played = play(env, call_id)
    before = dynamodb.get_record(Call, call_id)
    assert before

    for webhook in played["posted"]:
        assert "<Dial" not in repeat(webhook)

    after = dynamodb.get_record(Call, call_id)
    assert after
    assert after.serialize() == before.serialize()


def begin_by_hand(line: LineFixture, env: Environment, caller: str) -> tuple[str, Callable[..., httpx.Response]]:
    """A call whose user lets it ring, and a function that posts its webhooks."""
    ann = line.test_users.ann
    set_phone(env, enable_ringing(ann.user), "nothing")
    release(ann)
    call_id = call_back(ann, open_callback(line, caller)["id"])
    played = play(env, call_id)
    reopen(call_id)

    def post(name: str, address: str = "", **form: str) -> httpx.Response:
        ended = find_webhook(played, "back-ended")
        url = ended["url"].replace("back-ended", name)
        body = {**ended["form"], "CallStatus": "in-progress", **form}
        signature = sign_webhook(url, body, "local-twilio-token")
        return post_webhook(url.replace(env.web, address or env.web), body, **{"X-Twilio-Signature": signature})

    return call_id, post


def reopen(call_id: str) -> None:
    """Set a call back to the moment at which its user picks up."""
    call = call_record.load(call_id)
    assert call
    actions = [Call.ended_at.remove(), Call.outcome.set("ringing"), Call.steps.delete({"ended"})]
    unaudited.update(Call(call_id), actions, Call.id.exists())


def test_keys_pressed_at_once_call_once(line: LineFixture, env: Environment, caller: str) -> None:
    _, post = begin_by_hand(line, env, caller)

    with ThreadPoolExecutor(4) as pool:
        answers = [response.text for response in pool.map(lambda _: post("back-key", Digits="1"), range(4))]

    assert sum("<Dial" in answer for answer in answers) == 1
    assert sum(CALL_AGAIN in answer for answer in answers) == 3


def test_nobody_is_called_while_the_store_is_down(line: LineFixture, env: Environment, caller: str) -> None:
    call_id, post = begin_by_hand(line, env, caller)

    with env.apply_plan(FaultPlan(always={"dynamodb": "503"})):
        down = post("back-key", Digits="1")
    with env.apply_plan(FaultPlan(always={"dynamodb UpdateItem": "lost"})):
        lost = post("back-key", Digits="1")

    for response in (down, lost):
        assert response.status_code == 200
        assert "<Dial" not in response.text
        assert CALL_AGAIN in response.text
    assert "<Dial" not in post("back-failed", ErrorCode="11200").text


def test_no_second_leg_after_kill_9(line: LineFixture, env: Environment, record_figure: Callable[[str], None]) -> None:
    """A web process is killed at every write that it makes once 1 is pressed; Twilio repeats."""

    def find_worker() -> int:
        return worker_pid(env.processes["bridging"].pid)

    address, baseline, plans = env.start_web("bridging", free_port()), FaultPlan(), []
    _, post = begin_by_hand(line, env, next_caller())
    with env.apply_plan(baseline):
        assert "<Dial" in post("back-key", address, Digits="1").text
    for call in (call for call in baseline.calls if is_worth_trying(call)):
        _, post = begin_by_hand(line, env, next_caller())
        plans.append(FaultPlan(faults={call.signature: "kill_after"}, victim_pid=find_worker))
        with env.apply_plan(plans[-1]), pytest.raises(httpx.HTTPError):
            post("back-key", address, Digits="1")
        for name in ("back-key", "back", "back-failed"):
            answer = post(name, Digits="1").text
            assert "<Dial" not in answer, plans[-1].fired_faults
            assert CALL_AGAIN in answer
        env.stop("bridging")
        address = env.start_web("bridging", free_port())
    env.stop("bridging")
    assert len(plans) >= 2
    assert all(plan.fired_faults for plan in plans)
    record_figure(f"kill -9 once 1 is pressed: {len(plans)} of {len(plans)} writes, no second leg")


def worker_pid(pid: int) -> int:
    """The process of the web server that answers requests."""
    paths = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in paths for child in path.read_text().split()]
    return worker_pid(children[0]) if children else pid


@pytest.mark.parametrize("mode", CRASH_MODES)
def test_requests_survive_crashes(
    harness: CrashHarness, line: LineFixture, env: Environment, mode: str, record_figure: Callable[[str], None]
) -> None:
    """Whichever call fails: one leg at most, in the end nobody is in a call, none is reserved."""
    ann, phone = line.test_users.ann, enable_ringing(line.test_users.ann.user)
    set_phone(env, phone, "nothing")

    def request(callback_id: str, key: str, plan: FaultPlan) -> tuple[int, str] | None:
        result = harness.request(ann.token, "POST", f"/callback/{callback_id}/call", {}, plan=plan, key=key)
        return (result["status"], result["body"].get("callId", "")) if result else None

    baseline = FaultPlan()
    first = request(line.test_users.create_callback(), f"crash-bridge-{next(_keys)}", baseline)
    assert first
    assert first[0] == 202
    attempts = []
    for call in (call for call in baseline.calls if is_worth_trying(call)):
        callback_id, key = line.test_users.create_callback(), f"crash-bridge-{next(_keys)}"
        release(ann)
        placed_before = count_placed(env, phone)
        plan = FaultPlan(faults={call.signature: mode})
        results = [request(callback_id, key, plan)]
        if not plan.fired_faults:
            continue
        release(ann)
        results += [request(callback_id, key, FaultPlan()) for _ in range(2)]
        message = f"{plan.fired_faults} {results}"
        assert results[1] == results[2], message
        assert results[1], message
        assert results[1][0] in (202, 503), message
        assert count_placed(env, phone) - placed_before <= 1, message
        attempts.append((callback_id, message))
    assert len(attempts) > 3
    harness.process_outbox_until_idle(start=150)
    for callback_id, message in attempts:
        calls = calls_of(callback_id, line.test_users.boston.id)
        assert len(calls) <= 1, message
        assert all(stored.ended_at and stored.outcome == "missed" for stored in calls), message
    assert dynamodb.get_record(OngoingCall, ann.id) is None
    leases = usage.load(line.location.customer_id, now()).calls
    assert not [id for id in leases if (stored := dynamodb.get_record(Call, id)) and stored.direction == "out"]
    record_figure(f"call back, {mode}: {len(attempts)} of {len(attempts)} survived")


def release(person: SignedInUser) -> None:
    """Let somebody call again at once, as they can after a while."""
    unaudited.remove(OngoingCall(person.id), OngoingCall.user_id.exists())


def count_placed(env: Environment, phone: str) -> int:
    """How often Twilio has been asked to call a phone."""
    calls = httpx.get(f"{env.twilio}/_local/calls").raise_for_status().json()
    return sum(f"rings {phone}" in line for call in calls for line in call["lines"])


def calls_of(callback_id: str, location_id: str) -> list[Call]:
    values = {":of": {"S": location_id}}
    rows = dynamodb.iter_records(Call, "#location_id = :of", values, IndexName="byLocation")
    return [row for row in rows if row.callback_id == callback_id and row.direction == "out"]


# --- who may, and when it is refused --------------------------------------------------------------
def refusal_code(response: httpx.Response, status: int = 409) -> str:
    assert response.status_code == status, response.text
    return str(response.json()["code"])


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
        user_id=ann.id, call_id="CA" + "1" * 32, began_at=now(), expires_at=int(time.time()) + 60
    )
    assert unaudited.create(ongoing_call)
    assert refusal_code(request_call(ann, callback["id"])) == "on_a_call"
    unaudited.remove(ongoing_call, OngoingCall.user_id.exists())
    with env.apply_plan(FaultPlan(always={"twilio": "503"})):
        assert refusal_code(request_call(ann, callback["id"], "down"), 503) == "unavailable"
    assert refusal_code(request_call(ann, callback["id"], "down"), 503) == "unavailable", "nobody is called later"
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
