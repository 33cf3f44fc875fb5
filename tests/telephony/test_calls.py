"""Calls as people make them: played through the stand-in, told as transcripts."""

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
from telephony.calls import call_record
from telephony.models import Call
from tests.conftest import Cast, can_be_rung, now, problem, sweep
from tests.emulators.twilio.phones import signed
from tests.support.calls import NOON, Heard, Line, around, opened, post
from tests.support.environment import SCALE, World, free_port
from tests.support.proxy import Plan

TOKEN = "local-twilio-token"
Tell = Callable[[str, Heard], None]


@pytest.fixture
def line(cast: Cast) -> Line:
    """A new location of Boston's time with a number; nobody works there yet."""
    return opened(cast)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Keep a transcript; all of them are printed at the end of the run."""
    return lambda title, heard: record_property("transcript", f"{title}\n{heard.text}")


# --- ringing who is on duty -----------------------------------------------------------------------
def test_one_on_duty_answers(line: Line, tell: Tell) -> None:
    who, phone = line.on_duty(*around(NOON))

    heard = line.call(phones={phone: "answers"})

    tell("one on duty answers", heard)
    heard.happened(
        "Thank you for calling Harbour Street.",
        f"rings {phone}",
        "hears: A call for Harbour Street.",
        f"{phone}   presses 1",
        f"caller         talks with {phone}",
        "the call is over",
    )
    record = heard.record
    assert record["outcome"] == "answered"
    assert record["answeredBy"] == who.id
    assert [e["kind"] for e in record["events"]] == [
        *("entered", "planned", "rung", "accepted", "ended"),
    ]
    assert record["people"] == [
        {"staffId": who.id, "phoneNumber": None, "why": "scheduled", "whyNot": None}
    ]


@pytest.mark.parametrize("unbridged", ["completed", "no-answer"])
def test_the_first_does_not_press_and_the_second_answers(
    line: Line, tell: Tell, world: World, unbridged: str
) -> None:
    """Twilio may report who picked up and was not put through either way."""
    _, first = line.on_duty(*around(NOON, 5))
    second, other = line.on_duty(*around(NOON))
    switch(world, unbridged=unbridged)

    heard = line.call(phones={first: "silent", other: "answers"})

    switch(world, unbridged="completed")
    tell("the first does not press, the second answers", heard)
    heard.happened(
        f"rings {first}",
        f"{first}   presses nothing",
        f"{first}   is hung up",
        f"rings {other}",
        f"talks with {other}",
    )
    record = heard.record
    assert record["answeredBy"] == second.id
    how = [event.get("how") for event in record["events"] if event["kind"] == "not_taken"]
    assert how == ["not_pressed" if unbridged == "completed" else "no_answer"]


def test_a_mailbox_that_picks_up_does_not_answer(line: Line, tell: Tell) -> None:
    _, first = line.on_duty(*around(NOON, 5))
    _, other = line.on_duty(*around(NOON))

    heard = line.call(phones={first: "mailbox", other: "answers"})

    tell("a mailbox picks up", heard)
    heard.never(f"talks with {first}")
    heard.happened(f"{first}   picks up (mailbox)", f"talks with {other}")


def test_nobody_answers_and_the_message_is_told_of_and_listened_to(
    line: Line, tell: Tell, world: World, cast: Cast
) -> None:
    """Pushes reach those on duty and the managers; the recording is ours, not Twilio's."""
    at = now()
    who, phone = line.on_duty(*around(at))
    active(who)
    manager = cast.fresh(role="manager", locations=[line.place.id], name="Max Chief")
    active(manager)
    devices = {user.id: device(user, at) for user in (who, manager)}

    heard = line.call(at, phones={phone: "nothing"})

    tell("nobody answers: voicemail", heard)
    heard.happened(f"rings {phone}", "nobody picks up", "leave a message", "speaks for 7 seconds")
    record = heard.record
    assert record["outcome"] == "voicemail"
    assert record["recordings"] == [{"kind": "voicemail", "seconds": 7, "ready": False}]
    early = cast.ann.get(f"/call/{heard.id}/recording")
    assert early.status_code == 404
    sweep()
    sweep()
    for token in devices.values():
        told = httpx.get(f"{world.expo}/messages", params={"to": token}).json()
        assert [one["title"] for one in told] == ["New voicemail"]
    sound = cast.ann.get(f"/call/{heard.id}/recording")
    assert sound.headers["content-type"] == "audio/wav"
    assert sound.content[:4] == b"RIFF"
    assert len(sound.content) > 100_000
    sid = heard.posted[-3]["form"]["RecordingSid"]
    gone = httpx.get(
        f"{world.twilio}/2010-04-01/Accounts/{heard.posted[0]['form']['AccountSid']}"
        f"/Recordings/{sid}.wav",
        auth=(heard.posted[0]["form"]["AccountSid"], TOKEN),
    )
    assert gone.status_code == 404
    assert cast.mia.get(f"/call/{heard.id}/recording").status_code == 403
    assert cast.cleo.get(f"/call/{heard.id}/recording").status_code == 404


