"""The steps of a call between the caller, Dutyline and each person who was rung. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from telephony import reasons
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallEvent

CALLER, DUTYLINE = 0, 1
"""The first two lanes."""
MAX_LANES, MAX_STEPS, MAX_GREETING = 12, 200, 160
OTHERS = "Others"
"""The name of the last lane if more people were rung than there are lanes."""
_METHOD_NAMES: Mapping[str, str] = {"rung": "ringing"}
ENTRANCES = {"open": "open", "closed": "closed", "holiday": "closed for a holiday"}


@dataclass(frozen=True)
class Step:
    """Something that happened, from one lane to another; to the same lane: within it."""

    at: datetime
    source: int
    target: int
    text: str
    tone: str = "neutral"
    """neutral, good, warning or danger"""
    recording: str = ""
    """The kind of the recording that was made."""
    ringing: tuple[int, ...] = ()
    """The lanes whose phone rings from here until a later step, or did until this one."""
    talking: tuple[int, ...] = ()
    """The lanes that talk with each other at this step and until the next."""


@dataclass(frozen=True)
class Ladder:
    """A call as it is drawn."""

    lanes: list[str]
    """Names: the caller, Dutyline, then people in the order in which their phones rang."""
    steps: list[Step]
    is_cut: bool = False
    """Whether the call has more steps."""
    ring_seconds: Mapping[str, int] = field(default_factory=dict)
    """For how long phones rang, by the id of their person."""
    ring_ends: Mapping[str, str] = field(default_factory=dict)
    """How the ringing of each person's phone ended, in words, by their id."""


def build_ladder(call: CallRecord, name_of: Callable[[str], str]) -> Ladder:
    """The ladder of a call; ``name_of`` gives the name of a user or number."""
    return _Builder(call, name_of).build()


