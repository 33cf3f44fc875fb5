"""What a running process has cost, from Linux's /proc."""

import os
from collections.abc import Iterator


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
    with os.scandir(f"/proc/{pid}/task") as threads:
        for thread in threads:
            for child in _read(f"{thread.path}/children").split():
                yield from _iter_tree(int(child))


def _read_stat(pid: int) -> list[bytes]:
    """The fields after the name of the process."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _read(path: str) -> bytes:
    """A small file, as tests do a hundred times for each request: a third of the time of `Path`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
