"""Breaks from calls, by app and by phone, and answering without a key."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import users
from accounts.models import User
from config import dynamodb
from telephony.models import PhonePause
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, local_times_around, post_webhook
from tests.support.users import UserFixtures, enable_ringing, now

VOICEMAIL = "Please leave a message"


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A new location in Boston's time zone with a number and without staff."""
    return create_line(test_users)


@pytest.fixture(params=["sequence", "all"])
def strategy(request: pytest.FixtureRequest, line: LineFixture) -> str:
    line.update_configuration(open=ring(request.param))
    return str(request.param)


def ring(strategy: str) -> dict[str, Any]:
    """A ring action that leads to a voicemail."""
    return {"type": "ring", "target": {"onDuty": {}}, "strategy": strategy, "otherwise": {"type": "voicemail"}}


def change_settings(line: LineFixture, user: User, **settings: Any) -> None:
    response = line.test_users.ann.request("PATCH", "/userManagement", json={"id": user.id, "settings": settings})
    assert response.status_code == 200, response.text


def reasons(call_json: dict[str, Any]) -> dict[str, str | None]:
    return {person["staffId"]: person["whyNot"] for person in call_json["people"]}


# --- by phone -------------------------------------------------------------------------------------
def test_who_presses_2_is_left_alone_for_half_an_hour(
    line: LineFixture, strategy: str, test_users: UserFixtures, record_property: Any
) -> None:
    tired, tired_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    awake, awake_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    behaviors = {tired_phone: "breaks", awake_phone: "answers late"}

    first = line.call(phones=behaviors)
    second = line.call(WEDNESDAY_NOON + timedelta(minutes=10), phones=behaviors)
    third = line.call(WEDNESDAY_NOON + timedelta(minutes=31), phones=behaviors)

    record_property("transcript", f"break by phone, {strategy}\n{first.text}\n\n{second.text}")
    first.assert_sequence(
        f"{tired_phone}   hears: Press 1 to answer, or 2 to be left alone for 30 minutes.",
        f"{tired_phone}   presses 2",
        f"{tired_phone}   hears: You will not be called for 30 minutes. Goodbye.",
        f"talks with {awake_phone}",
    )
    stored = first.api_record
    assert stored["answeredBy"] == awake.id
    not_taken = [(event["who"], event["how"]) for event in stored["events"] if event["kind"] == "not_taken"]
    assert not_taken == [(tired.id, "on_a_break")]
    second.assert_absent(tired_phone)
    assert reasons(second.api_record) == {tired.id: "on_a_break", awake.id: None}
    third.assert_sequence(f"rings {tired_phone}")
    entries = test_users.ann.get(f"/user/{tired.id}/audit-logs").json()["items"]
    paused = [entry for entry in entries if entry["action"] == "phone.break_started"]
    assert {entry["actor"]["id"] for entry in paused} == {tired.id}
    assert len(paused) == 2, "in the first and the third call"


def test_a_repeated_key_makes_one_break(line: LineFixture) -> None:
    tired, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    call = line.call(phones={phone: "breaks"})
    before = dynamodb.get_record(PhonePause, tired.id)
    webhook = next(entry for entry in call.webhooks if "/screened" in entry["url"])

    answer = post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]})

    after = dynamodb.get_record(PhonePause, tired.id)
    assert answer.text == webhook["answer"]
    assert before
    assert after
    assert before.paused_until == after.paused_until == before.began_at + timedelta(minutes=30)


def test_numbers_of_the_configuration_have_no_break(line: LineFixture) -> None:
    number = "+16175553101"
    line.update_configuration(
        hours={"mode": "always"},
        open={"type": "ring", "target": {"numbers": [number]}, "otherwise": {"type": "voicemail"}},
    )

    call = line.call(phones={number: "breaks"})

    call.assert_sequence(f"{number}   hears: Press 1 to answer.", f"{number}   presses 2", "is hung up", VOICEMAIL)
    call.assert_absent("left alone")


@pytest.mark.parametrize(
    ("language", "offer"),
    [
        ("de-DE", "Drücken Sie die Eins, um den Anruf anzunehmen, oder die Zwei, um 30 Minuten lang Ruhe zu haben."),
        ("es-ES", "Pulse uno para contestar, o dos para no recibir llamadas durante 30 minutos."),
    ],
)
def test_the_break_is_offered_in_the_language_of_the_line(line: LineFixture, language: str, offer: str) -> None:
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    line.update_configuration(language=language)
    line.call(phones={phone: "silent"}).assert_sequence(f"hears: {offer}")


