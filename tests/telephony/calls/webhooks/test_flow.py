"""Call flows, simulated by the Twilio emulator and recorded as transcripts."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from accounts import customers, permissions, users
from accounts.auth import identity
from accounts.models import User
from accounts.notifications import devices
from accounts.users import update
from config import dynamodb, errors, storage
from config.dynamodb import unaudited
from telephony.calls.limits import usage
from telephony.calls.state import call_record
from telephony.models import Call
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, PlayedCall, create_line, local_times_around, post_webhook
from tests.support.environment import IS_SCALE_RUN, Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, enable_ringing, now, parse_problem, process_outbox

AUTH_TOKEN = "local-twilio-token"
TranscriptSaver = Callable[[str, PlayedCall], None]


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A new location in Boston's time zone with a number and without staff."""
    return create_line(test_users)


@pytest.fixture
def save_transcript(record_property: Callable[[str, object], None]) -> TranscriptSaver:
    """Record a transcript; all transcripts are printed at the end of the run."""
    return lambda title, call: record_property("transcript", f"{title}\n{call.text}")


# --- ringing on-duty staff ------------------------------------------------------------------------
def test_person_on_duty_answers(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    staff, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))

    call = line.call(phones={phone: "answers"})

    save_transcript("one person on duty answers", call)
    call.assert_sequence(
        "Thank you for calling Harbour Street.",
        f"rings {phone}",
        "hears: You have a call for Harbour Street from a number ending in 0 1 9 9.",
        f"{phone}   presses 1",
        f"caller         talks with {phone}",
        "the call is over",
    )
    stored_call = call.api_record
    assert stored_call["outcome"] == "answered"
    assert stored_call["answeredBy"] == staff.id
    assert [event["kind"] for event in stored_call["events"]] == [*("entered", "planned", "rung", "accepted", "ended")]
    assert stored_call["people"] == [
        {
            "staffId": staff.id,
            "phoneNumber": None,
            "why": "scheduled",
            "locationId": None,
            "lastSpoken": False,
            "whyNot": None,
        }
    ]


@pytest.mark.parametrize("unbridged", ["completed", "no-answer"])
def test_second_person_answers_when_the_first_does_not_accept(
    line: LineFixture, save_transcript: TranscriptSaver, env: Environment, unbridged: str
) -> None:
    """Twilio may report either status for a call that was answered but not bridged."""
    _, first_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    second_user, second_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    configure_emulator(env, unbridged=unbridged)

    call = line.call(phones={first_phone: "silent", second_phone: "answers"})

    configure_emulator(env, unbridged="completed")
    save_transcript("the first person does not press 1, the second answers", call)
    call.assert_sequence(
        f"rings {first_phone}",
        f"{first_phone}   presses nothing",
        f"{first_phone}   is hung up",
        f"rings {second_phone}",
        f"talks with {second_phone}",
    )
    stored_call = call.api_record
    assert stored_call["answeredBy"] == second_user.id
    reasons = [event.get("how") for event in stored_call["events"] if event["kind"] == "not_taken"]
    assert reasons == ["not_pressed" if unbridged == "completed" else "no_answer"]


def test_mailbox_does_not_count_as_an_answer(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    _, first_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    _, second_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))

    call = line.call(phones={first_phone: "mailbox", second_phone: "answers"})

    save_transcript("a mailbox answers", call)
    call.assert_absent(f"talks with {first_phone}")
    call.assert_sequence(f"{first_phone}   picks up (mailbox)", f"talks with {second_phone}")


