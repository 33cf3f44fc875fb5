"""What a caller would meet at a moment, and whom it would ring: the same steps, without a call."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.permissions import Actor
from telephony import ivr, lines
from telephony.calls import routing
from telephony.calls.routing import Candidate


@dataclass(frozen=True)
class Step:
    """One thing that a caller meets; ``people`` in order, with those who would not ring."""

    path: str
    kind: str
    text: str | None = None
    keys: dict[str, str] = field(default_factory=dict)
    """Of a menu: where each key leads."""
    people: list[Candidate] = field(default_factory=list)


@dataclass(frozen=True)
class Preview:
    """What would happen."""

    location_id: str
    number: str | None
    at: datetime
    entrance: str
    steps: list[Step]


def preview(location_id: str, *, actor: Actor, at: datetime) -> Preview:
    """What a call would meet at ``at``. Raises `errors.NotFound` and `errors.Forbidden`."""
    record, place = lines.get(location_id, actor=actor)
    line = lines.answered_by(record, place)
    configuration = line.configuration
    somebody = True
    if ivr.follows_rota(configuration):
        somebody = bool(routing.staff_on_duty(line, at, ivr.grace(configuration)))
    entrance = ivr.entrance(configuration, at, zone=line.zone, somebody_is_there=somebody)
    steps = [Step("greeting", "say", _text(configuration["greeting"]))]
    if ivr.records_calls(configuration):
        steps.append(Step("recording", "say", _text(configuration["recording"]["consentPrompt"])))
    steps += _steps(line, entrance, at)
    return Preview(location_id, record.number, at, entrance, steps)


def _steps(line: lines.Answering, path: str, at: datetime) -> list[Step]:
    """From an action on, taking the way of who presses no key and whom nobody answers."""
    steps = []
    while action := ivr.action_at(line.configuration, path):
        kind = str(action["type"])
        text = _text(action["prompt"]) if "prompt" in action else None
        people = routing.candidates(line, action["target"], at) if kind == "ring" else []
        keys = {key: f"{path}/keys/{key}" for key in sorted(action.get("keys", {}))}
        steps.append(Step(path, kind, text, keys, people))
        if kind in ("voicemail", "hangup"):
            return steps
        path = f"{path}/then" if kind == "say" else f"{path}/otherwise"
    if steps and steps[-1].kind in ("ring", "menu"):
        steps.append(Step(path, "voicemail"))
    return steps


def _text(prompt: dict[str, Any]) -> str:
    return str(prompt.get("say") or prompt.get("play"))
