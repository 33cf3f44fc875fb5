"""What one overload shows: rounds of capacity, twice as much, and half of it, beside calls."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import usage
from bench.stack import OTHER_CORE
from deploy.load.generator import Answer, Generator, Load, Target

GOOD_SECONDS, CALL_SECONDS = 0.5, 2.0
CALLS_PER_SECOND = 2
CLIENTS = 16
"""Connections with which the capacity is found."""
WARM_UP_SECONDS, RECOVERY_SECONDS = 3.0, 10.0
GOALS = "goodput ≥ 90 % of C, p99 of refusals < 100 ms, all calls within 2 s, recovery within 5 s"


@dataclass(frozen=True)
class Round:
    """One overload, between two measurements of the capacity."""

    capacity: float
    """Good answers a second; the mean of before and after."""
    offered: float
    """Requests a second: twice the capacity before."""
    seconds: float
    load: Load
    calls: Load
    recovery_seconds: float
    efficiency: float
    """What a second of CPU time of the web processes answers, in times of that at the capacity."""
    other_core_busy: float
    """The share of the overload in which the core of engines and generator had work."""

    @property
    def goodput(self) -> float:
        """Good answers a second during the overload."""
        return len(self.load.good(GOOD_SECONDS)) / self.seconds


@dataclass(frozen=True)
class Result:
    """What all rounds have shown."""

    rounds: Sequence[Round]

    def is_reached(self) -> bool:
        """Whether all goals are."""
        return (
            self._share() >= 0.9
            and self._refusal_p99() < 0.1
            and self._calls_in_time() == len(self._calls())
            and self._recovery_seconds() <= 5
        )

    def __str__(self) -> str:
        rounds, answers = self.rounds, [answer for each in self.rounds for answer in each.load.answers]
        capacities = ", ".join(f"{each.capacity:.0f}" for each in rounds)
        shares = ", ".join(f"{each.goodput / each.capacity:.0%}" for each in rounds)
        good, refused = sum(len(each.load.good(GOOD_SECONDS)) for each in rounds), len(self._refused())
        unanswered = sum(answer.status == 0 for answer in answers)
        slowest_call = max(answer.seconds for answer in self._calls())
        return (
            f"C {capacities}/s, offered {', '.join(f'{each.offered:.0f}' for each in rounds)}/s; "
            f"within {GOOD_SECONDS} s {self._share():.1%} of C ({shares}); "
            f"refused {refused}, p99 {self._refusal_p99() * 1000:.0f} ms; "
            f"late or other {len(answers) - good - refused - unanswered}, unanswered {unanswered}; "
            f"calls within {CALL_SECONDS:.0f} s {self._calls_in_time()} of {len(self._calls())}, "
            f"slowest {slowest_call * 1000:.0f} ms; recovered after {self._recovery_seconds():.1f} s; "
            f"per CPU second {statistics.mean(each.efficiency for each in rounds):.0%} of the answers at C; "
            f"generator late {max(each.load.max_lateness for each in rounds) * 1000:.0f} ms at most, "
            f"core 1 busy {max(each.other_core_busy for each in rounds):.0%}"
        )

    def _share(self) -> float:
        """Of the capacity, what was answered well in all rounds together."""
        return sum(each.goodput for each in self.rounds) / sum(each.capacity for each in self.rounds)

    def _refused(self) -> list[Answer]:
        return [answer for each in self.rounds for answer in each.load.refused()]

    def _refusal_p99(self) -> float:
        return percentile([answer.seconds for answer in self._refused()], 99)

    def _calls(self) -> list[Answer]:
        return [answer for each in self.rounds for answer in each.calls.answers]

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


def overload(
    web: Target,
    calls: Target,
    pid: int,
    seconds: float,
    rounds: int,
    *,
    measured_seconds: float,
    recovery_seconds: float = RECOVERY_SECONDS,
) -> Result:
    """Find the capacity, and offer twice as much, then half of it, in turn; all beside calls.

    ``pid`` is the process whose children are web processes, too, ``seconds`` how long each overload
    takes. The capacity of a round is the mean of before and after: how fast a machine is that does
    other work changes by the minute, and one round shows that more than the product.
    """
    generator = Generator()
    beside = {calls: float(CALLS_PER_SECOND)}
    generator.send_in_turn(web, CLIENTS, WARM_UP_SECONDS, beside)  # so connections, tokens and customers are known
    shown = []
    before = _measure_capacity(generator, web, pid, measured_seconds, beside)
    for _ in range(rounds):
        idle_ms, cpu_ms = usage.idle_ms(OTHER_CORE), usage.cpu_ms(pid)
        generator.offer({web: 2 * before.rate, **beside}, seconds)
        idle_ms, cpu_ms = usage.idle_ms(OTHER_CORE) - idle_ms, usage.cpu_ms(pid) - cpu_ms
        load, called = web.load, calls.load
        generator.offer({web: before.rate / 2, **beside}, recovery_seconds)
        recovered = recovery(web.load)
        after = _measure_capacity(generator, web, pid, measured_seconds, beside)
        shown.append(
            Round(
                capacity=(before.rate + after.rate) / 2,
                offered=2 * before.rate,
                seconds=seconds,
                load=load,
                calls=called,
                recovery_seconds=recovered,
                efficiency=len(load.good(math.inf)) / cpu_ms * 2 / (before.answers_per_ms + after.answers_per_ms),
                other_core_busy=1 - idle_ms / 1000 / seconds,
            )
        )
        before = after
    generator.close()
    return Result(shown)


@dataclass(frozen=True)
class _Capacity:
    rate: float
    """Good answers a second."""
    answers_per_ms: float
    """The same per millisecond of CPU time."""


def _measure_capacity(
    generator: Generator, web: Target, pid: int, seconds: float, beside: Mapping[Target, float]
) -> _Capacity:
    """What clients get of which each sends one request after the other."""
    cpu_ms = usage.cpu_ms(pid)
    answers = generator.send_in_turn(web, CLIENTS, seconds, beside).good(GOOD_SECONDS)
    count = sum(answer.sent_at + answer.seconds <= seconds for answer in answers)
    return _Capacity(count / seconds, count / (usage.cpu_ms(pid) - cpu_ms))
