"""What one overload shows: rounds of capacity, twice as much, and half of it, beside calls."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench import usage
from bench.stack import OTHER_CORE
from deploy.load.generator import Answer, Generator, Load, Target

GOOD_SECONDS, CALL_SECONDS = 0.5, 2.0
CALLS_PER_SECOND = 2
CLIENTS = 16
"""Connections with which the capacity is found."""
GOALS = "goodput ≥ 90 % of C, p99 of refusals < 100 ms, all calls within 2 s, recovery within 5 s"


@dataclass(frozen=True)
class Plan:
    """How long everything takes, in seconds."""

    overload: float = 60.0
    rounds: int = 3
    part: float = 10.0
    """Of the overload, after which the capacity is found again."""
    capacity: float = 4.0
    settling: float = 0.5
    """At the beginning of each load, that does not count: queues fill."""
    warm_up: float = 3.0
    recovery: float = 10.0


@dataclass(frozen=True)
class Part:
    """A part of an overload, between two measurements of the capacity."""

    capacity: float
    """Good answers a second; the mean of before and after."""
    offered: float
    """Requests a second: twice the capacity before."""
    goodput: float
    """Good answers a second during the overload."""
    load: Load
    calls: Load
    efficiency: float
    """What a second of CPU time of the web processes answers, in times of that at the capacity."""
    other_core_busy: float
    """The share of the overload in which the core of engines and generator had work."""


@dataclass(frozen=True)
class Round:
    """An overload, and what came after it."""

    parts: Sequence[Part]
    recovery_seconds: float

    @property
    def share(self) -> float:
        """What was answered well, of the capacity."""
        return _share(self.parts)


@dataclass(frozen=True)
class Result:
    """What all rounds have shown."""

    rounds: Sequence[Round]

    def is_reached(self) -> bool:
        """Whether all goals are."""
        return (
            _share(self._parts()) >= 0.9
            and self._refusal_p99() < 0.1
            and self._calls_in_time() == len(self._calls())
            and self._recovery_seconds() <= 5
        )

    def __str__(self) -> str:
        parts, answers = self._parts(), [answer for part in self._parts() for answer in part.load.answers]
        capacities = sorted(part.capacity for part in parts)
        good, refused = sum(len(part.load.good(GOOD_SECONDS)) for part in parts), len(self._refused())
        unanswered = sum(answer.status == 0 for answer in answers)
        slowest_call = max(answer.seconds for answer in self._calls())
        return (
            f"C {capacities[0]:.0f} to {capacities[-1]:.0f}/s, offered {min(part.offered for part in parts):.0f} to "
            f"{max(part.offered for part in parts):.0f}/s; within {GOOD_SECONDS} s {_share(parts):.1%} of C "
            f"({', '.join(f'{each.share:.0%}' for each in self.rounds)}); "
            f"refused {refused}, p99 {self._refusal_p99() * 1000:.0f} ms; "
            f"late or other {len(answers) - good - refused - unanswered}, unanswered {unanswered}; "
            f"calls within {CALL_SECONDS:.0f} s {self._calls_in_time()} of {len(self._calls())}, "
            f"slowest {slowest_call * 1000:.0f} ms; recovered after {self._recovery_seconds():.1f} s; "
            f"per CPU second {statistics.mean(part.efficiency for part in parts):.0%} of the answers at C; "
            f"generator late {max(part.load.max_lateness for part in parts) * 1000:.0f} ms at most, "
            f"core 1 busy {statistics.mean(part.other_core_busy for part in parts):.0%}"
        )

    def _parts(self) -> list[Part]:
        return [part for each in self.rounds for part in each.parts]

    def _refused(self) -> list[Answer]:
        return [answer for part in self._parts() for answer in part.load.refused()]

    def _refusal_p99(self) -> float:
        return percentile([answer.seconds for answer in self._refused()], 99)

    def _calls(self) -> list[Answer]:
        return [answer for part in self._parts() for answer in part.calls.answers]

    def _calls_in_time(self) -> int:
        return sum(map(_is_answered_call, self._calls()))

    def _recovery_seconds(self) -> float:
        return max(each.recovery_seconds for each in self.rounds)


def percentile(values: Sequence[float], percent: int) -> float:
    """A percentile; 0 of nothing."""
    if len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def recovery(load: Load) -> float:
    """Seconds after which every request was answered well."""
    bad = [
        answer.sent_at for answer in load.answers if not (200 <= answer.status < 300 and answer.seconds <= GOOD_SECONDS)
    ]
    return max(bad, default=0.0)


def _is_answered_call(answer: Answer) -> bool:
    return answer.status == 200 and answer.seconds <= CALL_SECONDS and answer.is_right


def _share(parts: Sequence[Part]) -> float:
    return sum(part.goodput for part in parts) / sum(part.capacity for part in parts)


@dataclass(frozen=True)
class _Capacity:
    rate: float
    """Good answers a second."""
    answers_per_ms: float
    """The same per millisecond of CPU time."""


class Overload:
    """The loads of one arrangement, all beside calls."""

    def __init__(self, web: Target, calls: Target, pid: int, plan: Plan) -> None:
        """``pid`` is the process whose children are web processes, too."""
        self._web, self._calls, self._pid, self._plan = web, calls, pid, plan
        self._generator = Generator()
        self._beside = {calls: float(CALLS_PER_SECOND)}

    def run(self) -> Result:
        """Find the capacity, and offer twice as much, then half of it, in turn.

        How fast a machine is that does other work changes within a minute: so an overload consists
        of short parts, each of which is compared with the capacity before and after it.
        """
        self._generator.send_in_turn(self._web, CLIENTS, self._plan.warm_up, self._beside)  # fills all caches
        capacity, rounds = self._find_capacity(), []
        for _ in range(self._plan.rounds):
            parts = []
            for _ in range(max(1, round(self._plan.overload / self._plan.part))):
                part, capacity = self._run_part(capacity)
                parts.append(part)
            self._generator.offer({self._web: capacity.rate / 2, **self._beside}, self._plan.recovery)
            rounds.append(Round(parts, recovery(self._web.load)))
        self._generator.close()
        return Result(rounds)

    def _run_part(self, before: _Capacity) -> tuple[Part, _Capacity]:
        seconds = self._plan.part
        idle_ms, cpu_ms = usage.idle_ms(OTHER_CORE), usage.cpu_ms(self._pid)
        self._generator.offer({self._web: 2 * before.rate, **self._beside}, seconds)
        idle_ms, cpu_ms = usage.idle_ms(OTHER_CORE) - idle_ms, usage.cpu_ms(self._pid) - cpu_ms
        load, called = self._web.load, self._calls.load
        after = self._find_capacity()
        part = Part(
            capacity=(before.rate + after.rate) / 2,
            offered=2 * before.rate,
            goodput=_good_per_second(load, self._plan.settling, seconds),
            load=load,
            calls=called,
            efficiency=len(load.good(math.inf)) / cpu_ms * 2 / (before.answers_per_ms + after.answers_per_ms),
            other_core_busy=1 - idle_ms / 1000 / seconds,
        )
        return part, after

    def _find_capacity(self) -> _Capacity:
        """What clients get of which each sends one request after the other."""
        cpu_ms = usage.cpu_ms(self._pid)
        load = self._generator.send_in_turn(self._web, CLIENTS, self._plan.capacity, self._beside)
        cpu_ms = usage.cpu_ms(self._pid) - cpu_ms
        rate = _good_per_second(load, self._plan.settling, self._plan.capacity)
        return _Capacity(rate, len(load.good(GOOD_SECONDS)) / cpu_ms)


def _good_per_second(load: Load, since: float, until: float) -> float:
    """Of the answers that came between two times of a load."""
    good = load.good(GOOD_SECONDS)
    return sum(since <= answer.sent_at + answer.seconds <= until for answer in good) / (until - since)
