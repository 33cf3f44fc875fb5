"""The steps, events and recordings of a call, as its record stores them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Required, TypedDict

import orjson
from pynamodb.expressions.update import Action

from telephony.calls.rota.routing import RingCandidate
from telephony.models import Call, EventKind

RECORDING_STEPS = ("recorded", "kept")


class CallStep(NamedTuple):
    """A completed step of a call, recorded once however often its webhook is sent.

    Stored as text: the kind, then the other parts that are given, separated by spaces.
    """

    kind: str
    """Sequence: plan, key, dialled, accept, closed (its time was over before its last phone). Ring
    all: plan, place (phones called), leg (a call was created), picked_up (hears the screening),
    left, accept, closed. Any call: paused (who picked up has a break), counted (among the calls at
    once), refused (rings nobody: too many of them), asked (for a call-back), recorded, kept (file
    stored), ended, followed (a call-back was opened, joined or closed), told (people, of a call
    that nobody can return), heard (by a user)."""
    path: str = ""
    """Of the action; of ``heard``, the user."""
    number: int | None = None
    """Position of the candidate in the ring plan; for ``key``: the attempt."""
    sid: str = ""
    """Twilio's id of the leg or recording."""

    def __str__(self) -> str:
        return " ".join(str(part) for part in self if part not in ("", None))

    @classmethod
    def parse(cls, text: str) -> "CallStep":
        """A step from its stored text."""
        kind, *parts = text.split(" ")
        if kind in RECORDING_STEPS:
            return cls(kind, sid=parts[0])
        path, number, sid = [*parts, "", "", ""][:3]
        return cls(kind, path, int(number) if number else None, sid)


ENDED = CallStep("ended")


class CallEvent(TypedDict, total=False):
    """An event of a call, as stored and as in the API, without names and phones of users."""

    kind: Required[EventKind]
    at: Required[str]
    who: str
    """A user's id, or a number of the configuration."""
    why: str
    how: str
    """Why they did not answer: one of `reasons.NOT_TAKEN`."""
    where: str
    holiday: str
    """Of an entrance: the name of the holiday that it is on."""
    key: str | None
    path: str
    leg: int
    seconds: int
    due: str
    """Of callback: when the caller was told that they are called back; without it, as soon as
    possible."""


def promised_time(event: CallEvent | None) -> datetime | None:
    """When a caller was told that they are called back; None: as soon as possible, or nothing."""
    due = event.get("due") if event else None
    return datetime.fromisoformat(due) if due else None


def ringing_event(candidate: RingCandidate, at: datetime) -> CallEvent:
    """A candidate's phone rings."""
    return CallEvent(kind="rung", at=at.isoformat(), who=candidate.id, why=candidate.why)


def not_taken_event(candidate: RingCandidate, how: str, at: datetime) -> CallEvent:
    """A candidate's phone rang, and they did not answer."""
    return CallEvent(kind="not_taken", at=at.isoformat(), who=candidate.id, how=how)


def not_answered(outcome: str) -> list[Action]:
    """The changes of a call's row if whoever pressed 1 has not talked with the caller."""
    return [Call.outcome.set(outcome), Call.answered_by.remove()]


@dataclass(frozen=True)
class CallRecording:
    """A recording of a call."""

    sid: str
    kind: str
    """voicemail or conversation"""
    seconds: int
    at: datetime
    path: str = ""
    """Of the action that recorded it; empty for a conversation."""
    file: str = ""
    """Name in our storage; empty while only Twilio has it."""


def step_updates(
    step: CallStep, *events: CallEvent, also: Sequence[CallStep] = (), recording: Mapping[str, Any] | None = None
) -> list[Action]:
    """The changes of a call's row that record a step, for a write with a condition of its own."""
    updates: list[Action] = [Call.steps.add({str(step), *map(str, also)})]
    if events:
        updates.append(Call.events.set(Call.events.append([orjson.dumps(event).decode() for event in events])))
    if recording:
        updates.append(Call.recordings.set(Call.recordings.append([orjson.dumps(recording).decode()])))
    return updates
