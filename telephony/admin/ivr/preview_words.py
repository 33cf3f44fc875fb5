"""A preview of a call in words: who would be rung, and why somebody would not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from config.backoffice import clock
from telephony import reasons
from telephony.calls.preview import CallPreview, PreviewStep
from telephony.calls.rota.routing import RingCandidate
from telephony.ivr.language_names import describe_language
from telephony.ivr.wording import KINDS


@dataclass(frozen=True)
class StepWords:
    """One step of a call."""

    title: str
    text: str = ""
    language: str = ""
    keys: str = ""
    people: Sequence[str] = ()
    is_ringing: bool = False


@dataclass(frozen=True)
class PreviewWords:
    """A call at a time, in words."""

    when: str
    reason: str
    next_answer: str
    steps: Sequence[StepWords]


def describe_time(at: datetime, zone: str) -> str:
    """A time by the clock of a location: ``Sun 29 Nov 2026, 09:12 EST``."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{clock.format_day_time(local)} {local:%Z}"


def describe(preview: CallPreview, zone: str) -> PreviewWords:
    """A preview in the clock of a location."""
    if not preview.next_opening:
        next_answer = "No caller would be answered within 31 days."
    elif preview.next_opening == preview.at:
        next_answer = "A caller could be answered then."
    else:
        next_answer = f"Callers are next answered on {describe_time(preview.next_opening, zone)}."
    steps = [_describe_step(step, zone) for step in preview.steps]
    return PreviewWords(describe_time(preview.at, zone), preview.entrance.reason, next_answer, steps)


def _describe_step(step: PreviewStep, zone: str) -> StepWords:
    titles = {"greeting": "Greeting", "recording": "Announces the recording"}
    return StepWords(
        titles.get(step.path, KINDS.get(step.kind, step.kind)),
        step.text or "",
        describe_language(step.language) if step.language else "",
        ", ".join(step.keys),
        [describe_candidate(candidate, zone) for candidate in step.people],
        step.kind == "ring",
    )


def describe_candidate(candidate: RingCandidate, zone: str) -> str:
    """Somebody whom a call could ring: why, and why not."""
    name, why = candidate.name or candidate.id, reasons.words("why", candidate.why)
    until = f" until {candidate.until.astimezone(ZoneInfo(zone)):%H:%M}" if candidate.until else ""
    if not candidate.why_not:
        return f"{name} is rung: {why}{until}."
    return f"{name} ({why}{until}) is not rung: {reasons.words('why_not', candidate.why_not)}."
