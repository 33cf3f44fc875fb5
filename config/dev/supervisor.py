"""Starts the processes of the product, watches them, and stops them in order.

If one ends, the run ends with its name and the end of its log. Ctrl-C stops everything that was
started and nothing else. If the supervisor is killed, the kernel kills its children (but not their
children).
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PATIENCE_SECONDS = 300
"""How long a process may take to start on a busy machine. One that ends is told at once."""
_SILENT_SECONDS = 15
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


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
        exit_code = self.processes[name].wait()
        del self.processes[name]
        if exit_code:
            sys.exit(f"{name} failed:\n{self._log_tail(name)}")

    def wait_for_port(self, name: str, port: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a process listens on a port."""

        def is_listening() -> bool:
            with socket.socket() as probe:
                probe.settimeout(2)
                return probe.connect_ex(("127.0.0.1", port)) == 0

        self._wait_for(name, is_listening, seconds)

    def wait_for_url(self, name: str, url: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a URL answers 200."""

        def is_ready() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=20) as response:
                    return bool(response.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        self._wait_for(name, is_ready, seconds)

    def _wait_for(self, name: str, is_ready: Callable[[], bool], seconds: float) -> None:
        started_at, is_told = time.monotonic(), False
        while not is_ready():
            self.exit_if_any_ended()
            elapsed = time.monotonic() - started_at
            if elapsed > seconds:
                sys.exit(f"{name} did not start within {seconds:.0f} s:\n{self._log_tail(name)}")
            if elapsed > _SILENT_SECONDS and not is_told:
                print(f"· {name} takes long to start: this machine is busy. Waiting …", flush=True)
                is_told = True
            time.sleep(0.05)

    def exit_if_any_ended(self) -> None:
        """Exit if a process has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
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

    def _log_tail(self, name: str) -> str:
        text = (self.log_folder / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-15:])


def wait_or_kill_group(process: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Wait for a process that was terminated, then kill what is left of its process group."""
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        process.wait()
    _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
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
