"""The stored format of calls, which must stay readable: calls may span a deployment."""

from datetime import UTC, datetime

import pytest

from config.dynamodb import encryption
from telephony.calls.rota.routing import RingCandidate
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallEvent, CallRecording, CallStep, step_updates
from telephony.calls.state.plan_text import ENCRYPTION_KEY_NAME
from telephony.models import Call

AT = datetime(2027, 6, 2, 16, tzinfo=UTC)
CALL_ID = "CA" + "1" * 32
LEG_ID = "CA" + "2" * 32
RECORDING_ID = "RE" + "3" * 32


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("plan open", CallStep("plan", "open")),
        ("key open 0", CallStep("key", "open", 0)),
        ("dialled open/keys/1 1", CallStep("dialled", "open/keys/1", 1)),
        ("accept open 0", CallStep("accept", "open", 0)),
        ("accept open", CallStep("accept", "open")),
        (f"leg open/otherwise 12 {LEG_ID}", CallStep("leg", "open/otherwise", 12, LEG_ID)),
        ("left open 3", CallStep("left", "open", 3)),
        (f"recorded {RECORDING_ID}", CallStep("recorded", sid=RECORDING_ID)),
        (f"kept {RECORDING_ID}", CallStep("kept", sid=RECORDING_ID)),
        ("ended", CallStep("ended")),
    ],
)
def test_steps_have_one_stored_text(text: str, step: CallStep) -> None:
    assert CallStep.parse(text) == step
    assert str(step) == text


def test_row_of_a_call_in_progress_is_read() -> None:
    plain_phones = {"usr_1": "+16175550142"}
    phones = encryption.encrypt_application_json(ENCRYPTION_KEY_NAME, plain_phones, f"{CALL_ID} open").hex()
    call = CallRecord(
        Call(
            id=CALL_ID,
            steps={"plan open", "accept open 0"},
            plans=[
                '{"path":"open","people":[["usr_1","scheduled",""],["usr_2","scheduled","no_phone"]],'
                f'"lost":false,"sealed":"{phones}"}}'
            ],
            events=['{"kind":"key","at":"2027-06-02T16:00:00+00:00","key":null}'],
            recordings=[
                f'{{"sid":"{RECORDING_ID}","kind":"voicemail","path":"open/otherwise","seconds":7,'
                '"at":"2027-06-02T16:00:00+00:00"}',
                f'{{"sid":"{RECORDING_ID}","file":"a.wav"}}',
            ],
        )
    )
    assert call.has_step("accept", "open", 0)
    assert not call.has_step("accept", "open")
    assert call.ringing_candidate("open", 0) == RingCandidate("usr_1", "", "scheduled", phone="+16175550142")
    assert call.ringing_candidate("open", 1) is None
    assert [(candidate.id, candidate.why_not) for candidate in call.candidates] == [
        ("usr_1", ""),
        ("usr_2", "no_phone"),
    ]
    assert call.events == [CallEvent(kind="key", at=AT.isoformat(), key=None)]
    assert call.recordings == [CallRecording(RECORDING_ID, "voicemail", 7, AT, "open/otherwise", "a.wav")]


def test_events_are_stored_as_before() -> None:
    event = CallEvent(kind="accepted", at=AT.isoformat(), who="usr_1", path="open", leg=2)
    stored_text = '{"kind":"accepted","at":"2027-06-02T16:00:00+00:00","who":"usr_1","path":"open","leg":2}'
    assert stored_text in str(step_updates(CallStep("accept", "open"), event)[1])