def test_unanswered_call_leaves_a_voicemail_and_notifies(
    line: LineFixture, save_transcript: TranscriptSaver, env: Environment, test_users: UserFixtures
) -> None:
    """Staff on duty and managers get pushes; the recording is moved from Twilio to our storage."""
    at = now()
    staff, phone = line.put_on_duty(*local_times_around(at))
    accept_invitation(staff)
    manager = test_users.create_user(role="manager", locations=[line.location.id], name="Max Chief")
    accept_invitation(manager)
    push_tokens = {user.id: register_device(user, at) for user in (staff, manager)}

    call = line.call(at, phones={phone: "nothing"})

    save_transcript("no answer: voicemail", call)
    call.assert_sequence(f"rings {phone}", "nobody picks up", "leave a message", "speaks for 7 seconds")
    stored_call = call.api_record
    assert stored_call["outcome"] == "voicemail"
    assert stored_call["recordings"] == [{"kind": "voicemail", "seconds": 7, "ready": False, "url": None}]
    early_response = test_users.ann.get(f"/call/{call.id}/recording")
    assert early_response.status_code == 404
    process_outbox()
    process_outbox()
    for token in push_tokens.values():
        messages = httpx.get(f"{env.expo}/messages", params={"to": token}).json()
        assert [message["title"] for message in messages] == ["New voicemail"]
    recording = test_users.ann.get(f"/call/{call.id}/recording")
    assert recording.headers["content-type"] == "audio/wav"
    assert recording.content[:4] == b"RIFF"
    assert len(recording.content) > 100_000
    recording_sid = call.webhooks[-3]["form"]["RecordingSid"]
    twilio_response = httpx.get(
        f"{env.twilio}/2010-04-01/Accounts/{call.webhooks[0]['form']['AccountSid']}/Recordings/{recording_sid}.wav",
        auth=(call.webhooks[0]["form"]["AccountSid"], AUTH_TOKEN),
    )
    assert twilio_response.status_code == 404
    assert test_users.mia.get(f"/call/{call.id}/recording").status_code == 403
    assert test_users.cleo.get(f"/call/{call.id}/recording").status_code == 404


