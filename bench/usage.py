"""CPU time and memory of a process and its children, from ``/proc`` of Linux."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_TICK = 1000 / os.sysconf("SC_CLK_TCK")
"""Milliseconds of a tick."""


def process_tree(pid: int) -> Iterator[int]:
    """A process and its descendants that live."""
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from process_tree(int(child))
    except FileNotFoundError:
        return  # it has ended


def cpu_ms(pid: int) -> float:
    """User and system time of a process tree in milliseconds, with children that have ended."""
    total = 0
    for process in process_tree(pid):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total * _TICK


def idle_ms(core: str) -> float:
    """Milliseconds since the start of the machine in which a core had nothing to do."""
    (fields,) = re.findall(rf"^cpu{core} (.*)$", Path("/proc/stat").read_text(), re.MULTILINE)
    return int(fields.split()[3]) * _TICK


def memory_mb(pid: int) -> float:
    """The proportional set size (PSS) of a process tree in megabytes."""
    total = 0
    for process in process_tree(pid):
        try:
            match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(match[1]) if match else 0
    return total / 1024