# --- by app ---------------------------------------------------------------------------------------
def test_a_break_by_app_begins_and_ends(line: LineFixture, test_users: UserFixtures) -> None:
    at = now()
    sam = test_users.sam
    phone = enable_ringing(users.get_user(sam.id))
    line.put_on_duty(*local_times_around(at), user=users.get_user(sam.id), has_ringing_phone=False)
    assert sam.get("/user/phone").json()["breakUntil"] is None

    begun = sam.put("/user/phone/break", {"minutes": 20})

    assert begun.status_code == 200, begun.text
    assert begun.json()["aloneAt"] == [line.location.id], "nobody else is on duty"
    until = datetime.fromisoformat(begun.json()["breakUntil"])
    assert timedelta(minutes=19) < until - at < timedelta(minutes=21)
    assert sam.get("/user/phone").json()["breakUntil"] == begun.json()["breakUntil"]
    shown = next(
        item
        for item in test_users.ann.get(f"/location/{line.location.id}/on-duty").json()["items"]
        if item["staffId"] == sam.id
    )
    assert datetime.fromisoformat(shown["breakUntil"]) == until
    preview = test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview").json()
    candidate = next(step for step in preview["steps"] if step["type"] == "ring")["people"][0]
    assert (candidate["whyNot"], datetime.fromisoformat(candidate["breakUntil"])) == ("on_a_break", until)
    line.call(at, phones={phone: "answers"}).assert_absent(f"rings {phone}")

    line.put_on_duty(*local_times_around(at))
    assert sam.put("/user/phone/break", {"minutes": 30}).json()["aloneAt"] == []
    assert sam.delete("/user/phone/break").json()["breakUntil"] is None
    assert sam.delete("/user/phone/break").status_code == 200, "nothing to end"
    line.call(at, phones={phone: "answers"}).assert_sequence(f"talks with {phone}")
    entries = test_users.ann.get(f"/user/{sam.id}/audit-logs").json()["items"]
    actions = [entry["action"] for entry in entries if entry["action"].startswith("phone.break_")]
    assert actions == ["phone.break_ended", "phone.break_started", "phone.break_started"]


@pytest.mark.parametrize("minutes", [4, 481, "30", None, 30.5])
def test_a_break_has_a_length_that_makes_sense(test_users: UserFixtures, minutes: Any) -> None:
    response = test_users.sam.put("/user/phone/break", {"minutes": minutes})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/minutes")


# --- answering without a key ----------------------------------------------------------------------
def test_who_chose_it_answers_by_picking_up(line: LineFixture, strategy: str, record_property: Any) -> None:
    user, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    change_settings(line, user, answerWithoutKey=True)

    call = line.call(phones={phone: "silent"})

    record_property("transcript", f"answered without a key, {strategy}\n{call.text}")
    call.assert_sequence(f"{phone}   picks up", f"talks with {phone}")
    call.assert_absent("Press 1")
    stored = call.api_record
    assert (stored["outcome"], stored["answeredBy"]) == ("answered", user.id)
    change_settings(line, user, answerWithoutKey=None)
    line.call(phones={phone: "silent"}).assert_sequence("Press 1", VOICEMAIL)


def test_who_answers_without_a_key_hears_of_the_recording(line: LineFixture, strategy: str) -> None:
    user, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    change_settings(line, user, answerWithoutKey=True)
    line.update_configuration(recording={"calls": True, "consentPrompt": {"say": "We record calls."}})

    call = line.call(phones={phone: "silent"})

    call.assert_sequence(f"{phone}   hears: The call will be recorded.", f"talks with {phone}")


def test_only_one_of_those_who_pick_up_is_connected(line: LineFixture) -> None:
    line.update_configuration(open=ring("all"))
    phones = []
    for _ in range(2):
        user, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
        change_settings(line, user, answerWithoutKey=True)
        phones.append(phone)

    call = line.call(phones=dict.fromkeys(phones, "silent"))

    call.assert_sequence("Somebody else has already answered.")
    assert [event["kind"] for event in call.api_record["events"]].count("accepted") == 1
