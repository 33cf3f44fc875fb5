"""``make load``: finds the capacity, offers twice as much, and says what was answered."""

import itertools
import json
import math
import operator
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import usage
from bench.__main__ import running_stack
from bench.operations import END, OPERATIONS, START, Data
from bench.stack import OTHER_CORE, TARGET_CORE, Stack, free_ports, pin
from config.dev import services
from config.dev.supervisor import Supervisor
from deploy.load.generator import Answer, Generator, Load, Target

GOOD_SECONDS, CALL_SECONDS = 0.5, 2.0
CALLS_PER_SECOND = 2
CLIENTS = 16
"""Connections with which the capacity is found."""
WARM_UP_SECONDS, RECOVERY_SECONDS = 3, 10
GOALS = "goodput ≥ 90 % of C, p99 of refusals < 100 ms, all calls within 2 s, recovery within 5 s"
FIRST_SHIFT = datetime(2031, 2, 27, tzinfo=UTC)
PEOPLE = 640
"""People who get shifts: each new one is compared with all that its person has still to work."""
NEIGHBOR_SHARE = 2 / 3
"""Of core 0, that the web processes do not get: the engines on core 1 must not be the limit."""


@dataclass(frozen=True)
class Arrangement:
    """Processes, and who answers calls."""

    title: str
    web_processes: int
    has_telephony: bool


ARRANGEMENTS = {
    "one": Arrangement("one process", 1, has_telephony=False),
    "apart": Arrangement("two processes, telephony apart", 2, has_telephony=True),
}


@dataclass(frozen=True)
class Result:
    """What one overload has shown."""

    capacity: float
    offered: float
    goodput: float
    refused: int
    unanswered: int
    others: int
    """Answers that are neither good nor a refusal: late ones, and errors."""
    refusal_p99: float
    calls: int
    calls_in_time: int
    slowest_call: float
    recovery_seconds: float
    max_lateness: float
    efficiency: float
    """What a second of CPU time of the web processes answers, in times of that at the capacity."""
    other_core_busy: float
    """The share of the overload in which the core of engines and generator had work."""

    def is_reached(self) -> bool:
        """Whether all goals are."""
        return (
            self.goodput >= 0.9 * self.capacity
            and self.refusal_p99 < 0.1
            and self.calls_in_time == self.calls
            and self.recovery_seconds <= 5
        )

    def __str__(self) -> str:
        return (
            f"C {self.capacity:.0f}/s, offered {self.offered:.0f}/s; within {GOOD_SECONDS} s {self.goodput:.0f}/s, "
            f"{self.goodput / self.capacity:.0%} of C; refused {self.refused}, p99 {self.refusal_p99 * 1000:.0f} ms; "
            f"late or other {self.others}, unanswered {self.unanswered}; calls within {CALL_SECONDS:.0f} s "
            f"{self.calls_in_time} of {self.calls}, slowest {self.slowest_call * 1000:.0f} ms; "
            f"recovered after {self.recovery_seconds:.1f} s; per CPU second {self.efficiency:.0%} of the answers at C; "
            f"generator late {self.max_lateness * 1000:.0f} ms at most, core 1 busy {self.other_core_busy:.0%}"
        )


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


def make_requests(operation: str, data: Data) -> Iterator[bytes]:
    """The requests of an operation: of one person after the other, each shift later.

    What is the same for all is prepared: the generator must not take what the engines need.
    """
    requests = OPERATIONS[operation].requests(data).split(b"\0")
    if START.encode() not in requests[0]:
        return itertools.cycle(requests)
    people, count = data["furtherPeople"], len(data["tokens"])
    groups = [people[first : first + count] for first in range(0, len(people), count)]
    plans = [OPERATIONS[operation].requests({**data, "people": group}).split(b"\0") for group in groups]
    return _plan_later_each_time(list(itertools.chain.from_iterable(plans)))


def _plan_later_each_time(requests: Sequence[bytes]) -> Iterator[bytes]:
    templates = [request.replace(END.encode(), START.encode()).split(START.encode()) for request in requests]
    for start in (FIRST_SHIFT + timedelta(hours=2 * number) for number in itertools.count()):
        times = [f"{at:%Y-%m-%dT%H:%M:%SZ}".encode() for at in (start, start + timedelta(hours=1))]
        for before, *others in templates:
            yield before + b"".join(map(operator.add, itertools.cycle(times), others))