def test_nobody_on_duty_is_the_closed_flow(line: Line, tell: Tell) -> None:
    heard = line.call()

    tell("nobody on duty: closed", heard)
    heard.happened("Thank you for calling", "Nobody is here just now.", "leave a message")
    assert heard.record["people"] == []
    assert heard.record["events"][0]["where"] == "closed"


def test_people_who_cannot_be_rung_are_told_why(line: Line, tell: Tell) -> None:
    """No verified phone, ringing off, another country: on duty, but not rung."""
    unproven, _ = line.on_duty(*around(NOON), rings=False)
    profiles_change(unproven, phone="+16175550177", settings={"ringing": True})
    off, _ = line.on_duty(*around(NOON))
    profiles_change(off, settings={"ringing": False})
    abroad, _ = line.on_duty(*around(NOON), rings=False)
    can_be_rung(abroad, "+442071838750")

    heard = line.call()

    tell("a person without verified phone", heard)
    heard.never("rings +")
    heard.happened("leave a message")
    reasons = {one["staffId"]: one["whyNot"] for one in heard.record["people"]}
    assert reasons == {
        unproven.id: "phone_not_verified",
        off.id: "ringing_off",
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
    ("pressed", "meets"),
    [
        ("1", ["presses 1", "rings +", "talks with +"]),
        ("2", ["presses 2", "hears: Speak.", "speaks for"]),
        ("91", ["presses 9", "Press 1 for the desk", "presses 1", "talks with +"]),
        ("99", ["presses 9", "Press 1 for the desk", "presses 9", "Goodbye then.", "over"]),
        ("", ["presses nothing", "Press 1 for the desk", "presses nothing", "Goodbye then."]),
    ],
)
def test_menus(line: Line, tell: Tell, pressed: str, meets: list[str]) -> None:
    _, phone = line.on_duty(*around(NOON))
    line.configure(open=MENU)

    heard = line.call(press=pressed, phones={phone: "answers"})

    tell(f"a menu, pressing {pressed or 'nothing'}", heard)
    heard.happened(*meets)


WEEK = {"mode": "weekly", "weekly": {"we": [["09:00", "17:00"]], "th": [["09:00", "17:00"]]}}
OFF = {"country": "US", "dates": ["2027-06-03"]}


@pytest.mark.parametrize(
    ("at", "where"),
    [
        ("2027-06-02T12:00:00-04:00", "open"),
        ("2027-06-02T08:59:59-04:00", "closed"),
        ("2027-06-02T17:00:00-04:00", "closed"),
        ("2027-06-01T12:00:00-04:00", "closed"),
        ("2027-06-03T12:00:00-04:00", "holiday"),
        ("2027-11-25T12:00:00-05:00", "holiday"),  # Thanksgiving, a Thursday
    ],
)
def test_hours_and_holidays(line: Line, tell: Tell, at: str, where: str) -> None:
    said = {"open": "We are here.", "closed": "Come again.", "holiday": "Happy holidays."}
    flows = {name: {"type": "say", "prompt": {"say": text}} for name, text in said.items()}
    line.configure(hours={**WEEK, "holidays": OFF}, **flows)

    heard = line.call(at)

    tell(f"by the week, {at}: {where}", heard)
    heard.happened(said[where])


# --- the rota at its edges ------------------------------------------------------------------------
def test_the_minute_of_a_hand_over(line: Line, tell: Tell) -> None:
    """Who comes is rung first; who leaves is still rung for ten minutes."""
    early, before = line.on_duty("2027-06-02T04:00", "2027-06-02T12:00")
    late, after = line.on_duty("2027-06-02T12:00", "2027-06-02T20:00")

    minute_before = line.call(NOON - timedelta(minutes=1), phones={before: "answers"})
    on_the_minute = line.call(NOON, phones={before: "answers"})
    much_later = line.call(NOON + timedelta(minutes=11))

    tell("a minute before the hand-over", minute_before)
    tell("the minute of the hand-over", on_the_minute)
    minute_before.happened(f"talks with {before}")
    minute_before.never(after)
    on_the_minute.happened(f"rings {after}", f"rings {before}", f"talks with {before}")
    why = [(one["staffId"], one["why"]) for one in on_the_minute.record["people"]]
    assert why == [(late.id, "scheduled"), (early.id, "handing_over")]
    much_later.never(before)