def test_closed_flow_when_nobody_is_on_duty(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    call = line.call()

    save_transcript("nobody on duty: closed flow", call)
    call.assert_sequence("Thank you for calling", "Nobody is available right now.", "leave a message")
    assert call.api_record["people"] == []
    assert call.api_record["events"][0]["where"] == "closed"


def test_reasons_for_not_ringing_are_recorded(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    """On duty but not called: no verified phone, ringing disabled, phone in another country."""
    unverified, _ = line.put_on_duty(*local_times_around(WEDNESDAY_NOON), has_ringing_phone=False)
    update_profile(unverified, phone="+16175550177", settings={"ringing": True})
    ringing_disabled, _ = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    update_profile(ringing_disabled, settings={"ringing": False})
    abroad, _ = line.put_on_duty(*local_times_around(WEDNESDAY_NOON), has_ringing_phone=False)
    enable_ringing(abroad, "+442071838750")

    call = line.call()

    save_transcript("no verified phone", call)
    call.assert_absent("rings +")
    call.assert_sequence("leave a message")
    reasons = {person["staffId"]: person["whyNot"] for person in call.api_record["people"]}
    assert reasons == {
        unverified.id: "phone_not_verified",
        ringing_disabled.id: "ringing_off",
        abroad.id: "other_country",
    }


# --- menus, hours, holidays -----------------------------------------------------------------------
MENU: dict[str, Any] = {
    "type": "menu",
    "prompt": {"say": "Press 1 for the desk, 2 to leave a message."},
    "keys": {
        "1": {"type": "ring", "target": {"onDuty": {}}, "otherwise": {"type": "voicemail"}},
        "2": {"type": "voicemail", "prompt": {"say": "Speak."}},
    },
    "retries": 1,
    "otherwise": {"type": "say", "prompt": {"say": "Goodbye then."}},
}


@pytest.mark.parametrize(
    ("pressed", "expected"),
    [
        ("1", ["presses 1", "rings +", "talks with +"]),
        ("2", ["presses 2", "hears: Speak.", "speaks for"]),
        ("91", ["presses 9", "Press 1 for the desk", "presses 1", "talks with +"]),
        ("99", ["presses 9", "Press 1 for the desk", "presses 9", "Goodbye then.", "over"]),
        ("", ["presses nothing", "Press 1 for the desk", "presses nothing", "Goodbye then."]),
    ],
)
def test_menus(line: LineFixture, save_transcript: TranscriptSaver, pressed: str, expected: list[str]) -> None:
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    line.update_configuration(open=MENU)

    call = line.call(press=pressed, phones={phone: "answers"})

    save_transcript(f"menu: {pressed or 'nothing'} pressed", call)
    call.assert_sequence(*expected)


WEEKLY_HOURS = {"mode": "weekly", "weekly": {"we": [["09:00", "17:00"]], "th": [["09:00", "17:00"]]}}
HOLIDAYS = {"country": "US", "dates": ["2027-06-03"]}


@pytest.mark.parametrize(
    ("at", "entrance"),
    [
        ("2027-06-02T12:00:00-04:00", "open"),
        ("2027-06-02T08:59:59-04:00", "closed"),
        ("2027-06-02T17:00:00-04:00", "closed"),
        ("2027-06-01T12:00:00-04:00", "closed"),
        ("2027-06-03T12:00:00-04:00", "holiday"),
        ("2027-11-25T12:00:00-05:00", "holiday"),  # Thanksgiving, a Thursday
    ],
)
def test_hours_and_holidays(line: LineFixture, save_transcript: TranscriptSaver, at: str, entrance: str) -> None:
    prompts = {"open": "We are here.", "closed": "Come again.", "holiday": "Happy holidays."}
    flows = {name: {"type": "say", "prompt": {"say": text}} for name, text in prompts.items()}
    line.update_configuration(hours={**WEEKLY_HOURS, "holidays": HOLIDAYS}, **flows)

    call = line.call(at)

    save_transcript(f"weekly hours, {at}: {entrance}", call)
    call.assert_sequence(prompts[entrance])


# --- shift boundaries -----------------------------------------------------------------------------
def test_shift_change_rings_the_new_then_the_previous_person(
    line: LineFixture, save_transcript: TranscriptSaver
) -> None:
    """The next person is called first; the previous one is still called for ten minutes."""
    leaving_user, leaving_phone = line.put_on_duty("2027-06-02T04:00", "2027-06-02T12:00")
    arriving_user, arriving_phone = line.put_on_duty("2027-06-02T12:00", "2027-06-02T20:00")

    minute_before = line.call(WEDNESDAY_NOON - timedelta(minutes=1), phones={leaving_phone: "answers"})
    on_the_minute = line.call(WEDNESDAY_NOON, phones={leaving_phone: "answers"})
    after_overlap = line.call(WEDNESDAY_NOON + timedelta(minutes=11))

    save_transcript("a minute before the shift change", minute_before)
    save_transcript("at the shift change", on_the_minute)
    minute_before.assert_sequence(f"talks with {leaving_phone}")
    minute_before.assert_absent(arriving_phone)
    on_the_minute.assert_sequence(f"rings {arriving_phone}", f"rings {leaving_phone}", f"talks with {leaving_phone}")
    reasons = [(person["staffId"], person["why"]) for person in on_the_minute.api_record["people"]]
    assert reasons == [(arriving_user.id, "scheduled"), (leaving_user.id, "handing_over")]
    after_overlap.assert_absent(leaving_phone)


@pytest.mark.parametrize(
    ("night", "at", "is_on_duty"),
    [
        (("2027-03-13T22:00", "2027-03-14T06:00"), "2027-03-14T01:59:59-05:00", True),
        (("2027-03-13T22:00", "2027-03-14T06:00"), "2027-03-14T03:00:00-04:00", True),
        (("2027-03-13T22:00", "2027-03-14T06:00"), "2027-03-14T05:59:00-04:00", True),
        (("2027-03-13T22:00", "2027-03-14T06:00"), "2027-03-14T06:11:00-04:00", False),
        (("2027-11-06T22:00", "2027-11-07T06:00"), "2027-11-07T01:30:00-04:00", True),
        (("2027-11-06T22:00", "2027-11-07T06:00"), "2027-11-07T01:30:00-05:00", True),
        (("2027-11-06T22:00", "2027-11-07T06:00"), "2027-11-07T05:59:00-05:00", True),
        (("2027-11-06T22:00", "2027-11-07T06:00"), "2027-11-07T06:11:00-05:00", False),
    ],
)
def test_night_shift_across_a_dst_change(
    line: LineFixture, save_transcript: TranscriptSaver, night: tuple[str, str], at: str, is_on_duty: bool
) -> None:
    _, phone = line.put_on_duty(*night)

    call = line.call(at, phones={phone: "answers"})

    save_transcript(f"night shift across a DST change, {at}", call)
    if is_on_duty:
        call.assert_sequence(f"talks with {phone}")
    else:
        call.assert_sequence("Nobody is available right now.")


# --- failures -------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault_mode", ["503", "nonsense", "hang"] if IS_SCALE_RUN else ["nonsense", "hang"])
def test_failing_rota_lookup_leads_to_voicemail(
    line: LineFixture, save_transcript: TranscriptSaver, env: Environment, fault_mode: str
) -> None:
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    with env.apply_plan(FaultPlan(always={"dynamodb Query": fault_mode})):
        started = now()
        call = line.call(phones={phone: "answers"})
        seconds = (now() - started).total_seconds()

    save_transcript(f"rota lookup fails ({fault_mode})", call)
    call.assert_sequence("Thank you for calling", "leave a message", "speaks for")
    call.assert_absent("rings +")
    assert seconds < 8
    assert any(event["kind"] == "lookup_failed" for event in call.api_record["events"])


@pytest.mark.parametrize("fault_mode", ["503", "hang"] if IS_SCALE_RUN else ["503"])
def test_unavailable_database_leads_to_voicemail(
    line: LineFixture, save_transcript: TranscriptSaver, env: Environment, fault_mode: str
) -> None:
    with env.apply_plan(FaultPlan(always={"dynamodb": fault_mode})):
        call = line.call()

    save_transcript(f"database unavailable ({fault_mode})", call)
    call.assert_sequence("We cannot connect your call right now.", "leave a message", "speaks for")
    webhook = next(posted for posted in call.webhooks if "/message" in posted["url"])
    assert webhook["status"] == 503
    response = post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]})
    assert response.status_code == 204
    process_outbox(5)
    recording = line.test_users.ann.get(f"/call/{call.id}/recording")
    assert recording.status_code == 200, "the voicemail is lost"


