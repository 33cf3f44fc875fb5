"""A phone is rung only once its person has said the code that it was told."""

import re
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from accounts.models import User
from config import dynamodb
from telephony import phone_verification
from telephony.models import Proof
from tests.conftest import Cast, Person, come, now, problem, sweep
from tests.emulators.twilio.phones import signed
from tests.support.calls import NOON, around, opened, post
from tests.support.environment import World, free_port

VERIFY, CONFIRM, PHONE = "/user/phone/verify", "/user/phone/confirm", "/user/phone"


@pytest.fixture
def person(cast: Cast, world: World, web: str) -> Person:
    """Somebody with a phone in the profile."""
    who = come(world, web, cast.fresh())
    number = f"+1617{time.time_ns() % 8_000_000 + 2_000_000}"
    answer = who.patch("/user", {"phone": number, "settings": {"ringing": True}})
    assert answer.status_code == 200, answer.text
    httpx.post(f"{world.twilio}/_local/phones", json={"number": number, "does": "answers"})
    return who


def heard(world: World, phone: str) -> list[str]:
    """What a phone was told by the last call to it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for call in httpx.get(f"{world.twilio}/_local/calls").json():
            lines = [line for line in call["lines"] if phone in line]
            if any("the call is over" in line for line in lines):
                return [line for line in lines if "hears: " in line]
        time.sleep(0.02)
    raise TimeoutError(f"nobody called {phone}")


def code_told(world: World, phone: str) -> str:
    digits = re.findall(r"\d(?=[,.])", heard(world, phone)[-1].rpartition("is: ")[2])
    return "".join(digits)


def test_a_phone_is_proven_by_the_code_it_was_told(
    person: Person, world: World, cast: Cast
) -> None:
    phone = person.get(PHONE).json()["phone"]
    assert person.get(PHONE).json() == {
        "phone": phone,
        "verified": False,
        "verifiedAt": None,
        "rings": False,
    }

    asked = person.post(VERIFY, {})
    assert (asked.status_code, asked.json()["verified"]) == (202, False)
    assert len(heard(world, phone)) == 3, "it is told three times"
    code = code_told(world, phone)
    wrong = person.post(CONFIRM, {"code": f"{(int(code) + 1) % 1_000_000:06}"})
    right = person.post(CONFIRM, {"code": code})

    assert problem(wrong)["code"] == "wrong_code"
    assert right.json()["verified"] is True
    assert right.json()["rings"] is True
    assert person.post(CONFIRM, {"code": "000000"}).status_code == 200, "it is proven already"
    log = cast.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
    assert "phone.verified" in [entry["action"] for entry in log]


def test_a_new_phone_is_proven_anew_and_not_rung_before(
    person: Person, world: World, cast: Cast
) -> None:
    line = opened(cast)
    phone_verification.assume(latest(person), at=now())
    line.on_duty(*around(NOON), user=person.user, rings=False)
    phone = person.get(PHONE).json()["phone"]
    line.call().happened(f"rings {phone}")

    other = "+16175550166"
    assert person.patch("/user", {"phone": other}).status_code == 200

    assert person.get(PHONE).json()["verified"] is False
    heard = line.call()
    heard.never("rings")
    assert heard.record["people"][0]["whyNot"] == "phone_not_verified"
    assert person.patch("/user", {"phone": phone}).status_code == 200
    assert person.get(PHONE).json()["verified"] is True


def latest(person: Person) -> User:
    found = dynamodb.get(User, person.id)
    assert found
    return found


def ask(person: Person) -> str:
    """Ask for a code, and know it."""
    assert person.post(VERIFY, {}).status_code == 202
    kept = dynamodb.get(Proof, person.id)
    assert kept
    assert kept.nonce
    return phone_verification._code(person.id, kept.nonce, str(kept.asked_phone))


def test_a_code_holds_ten_minutes_and_five_tries(person: Person) -> None:
    code = ask(person)
    user, actor = latest(person), person.actor
    with pytest.raises(phone_verification.WrongCode):
        phone_verification.confirm(
            user, code, actor=actor, at=now() + phone_verification.VALID + timedelta(seconds=5)
        )
    code = ask(person)
    for _ in range(phone_verification.TRIES):
        assert person.post(CONFIRM, {"code": "né-pas"}).status_code == 400
    assert person.post(CONFIRM, {"code": code}).status_code == 400, "it was tried too often"
    assert person.post(CONFIRM, {"code": ask(person)}).status_code == 200


def test_an_earlier_code_is_no_good(person: Person) -> None:
    first = ask(person)
    second = ask(person)
    assert first == second or person.post(CONFIRM, {"code": first}).status_code == 400
    assert person.post(CONFIRM, {"code": second}).status_code == 200


def test_calls_with_codes_are_limited_per_person_and_customer(person: Person, world: World) -> None:
    address = world.start_web(
        "strict", free_port(), PHONE_CHECKS_PER_DAY="2", PHONE_CHECKS_PER_CUSTOMER="10000"
    )
    strict = Person(person.user, person.token, address)
    answers = [strict.post(VERIFY, {}) for _ in range(3)]
    world.stop("strict")
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 86_401


def test_a_customer_cannot_have_everybody_called(person: Person, world: World) -> None:
    address = world.start_web(
        "stricter", free_port(), PHONE_CHECKS_PER_DAY="100", PHONE_CHECKS_PER_CUSTOMER="1"
    )
    strict = Person(person.user, person.token, address)
    answers = [strict.post(VERIFY, {}) for _ in range(2)]
    world.stop("stricter")
    assert 429 in [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("+442071838750", "phone_not_callable"),
        ("+19005551234", "phone_not_callable"),
        ("+18765551234", "phone_not_callable"),
    ],
)
def test_phones_that_may_not_be_called_are_refused(person: Person, phone: str, code: str) -> None:
    assert person.patch("/user", {"phone": phone}).status_code == 200
    answer = person.post(VERIFY, {})
    assert answer.status_code == 409
    assert problem(answer)["code"] == code


def test_without_a_phone_there_is_nothing_to_prove(cast: Cast, world: World, web: str) -> None:
    who = come(world, web, cast.fresh())
    assert problem(who.post(VERIFY, {}))["code"] == "no_phone"
    assert problem(who.post(CONFIRM, {"code": "123456"}))["code"] == "wrong_code"


def test_the_code_is_told_to_the_phone_that_was_called_only(person: Person, world: World) -> None:
    ask(person)
    kept = dynamodb.get(Proof, person.id)
    assert kept
    base = f"{world.web}/telephony/voice/code"
    form = {"AccountSid": "AC" + "10ca1" * 6 + "00", "CallSid": "CA" + "1" * 32}
    for url, to, told in (
        (f"{base}?u={person.id}&v={kept.nonce}", str(kept.asked_phone), True),
        (f"{base}?u={person.id}&v={kept.nonce}", "+16175550199", False),
        (f"{base}?u={person.id}&v={'0' * 32}", str(kept.asked_phone), False),
        (f"{base}?u=usr_nobody&v={kept.nonce}", str(kept.asked_phone), False),
    ):
        given = {**form, "To": to}
        signature = signed(url, given, "local-twilio-token")
        answer = post(url, given, **{"X-Twilio-Signature": signature})
        assert answer.status_code == 200
        assert ("Your Dutyline code" in answer.text) is told


def test_a_key_makes_asking_once(person: Person, world: World) -> None:
    headers = {"Idempotency-Key": f"ask {person.id}"}
    phone = person.get(PHONE).json()["phone"]
    for _ in range(3):
        assert person.post(VERIFY, {}, headers=headers).status_code == 202
    heard(world, phone)
    calls: list[dict[str, Any]] = httpx.get(f"{world.twilio}/_local/calls").json()
    assert sum(any(phone in line for line in call["lines"]) for call in calls) == 1


def test_who_goes_takes_the_proof_along(cast: Cast, person: Person) -> None:
    phone_verification.assume(latest(person), at=now())
    assert dynamodb.get(Proof, person.id)
    assert cast.ann.delete("/user", {"id": person.id}).status_code == 200
    sweep(60)
    assert dynamodb.get(Proof, person.id) is None


def test_an_export_tells_of_the_phone_and_of_calls(cast: Cast, person: Person) -> None:
    line = opened(cast)
    phone_verification.assume(latest(person), at=now())
    at = now()
    line.on_duty(*around(at), user=person.user, rings=False)
    heard = line.call(at)
    told = person.get("/user/export/my-data?format=json").json()["data"]
    assert told["phone"][0]["phone"] == person.get(PHONE).json()["phone"]
    assert [one["id"] for one in told["calls"]] == [heard.id]
    assert told["calls"][0]["plans"] == "scheduled"
    assert "+16175550199" not in str(told["calls"]), "who called is not theirs to know"
