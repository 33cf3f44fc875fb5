"""``make load``: finds the capacity, offers twice as much, and says what was answered."""

import itertools
import json
import operator
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.__main__ import running_stack
from bench.operations import END, OPERATIONS, START, Data
from bench.stack import OTHER_CORE, TARGET_CORE, Stack, free_ports, pin
from config.dev import services
from config.dev.supervisor import Supervisor
from deploy.load.generator import Target
from deploy.load.overload import GOALS, Overload, Plan, Result

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


def measure(
    stack: Stack, arrangement: Arrangement, requests: dict[str, Iterator[bytes]], operation: str, plan: Plan
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
        return Overload(web, calls, supervisor.processes["web"].pid, plan).run()
    finally:
        supervisor.stop()


def _choose(variable: str, known: Any, default: str) -> list[str]:
    names = (os.environ.get(variable) or default).split(",")
    if unknown := set(names) - set(known):
        sys.exit(f"{variable} names {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return names


def main() -> None:
    """Run what the environment asks for; exits with 1 if a goal was not reached."""
    plan = Plan(
        overload=float(os.environ.get("SECONDS") or Plan.overload), rounds=int(os.environ.get("ROUNDS") or Plan.rounds)
    )
    operations = _choose("OPERATIONS", OPERATIONS, "post,list")
    arrangements = _choose("ARRANGEMENTS", ARRANGEMENTS, "one,apart")
    os.sched_setaffinity(0, {int(OTHER_CORE)})
    missed = 0
    for name in arrangements:
        for operation in operations:
            arrangement = ARRANGEMENTS[name]
            title = f"{arrangement.title}, {OPERATIONS[operation].title}"
            print(f"· {title}, {plan.rounds} times {plan.overload:.0f} s at 2 C …", flush=True)
            with running_stack(PEOPLE) as stack:  # new for each: a rota and calls of others slow down an operation
                data: Data = json.loads((stack.folder / "data.json").read_text())
                requests = {name: make_requests(name, data) for name in OPERATIONS}
                result = measure(stack, arrangement, requests, operation, plan)
            missed += not result.is_reached()
            print(f"  {'reached' if result.is_reached() else 'MISSED'}: {result}", flush=True)
    print(f"Goals: {GOALS}. {missed} of {len(arrangements) * len(operations)} missed.")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