def test_a_suspended_customer_takes_no_calls(
    line: LineFixture, save_transcript: TranscriptSaver, test_users: UserFixtures, resume_customer_afterwards: None
) -> None:
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    customers.suspend(test_users.customer.id, actor=permissions.system_actor(test_users.customer.id), at=now())

    call = line.call(phones={phone: "answers"})

    customers.resume(test_users.customer.id, actor=permissions.system_actor(test_users.customer.id), at=now())
    save_transcript("suspended customer", call)
    call.assert_sequence("We cannot take calls at the moment. Goodbye.", "is hung up")
    call.assert_absent("rings")


def test_number_being_released_is_not_in_service(
    line: LineFixture, save_transcript: TranscriptSaver, test_users: UserFixtures
) -> None:
    assert test_users.ann.delete(f"/phoneNumber/{line.number}").status_code == 200

    call = line.call()

    save_transcript("number being released", call)
    call.assert_sequence("This number is not in service.", "is hung up")
    assert test_users.ann.post(f"/phoneNumber/{line.number}/restore", {}).status_code == 200
    line.call().assert_sequence("Thank you for calling")


# --- ring all -------------------------------------------------------------------------------------
def test_ring_all_ignores_a_mailbox(line: LineFixture, save_transcript: TranscriptSaver, env: Environment) -> None:
    _, first_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    second_user, second_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    configure_ring_all(line)

    call = line.call(phones={first_phone: "wrong key", second_phone: "mailbox"}, hangUpAfter=None)
    second_call = line.call(phones={first_phone: "mailbox", second_phone: "answers"})

    save_transcript("ring all: wrong key and a mailbox", call)
    save_transcript("ring all: the second person answers", second_call)
    call.assert_sequence("rings", "rings", "presses 5", "(mailbox)", "leave a message")
    ringing_sound = httpx.get(f"{env.web}/static/telephony/ringing.wav")
    assert (ringing_sound.status_code, ringing_sound.content[:4]) == (200, b"RIFF")
    second_call.assert_sequence(
        "hears the sound ringing.wav", f"{second_phone}   presses 1", f"talks with {second_phone}"
    )
    second_call.assert_absent(f"talks with {first_phone}")
    stored_call = second_call.api_record
    assert (stored_call["outcome"], stored_call["answeredBy"]) == ("answered", second_user.id)
    assert call.api_record["outcome"] == "voicemail"


