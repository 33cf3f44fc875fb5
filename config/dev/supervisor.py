"""Starts the processes of the product, watches them, and stops them in order.

It waits for a start as long as the process makes progress (`config.dev.startup`). If one ends, the
run ends with its name and the end of its log. Ctrl-C stops everything that was started and nothing
else. If the supervisor is killed, the kernel kills its children (but not their children).
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol

from config.dev.startup import READY, Check, Start, State, port_check

_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Process(Protocol):
    """What stopping needs of `subprocess.Popen`."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""


class StopRequested(Exception):
    """A signal asked the supervisor to stop."""


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Supervisor:
    """The running processes, in the order in which they were started."""

    log_folder: Path
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    stall_seconds: float = 120
    """How long a process that starts may make no progress. One that ends is reported at once."""
    report_seconds: float = 10
    """When a process that starts is reported as slow; again after each doubling."""
    start_seconds: dict[str, float] = field(default_factory=dict)
    """How long each start or run has taken."""
    _started_at: dict[str, float] = field(default_factory=dict)

    def listen_for_signals(self) -> None:
        """Stop on SIGINT, SIGTERM or SIGHUP; a second signal kills at once."""
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, self._on_signal)

    def _on_signal(self, signal_number: int, frame: FrameType | None) -> None:
        for handled_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(handled_signal, self._on_second_signal)
        raise StopRequested

    def _on_second_signal(self, signal_number: int, frame: FrameType | None) -> None:
        for process in self.processes.values():
            _kill_group(process)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process that writes to its own log."""
        self.log_folder.mkdir(parents=True, exist_ok=True)
        self._started_at[name] = time.monotonic()
        with (self.log_folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run a process to its end; exit with the end of its log if it fails."""
        self.start(name, command)
        process = self.processes[name]

        def has_ended() -> State:
            return READY if process.poll() is not None else State("it has not ended yet")

        self._wait({name: has_ended}, command=name)
        del self.processes[name]
        if process.returncode:
            sys.exit(f"{name} failed:\n{self._log_tail(name)}")

    def wait_for_port(self, name: str, port: int) -> None:
        """Wait until a process listens on a port."""
        self.wait_until_ready({name: port_check(port)})

    def wait_until_ready(self, checks: Mapping[str, Check]) -> None:
        """Wait for processes as long as each makes progress; say which ones are slow.

        Exits if a process ends, or if one has made no progress for `stall_seconds`.
        """
        self._wait(checks)

    def _wait(self, checks: Mapping[str, Check], command: str = "") -> None:
        """Wait for processes; ``command`` names one that may end."""
        starts = {
            name: Start(self.processes[name].pid, self.log_folder / f"{name}.log", check, self.stall_seconds)
            for name, check in checks.items()
        }
        began_at, report_after = time.monotonic(), self.report_seconds
        while True:
            for name in [name for name, start in starts.items() if start.is_ready()]:
                del starts[name]
                self.start_seconds[name] = time.monotonic() - self._started_at[name]
            if not starts:
                return
            self.exit_if_any_ended(but=command)
            for name, start in starts.items():
                if start.idle_seconds() > self.stall_seconds:
                    self._exit_stalled(name, start)
            if time.monotonic() - began_at > report_after:
                report_after *= 2
                self._report_slow(starts)
            time.sleep(_POLL_SECONDS)

    def slowest_starts(self) -> str:
        """The three parts whose start took longest, with their seconds."""
        slowest = sorted(self.start_seconds.items(), key=lambda item: -item[1])[:3]
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest)

    def _report_slow(self, starts: Mapping[str, Start]) -> None:
        load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
        for name, start in starts.items():
            elapsed = time.monotonic() - self._started_at[name]
            cpu_time = f"{elapsed:.0f} s so far, {start.cpu_seconds:.1f} s of CPU time"
            print(f"· {name} is slow: {cpu_time} ({load}); {start.state.missing}.", flush=True)
            if last_lines := self._log_tail(name, lines=1):
                print(f"  its log: {last_lines[:150]}", flush=True)

    def _exit_stalled(self, name: str, start: Start) -> NoReturn:
        cpu_time = f"{start.cpu_seconds:.1f} s of CPU time in all"
        problem = f"{name} has made no progress for {self.stall_seconds:.0f} s ({cpu_time}): {start.state.missing}."
        sys.exit(f"{problem}\n{self._log_tail(name)}")

    def exit_if_any_ended(self, but: str = "") -> None:
        """Exit if a process has ended, other than the one named."""
        for name, process in self.processes.items():
            if name != but and process.poll() is not None:
                sys.exit(f"{name} exited with code {process.returncode}:\n{self._log_tail(name)}")

    def watch(self) -> None:
        """Block until a process ends or a signal arrives."""
        while True:
            self.exit_if_any_ended()
            time.sleep(0.3)

    def stop(self, first: Sequence[str] = (), grace_seconds: float = 8) -> None:
        """Stop ``first`` together, then the rest in reverse order."""
        self._stop_processes([name for name in first if name in self.processes], grace_seconds)
        self._stop_processes([name for name in reversed(self.processes) if name not in first], grace_seconds)

    def _stop_processes(self, names: Sequence[str], grace_seconds: float) -> None:
        for name in names:
            self.processes[name].terminate()  # it stops its own children in order
        deadline = time.monotonic() + grace_seconds
        for name in names:
            wait_or_kill_group(self.processes[name], max(0.1, deadline - time.monotonic()))

    def _log_tail(self, name: str, lines: int = 15) -> str:
        text = (self.log_folder / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def wait_or_kill_group(process: Process, grace_seconds: float) -> None:
    """Wait for a process that was terminated, then kill what is left of its process group."""
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        process.wait()
    _kill_group(process)


def _kill_group(process: Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # the group has ended


def is_port_free(port: int) -> bool:
    """Whether a loopback port is free (two granians would share one silently)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
