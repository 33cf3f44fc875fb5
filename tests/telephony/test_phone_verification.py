"""Phone verification: a phone rings only after its user has confirmed the spoken code."""

import re
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from accounts.models import User
from config import dynamodb
from telephony import phone_verification
from telephony.models import PhoneVerification
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, create_line, local_times_around, post_webhook
from tests.support.environment import Environment, free_port
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now, parse_problem, process_outbox

VERIFY_PATH, CONFIRM_PATH, PHONE_PATH = "/user/phone/verify", "/user/phone/confirm", "/user/phone"


@pytest.fixture
def person(test_users: UserFixtures, env: Environment, web: str) -> SignedInUser:
    """A user with an unverified phone."""
    signed_in = accept_invitation(env, web, test_users.create_user())
    number = f"+1617{time.time_ns() % 8_000_000 + 2_000_000}"
    response = signed_in.patch("/user", {"phone": number, "settings": {"ringing": True}})
    assert response.status_code == 200, response.text
    httpx.post(f"{env.twilio}/_local/phones", json={"number": number, "does": "answers"})
    return signed_in


def wait_for_spoken_lines(env: Environment, phone: str) -> list[str]:
    """Wait for a call to a phone to end; the lines it heard."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for call in httpx.get(f"{env.twilio}/_local/calls").json():
            lines = [line for line in call["lines"] if phone in line]
            if any("the call is over" in line for line in lines):
                return [line for line in lines if "hears: " in line]
        time.sleep(0.02)
    raise TimeoutError(f"no call to {phone}")


def read_spoken_code(env: Environment, phone: str) -> str:
    digits = re.findall(r"\d(?=[,.])", wait_for_spoken_lines(env, phone)[-1].rpartition("is: ")[2])
    return "".join(digits)


def test_phone_is_verified_by_the_spoken_code(person: SignedInUser, env: Environment, test_users: UserFixtures) -> None:
    phone = person.get(PHONE_PATH).json()["phone"]
    state = person.get(PHONE_PATH).json()
    assert state == {"phone": phone, "verified": False, "verifiedAt": None, "rings": False, "breakUntil": None}

    verify_response = person.post(VERIFY_PATH, {})
    assert (verify_response.status_code, verify_response.json()["verified"]) == (202, False)
    assert len(wait_for_spoken_lines(env, phone)) == 3, "the code is spoken three times"
    code = read_spoken_code(env, phone)
    wrong_code_response = person.post(CONFIRM_PATH, {"code": f"{(int(code) + 1) % 1_000_000:06}"})
    right_code_response = person.post(CONFIRM_PATH, {"code": code})

    assert parse_problem(wrong_code_response)["code"] == "wrong_code"
    assert right_code_response.json()["verified"] is True
    assert right_code_response.json()["rings"] is True
    assert person.post(CONFIRM_PATH, {"code": "000000"}).status_code == 200, "the phone is verified already"
    entries = test_users.ann.get(f"/user/{person.id}/audit-logs").json()["items"]
    assert "phone.verified" in [entry["action"] for entry in entries]


def test_new_phone_must_be_verified_before_it_rings(
    person: SignedInUser, env: Environment, test_users: UserFixtures
) -> None:
    line = create_line(test_users)
    phone_verification.mark_verified(load_user(person), at=now())
    line.put_on_duty(*local_times_around(WEDNESDAY_NOON), user=person.user, has_ringing_phone=False)
    phone = person.get(PHONE_PATH).json()["phone"]
    line.call().assert_sequence(f"rings {phone}")

    new_phone = "+16175550166"
    assert person.patch("/user", {"phone": new_phone}).status_code == 200

    assert person.get(PHONE_PATH).json()["verified"] is False
    call = line.call()
    call.assert_absent("rings")
    assert call.api_record["people"][0]["whyNot"] == "phone_not_verified"
    assert person.patch("/user", {"phone": phone}).status_code == 200
    assert person.get(PHONE_PATH).json()["verified"] is True


def load_user(person: SignedInUser) -> User:
    user = dynamodb.get_record(User, person.id)
    assert user
    return user


def request_code(person: SignedInUser) -> str:
    """Request a code and compute it."""
    assert person.post(VERIFY_PATH, {}).status_code == 202
    proof = dynamodb.get_record(PhoneVerification, person.id)
    assert proof
    assert proof.nonce
    return phone_verification._compute_codes(person.id, proof.nonce, str(proof.asked_phone))[0]


def test_code_is_limited_in_time_and_attempts(person: SignedInUser) -> None:
    code = request_code(person)
    user, actor = load_user(person), person.actor
    with pytest.raises(phone_verification.WrongCode):
        phone_verification.confirm_code(
            user, code, actor=actor, at=now() + phone_verification.CODE_LIFETIME + timedelta(seconds=5)
        )
    code = request_code(person)
    for _ in range(phone_verification.MAX_ATTEMPTS):
        assert person.post(CONFIRM_PATH, {"code": "né-pas"}).status_code == 400
    assert person.post(CONFIRM_PATH, {"code": code}).status_code == 400, "too many attempts"
    assert person.post(CONFIRM_PATH, {"code": request_code(person)}).status_code == 200


def test_earlier_code_is_invalid(person: SignedInUser) -> None:
    first = request_code(person)
    second = request_code(person)
    assert first == second or person.post(CONFIRM_PATH, {"code": first}).status_code == 400
    assert person.post(CONFIRM_PATH, {"code": second}).status_code == 200


def test_code_calls_are_limited_per_person(person: SignedInUser, env: Environment) -> None:
    address = env.start_web("strict", free_port(), PHONE_CHECKS_PER_DAY="2", PHONE_CHECKS_PER_CUSTOMER="10000")
    strict = SignedInUser(person.user, person.token, address)
    responses = [strict.post(VERIFY_PATH, {}) for _ in range(3)]
    env.stop("strict")
    assert [response.status_code for response in responses] == [202, 202, 429]
    assert 0 < int(responses[2].headers["Retry-After"]) <= 86_401


def test_code_calls_are_limited_per_customer(person: SignedInUser, env: Environment) -> None:
    address = env.start_web("stricter", free_port(), PHONE_CHECKS_PER_DAY="100", PHONE_CHECKS_PER_CUSTOMER="1")
    strict = SignedInUser(person.user, person.token, address)
    responses = [strict.post(VERIFY_PATH, {}) for _ in range(2)]
    env.stop("stricter")
    assert 429 in [response.status_code for response in responses]


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("+442071838750", "phone_not_callable"),
        ("+19005551234", "phone_not_callable"),
        ("+18765551234", "phone_not_callable"),
    ],
)
def test_phones_outside_the_dialing_rules_are_rejected(person: SignedInUser, phone: str, code: str) -> None:
    assert person.patch("/user", {"phone": phone}).status_code == 200
    response = person.post(VERIFY_PATH, {})
    assert response.status_code == 409
    assert parse_problem(response)["code"] == code


def test_verification_requires_a_phone(test_users: UserFixtures, env: Environment, web: str) -> None:
    signed_in = accept_invitation(env, web, test_users.create_user())
    assert parse_problem(signed_in.post(VERIFY_PATH, {}))["code"] == "no_phone"
    assert parse_problem(signed_in.post(CONFIRM_PATH, {"code": "123456"}))["code"] == "wrong_code"


def test_code_is_spoken_only_to_the_requested_phone(person: SignedInUser, env: Environment) -> None:
    request_code(person)
    proof = dynamodb.get_record(PhoneVerification, person.id)
    assert proof
    base = f"{env.web}/telephony/voice/code"
    form = {"AccountSid": "AC" + "10ca1" * 6 + "00", "CallSid": "CA" + "1" * 32}
    for url, called_phone, is_spoken in (
        (f"{base}?u={person.id}&v={proof.nonce}", str(proof.asked_phone), True),
        (f"{base}?u={person.id}&v={proof.nonce}", "+16175550199", False),
        (f"{base}?u={person.id}&v={'0' * 32}", str(proof.asked_phone), False),
        (f"{base}?u=usr_nobody&v={proof.nonce}", str(proof.asked_phone), False),
    ):
        request_form = {**form, "To": called_phone}
        signature = sign_webhook(url, request_form, "local-twilio-token")
        response = post_webhook(url, request_form, **{"X-Twilio-Signature": signature})
        assert response.status_code == 200
        assert ("Your Dutyline code" in response.text) is is_spoken


def test_idempotency_key_places_a_single_call(person: SignedInUser, env: Environment) -> None:
    headers = {"Idempotency-Key": f"ask {person.id}"}
    phone = person.get(PHONE_PATH).json()["phone"]
    for _ in range(3):
        assert person.post(VERIFY_PATH, {}, headers=headers).status_code == 202
    wait_for_spoken_lines(env, phone)
    calls: list[dict[str, Any]] = httpx.get(f"{env.twilio}/_local/calls").json()
    assert sum(any(phone in line for line in call["lines"]) for call in calls) == 1


def test_repeated_confirmation_is_a_replay(person: SignedInUser) -> None:
    headers = {"Idempotency-Key": f"confirm {person.id}"}
    code = {"code": request_code(person)}

    responses = [person.post(CONFIRM_PATH, code, headers=headers) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 200]
    assert responses[0].json() == responses[1].json()
    assert responses[0].json()["verified"] is True
    assert [response.headers.get("Idempotent-Replayed") for response in responses] == [None, "true"]


def test_deleting_user_deletes_the_verification(test_users: UserFixtures, person: SignedInUser) -> None:
    phone_verification.mark_verified(load_user(person), at=now())
    assert dynamodb.get_record(PhoneVerification, person.id)
    assert test_users.ann.delete("/user", {"id": person.id, "erase": "now"}).status_code == 200
    process_outbox(60)
    assert dynamodb.get_record(PhoneVerification, person.id) is None


def test_export_contains_phone_and_calls(test_users: UserFixtures, person: SignedInUser) -> None:
    line = create_line(test_users)
    phone_verification.mark_verified(load_user(person), at=now())
    at = now()
    line.put_on_duty(*local_times_around(at), user=person.user, has_ringing_phone=False)
    call = line.call(at)
    exported = person.get("/user/export/my-data?format=json").json()["data"]
    assert exported["phone"][0]["phone"] == person.get(PHONE_PATH).json()["phone"]
    assert [exported_call["id"] for exported_call in exported["calls"]] == [call.id]
    assert exported["calls"][0]["plans"] == "on duty"
    assert "+16175550199" not in str(exported["calls"]), "callers' numbers are not exported"