def test_ring_all_without_an_answer_leads_to_voicemail(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    _, first_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    _, second_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    configure_ring_all(line)

    call = line.call(phones={first_phone: "declines"})

    save_transcript("ring all: no answer", call)
    call.assert_sequence("leave a message", "speaks for")
    reasons = {event["who"]: event["how"] for event in call.api_record["events"] if event["kind"] == "not_taken"}
    assert sorted(reasons.values()) == ["busy", "no_answer"]


def test_ring_all_connects_a_single_person(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    _, first_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    _, second_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    configure_ring_all(line)

    call = line.call(phones={first_phone: "answers", second_phone: "answers"})

    save_transcript("ring all: two people press 1", call)
    call.assert_sequence("presses 1", "Somebody else has already answered.", "talks with")
    talking_phones = [phone for phone in (first_phone, second_phone) if f"talks with {phone}" in call.text]
    assert len(talking_phones) == 1
    assert [event["kind"] for event in call.api_record["events"]].count("accepted") == 1


def test_late_key_input_does_not_join_the_call(line: LineFixture) -> None:
    """Pressing 1 after the caller went to voicemail hangs up."""
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    configure_ring_all(line)
    call = line.call(phones={phone: "mailbox"})
    call.assert_sequence("leave a message")
    joined_webhook = next(posted for posted in call.webhooks if "/joined" in posted["url"])
    form = {**joined_webhook["form"], "Digits": "1"}

    response = post_webhook(
        joined_webhook["url"], form, **{"X-Twilio-Signature": sign_webhook(joined_webhook["url"], form, AUTH_TOKEN)}
    )

    assert "Conference" not in response.text
    assert "Hangup" in response.text
    assert call.api_record["outcome"] == "voicemail"


def test_caller_moves_on_when_the_accepting_person_hangs_up(line: LineFixture) -> None:
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    configure_ring_all(line)
    call = line.call(phones={phone: "answers"}, hangUpAfter=7)
    wait_webhooks = [posted for posted in call.webhooks if "/wait" in posted["url"]]
    assert "Conference" in wait_webhooks[-1]["answer"]
    left_webhook = next(posted for posted in call.webhooks if "/left" in posted["url"])
    assert left_webhook["status"] == 204

    response = post_webhook(
        wait_webhooks[-1]["url"], wait_webhooks[-1]["form"], **{"X-Twilio-Signature": wait_webhooks[-1]["signature"]}
    )

    assert "Conference" not in response.text
    assert "<Record" in response.text


def test_withheld_caller_number_is_stored_empty(line: LineFixture) -> None:
    call = line.call(**{"from": "+266696687"})
    assert call.api_record["caller"] == ""


def test_calls_and_recordings_expire(line: LineFixture, test_users: UserFixtures) -> None:
    call = line.call(now())
    process_outbox(5)
    assert test_users.ann.get(f"/call/{call.id}/recording").status_code == 200
    stored_call = call_record.load(call.id)
    assert stored_call
    recording_file = stored_call.recordings[0].file
    process_outbox(91 * 86_400)
    assert call_record.load(call.id) is None
    with pytest.raises(errors.NotFound):
        storage.read_file(recording_file)


def test_caller_hanging_up_ends_ringing(line: LineFixture, save_transcript: TranscriptSaver, env: Environment) -> None:
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    configure_ring_all(line)

    call = line.call(phones={phone: "nothing"}, hangUpAfter=5)

    save_transcript("ring all: the caller hangs up", call)
    call.assert_sequence("caller         hangs up", "the call is over")
    assert call.api_record["outcome"] == "missed"


# --- recording ------------------------------------------------------------------------------------
def test_call_recording_requires_a_consent_prompt(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    _staff, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    line.update_configuration(recording={"calls": True, "consentPrompt": {"say": "This call is recorded."}})

    call = line.call(phones={phone: "answers"})

    save_transcript("recorded call", call)
    call.assert_sequence("This call is recorded.", "hears: The call will be recorded.", "talks with")
    process_outbox()
    (recording,) = call.api_record["recordings"]
    url = f"/call/{call.id}/recording?kind=conversation"
    assert recording == {"kind": "conversation", "seconds": 30, "ready": True, "url": url}
    assert call.api_record["outcome"] == "answered"
    response = line.test_users.ann.request(
        "PUT",
        f"/ivrConfiguration/{line.location.id}",
        json={"configuration": {**line.update_configuration(recording={"calls": False}), "recording": {"calls": True}}},
    )
    assert response.status_code == 400


# --- signatures and replays -----------------------------------------------------------------------
FORGED_REQUESTS = (
    *("unsigned", "empty signature", "signed with another token", "changed form"),
    *("changed URL", "GET", "another account"),
)


def test_webhook_requires_the_twilio_signature(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    call = line.call()
    webhook = call.webhooks[0]
    wrong_signature = sign_webhook(webhook["url"], webhook["form"], "another-token")
    other_form = {**webhook["form"], "To": "+14155550000"}
    responses = [
        post_webhook(webhook["url"], webhook["form"]),
        post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": ""}),
        post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": wrong_signature}),
        post_webhook(webhook["url"], other_form, **{"X-Twilio-Signature": webhook["signature"]}),
        post_webhook(webhook["url"] + "?x=1", webhook["form"], **{"X-Twilio-Signature": webhook["signature"]}),
        httpx.get(webhook["url"]),
    ]
    foreign_form = {**webhook["form"], "AccountSid": "AC" + "9" * 32}
    responses.append(
        post_webhook(
            webhook["url"],
            foreign_form,
            **{"X-Twilio-Signature": sign_webhook(webhook["url"], foreign_form, AUTH_TOKEN)},
        )
    )

    call.result["lines"] = [
        f"{label}: {response.status_code} {response.json()['code']}"
        for label, response in zip(FORGED_REQUESTS, responses, strict=True)
    ]
    save_transcript("forged webhooks", call)
    assert [response.status_code for response in responses] == [403] * 5 + [405, 403]
    assert parse_problem(responses[0])["code"] == "invalid_signature"
    assert (
        post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]}).text
        == (webhook["answer"])
    )


def test_all_webhooks_require_a_signature(test_users: UserFixtures, env: Environment) -> None:
    paths = [
        *("", "/fallback", "/key", "/screen", "/screened", "/dialled", "/wait", "/leg"),
        *("/joined", "/left", "/bye", "/message", "/recorded", "/ended", "/code"),
        *("/back", "/back-key", "/back-reached", "/back-dialled", "/back-ended", "/back-failed"),
    ]
    for path in paths:
        response = post_webhook(f"{env.web}/telephony/voice{path}", {"CallSid": "CA" + "1" * 32})
        assert response.status_code == 403, path


def test_old_auth_token_is_accepted_during_rotation(line: LineFixture, env: Environment) -> None:
    webhook = line.call().webhooks[0]
    address = env.start_web("rotating", free_port(), TWILIO_AUTH_TOKEN="new-token", TWILIO_AUTH_TOKEN_OLD=AUTH_TOKEN)
    rotating_url = webhook["url"].replace(env.web, address)
    for token, status in ((AUTH_TOKEN, 200), ("new-token", 200), ("third", 403)):
        signature = sign_webhook(webhook["url"], webhook["form"], token)
        response = post_webhook(rotating_url, webhook["form"], **{"X-Twilio-Signature": signature})
        assert response.status_code == status
    env.stop("rotating")


def test_repeated_webhook_is_idempotent(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    _, first_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    _, second_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    call = line.call(phones={first_phone: "silent", second_phone: "silent"})
    record_before, item_before = call.api_record, read_call_item(call.id)

    for webhook in call.webhooks:
        response = post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]})
        assert response.status_code == webhook["status"]
        assert response.text == webhook["answer"], webhook["url"]

    save_transcript("every webhook repeated", call)
    assert call.api_record == record_before
    assert read_call_item(call.id) == item_before
    process_outbox()
    assert len(call.api_record["recordings"]) == 1
    assert len([step for step in item_before["steps"]["SS"] if step.startswith("recorded")]) == 1