class _Builder:
    def __init__(self, call: CallRecord, name_of: Callable[[str], str]) -> None:
        self._call, self._name_of = call, name_of
        self._keyless = {item.id for item in call.candidates if item.answers_without_key}
        self._lane_by_id: dict[str, int] = {}
        self._lanes = ["Caller", "Dutyline"]
        self._rung_at: dict[str, datetime] = {}
        self._ring_seconds: dict[str, int] = {}
        self._ring_ends: dict[str, str] = {}
        self._talks: set[int] = set()
        self._answered_at: datetime | None = None
        self._last_at: datetime | None = None

    def build(self) -> Ladder:
        steps: list[Step] = []
        events = self._call.events
        if self._call.row.ended_at and not any(event["kind"] == "ended" for event in events):
            events.append(CallEvent(kind="ended", at=self._call.row.ended_at.isoformat()))
        for event in events[:MAX_STEPS]:
            handle = getattr(self, f"_on_{_METHOD_NAMES.get(event['kind'], event['kind'])}", self._on_other)
            at = datetime.fromisoformat(event["at"])
            for step in handle(event, at):
                _insert(steps, self._with_states(step))
            if event["kind"] not in ("ended", "voicemail", "conversation"):
                self._last_at = max(self._last_at or at, at)
        return Ladder(self._lanes, steps, len(events) > MAX_STEPS, self._ring_seconds, self._ring_ends)

    def _with_states(self, step: Step) -> Step:
        ringing = tuple(sorted({self._lane(id) for id in self._rung_at} | set(step.ringing)))
        talking = tuple(sorted({*self._talks, *step.talking}))
        return Step(step.at, step.source, step.target, step.text, step.tone, step.recording, ringing, talking)

    def _lane(self, who: str) -> int:
        if who not in self._lane_by_id:
            if len(self._lanes) == MAX_LANES - 1:
                self._lanes.append(OTHERS)
            elif len(self._lanes) < MAX_LANES:
                self._lanes.append(self._name_of(who))
            self._lane_by_id[who] = len(self._lanes) - 1
        return self._lane_by_id[who]

    def _end_ringing(self, who: str, at: datetime, how: str) -> str:
        """Close the ringing of a person's phone; for how long it rang, or an empty text."""
        self._ring_ends[who] = how
        began = self._rung_at.pop(who, None)
        if began is None:
            return ""
        self._ring_seconds[who] = _seconds(began, at)
        return format_seconds(self._ring_seconds[who])

    # --- the kinds of events ----------------------------------------------------------------------
    def _on_entered(self, event: CallEvent, at: datetime) -> list[Step]:
        where = ENTRANCES.get(str(event.get("where")), str(event.get("where") or "open"))
        holiday = f" ({event['holiday']})" if event.get("holiday") else ""
        steps = [Step(at, CALLER, DUTYLINE, f"The call arrives; the line is {where}{holiday}")]
        greeting = self._call.configuration.get("greeting")
        if greeting and self._call.row.direction != "out":
            steps.append(Step(at, DUTYLINE, CALLER, f"Greeting: {_quote(greeting)}"))
        return steps

    def _on_blocked(self, event: CallEvent, at: datetime) -> list[Step]:
        return [Step(at, CALLER, DUTYLINE, "The call is rejected: the caller is blocked", "warning")]

    def _on_planned(self, event: CallEvent, at: datetime) -> list[Step]:
        return [Step(at, DUTYLINE, DUTYLINE, "Reads the rota and decides whom to ring")]

    def _on_nobody_to_ring(self, event: CallEvent, at: datetime) -> list[Step]:
        return [Step(at, DUTYLINE, DUTYLINE, "There is nobody whose phone could ring", "danger")]

    def _on_lookup_failed(self, event: CallEvent, at: datetime) -> list[Step]:
        text = "The rota could not be read in time, so the caller hears the fallback"
        return [Step(at, DUTYLINE, DUTYLINE, text, "danger")]

    def _on_ringing(self, event: CallEvent, at: datetime) -> list[Step]:
        who, lane = str(event.get("who", "")), self._lane(str(event.get("who", "")))
        self._rung_at[who] = at
        why = reasons.words("why", str(event.get("why") or ""))
        return [Step(at, DUTYLINE, lane, f"Rings {self._name_of(who)}{f' ({why})' if why else ''}")]

    def _on_accepted(self, event: CallEvent, at: datetime) -> list[Step]:
        who, lane = str(event.get("who", "")), self._lane(str(event.get("who", "")))
        after = self._end_ringing(who, at, "answered")
        self._talks, self._answered_at = {CALLER, lane}, at
        name = self._name_of(who)
        if self._call.row.direction == "out":
            return [Step(at, CALLER, lane, f"The caller answers and talks with {name}", "good")]
        key = "" if who in self._keyless else " and presses 1"
        return [Step(at, lane, CALLER, f"{name} answers{_after(after)}{key}, and talks with the caller", "good")]

    def _on_not_taken(self, event: CallEvent, at: datetime) -> list[Step]:
        who, lane = str(event.get("who", "")), self._lane(str(event.get("who", "")))
        how = reasons.words("not_taken", str(event.get("how") or "no_answer"))
        if self._answered_at and lane not in self._talks and event.get("how") in ("no_answer", "not_pressed"):
            how = "stops ringing, as somebody else answered"
        rang = self._end_ringing(who, at, how)
        if lane in self._talks:
            self._talks, self._answered_at = set(), None
        return [Step(at, lane, DUTYLINE, f"{self._name_of(who)} {how}{_rang(rang)}", "warning", ringing=(lane,))]

    def _on_time_over(self, event: CallEvent, at: datetime) -> list[Step]:
        text = "The time to ring is over before every phone has rung"
        return [Step(at, DUTYLINE, DUTYLINE, text, "warning")]

    def _on_called_back(self, event: CallEvent, at: datetime) -> list[Step]:
        who, lane = str(event.get("who", "")), self._lane(str(event.get("who", "")))
        after = self._end_ringing(who, at, "pressed 1 to call back")
        pressed = Step(at, lane, DUTYLINE, f"{self._name_of(who)} answers{_after(after)} and presses 1", "good")
        return [pressed, Step(at, DUTYLINE, CALLER, "Rings the caller back")]

    def _on_not_reached(self, event: CallEvent, at: datetime) -> list[Step]:
        how = reasons.words("not_taken", str(event.get("how") or "no_answer"))
        return [Step(at, CALLER, DUTYLINE, f"The caller {how}", "danger")]

    def _on_key(self, event: CallEvent, at: datetime) -> list[Step]:
        key = event.get("key")
        return [Step(at, CALLER, DUTYLINE, f"Presses {key}" if key else "Presses no key in time")]

    def _on_callback(self, event: CallEvent, at: datetime) -> list[Step]:
        return [Step(at, DUTYLINE, CALLER, "Promises the caller a call back", "warning")]

    def _on_voicemail(self, event: CallEvent, at: datetime) -> list[Step]:
        seconds = int(event.get("seconds") or 0)
        began_at = self._before_end(at) - timedelta(seconds=seconds)
        began_at = max(began_at, self._last_at or began_at)
        text = f"Leaves a message of {format_seconds(seconds)}"
        return [Step(began_at, CALLER, DUTYLINE, text, "warning", "voicemail")]

    def _on_conversation(self, event: CallEvent, at: datetime) -> list[Step]:
        text = f"The conversation was recorded: {format_seconds(int(event.get('seconds') or 0))}"
        return [Step(self._before_end(at), DUTYLINE, DUTYLINE, text, recording="conversation")]

    def _before_end(self, at: datetime) -> datetime:
        """The time of a recording, which may be stored after the end of the call."""
        ended_at = self._call.row.ended_at
        return min(at, ended_at) if ended_at else at

    def _on_ended(self, event: CallEvent, at: datetime) -> list[Step]:
        talking = tuple(self._talks)
        talked = f" after {format_seconds(_seconds(self._answered_at, at))} of talking" if self._answered_at else ""
        ringing = tuple(self._lane(who) for who in list(self._rung_at))
        for who in list(self._rung_at):
            self._end_ringing(who, at, "the call ended first")
        self._talks, self._answered_at = set(), None
        return [Step(at, CALLER, DUTYLINE, f"The call ends{talked}", ringing=ringing, talking=talking)]

    def _on_other(self, event: CallEvent, at: datetime) -> list[Step]:
        """Of a later release than this one."""
        return [Step(at, DUTYLINE, DUTYLINE, str(event["kind"]).replace("_", " ").capitalize())]


def _insert(steps: list[Step], step: Step) -> None:
    """Add a step; a message, which is stored after its end, before what happened since it began."""
    is_message = step.recording == "voicemail"
    later = (index for index, other in enumerate(steps) if is_message and other.at > step.at)
    steps.insert(next(later, len(steps)), step)


def _seconds(since: datetime, until: datetime) -> int:
    return max(0, round((until - since).total_seconds()))


def _after(duration: str) -> str:
    return f" after {duration}" if duration else ""


def _rang(duration: str) -> str:
    return f" (rang {duration})" if duration else ""


def _quote(prompt: Mapping[str, Any]) -> str:
    text = " ".join(str(prompt.get("say") or "").split())
    if not text:
        return "an audio file"
    return f"“{text[:MAX_GREETING]}…”" if len(text) > MAX_GREETING else f"“{text}”"


def format_seconds(seconds: int) -> str:
    """A duration in words: ``20 s``, ``1 min 3 s``."""
    minutes, rest = divmod(max(0, seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
