"""What a process that starts still lacks, and whether it makes progress.

How long a start takes depends on what else the machine does, so nothing here is limited by the
time of a start: a process may take as long as it computes, writes to its log or changes its state.
"""

import http.client
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_MEASURE_SECONDS = 0.5
_MIN_CPU_SHARE = 0.005
"""More than an idle server uses; of a hundred busy processes on two cores each gets more."""


class State(NamedTuple):
    """What a process lacks: "" if it is ready."""

    missing: str
    is_own_work: bool = True
    """Whether the CPU time that it uses now is its start, not answers to the supervisor."""


READY = State("")
Check = Callable[[], State]


def port_check(*ports: int) -> Check:
    """Checks whether something listens on all these ports of loopback."""

    def check() -> State:
        for port in ports:
            with socket.socket() as probe:
                probe.settimeout(2)
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return State(f"it does not listen on port {port} yet")
        return READY

    return check


class UrlCheck:
    """Checks whether a path of a port answers 200; a request may wait for its answer."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._connection: http.client.HTTPConnection | None = None
        self._last_state = State(f"it does not listen on port {port} yet")
        self._asked_at = 0.0

    def __call__(self) -> State:
        if self._connection is None and time.monotonic() < self._asked_at + _MEASURE_SECONDS:
            return self._last_state
        try:
            self._last_state = self._ask()
        except (OSError, http.client.HTTPException):
            self.close()
        return self._last_state

    def _ask(self) -> State:
        if self._connection is None:
            self._asked_at = time.monotonic()
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            self._connection.request("GET", self._path)
        if not select.select([self._connection.sock], [], [], 0)[0]:
            has_answered = not self._last_state.is_own_work
            return self._last_state if has_answered else State(f"{self._path} does not answer yet")
        response = self._connection.getresponse()
        body = response.read(2000).decode(errors="replace")
        self.close()
        if response.status == 200:
            return READY
        return State(f"{self._path} answers {response.status}: {body}", is_own_work=False)

    def close(self) -> None:
        """Close the connection of a request that still waits."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Start:
    """A process that starts: what it lacks, and since when it has made no progress."""

    def __init__(self, process_id: int, log_file: Path, check: Check, stall_seconds: float) -> None:
        self._process_id, self._log_file, self._check = process_id, log_file, check
        self._stall_seconds = stall_seconds
        self._measured_at = self._progressed_at = time.monotonic()
        self._counted = (State("unknown"), 0, 0.0)
        self.cpu_seconds = 0.0
        self.state = State("unknown")

    def is_ready(self) -> bool:
        """Whether it lacks nothing now."""
        self.state = self._check()
        return not self.state.missing

    def idle_seconds(self) -> float:
        """How long it has neither computed nor written to its log nor changed its state."""
        now = time.monotonic()
        if now >= self._measured_at + _MEASURE_SECONDS:
            self._measured_at = now
            self._count_progress(now)
        return now - self._progressed_at

    def _count_progress(self, now: float) -> None:
        self.cpu_seconds = cpu_seconds(self._process_id)
        log_bytes = self._log_file.stat().st_size
        last_state, last_log_bytes, last_cpu_seconds = self._counted
        has_computed = (
            self.state.is_own_work and self.cpu_seconds - last_cpu_seconds >= _MIN_CPU_SHARE * self._stall_seconds
        )
        if has_computed or log_bytes > last_log_bytes or self._is_other_state(last_state):
            self._progressed_at = now
            self._counted = (self.state, log_bytes, self.cpu_seconds)

    def _is_other_state(self, last_state: State) -> bool:
        """Another step of the start; texts of answers differ by their ages and counts."""
        return self.state.is_own_work != last_state.is_own_work or (
            self.state.is_own_work and self.state.missing != last_state.missing
        )


def cpu_seconds(process_group: int) -> float:
    """CPU time of the living processes of a group, and of children that they have waited for."""
    if sys.platform != "linux":
        return _cpu_seconds_of_ps(process_group)
    ticks = 0
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat_file.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if fields[2] == str(process_group):
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _cpu_seconds_of_ps(process_group: int) -> float:
    """The same where there is no /proc (macOS), without the children that have ended."""
    command = ["ps", "-A", "-o", "pgid=,time="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    total = 0.0
    for line in listing.splitlines():
        group, _, cpu_time = line.strip().partition(" ")
        if group == str(process_group):
            for unit, part in enumerate(reversed(cpu_time.strip().replace("-", ":").split(":"))):
                total += float(part) * (1, 60, 3600, 86400)[unit]
    return total