@pytest.mark.parametrize(
    ("night", "at", "there"),
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
def test_a_night_shift_over_the_change_of_clocks(
    line: Line, tell: Tell, night: tuple[str, str], at: str, there: bool
) -> None:
    _, phone = line.on_duty(*night)

    heard = line.call(at, phones={phone: "answers"})

    tell(f"a night shift over the change of clocks, {at}", heard)
    if there:
        heard.happened(f"talks with {phone}")
    else:
        heard.happened("Nobody is here just now.")


# --- what fails -----------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["503", "nonsense", "hang"] if SCALE else ["nonsense", "hang"])
def test_a_rota_that_fails_or_hangs_leads_to_voicemail(
    line: Line, tell: Tell, world: World, how: str
) -> None:
    _, phone = line.on_duty(*around(NOON))
    with world.plan(Plan(always={"dynamodb Query": how})):
        began = now()
        heard = line.call(phones={phone: "answers"})
        seconds = (now() - began).total_seconds()

    tell(f"the rota does not answer ({how})", heard)
    heard.happened("Thank you for calling", "leave a message", "speaks for")
    heard.never("rings +")
    assert seconds < 8
    assert any(event["kind"] == "lookup_failed" for event in heard.record["events"])


@pytest.mark.parametrize("how", ["503", "hang"] if SCALE else ["503"])
def test_a_store_that_is_away_leads_to_voicemail(
    line: Line, tell: Tell, world: World, how: str
) -> None:
    with world.plan(Plan(always={"dynamodb": how})):
        heard = line.call()

    tell(f"the store is away ({how})", heard)
    heard.happened("We cannot put you through just now.", "leave a message", "speaks for")
    told = next(one for one in heard.posted if "/message" in one["url"])
    assert told["status"] == 503
    again = post(told["url"], told["form"], **{"X-Twilio-Signature": told["signature"]})
    assert again.status_code == 204
    sweep(5)
    kept = line.cast.ann.get(f"/call/{heard.id}/recording")
    assert kept.status_code == 200, "the message is not lost"


def test_a_suspended_customer_takes_no_calls(
    line: Line, tell: Tell, cast: Cast, calm: None
) -> None:
    _, phone = line.on_duty(*around(NOON))
    customers.suspend(cast.customer.id, actor=permissions.system(cast.customer.id), at=now())

    heard = line.call(phones={phone: "answers"})

    customers.resume(cast.customer.id, actor=permissions.system(cast.customer.id), at=now())
    tell("a suspended customer", heard)
    heard.happened("We cannot take calls at the moment. Goodbye.", "is hung up")
    heard.never("rings")


def test_a_number_that_is_nobodys_any_more(line: Line, tell: Tell, cast: Cast) -> None:
    assert cast.ann.delete(f"/phoneNumber/{line.number}").status_code == 200

    heard = line.call()

    tell("an unknown number", heard)
    heard.happened("This number is not in service.", "is hung up")
    assert cast.ann.post(f"/phoneNumber/{line.number}/restore", {}).status_code == 200
    line.call().happened("Thank you for calling")


# --- everybody at once ----------------------------------------------------------------------------
def test_everybody_at_once_holds_when_a_mailbox_is_first(
    line: Line, tell: Tell, world: World
) -> None:
    _, first = line.on_duty(*around(NOON, 5))
    who, other = line.on_duty(*around(NOON))
    all_at_once(line)

    heard = line.call(phones={first: "wrong key", other: "mailbox"}, hangUpAfter=None)
    again = line.call(phones={first: "mailbox", other: "answers"})

    tell("everybody at once: wrong key and a mailbox", heard)
    tell("everybody at once: the second takes it", again)
    heard.happened("rings", "rings", "presses 5", "(mailbox)", "leave a message")
    tone = httpx.get(f"{world.web}/static/telephony/ringing.wav")
    assert (tone.status_code, tone.content[:4]) == (200, b"RIFF")
    again.happened("hears the sound ringing.wav", f"{other}   presses 1", f"talks with {other}")
    again.never(f"talks with {first}")
    record = again.record
    assert (record["outcome"], record["answeredBy"]) == ("answered", who.id)
    assert heard.record["outcome"] == "voicemail"


def test_everybody_at_once_and_nobody_picks_up(line: Line, tell: Tell) -> None:
    _, first = line.on_duty(*around(NOON, 5))
    _, other = line.on_duty(*around(NOON))
    all_at_once(line)

    heard = line.call(phones={first: "declines"})

    tell("everybody at once: nobody", heard)
    heard.happened("leave a message", "speaks for")
    how = {e["who"]: e["how"] for e in heard.record["events"] if e["kind"] == "not_taken"}
    assert sorted(how.values()) == ["busy", "no_answer"]


def test_two_who_press_at_once_and_only_one_talks(line: Line, tell: Tell) -> None:
    _, first = line.on_duty(*around(NOON, 5))
    _, other = line.on_duty(*around(NOON))
    all_at_once(line)

    heard = line.call(phones={first: "answers", other: "answers"})

    tell("everybody at once: two press 1", heard)
    heard.happened("presses 1", "Somebody else has taken the call.", "talks with")
    talks = [phone for phone in (first, other) if f"talks with {phone}" in heard.text]
    assert len(talks) == 1
    assert [e["kind"] for e in heard.record["events"]].count("accepted") == 1


def test_nobody_takes_a_call_that_has_gone_on(line: Line) -> None:
    """A key that is pressed after the caller was sent to voicemail is told so."""
    _, phone = line.on_duty(*around(NOON))
    all_at_once(line)
    heard = line.call(phones={phone: "mailbox"})
    heard.happened("leave a message")
    joined = next(one for one in heard.posted if "/joined" in one["url"])
    form = {**joined["form"], "Digits": "1"}

    late = post(joined["url"], form, **{"X-Twilio-Signature": signed(joined["url"], form, TOKEN)})

    assert "Conference" not in late.text
    assert "Hangup" in late.text
    assert heard.record["outcome"] == "voicemail"


def test_who_pressed_1_and_hung_up_before_they_met_does_not_hold_the_caller(line: Line) -> None:
    _, phone = line.on_duty(*around(NOON))
    all_at_once(line)
    heard = line.call(phones={phone: "answers"}, hangUpAfter=7)
    waits = [one for one in heard.posted if "/wait" in one["url"]]
    assert "Conference" in waits[-1]["answer"]
    left = next(one for one in heard.posted if "/left" in one["url"])
    assert left["status"] == 204

    again = post(
        waits[-1]["url"], waits[-1]["form"], **{"X-Twilio-Signature": waits[-1]["signature"]}
    )

    assert "Conference" not in again.text
    assert "<Record" in again.text


def test_a_withheld_number_is_no_number(line: Line) -> None:
    heard = line.call(**{"from": "+266696687"})
    assert heard.record["caller"] == ""


def test_calls_and_recordings_are_forgotten_in_time(line: Line, cast: Cast) -> None:
    heard = line.call(now())
    sweep(5)
    assert cast.ann.get(f"/call/{heard.id}/recording").status_code == 200
    kept = call_record.get(heard.id)
    assert kept
    file = call_record.recordings(kept)[0].file
    sweep(91 * 86_400)
    assert call_record.get(heard.id) is None
    with pytest.raises(errors.NotFound):
        storage.read(file)


def test_a_caller_who_hangs_up_leaves_nobody_ringing(line: Line, tell: Tell, world: World) -> None:
    _, first = line.on_duty(*around(NOON))
    all_at_once(line)

    heard = line.call(phones={first: "nothing"}, hangUpAfter=5)

    tell("the caller hangs up while everybody is rung", heard)
    heard.happened("caller         hangs up", "the call is over")
    assert heard.record["outcome"] == "missed"


# --- recording ------------------------------------------------------------------------------------
def test_conversations_are_recorded_only_with_a_word_of_warning(line: Line, tell: Tell) -> None:
    who, phone = line.on_duty(*around(NOON))
    line.configure(recording={"calls": True, "consentPrompt": {"say": "This call is recorded."}})

    heard = line.call(phones={phone: "answers"})

    tell("a recorded conversation", heard)
    heard.happened("This call is recorded.", "hears: It is recorded.", "talks with")
    sweep()
    assert heard.record["recordings"] == [{"kind": "conversation", "seconds": 30, "ready": True}]
    assert heard.record["outcome"] == "answered"
    refused = line.cast.ann.call(
        "PUT",
        f"/ivrConfiguration/{line.place.id}",
        json={
            "configuration": {
                **line.configure(recording={"calls": False}),
                "recording": {"calls": True},
            }
        },
    )
    assert refused.status_code == 400


# --- signatures and replays -----------------------------------------------------------------------
FORGED = (
    *("unsigned", "an empty signature", "signed with another token", "another number called"),
    *("another address", "a GET", "of another account"),
)


def test_webhooks_need_twilios_signature(line: Line, tell: Tell) -> None:
    heard = line.call()
    one = heard.posted[0]
    wrong = signed(one["url"], one["form"], "another-token")
    other = {**one["form"], "To": "+14155550000"}
    tries = [
        post(one["url"], one["form"]),
        post(one["url"], one["form"], **{"X-Twilio-Signature": ""}),
        post(one["url"], one["form"], **{"X-Twilio-Signature": wrong}),
        post(one["url"], other, **{"X-Twilio-Signature": one["signature"]}),
        post(one["url"] + "?x=1", one["form"], **{"X-Twilio-Signature": one["signature"]}),
        httpx.get(one["url"]),
    ]
    foreign = {**one["form"], "AccountSid": "AC" + "9" * 32}
    tries.append(
        post(one["url"], foreign, **{"X-Twilio-Signature": signed(one["url"], foreign, TOKEN)})
    )

    heard.answer["lines"] = [
        f"{what}: {answer.status_code} {answer.json()['code']}"
        for what, answer in zip(FORGED, tries, strict=True)
    ]
    tell("unsigned and wrongly signed webhooks", heard)
    assert [answer.status_code for answer in tries] == [403] * 5 + [405, 403]
    assert problem(tries[0])["code"] == "bad_signature"
    assert (
        post(one["url"], one["form"], **{"X-Twilio-Signature": one["signature"]}).text
        == (one["answer"])
    )


def test_every_webhook_needs_the_signature(cast: Cast, world: World) -> None:
    doors = [
        *("", "/fallback", "/key", "/screen", "/screened", "/dialled", "/wait", "/leg"),
        *("/joined", "/left", "/bye", "/message", "/recorded", "/ended", "/code"),
    ]
    for door in doors:
        answer = post(f"{world.web}/telephony/voice{door}", {"CallSid": "CA" + "1" * 32})
        assert answer.status_code == 403, door


def test_the_old_token_holds_while_it_is_replaced(line: Line, world: World) -> None:
    one = line.call().posted[0]
    address = world.start_web(
        "rotating", free_port(), TWILIO_AUTH_TOKEN="new-token", TWILIO_AUTH_TOKEN_OLD=TOKEN
    )
    moved = one["url"].replace(world.web, address)
    for token, status in ((TOKEN, 200), ("new-token", 200), ("third", 403)):
        signature = signed(one["url"], one["form"], token)
        answer = post(moved, one["form"], **{"X-Twilio-Signature": signature})
        assert answer.status_code == status
    world.stop("rotating")


def test_a_webhook_that_comes_again_is_told_the_same_and_does_nothing_twice(
    line: Line, tell: Tell
) -> None:
    _, first = line.on_duty(*around(NOON, 5))
    _, other = line.on_duty(*around(NOON))
    heard = line.call(phones={first: "silent", other: "silent"})
    before, row = heard.record, raw(heard.id)

    for one in heard.posted:
        answer = post(one["url"], one["form"], **{"X-Twilio-Signature": one["signature"]})
        assert answer.status_code == one["status"]
        assert answer.text == one["answer"], one["url"]

    tell("a call whose every webhook came twice", heard)
    assert heard.record == before
    assert raw(heard.id) == row
    sweep()
    assert len(heard.record["recordings"]) == 1
    assert len([step for step in row["steps"]["SS"] if step.startswith("recorded")]) == 1


def test_hostile_webhooks_are_refused_or_led_to_voicemail(line: Line, world: World) -> None:
    """Whoever signs them: nothing gives a 5xx."""
    heard = line.call()
    form = heard.posted[0]["form"]
    base = f"{world.web}/telephony/voice"
    tries = [
        (f"{base}/key?p=nowhere&a=0", form),
        (f"{base}/key?p=open/../../x&a=-1", {**form, "Digits": "1'"}),
        (f"{base}/key", {**form, "CallSid": "CA" + "f" * 32}),
        (f"{base}/dialled?p=open&n=99999999999", form),
        (f"{base}/dialled?p=__class__&n=1", form),
        (f"{base}/wait?p=open&k=3", form),
        (f"{base}/screen?c=../../x&p=open&n=0", form),
        (f"{base}/screened?c={heard.id}&p=open&n=7", {**form, "Digits": "1"}),
        (f"{base}/joined?c={heard.id}&p=open&n=7", {**form, "Digits": "1"}),
        (f"{base}/left?c={heard.id}&p=open&n=7", form),
        (f"{base}/message?p=open", form),
        (f"{base}/message?p=open", {**form, "RecordingSid": "RE" + "1" * 32}),
        (f"{base}/ended", {**form, "CallDuration": "-5"}),
        (base, {**form, "CallSid": "x" * 3000}),
        (base, {**form, "CallSid": "CA" + "e" * 32, "To": "", "From": "anonymous"}),
        (base, {**form, "CallSid": "CA" + "d" * 32, "LocalTime": "yesterday"}),
    ]
    for url, given in tries:
        signature = signed(url, given, TOKEN)
        answer = post(url, given, **{"X-Twilio-Signature": signature})
        assert answer.status_code < 500, f"{url}: {answer.text}"


# --- money ----------------------------------------------------------------------------------------
def test_minutes_are_bounded_per_day(line: Line, world: World, cast: Cast, tell: Tell) -> None:
    """Who has used them up is still answered, but nobody is rung at our cost."""
    _, phone = line.on_duty(*around(NOON))
    one = line.call(phones={phone: "answers"}).posted[0]
    address = world.start_web("thrifty", free_port(), CALL_MINUTES_PER_DAY="1")
    form = {**one["form"], "CallSid": "CA" + "b" * 32}
    signature = signed(one["url"], form, TOKEN)
    moved = one["url"].replace(world.web, address)

    answer = post(moved, form, **{"X-Twilio-Signature": signature})

    world.stop("thrifty")
    assert "<Dial" not in answer.text
    assert "<Record" in answer.text


def test_dials_are_bounded_and_show_the_locations_number(line: Line) -> None:
    _, phone = line.on_duty(*around(NOON))
    answer = line.call(phones={phone: "answers"}).posted[0]["answer"]
    assert f'callerId="{line.number}"' in answer
    assert 'timeLimit="3600"' in answer
    assert 'timeout="20"' in answer


# --- the list -------------------------------------------------------------------------------------
def test_calls_are_listed_newest_first_page_by_page(line: Line, cast: Cast) -> None:
    made = [line.call(now() - timedelta(minutes=10 - number)).id for number in range(5)]
    path = f"/call?locationId={line.place.id}&limit=2"
    found: list[str] = []
    cursor = ""
    while True:
        page = cast.ann.get(path + (f"&cursor={cursor}" if cursor else "")).json()
        found += [one["id"] for one in page["items"]]
        cursor = page["nextCursor"]
        if not cursor:
            break
    assert found == made[::-1]
    assert cast.mia.get(path).status_code == 403


# --- helpers --------------------------------------------------------------------------------------
def switch(world: World, **values: Any) -> None:
    httpx.post(f"{world.twilio}/_local/switches", json=values).raise_for_status()


def all_at_once(line: Line) -> None:
    line.configure(
        open={
            "type": "ring",
            "target": {"onDuty": {}},
            "strategy": "all",
            "otherwise": {"type": "voicemail"},
        }
    )


def profiles_change(user: User, **asked: Any) -> None:
    latest = users.get(user.id)
    update.change_oneself(latest, asked, actor=permissions.of(latest), at=now())


def active(user: User) -> None:
    identity.accept(users.get(user.id), origin=permissions.Origin(), at=now())


def device(user: User, at: Any) -> str:
    token = f"ExponentPushToken[voicemail-{user.id}]"
    devices.register(token, actor=permissions.of(users.get(user.id)), at=at)
    return token


def raw(call_id: str) -> dict[str, Any]:
    answer = dynamodb.call(
        "GetItem", TableName=Call.table_name(), Key=Call.wire_key(call_id), ConsistentRead=True
    )
    return dict(answer["Item"])


@pytest.fixture
def calm(cast: Cast) -> Iterator[None]:
    """The customer is active again afterwards, whatever happens."""
    yield
    customers.resume(cast.customer.id, actor=permissions.system(cast.customer.id), at=now())