def test_hostile_webhooks_never_return_5xx(line: LineFixture, env: Environment) -> None:
    """Even validly signed requests with hostile parameters."""
    call = line.call()
    form = call.webhooks[0]["form"]
    base = f"{env.web}/telephony/voice"
    requests = [
        (f"{base}/key?p=nowhere&a=0", form),
        (f"{base}/key?p=open/../../x&a=-1", {**form, "Digits": "1'"}),
        (f"{base}/key", {**form, "CallSid": "CA" + "f" * 32}),
        (f"{base}/dialled?p=open&n=99999999999", form),
        (f"{base}/dialled?p=__class__&n=1", form),
        (f"{base}/wait?p=open&k=3", form),
        (f"{base}/screen?c=../../x&p=open&n=0", form),
        (f"{base}/screened?c={call.id}&p=open&n=7", {**form, "Digits": "1"}),
        (f"{base}/joined?c={call.id}&p=open&n=7", {**form, "Digits": "1"}),
        (f"{base}/left?c={call.id}&p=open&n=7", form),
        (f"{base}/message?p=open", form),
        (f"{base}/message?p=open", {**form, "RecordingSid": "RE" + "1" * 32}),
        (f"{base}/ended", {**form, "CallDuration": "-5"}),
        (base, {**form, "CallSid": "x" * 3000}),
        (base, {**form, "CallSid": "CA" + "e" * 32, "To": "", "From": "anonymous"}),
        (base, {**form, "CallSid": "CA" + "d" * 32, "LocalTime": "yesterday"}),
    ]
    for url, request_form in requests:
        signature = sign_webhook(url, request_form, AUTH_TOKEN)
        response = post_webhook(url, request_form, **{"X-Twilio-Signature": signature})
        assert response.status_code < 500, f"{url}: {response.text}"


