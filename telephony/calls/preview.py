"""Preview of a call: what a caller would hear at a given time, and which phones would ring."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.permissions import Actor
from config import dynamodb, errors, local_time
from telephony import callers, ivr, lines
from telephony.calls.rota import routing
from telephony.calls.rota.duty import DutyReader
from telephony.calls.rota.next_opening import find_next_opening
from telephony.calls.rota.routing import RingCandidate
from telephony.calls.speech import Speech
from telephony.ivr import instructions


@dataclass(frozen=True)
class PreviewStep:
    """One step of a call; ``people`` are the candidates in order, with those who would not ring."""

    path: str
    kind: str
    text: str | None = None
    language: str | None = None
    """In which the text is spoken; None if a file is played, or nothing."""
    keys: dict[str, str] = field(default_factory=dict)
    """Of a menu: the path that each key leads to."""
    max_ring_seconds: int | None = None
    """Of a ring action: when ringing ends."""
    caller_id: str | None = None
    """Of a ring action: what the phones show, ``line`` or ``caller``."""
    people: list[RingCandidate] = field(default_factory=list)


@dataclass(frozen=True)
class CallPreview:
    """The steps of a call at a given time, with the offset of the location."""

    location_id: str
    number: str | None
    at: datetime
    entrance: ivr.Entrance
    steps: list[PreviewStep]
    next_opening: datetime | None
    """When a caller would be answered: ``at``, or the next such moment within a month."""


def preview_call(
    location_id: str, *, actor: Actor, at: datetime, caller: str = "", configuration: Mapping[str, Any] | None = None
) -> CallPreview:
    """Preview a call of ``caller`` at ``at``; a naive one is local at the location.

    ``configuration``: a valid one that is not saved; None: the stored one. Texts are as they would
    be spoken then. Raises `errors.InvalidRequest` (the caller), `errors.NotFound` and
    `errors.Forbidden`.
    """
    line_record, location = lines.get_line(location_id, actor=actor)
    line = lines.to_resolved_line(line_record, location)
    if configuration is not None:
        line = replace(line, configuration=dict(configuration))
    at = local_time.resolve_instant(at, line.time_zone, pointer="?at").astimezone(UTC)
    configuration = line.configuration
    follows_rota = ivr.follows_rota(configuration)

    known_caller = _parse_caller(caller, line) if caller else ""
    duty = DutyReader(line, at, known_caller)
    next_opening, staff = dynamodb.gather(
        lambda: find_next_opening(line, at),
        lambda: duty.list_staff(ivr.grace_period(configuration)) if follows_rota else None,
    )
    entrance = routing.find_entrance(line, at, staff)
    texts = _Texts(line, at, {_opening_key(line, ""): next_opening})
    steps = [texts.step("greeting", "say", configuration["greeting"])]
    if ivr.is_recording_enabled(configuration):
        steps.append(texts.step("recording", "say", configuration["recording"]["consentPrompt"]))
    steps += _build_steps(line, entrance.name, texts, duty)
    zone = ZoneInfo(line.time_zone)
    next_opening = next_opening.astimezone(zone) if next_opening else None
    return CallPreview(location_id, line_record.number, at.astimezone(zone), entrance, steps, next_opening)


@dataclass
class _Texts:
    """The texts of a preview as they are spoken at their paths."""

    line: lines.ResolvedLine
    at: datetime
    openings: dict[str, datetime | None]
    """When a caller would next be answered, by what decides it."""

    def step(self, path: str, kind: str, prompt_json: Mapping[str, Any] | None) -> PreviewStep:
        """A step with what is said, or the URL of what is played."""
        if not prompt_json:
            return PreviewStep(path, kind)
        if not prompt_json.get("say"):
            return PreviewStep(path, kind, str(prompt_json.get("play")))
        opening_path = path if ivr.action_at(self.line.configuration, path) else ""
        speech = Speech(self.line, self.at, lambda: self._find_opening(opening_path))
        language = str(prompt_json.get("language") or instructions.get_language(self.line.configuration))
        return PreviewStep(path, kind, speech.fill_in(str(prompt_json["say"]), language), language)

    def _find_opening(self, path: str) -> datetime | None:
        key = _opening_key(self.line, path)
        if key not in self.openings:
            self.openings[key] = find_next_opening(self.line, self.at, path)
        return self.openings[key]


def _opening_key(line: lines.ResolvedLine, path: str) -> str:
    return str(ivr.list_answering_targets(line.configuration, path))


def _parse_caller(text: str, line: lines.ResolvedLine) -> str:
    try:
        return callers.parse_blockable(text, line.country)
    except ValueError as error:
        raise errors.InvalidRequest("Must be the number or address of a caller.", pointer="?caller") from error


def _build_steps(line: lines.ResolvedLine, path: str, texts: _Texts, duty: DutyReader) -> list[PreviewStep]:
    """The steps from an action on, if the caller presses no key and nobody answers."""
    steps = []
    while action := ivr.action_at(line.configuration, path):
        kind = str(action["type"])
        step = texts.step(path, kind, _prompt_of(action, path, line.configuration))
        step = replace(step, keys={key: f"{path}/keys/{key}" for key in sorted(action.get("keys", {}))})
        if kind == "ring":
            people = routing.list_candidates(line, action["target"], texts.at, duty.caller, duty=duty)
            step = _add_ringing(step, line, action, people)
        steps.append(step)
        if kind in ("voicemail", "callback", "hangup"):
            return steps
        path = f"{path}/then" if kind == "say" else f"{path}/otherwise"
    if steps and steps[-1].kind in ("ring", "menu"):
        steps.append(texts.step(path, "voicemail", _prompt_of({"type": "voicemail"}, path, line.configuration)))
    return steps


def _prompt_of(action: ivr.IvrAction, path: str, configuration: ivr.IvrConfiguration) -> Mapping[str, Any] | None:
    """What a caller hears first of an action, a built-in sentence too."""
    if action["type"] == "callback":
        return instructions.callback_prompt(action, configuration, path)
    if action["type"] == "voicemail":
        return instructions.voicemail_prompt(action, configuration, path)
    return action.get("prompt")


def _add_ringing(
    step: PreviewStep, line: lines.ResolvedLine, action: ivr.IvrAction, people: list[RingCandidate]
) -> PreviewStep:
    """A ring step with whom it rings, for how long, and what the phones show."""
    return replace(
        step,
        people=people,
        max_ring_seconds=ivr.max_ring_seconds(action),
        caller_id="caller" if ivr.shows_caller(line.configuration, action) else "line",
    )
