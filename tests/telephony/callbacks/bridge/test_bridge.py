"""Calling a caller back: two legs from the location's number, each called at most once."""

from collections.abc import Callable
from datetime import datetime
from itertools import count

import pytest

from config import dynamodb
from telephony.callbacks import spoken
from telephony.models import OngoingCall
from tests.support.bridge import (
    assert_sequence,
    call_back,
    count_legs,
    find_webhook,
    open_callback,
    play,
    repeat,
    set_phone,
)
from tests.support.calls import LineFixture, create_line
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, process_outbox

_keys = count(1)
CONSENT = "This call is recorded for training."


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
    line.update_configuration(recording={"calls": True, "consentPrompt": {"say": f"{{location}}: {CONSENT}"}})
    callback = open_callback(line, caller)

    call_id = call_back(test_users.ann, callback["id"])

    assert_sequence(
        play(env, call_id),
        f"{ann_phone}   hears: The call will be recorded.",
        "presses 1",
        f"{caller}   hears: Mill Road: {CONSENT}",
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