# --- cost limits ----------------------------------------------------------------------------------
def test_call_minutes_are_limited_per_day(
    line: LineFixture, env: Environment, test_users: UserFixtures, save_transcript: TranscriptSaver
) -> None:
    """Beyond the limit, callers can leave a voicemail, but no paid calls are placed."""
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    webhook = line.call(phones={phone: "answers"}).webhooks[0]
    used = usage.load(line.location.customer_id, WEDNESDAY_NOON).used
    address = env.start_web("thrifty", free_port(), CALL_MINUTES_PER_DAY=str(used))
    form = {**webhook["form"], "CallSid": "CA" + "b" * 32}
    signature = sign_webhook(webhook["url"], form, AUTH_TOKEN)
    thrifty_url = webhook["url"].replace(env.web, address)

    response = post_webhook(thrifty_url, form, **{"X-Twilio-Signature": signature})

    env.stop("thrifty")
    assert "<Dial" not in response.text
    assert "<Record" in response.text


def test_dial_has_limits_and_the_caller_id_of_the_location(line: LineFixture) -> None:
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    twiml = line.call(phones={phone: "answers"}).webhooks[0]["answer"]
    assert f'callerId="{line.number}"' in twiml
    assert 'timeLimit="3600"' in twiml
    assert 'timeout="20"' in twiml


