"""Whom calls of the past would ring by a rota that is known as a whole. Nothing is read here."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from config import dynamodb
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import QueryTooWide
from telephony import ivr
from telephony.calls.rota import routing
from telephony.calls.rota.duty import DutyReader
from telephony.calls.rota.routing import RingCandidate
from telephony.ivr import IvrAction
from telephony.lines import ResolvedLine

MAX_WORK = 600_000
"""Current shifts, for each question about each call: 150 people for two about each of 2,000."""


@dataclass
class PastRota:
    """The rota of a window, asked at instants in ascending order.

    Who rings is decided as for a call; what depends on the people on duty alone is decided once for
    all calls that find the same ones. Raises `QueryTooWide` beyond `MAX_WORK`.
    """

    line: ResolvedLine
    shifts: Mapping[str, Sequence[Shift]]
    """By location, by start: the line's, and those whose people its actions ring."""
    records: dynamodb.BatchResult
    """Of all people and other locations, as `DutyReader.of_records` needs them."""
    _next: dict[str, int] = field(default_factory=dict)
    _current: dict[str, list[Shift]] = field(default_factory=dict)
    _reader: DutyReader | None = None
    _work: int = 0
    _decided: dict[Hashable, list[RingCandidate]] = field(default_factory=dict)

    def find_entrance(self, at: datetime) -> ivr.Entrance:
        """Where a call enters the configuration."""
        configuration = self.line.configuration
        if not ivr.follows_rota(configuration):
            return routing.find_entrance(self.line, at, None)
        return routing.find_entrance(self.line, at, self._read(at).list_staff(ivr.grace_period(configuration)))

    def list_candidates(self, path: str, action: IvrAction, at: datetime) -> list[RingCandidate]:
        """The candidates of the ring action at a path, as `routing.list_candidates` has them."""
        reader, target = self._read(at), action["target"]
        key = (path, *self._list_on_duty(target, at))
        if key not in self._decided:
            self._decided[key] = routing.list_candidates(self.line, target, at, duty=reader)
        return self._decided[key]

    def _list_on_duty(self, target: Mapping[str, Any], at: datetime) -> list[Hashable]:
        """The shifts that decide who rings, and which of them are over."""
        if "onDuty" not in target:
            return []
        since = at - ivr.duty_grace_period(target["onDuty"])
        current = (shift for shifts in self._current.values() for shift in shifts if shift.occurrence.end > since)
        return [(id(shift), shift.occurrence.end <= at) for shift in current]

    def _read(self, at: datetime) -> DutyReader:
        if self._reader is None or self._reader.at != at:
            self._advance(at)
            self._reader = DutyReader.of_records(self.line, at, self._current, self.records)
        self._work += sum(map(len, self._current.values()))
        if self._work > MAX_WORK:
            detail = "Too many shifts overlap at the times of these calls; choose a shorter window."
            raise QueryTooWide(detail, pointer="/to")
        return self._reader

    def _advance(self, at: datetime) -> None:
        """Find the shifts that are current, or have just ended, as `on_duty` does."""
        longest_grace = ivr.longest_grace_period(self.line.configuration)
        for location_id, shifts in self.shifts.items():
            grace = longest_grace if location_id == self.line.location_id else timedelta(0)
            current, index = self._current.get(location_id, []), self._next.get(location_id, 0)
            while index < len(shifts) and shifts[index].occurrence.start <= at:
                current.append(shifts[index])
                index += 1
            self._next[location_id] = index
            self._current[location_id] = [shift for shift in current if shift.occurrence.end > at - grace]
