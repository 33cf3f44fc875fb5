"""Tables of results, as text and for the README."""

import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.operations import OPERATIONS, PEER_OPERATIONS

KINDS = ("cost", "latency", "memory")
README = Path(__file__).with_name("README.md")
RESULTS_FOLDER = README.parent.parent / ".local/bench/results"
BEGIN, END = "<!-- results: written by python -m bench.report --write -->", "<!-- end of results -->"
Results = dict[str, Any]
"""A run: ``samples`` holds lists of `bench.load.Sample` by operation and target."""


def describe_machine() -> str:
    """The CPU and its cores."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else 'unknown CPU'}, {max(len(models), 1)} cores"


def to_markdown(results: Results) -> str:
    """The tables of one run."""
    date = datetime.fromisoformat(results["date"]).astimezone(UTC)
    clients = {"latency": f"64 clients, an engine {results['latency_ms']:g} ms away", "memory": "16 connections"}
    before = f", before: {results['commitBefore']}" if results.get("commitBefore") else ""
    lines = [
        f"{date:%Y-%m-%d}, {results['machine']}; {results['rounds']} rounds of {results['seconds']:g} s of CPU time, "
        f"{clients.get(results['kind'], str(results['connections']) + ' connections')}; commit {results['commit']}"
        f"{before}.",
        "",
    ]
    if results["kind"] == "memory":
        return "\n".join([*lines, *_memory_table(results["memory"])]) + "\n"
    for name, samples in results["samples"].items():
        lines += [*_operation_table(_title(name, results["calls"]), samples), ""]
    if results["kind"] == "cost":
        lines += _ratio_table(results)
    return "\n".join(lines).rstrip() + "\n"


def _memory_table(by_target: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| target | CPU s to the first answer | PSS MB | not 2xx |", "|---|---|---|---|"]
    for target, result in by_target.items():
        steps = ", ".join(f"{step}: {megabytes:.0f}" for step, megabytes in result["memoryMb"].items())
        lines.append(f"| {target} | {result['coldStartCpuMs'] / 1000:.2f} | {steps} | {result['bad']} |")
    return lines


def _operation_table(title: str, samples: dict[str, list[dict[str, float]]]) -> list[str]:
    lines = [
        f"**{title}**",
        "",
        "| target | CPU ms a request | requests/s | p50 ms | p99 ms | PSS MB | not 2xx |",
        "|---|---|---|---|---|---|---|",
    ]
    for target, rounds in samples.items():
        middle = {key: statistics.median(sample[key] for sample in rounds) for key in rounds[0]}
        spread = _spread([sample["cpu_ms"] for sample in rounds]) if middle["cpu_ms"] else "–"
        bad, sent = (sum(sample[key] for sample in rounds) for key in ("bad", "requests"))
        lines.append(
            f"| {target} | {spread} | {middle['rps']:.0f} | {middle['p50_ms']:.1f} | {middle['p99_ms']:.1f} "
            f"| {middle['memory_mb']:.0f} | {bad:.0f} of {sent:.0f} |"
        )
    return lines


def _ratio_table(results: Results) -> list[str]:
    """CPU of each other target by that of the product, in the same round."""
    if "dutyline" not in results["targets"]:
        return []
    lines = _table_header(["times the CPU of Dutyline", *_others(results)])
    for name in results["samples"]:
        lines.append(f"| {' | '.join([OPERATIONS[name].title, *_ratios(results, name)])} |")
    return lines


def _table_header(cells: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(cells)} |", "|---" * len(cells) + "|"]


def _others(results: Results) -> list[str]:
    return [target for target in results["targets"] if target != "dutyline"]


def _ratios(results: Results, name: str) -> Iterator[str]:
    """CPU of each other target by that of the product for an operation; empty if it has none."""
    samples = results["samples"][name]
    ours = [sample["cpu_ms"] for sample in samples["dutyline"]]
    for target in _others(results):
        theirs = [sample["cpu_ms"] for sample in samples.get(target, [])]
        yield _spread([their / our for their, our in zip(theirs, ours, strict=True)]) if theirs else ""


def _title(name: str, calls: dict[str, list[int]]) -> str:
    """The operation, and how many calls of DynamoDB the product makes in how many waits."""
    operation, _, suffix = name.partition("-")
    title = OPERATIONS[operation].title + (", while 64 clients send GET /user" if suffix else "")
    if operation not in calls:
        return title
    count, waits = calls[operation]
    return f"{title}: {_count(count, 'call')} in {_count(waits, 'wait')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number > 1 else "")


def _spread(values: Sequence[float]) -> str:
    """Median (least to most)."""
    digits: Callable[[float], str] = lambda value: f"{value:.3g}"  # noqa: E731 - a format
    return f"{digits(statistics.median(values))} ({digits(min(values))}–{digits(max(values))})"


def to_summary(results: Results) -> str:
    """A table of the operations that all targets answer: CPU time, and the ratios."""
    date = datetime.fromisoformat(results["date"]).astimezone(UTC)
    source = f"{date:%Y-%m-%d}, {results['machine']}, commit {results['commit']}"
    lines = _table_header([source, "CPU ms", *(f"{target}, times" for target in _others(results))])
    for name in [name for name in PEER_OPERATIONS if name in results["samples"]]:
        ours = _spread([sample["cpu_ms"] for sample in results["samples"][name]["dutyline"]])
        lines.append(f"| {' | '.join([OPERATIONS[name].title, ours, *_ratios(results, name)])} |")
    return "\n".join(lines)


def write_results() -> None:
    """Put the newest results into README.md beside this, and a summary into that of the root."""
    newest = {kind: json.loads(path.read_text()) for kind in KINDS if (path := _newest(kind))}
    _replace_results(README, "\n" + "\n".join(map(to_markdown, newest.values())))
    if "cost" in newest:
        _replace_results(README.parent.parent / README.name, to_summary(newest["cost"]))


def _replace_results(path: Path, text: str) -> None:
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _newest(kind: str) -> Path | None:
    return max(RESULTS_FOLDER.glob(f"*-{kind}.json"), default=None)


def main() -> None:
    """``python -m bench.report [FILE… | --write]``: print tables, or write READMEs."""
    arguments = sys.argv[1:]
    if arguments == ["--write"]:
        write_results()
        return
    for path in [Path(name) for name in arguments] or [max(RESULTS_FOLDER.glob("*.json"))]:
        print(to_markdown(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