# --- listing --------------------------------------------------------------------------------------
def test_calls_are_listed_newest_first_in_pages(line: LineFixture, test_users: UserFixtures) -> None:
    call_ids = [line.call(now() - timedelta(minutes=10 - number)).id for number in range(5)]
    path = f"/call?locationId={line.location.id}&limit=2"
    listed_ids: list[str] = []
    cursor = ""
    while True:
        page = test_users.ann.get(path + (f"&cursor={cursor}" if cursor else "")).json()
        listed_ids += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if not cursor:
            break
    assert listed_ids == call_ids[::-1]
    assert test_users.mia.get(path).status_code == 403


def test_one_call_is_read_until_it_changes(line: LineFixture, test_users: UserFixtures) -> None:
    call = line.call("2027-06-02T23:30:00-04:00")
    path = f"/call/{call.id}"

    response = test_users.ann.get(path)

    listed = test_users.ann.get(f"/call?locationId={line.location.id}&from=2027-06-02&to=2027-06-03").json()["items"]
    assert response.json() in listed
    assert {event["at"][-4:] for event in response.json()["events"]} <= {f":{second:02d}Z" for second in range(60)}
    etag = response.headers["ETag"]
    assert test_users.ann.get(path, headers={"If-None-Match": etag}).status_code == 304
    unaudited.update(Call(call.id), [Call.outcome.set("answered")], Call.id.exists())
    assert test_users.ann.get(path, headers={"If-None-Match": etag}).status_code == 200
    assert test_users.mia.get(path).status_code == 403, "the manager has no access to this location"


# --- helpers --------------------------------------------------------------------------------------
def configure_emulator(env: Environment, **values: Any) -> None:
    httpx.post(f"{env.twilio}/_local/switches", json=values).raise_for_status()


def configure_ring_all(line: LineFixture) -> None:
    line.update_configuration(
        open={"type": "ring", "target": {"onDuty": {}}, "strategy": "all", "otherwise": {"type": "voicemail"}}
    )


def update_profile(user: User, **changes: Any) -> None:
    latest = users.get_user(user.id)
    update.update_own_profile(latest, changes, actor=permissions.user_actor(latest), at=now())


def accept_invitation(user: User) -> None:
    identity.accept_invitation(users.get_user(user.id), origin=permissions.Origin(), at=now())


def register_device(user: User, at: Any) -> str:
    token = f"ExponentPushToken[voicemail-{user.id}]"
    devices.register_device(token, actor=permissions.user_actor(users.get_user(user.id)), at=at)
    return token


def read_call_item(call_id: str) -> dict[str, Any]:
    response = dynamodb.call(
        "GetItem", TableName=Call.table_name(), Key=Call.to_dynamodb_key(call_id), ConsistentRead=True
    )
    return dict(response["Item"])


@pytest.fixture
def resume_customer_afterwards(test_users: UserFixtures) -> Iterator[None]:
    """Resume the customer after the test, even if it fails."""
    yield
    customers.resume(test_users.customer.id, actor=permissions.system_actor(test_users.customer.id), at=now())
