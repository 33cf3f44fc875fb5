"""What a running process has cost, from Linux's /proc."""

import os
from collections.abc import Iterator
from pathlib import Path


class ProcessCost:
    """CPU time and memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_seconds(self) -> float:
        """CPU time so far, of user and system."""
        ticks = [int(tick) for pid in _iter_tree(self.pid) for tick in _read_stat(pid)[11:13]]
        return sum(ticks) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident memory now, in MB."""
        pages = [int(_read_stat(pid)[21]) for pid in _iter_tree(self.pid)]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1024**2


def _iter_tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _iter_tree(int(child))


def _read_stat(pid: int) -> list[str]:
    """The fields after the name of the process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
