"""Ringing: how long it takes, what the phones show, and what is said to whoever is rung."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telephony.ivr import instructions
from telephony.ivr.instructions import GatherKey
from tests.support.calls import WEDNESDAY_NOON, LineFixture, PlayedCall, create_line, local_times_around
from tests.support.users import UserFixtures

VOICEMAIL = "Please leave a message"
OFFICE_NUMBERS = [f"+1617555{number}" for number in range(3101, 3111)]
BEHAVIORS = ("nothing", "declines", "silent", "mailbox", "wrong key")


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A new location in Boston's time zone with a number and without staff."""
    line = create_line(test_users)
    line.update_configuration(hours={"mode": "always"})
    return line


def ring(target: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A ring action that leads to a voicemail."""
    return {"type": "ring", "target": target, "otherwise": {"type": "voicemail"}, **members}


def seconds_of(transcript_line: str) -> int:
    """The time of a line in a transcript."""
    minutes, seconds = transcript_line.split()[0].split(":")
    return int(minutes) * 60 + int(seconds)


def ringing_seconds(call: PlayedCall) -> int:
    """From the first ring until the caller hears the voicemail."""
    first_ring = next(entry for entry in call.transcript if "rings +" in entry)
    voicemail = next(entry for entry in call.transcript if VOICEMAIL in entry)
    return seconds_of(voicemail) - seconds_of(first_ring)


# --- how long -------------------------------------------------------------------------------------
def test_voicemail_begins_within_45_seconds_whatever_the_number_of_people(
    line: LineFixture, record_property: Any
) -> None:
    phones = [line.put_on_duty(*local_times_around(WEDNESDAY_NOON))[1] for _ in range(10)]
    for strategy in ("sequence", "all"):
        line.update_configuration(open=ring({"onDuty": {}}, strategy=strategy, ringSeconds=20))

        call = line.call()

        record_property("transcript", f"ten people on duty, {strategy}\n{call.text}")
        assert ringing_seconds(call) <= 45
        rung = [phone for phone in phones if f"rings {phone}" in call.text]
        kinds = [event["kind"] for event in call.api_record["events"]]
        if strategy == "sequence":
            assert len(rung) == 3, "two for 20 seconds, the third for the 5 that are left"
            assert "time_over" in kinds
        else:
            assert len(rung) == 10
        assert call.api_record["outcome"] == "voicemail"


def test_people_who_decline_at_once_leave_their_time_to_others(line: LineFixture) -> None:
    line.update_configuration(open=ring({"numbers": OFFICE_NUMBERS}, ringSeconds=20))
    behaviors = {**dict.fromkeys(OFFICE_NUMBERS[:7], "declines"), OFFICE_NUMBERS[7]: "answers"}

    call = line.call(phones=behaviors)

    call.assert_sequence(f"rings {OFFICE_NUMBERS[7]}", f"talks with {OFFICE_NUMBERS[7]}")
    assert "time_over" not in [event["kind"] for event in call.api_record["events"]]


def test_a_long_greeting_takes_no_time_from_the_phones(line: LineFixture) -> None:
    say = {"type": "say", "prompt": {"say": "We are here for you."}}
    numbers = OFFICE_NUMBERS[:2]
    greeting = {**say, "then": {**say, "then": {**say, "then": ring({"numbers": numbers}, maxRingSeconds=40)}}}
    line.update_configuration(open=greeting)

    call = line.call()

    timeouts = [part.split('"')[0] for webhook in call.webhooks for part in webhook["answer"].split('timeout="')[1:]]
    assert timeouts[:2] == ["20", "20"]
    assert ringing_seconds(call) == 40


@pytest.mark.parametrize("strategy", ["sequence", "all"])
def test_who_has_picked_up_in_time_may_still_press_the_key(line: LineFixture, strategy: str) -> None:
    """The phone is picked up after 12 of 14 seconds; the prompts take longer than the rest."""
    action = ring({"numbers": OFFICE_NUMBERS[:1]}, strategy=strategy, maxRingSeconds=14)
    line.update_configuration(open=action)

    call = line.call(phones={OFFICE_NUMBERS[0]: "answers late"})

    call.assert_sequence("picks up", "hears: Press 1", "presses 1", f"talks with {OFFICE_NUMBERS[0]}")
    assert call.api_record["outcome"] == "answered"


def test_ringing_at_once_ends_after_the_time_of_the_action(line: LineFixture) -> None:
    line.update_configuration(open=ring({"numbers": OFFICE_NUMBERS}, strategy="all", ringSeconds=60, maxRingSeconds=12))

    call = line.call()

    assert ringing_seconds(call) <= 12
    form = next(entry for entry in call.webhooks if "/left" in entry["url"])["form"]
    assert form["CallStatus"] == "no-answer"


@given(
    behaviors=st.lists(st.sampled_from(BEHAVIORS), min_size=2, max_size=8),
    strategy=st.sampled_from(["sequence", "all"]),
    ring_seconds=st.integers(5, 60),
    max_seconds=st.integers(10, 60),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_phone_begins_to_ring_or_rings_after_the_time(
    line: LineFixture, behaviors: list[str], strategy: str, ring_seconds: int, max_seconds: int
) -> None:
    numbers = OFFICE_NUMBERS[: len(behaviors)]
    action = ring({"numbers": numbers}, strategy=strategy, ringSeconds=ring_seconds, maxRingSeconds=max_seconds)
    line.update_configuration(open=action)

    call = line.call(phones=dict(zip(numbers, behaviors, strict=True)))

    rings = [seconds_of(entry) for entry in call.transcript if "rings +" in entry]
    pick_ups = [seconds_of(entry) for entry in call.transcript if "picks up" in entry]
    assert max([*rings, *pick_ups]) - rings[0] <= max_seconds, call.text
    if not pick_ups:
        assert ringing_seconds(call) <= max_seconds, call.text


# --- what the phones show -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("caller", "strategy", "is_shown"),
    [
        ("+16175550199", "sequence", True),
        ("", "sequence", False),
        ("sip:ann@example.com", "sequence", False),
        (OFFICE_NUMBERS[0], "sequence", False),  # one's own number leads to one's mailbox
        ("+16175550199", "all", False),
    ],
)
def test_phones_show_the_caller_where_they_can(line: LineFixture, caller: str, strategy: str, is_shown: bool) -> None:
    line.update_configuration(callerId="caller", open=ring({"numbers": OFFICE_NUMBERS[:1]}, strategy=strategy))

    call = line.call(**{"from": caller}, phones={OFFICE_NUMBERS[0]: "answers"})

    call.assert_sequence(f"talks with {OFFICE_NUMBERS[0]}")
    assert (f'callerId="{caller}"' in call.webhooks[0]["answer"]) is is_shown
    if strategy == "sequence" and not is_shown:
        assert f'callerId="{line.number}"' in call.webhooks[0]["answer"]


# --- what is said ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("caller", "language", "announcement"),
    [
        ("+16175550199", "en-US", "You have a call for Boston Harbour from a number ending in 0 1 9 9."),
        ("+16175550199;ext=4422", "en-GB", "You have a call for Boston Harbour from a number ending in 0 1 9 9."),
        ("+4930123456", "de-AT", "Sie haben einen Anruf für Boston Harbour von einer Nummer, die auf 3 4 5 6 endet."),
        ("+34911234567", "es-ES", "Tiene una llamada para Boston Harbour de un número que termina en 4 5 6 7."),
        ("911", "en-US", "You have a call for Boston Harbour from a number ending in 9 1 1."),
        ("", "en-US", "You have a call for Boston Harbour from a withheld number."),
        ("", "de-DE", "Sie haben einen Anruf für Boston Harbour mit unterdrückter Nummer."),
        ("", "es-MX", "Tiene una llamada para Boston Harbour de un número oculto."),
        ("sip:123456@example.com", "en-US", "You have a call for Boston Harbour."),
        (None, "en-US", "You have a call for Boston Harbour."),
    ],
)
def test_last_digits_of_the_caller_are_said(caller: str | None, language: str, announcement: str) -> None:
    configuration = {"language": language}
    spoken = instructions.screening(configuration, "Boston Harbour", "screened", caller=caller, pause_minutes=None)[0]

    assert isinstance(spoken, GatherKey)
    assert spoken.prompts[0].say == announcement


def test_who_picks_up_hears_the_last_digits(line: LineFixture, record_property: Any) -> None:
    line.update_configuration(open=ring({"numbers": OFFICE_NUMBERS[:1]}))

    call = line.call(phones={OFFICE_NUMBERS[0]: "answers"})
    withheld = line.call(**{"from": ""}, phones={OFFICE_NUMBERS[0]: "answers"})

    record_property("transcript", f"the last four digits\n{call.text}")
    call.assert_sequence("hears: You have a call for Harbour Street from a number ending in 0 1 9 9.")
    withheld.assert_sequence("hears: You have a call for Harbour Street from a withheld number.")
