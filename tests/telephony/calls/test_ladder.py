"""The ladder of a call, from the events that are stored of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from telephony.admin.ladder import story
from telephony.admin.ladder.story import CALLER, DUTYLINE, Ladder, build_ladder
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import plan_text
from telephony.calls.state.call_record import CallRecord
from telephony.models import EVENT_KINDS, Call

BEGAN = datetime(2026, 11, 27, 22, 2, tzinfo=UTC)
SAM, MIA = "usr_sam", "usr_mia"
NAMES = {SAM: "Sam Reed", MIA: "Mia Moreno"}
FIRST, SECOND = 2, 3


def build(*events: tuple[int, str, dict[str, Any]], **fields: Any) -> Ladder:
    """The ladder of a call with events: seconds since its beginning, kind and details."""
    plan = RingPlan(
        [
            RingCandidate(SAM, "Sam", "scheduled", phone="+16175550104"),
            RingCandidate(MIA, "Mia", "covering", phone="+16175550103", answers_without_key=True),
        ]
    )
    texts = [
        json.dumps({"kind": kind, "at": (BEGAN + timedelta(seconds=after)).isoformat(), **details})
        for after, kind, details in events
    ]
    row = Call(id="CA1", started_at=BEGAN, events=texts, plans=[plan_text.encode(plan, "CA1", "open")], **fields)
    return build_ladder(CallRecord(row), lambda who: NAMES.get(who, who))


RUNG_SAM, RUNG_MIA = (0, "rung", {"who": SAM, "why": "scheduled"}), (20, "rung", {"who": MIA, "why": "covering"})
TABLE: list[tuple[str, list[tuple[int, str, dict[str, Any]]], list[tuple[int, int, str]]]] = [
    (
        "answered with a key",
        [RUNG_SAM, (8, "accepted", {"who": SAM}), (71, "ended", {})],
        [
            (DUTYLINE, FIRST, "Rings Sam Reed (on duty)"),
            (FIRST, CALLER, "Sam Reed answers after 8 s and presses 1, and talks with the caller"),
            (CALLER, DUTYLINE, "The call ends after 1 min 3 s of talking"),
        ],
    ),
    (
        "in turn, answered without a key",
        [RUNG_SAM, (20, "not_taken", {"who": SAM, "how": "no_answer"}), RUNG_MIA, (25, "accepted", {"who": MIA})],
        [
            (DUTYLINE, FIRST, "Rings Sam Reed (on duty)"),
            (FIRST, DUTYLINE, "Sam Reed does not answer (rang 20 s)"),
            (DUTYLINE, SECOND, "Rings Mia Moreno (on duty, covering a shift)"),
            (SECOND, CALLER, "Mia Moreno answers after 5 s, and talks with the caller"),
        ],
    ),
    (
        "all at once: who was slower stops ringing",
        [
            RUNG_SAM,
            (0, "rung", {"who": MIA, "why": "covering"}),
            (6, "accepted", {"who": MIA}),
            (7, "not_taken", {"who": SAM, "how": "no_answer"}),
        ],
        [
            (DUTYLINE, FIRST, "Rings Sam Reed (on duty)"),
            (DUTYLINE, SECOND, "Rings Mia Moreno (on duty, covering a shift)"),
            (SECOND, CALLER, "Mia Moreno answers after 6 s, and talks with the caller"),
            (FIRST, DUTYLINE, "Sam Reed stops ringing, as somebody else answered (rang 7 s)"),
        ],
    ),
    (
        "a menu, nobody, a voicemail",
        [
            (0, "entered", {"where": "holiday", "holiday": "Thanksgiving"}),
            (4, "key", {"key": "2"}),
            (9, "key", {"key": None}),
            (9, "nobody_to_ring", {}),
            (30, "voicemail", {"seconds": 12}),
            (30, "ended", {}),
        ],
        [
            (CALLER, DUTYLINE, "The call arrives; the line is closed for a holiday (Thanksgiving)"),
            (CALLER, DUTYLINE, "Presses 2"),
            (CALLER, DUTYLINE, "Presses no key in time"),
            (DUTYLINE, DUTYLINE, "There is nobody whose phone could ring"),
            (CALLER, DUTYLINE, "Leaves a message of 12 s"),
            (CALLER, DUTYLINE, "The call ends"),
        ],
    ),
    (
        "the caller hangs up while it rings",
        [RUNG_SAM, (5, "ended", {})],
        [(DUTYLINE, FIRST, "Rings Sam Reed (on duty)"), (CALLER, DUTYLINE, "The call ends")],
    ),
]


@pytest.mark.parametrize(("name", "events", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_a_step_leads_from_who_acts_to_whom(name: str, events: Any, expected: Any) -> None:
    ladder = build(*events)
    assert [(step.source, step.target, step.text) for step in ladder.steps] == expected, name
    assert ladder.lanes[:2] == ["Caller", "Dutyline"]
    assert len(ladder.lanes) > max((max(step.source, step.target) for step in ladder.steps), default=0)


def test_bars_show_who_rings_and_who_talks() -> None:
    ladder = build(RUNG_SAM, (8, "accepted", {"who": SAM}), (60, "conversation", {"seconds": 52}), (60, "ended", {}))
    assert [(step.ringing, step.talking) for step in ladder.steps] == [
        ((FIRST,), ()),
        ((), (CALLER, FIRST)),
        ((), (CALLER, FIRST)),
        ((), (CALLER, FIRST)),
    ]
    assert ladder.ring_seconds == {SAM: 8}
    assert ladder.ring_ends == {SAM: "answered"}
    assert [step.recording for step in ladder.steps] == ["", "", "conversation", ""]


def test_a_recording_that_is_stored_later_is_of_the_time_of_the_call() -> None:
    ended_at = BEGAN + timedelta(seconds=30)
    ladder = build((900, "voicemail", {"seconds": 12}), (30, "ended", {}), ended_at=ended_at)
    assert [step.at for step in ladder.steps] == [ended_at - timedelta(seconds=12), ended_at]
    after_end = build(
        (20, "nobody_to_ring", {}), (30, "ended", {}), (30, "voicemail", {"seconds": 40}), ended_at=ended_at
    )
    assert [step.text for step in after_end.steps][1:] == ["Leaves a message of 40 s", "The call ends"]
    assert after_end.steps[1].at == BEGAN + timedelta(seconds=20), "not before what happened before it"


def test_a_call_back_rings_the_person_first() -> None:
    ladder = build(
        (0, "rung", {"who": SAM, "why": "calling_back"}),
        (4, "called_back", {"who": SAM}),
        (30, "not_reached", {"how": "busy"}),
        direction="out",
    )
    assert [step.text for step in ladder.steps] == [
        "Rings Sam Reed (calls the caller back)",
        "Sam Reed answers after 4 s and presses 1",
        "Rings the caller back",
        "The caller declines, or is busy",
    ]


def test_a_call_of_any_length_and_with_unknown_events_is_drawn() -> None:
    rung = [(number, "rung", {"who": f"+1617555{number:04}", "why": "named"}) for number in range(40)]
    ladder = build(*rung, (50, "reversed_polarity", {"who": SAM}), *[(60, "key", {"key": "9"})] * 500)
    assert len(ladder.lanes) == story.MAX_LANES
    assert ladder.lanes[-1] == story.OTHERS
    assert len(ladder.steps) == story.MAX_STEPS
    assert ladder.is_cut
    assert "Reversed polarity" in [step.text for step in ladder.steps]


def test_all_kinds_of_events_have_words_of_their_own() -> None:
    details = {"who": SAM, "why": "scheduled", "how": "failed", "where": "open", "key": "1", "seconds": 3}
    for kind in EVENT_KINDS:
        steps = build((0, kind, details)).steps
        assert steps, kind
        assert all(step.text != kind.replace("_", " ").capitalize() for step in steps), kind


def test_a_greeting_is_quoted_and_cut() -> None:
    pinned = {"configuration": {"greeting": {"say": "Thank  you\nfor calling. " + "x" * 500}}}
    greeting = build((0, "entered", {"where": "open"}), pinned=pinned).steps[1]
    assert (greeting.source, greeting.target) == (DUTYLINE, CALLER)
    assert greeting.text.startswith("Greeting: “Thank you for calling. xxx")
    assert len(greeting.text) < 200
    played = build((0, "entered", {}), pinned={"configuration": {"greeting": {"play": "https://x.example/a.mp3"}}})
    assert played.steps[1].text == "Greeting: an audio file"
