"""The demo calls of the past weeks to a location: most were answered, some missed.

They are stored as they would be after they have ended: they rang who was on duty by the rota.
Nothing follows from them: nobody is notified, and they count for no limit.
"""

import hashlib
import io
import random
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson

from accounts.permissions import Actor
from config import storage
from config.dynamodb import Record, unaudited
from telephony import ivr, lines
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_creation, call_steps
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import ENDED, CallEvent, CallStep
from telephony.lines import ResolvedLine
from telephony.reach import past_shifts
from telephony.reach.past_rota import PastRota

DAYS = 35
"""How far back calls go: a heat map shows the four whole weeks until yesterday."""
CALLERS = 90
MESSAGE_SECONDS = 3
_WEEKDAY_CALLS = {
    8: 0.9,
    9: 1.9,
    10: 1.4,
    11: 1.0,
    12: 0.6,
    13: 0.7,
    14: 1.0,
    15: 0.9,
    16: 0.7,
    17: 0.4,
    19: 0.2,
    21: 0.1,
}
_WEEKEND_CALLS = {9: 0.2, 10: 0.4, 11: 0.4, 12: 0.2, 15: 0.2, 17: 0.1}
"""Calls on average in the hours of a day; on Mondays there are more."""
MONDAY_FACTOR = 1.4
_BUSY_HOURS, _MISSED_IN_BUSY_HOURS, _MISSED = (9, 12, 13), 0.3, 0.12
"""The hours in which many calls are missed; how many of these, and of others."""


def create_past_calls(location_id: str, *, actor: Actor, at: datetime) -> int:
    """Store the calls until ``at``; how many. Repeated at that time, it stores the same again.

    Raises `errors.Unavailable`.
    """
    line_record, location = lines.get_line(location_id, actor=actor)
    line, since = lines.to_resolved_line(line_record, location), at - timedelta(days=DAYS)
    rota = past_shifts.load_rota(line, since, at)
    generator = random.Random(35)  # noqa: S311 - the same calls each time
    starts = sorted(_iter_starts(since, at - timedelta(hours=1), ZoneInfo(line.time_zone), generator))
    records: list[Record] = []
    for number, start in enumerate(starts):
        call = _PastCall.begin(number, start, line, rota, generator).run()
        records += [call.row, *call.row.list_users([candidate.id for candidate in call.candidates])]
    unaudited.write_all(puts=records)
    return len(starts)


def _iter_starts(since: datetime, until: datetime, zone: ZoneInfo, generator: random.Random) -> Iterator[datetime]:
    """When calls begin, in no order."""
    first_day = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for number in range(DAYS + 1):
        day = first_day + timedelta(days=number)
        factor = MONDAY_FACTOR if day.weekday() == 0 else 1
        for hour, average in (_WEEKEND_CALLS if day.weekday() in (5, 6) else _WEEKDAY_CALLS).items():
            for _ in range(int(average * factor + generator.random())):
                local_start = day + timedelta(hours=hour, seconds=generator.randrange(3_600))
                start = local_start.replace(tzinfo=zone).astimezone(UTC)
                if since <= start < until:
                    yield start


@dataclass
class _PastCall:
    """A call that goes on; ``clock`` is its time."""

    call: CallRecord
    clock: datetime
    rota: PastRota
    generator: random.Random

    @classmethod
    def begin(
        cls, number: int, start: datetime, line: ResolvedLine, rota: PastRota, generator: random.Random
    ) -> "_PastCall":
        call_id = "CA" + hashlib.sha256(f"{line.location_id} {number}".encode()).hexdigest()[:32]
        caller, entrance = f"+1617555{1_000 + generator.randrange(CALLERS)}", rota.find_entrance(start)
        call = call_creation.new_call(call_id, line, caller=caller, entrance=entrance.name, at=start)
        call.row.steps = {"counted"}
        return cls(call, start, rota, generator)

    def run(self) -> CallRecord:
        """The call as it has ended."""
        path, outcome, chance = self.call.entrance, "voicemail", self.generator.random()
        action = self.call.action(path) or {}
        candidates = self.rota.list_candidates(path, action, self.clock) if action.get("type") == "ring" else []
        if any(candidate.phone for candidate in candidates):
            hour = self.clock.astimezone(ZoneInfo(self.call.line.time_zone)).hour
            missed_share = _MISSED_IN_BUSY_HOURS if hour in _BUSY_HOURS else _MISSED
            outcome = "answered" if chance >= missed_share else "missed" if chance < missed_share / 2 else "voicemail"
            self._ring(path, action, candidates, outcome)
        if outcome == "voicemail":
            self._leave_message(f"{path}/otherwise" if action.get("type") == "ring" else f"{path}/then")
        self.call.row.outcome, self.call.row.ended_at = outcome, self.clock
        self.call.row.seconds = round((self.clock - self.call.row.started_at).total_seconds())
        self._add(ENDED, CallEvent(kind="ended", at=self._now))
        self._add(CallStep("followed"))
        return self.call

    @property
    def _now(self) -> str:
        return self.clock.isoformat()

    def _wait(self, seconds: int) -> None:
        self.clock += timedelta(seconds=seconds)

    def _add(self, step: CallStep, *events: CallEvent) -> None:
        self.call.row.steps = {*(self.call.row.steps or ()), str(step)}
        self.call.row.events = [*self.call.row.events, *(orjson.dumps(event).decode() for event in events)]

    def _ring(self, path: str, action: ivr.IvrAction, candidates: Sequence[RingCandidate], outcome: str) -> None:
        """Ring the phones in turn; the first is answered, or none, or the caller hangs up."""
        plan, number = RingPlan(candidates), 0
        self.call.row.plans = [self.call.encode_plan(plan, path)]
        self._add(CallStep("plan", path), CallEvent(kind="planned", at=self._now))
        for number, candidate in enumerate(plan.ringable):
            self._add(CallStep("plan", path), call_steps.ringing_event(candidate, self.clock))
            if outcome != "voicemail":
                break
            self._wait(ivr.ring_seconds(action))
            event = call_steps.not_taken_event(candidate, "no_answer", self.clock)
            self._add(CallStep("dialled", path, number), event)
        if outcome == "voicemail":
            return
        self._wait(self.generator.randrange(4, ivr.ring_seconds(action)))
        if outcome == "answered":
            self.call.row.answered_by = plan.ringable[number].id
            accepted = CallEvent(kind="accepted", at=self._now, who=plan.ringable[number].id)
            self._add(CallStep("accept", path, number), accepted)
            self._wait(self.generator.randrange(40, 420))
            self._add(CallStep("dialled", path, number))

    def _leave_message(self, path: str) -> None:
        """Leave a message: a recording of silence."""
        self._wait(self.generator.randrange(9, 14) + MESSAGE_SECONDS)
        sid = f"RE{self.call.id[2:]}"
        name = f"recordings/{self.call.id}/{sid}.wav"
        storage.delete_file(name)
        fields = {"sid": sid, "kind": "voicemail", "seconds": MESSAGE_SECONDS, "at": self._now}
        recording = {**fields, "path": path, "file": storage.save_file(name, _silence(MESSAGE_SECONDS))}
        self.call.row.recordings = [orjson.dumps(recording).decode()]
        self._add(CallStep("recorded", sid=sid))
        self._add(CallStep("kept", sid=sid), CallEvent(kind="voicemail", at=self._now, seconds=MESSAGE_SECONDS))


def _silence(seconds: int) -> io.BytesIO:
    """A WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8_000)
        file.writeframes(b"\x80" * 8_000 * seconds)
    content.seek(0)
    return content