def overload(web: Target, calls: Target, pid: int, seconds: float) -> Result:
    """Find the capacity, offer twice as much, then half; find the capacity again. All beside calls.

    C is the mean of both: how fast a machine is that does other work changes by the minute.
    """
    generator = Generator()
    beside = {calls: float(CALLS_PER_SECOND)}
    generator.send_in_turn(web, CLIENTS, WARM_UP_SECONDS, beside)  # so connections, tokens and customers are known
    measured_seconds = max(3.0, seconds / 6)
    cpu_ms = [usage.cpu_ms(pid)]
    before = _measure_capacity(generator, web, measured_seconds, beside)
    cpu_ms.append(usage.cpu_ms(pid))
    idle_ms = usage.idle_ms(OTHER_CORE)
    generator.offer({web: 2 * before, **beside}, seconds)
    idle_ms = usage.idle_ms(OTHER_CORE) - idle_ms
    load, called = web.load, calls.load
    cpu_ms.append(usage.cpu_ms(pid))
    generator.offer({web: before / 2, **beside}, RECOVERY_SECONDS)
    recovered = recovery(web.load)
    capacity = (before + _measure_capacity(generator, web, measured_seconds, beside)) / 2
    generator.close()
    good, refused = load.good(GOOD_SECONDS), load.refused()
    unanswered = sum(answer.status == 0 for answer in load.answers)
    return Result(
        capacity=capacity,
        offered=2 * before,
        goodput=len(good) / seconds,
        refused=len(refused),
        unanswered=unanswered,
        others=len(load.answers) - len(good) - len(refused) - unanswered,
        refusal_p99=percentile([answer.seconds for answer in refused], 99),
        calls=len(called.answers),
        calls_in_time=sum(map(_is_answered_call, called.answers)),
        slowest_call=max(answer.seconds for answer in called.answers),
        recovery_seconds=recovered,
        max_lateness=load.max_lateness,
        efficiency=_answers_per_cpu_ms(len(load.good(math.inf)), cpu_ms[1:])
        / _answers_per_cpu_ms(before * measured_seconds, cpu_ms[:2]),
        other_core_busy=1 - idle_ms / 1000 / seconds,
    )


def _answers_per_cpu_ms(answers: float, cpu_ms: Sequence[float]) -> float:
    return answers / (cpu_ms[1] - cpu_ms[0])


def _measure_capacity(generator: Generator, web: Target, seconds: float, beside: Mapping[Target, float]) -> float:
    """Answers a second to clients of which each sends one request after the other."""
    answers = generator.send_in_turn(web, CLIENTS, seconds, beside).good(GOOD_SECONDS)
    return sum(answer.sent_at + answer.seconds <= seconds for answer in answers) / seconds


def _is_answered_call(answer: Answer) -> bool:
    return answer.status == 200 and answer.seconds <= CALL_SECONDS and answer.is_right


def measure(
    stack: Stack, arrangement: Arrangement, requests: dict[str, Iterator[bytes]], operation: str, seconds: float
) -> Result:
    """Start an arrangement on core 0, beside a neighbor, overload it, and stop it."""
    supervisor = Supervisor(stack.folder / "log", stack.environment(stack.engine))
    ports = free_ports(2)
    try:
        share = os.environ.get("NEIGHBOR_SHARE") or str(NEIGHBOR_SHARE)
        supervisor.start("neighbor", pin(TARGET_CORE, [sys.executable, "-m", "deploy.load.neighbor", share]))
        supervisor.start("web", pin(TARGET_CORE, services.web_command(ports[0], workers=arrangement.web_processes)))
        if arrangement.has_telephony:
            supervisor.start("telephony", pin(TARGET_CORE, services.web_command(ports[1])))
            supervisor.wait_for_port("telephony", ports[1])
        supervisor.wait_for_port("web", ports[0])
        calls_port = ports[1] if arrangement.has_telephony else ports[0]
        web = Target(ports[0], requests[operation])
        calls = Target(calls_port, requests["voice"], OPERATIONS["voice"].expected)
        return overload(web, calls, supervisor.processes["web"].pid, seconds)
    finally:
        supervisor.stop()


def _choose(variable: str, known: Any, default: str) -> list[str]:
    names = (os.environ.get(variable) or default).split(",")
    if unknown := set(names) - set(known):
        sys.exit(f"{variable} names {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return names


def main() -> None:
    """Run what the environment asks for; exits with 1 if a goal was not reached."""
    seconds = float(os.environ.get("SECONDS") or 60)
    operations = _choose("OPERATIONS", OPERATIONS, "post,list")
    arrangements = _choose("ARRANGEMENTS", ARRANGEMENTS, "one,apart")
    missed = 0
    with running_stack(PEOPLE) as stack:
        os.sched_setaffinity(0, {int(OTHER_CORE)})
        data: Data = json.loads((stack.folder / "data.json").read_text())
        requests = {name: make_requests(name, data) for name in OPERATIONS}
        for name in arrangements:
            for operation in operations:
                arrangement = ARRANGEMENTS[name]
                print(f"· {arrangement.title}, {OPERATIONS[operation].title}, {seconds:.0f} s at 2 C …", flush=True)
                result = measure(stack, arrangement, requests, operation, seconds)
                missed += not result.is_reached()
                print(f"  {'reached' if result.is_reached() else 'MISSED'}: {result}", flush=True)
    print(f"Goals: {GOALS}. {missed} of {len(arrangements) * len(operations)} missed.")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
