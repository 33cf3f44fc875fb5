"""``make bench``: runs the targets interleaved and prints what a request costs each."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import check, latency, load, memory, recorder, report
from bench.operations import OPERATIONS, PEER_OPERATIONS, RESTORED_TABLES, Data
from bench.stack import FOLDER, ROOT, Stack
from bench.tables import Engine
from bench.targets import BEFORE, PRODUCTS, SEED_PREFIX, TARGETS, Target

_PEERS = ("express", "fastapi", "drf")
DEFAULT_TARGETS = {
    "cost": (*(PRODUCTS if BEFORE != ROOT else PRODUCTS[:1]), *_PEERS, "floor"),
    "latency": ("dutyline", "fastapi", "floor"),
    "memory": ("dutyline", *_PEERS),
}


@dataclass(frozen=True)
class Options:
    """What the environment asks for."""

    kind: str
    """``cost``, ``latency`` or ``memory``."""
    targets: Sequence[str]
    operations: Sequence[str]
    rounds: int
    seconds: float
    connections: int
    latency_ms: float

    @classmethod
    def from_environment(cls) -> "Options":
        """The variables of README.md. Exits if one is unusable."""
        latency_ms = float(os.environ.get("LATENCY") or 0)
        kind = "latency" if latency_ms else "memory" if os.environ.get("MEMORY") else "cost"
        return cls(
            kind=kind,
            targets=_choose("ONLY", TARGETS, DEFAULT_TARGETS[kind]),
            operations=_choose("OPERATIONS", tuple(OPERATIONS), tuple(OPERATIONS)),
            rounds=int(os.environ.get("ROUNDS") or 5),
            seconds=float(os.environ.get("SECONDS") or 2),
            connections=int(os.environ.get("CONNECTIONS") or 16),
            latency_ms=latency_ms,
        )


def _choose(variable: str, known: Sequence[str], default: Sequence[str]) -> list[str]:
    chosen = [name for name in os.environ.get(variable, "").split(",") if name] or list(default)
    if unknown := [name for name in chosen if name not in known]:
        sys.exit(f"{variable}: there is no {unknown[0]}; there are: {', '.join(known)}")
    return chosen


@contextmanager
def running_stack(further_people: int = 0) -> Iterator[Stack]:
    """The engines with the data; one run at a time on this machine."""
    with (Path(tempfile.gettempdir()) / "dutyline-bench.lock").open("w") as lock_file:
        print("· waiting for its turn …", flush=True)
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        folder = FOLDER / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stack = Stack(folder)
        stack.supervisor.listen_for_signals()
        try:
            print("· engines and data …", flush=True)
            stack.start(further_people)
            yield stack
        finally:
            stack.stop()


def run_checks(
    stack: Stack, data: Data, targets: Sequence[Target], operations: Sequence[str]
) -> tuple[bool, check.Checked]:
    """Compare answers and calls of the targets, and write what peers need.

    Whether all agree, and the product's answers and calls.
    """
    compared = [name for name in PEER_OPERATIONS if name in operations or len(targets) > 1]
    ours = check.check_target(Target("dutyline", stack), data, [*dict.fromkeys([*PEER_OPERATIONS, *operations])])
    check.write_constants(ours, data, stack.folder)
    agree = True
    for target in targets:
        if target.name == "dutyline":
            continue
        if target.name == "floor":
            check.write_floor_plan(ours, data, target, stack.folder)
        theirs = check.check_target(target, data, operations if target.name == "before" else compared)
        for difference in check.differences(ours, theirs, compared) if target.name in _PEERS else []:
            agree = False
            print(f"! {target.name} differs: {difference}", flush=True)
    return agree, ours


def run_rounds(options: Options, data: Data, targets: Sequence[Target]) -> dict[str, dict[str, list[load.Sample]]]:
    """All samples by operation and target."""
    samples: dict[str, dict[str, list[load.Sample]]] = {name: {} for name in options.operations}
    for round_number in range(-1, options.rounds):
        print(f"· round {round_number + 1} of {options.rounds}" if round_number >= 0 else "· warming up …", flush=True)
        for name in options.operations:
            for target in targets:
                if target.name not in PRODUCTS and not OPERATIONS[name].has_peers:
                    continue
                seconds = 0.5 if round_number < 0 else options.seconds
                connections = OPERATIONS[name].connections or options.connections
                sample = target.load(name, data, seconds=seconds, connections=connections)
                if round_number >= 0:
                    samples[name].setdefault(target.name, []).append(sample)
    return samples


def main() -> None:
    """Run everything, print the tables and store the results."""
    options = Options.from_environment()
    with running_stack() as stack:
        data: Data = json.loads((stack.folder / "data.json").read_text())
        targets = [Target(name, stack) for name in options.targets]
        _copy_tables(stack, targets)
        print("· comparing answers and calls …", flush=True)
        agree, ours = run_checks(stack, data, targets, options.operations)
        if options.rounds == 0:
            sys.exit(0 if agree else "The peers must follow the product: see bench/README.md.")
        measured = _measure(options, stack, data, targets)
    results = {
        **asdict(options),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": report.describe_machine(),
        "commit": _commit(ROOT),
        "commitBefore": _commit(BEFORE) if "before" in options.targets else "",
        "peersAgree": agree,
        "calls": {name: [len(calls), recorder.count_waits(calls)] for name, calls in ours.calls.items()},
        **measured,
    }
    path = FOLDER / "results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{options.kind}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1))
    print(f"\n{report.to_markdown(results)}\n{path.relative_to(ROOT)}")


def _measure(options: Options, stack: Stack, data: Data, targets: Sequence[Target]) -> dict[str, Any]:
    """The results of a kind of run: ``samples``, or ``memory`` by target."""
    if options.kind == "memory":
        by_target = {}
        for target in targets:
            print(f"· {target.name} …", flush=True)
            by_target[target.name] = memory.measure(target, data, rounds=options.rounds, seconds=options.seconds)
        return {"memory": by_target}
    endpoint = latency.start_delay(stack, options.latency_ms) if options.kind == "latency" else stack.engine
    try:
        for target in targets:
            target.start(endpoint)
        if options.kind == "latency":
            samples = latency.run_rounds(data, targets, rounds=options.rounds, seconds=options.seconds)
        else:
            samples = run_rounds(options, data, targets)
    finally:
        for target in targets:
            target.stop()
    return {
        "samples": {
            operation: {target: [asdict(sample) for sample in rounds] for target, rounds in by_target.items()}
            for operation, by_target in samples.items()
        }
    }


def _copy_tables(stack: Stack, targets: Sequence[Target]) -> None:
    engine = Engine(stack.engine)
    names = engine.table_names(stack.table_prefix)
    for target in targets:
        if target.name != "dutyline":
            engine.copy_tables(names, stack.table_prefix, target.table_prefix)
    engine.copy_tables(RESTORED_TABLES, stack.table_prefix, SEED_PREFIX)


def _commit(checkout: Path) -> str:
    command = ["git", "describe", "--always", "--dirty"]
    described = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
