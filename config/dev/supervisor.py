"""Starts the parts of the product as processes, watches them, and stops them in order.

A part that dies ends the run, named, with the end of its log. Ctrl-C stops everything that was
started and nothing else. If the supervisor itself is killed, the kernel ends the processes it
started (not what those had started).
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Stopped(Exception):
    """Somebody asked us to stop."""


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Supervisor:
    """The running parts, in the order they were started."""

    logs: Path
    environment: Mapping[str, str]
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def listen_for_signals(self) -> None:
        """Treat Ctrl-C, TERM and HUP alike; a second one kills at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, self._on_second_signal)
        raise Stopped

    def _on_second_signal(self, number: int, frame: FrameType | None) -> None:
        for part in self.parts.values():
            _kill_group(part)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a part; what it prints goes to its log."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            self.parts[name] = subprocess.Popen(
                command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run a part to its end; exits with its last words if it fails."""
        self.start(name, command)
        code = self.parts[name].wait()
        del self.parts[name]
        if code:
            sys.exit(f"{name} failed:\n{self._last_words(name)}")

    def wait_for_port(self, name: str, port: int, seconds: float = 20) -> None:
        """Wait until a part listens."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        sys.exit(f"{name} does not answer:\n{self._last_words(name)}")

    def wait_for_page(self, name: str, address: str, seconds: float = 30) -> None:
        """Wait until a page answers 200."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            try:
                with urllib.request.urlopen(address, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        sys.exit(f"{name} does not become ready:\n{self._last_words(name)}")

    def check(self) -> None:
        """Exit if a part has died."""
        for name, part in self.parts.items():
            if part.poll() is not None:
                sys.exit(f"{name} ended ({part.returncode}):\n{self._last_words(name)}")

    def watch(self) -> None:
        """Stay until a part dies or we are told to stop."""
        while True:
            self.check()
            time.sleep(0.3)

    def stop(self, first: Sequence[str] = (), grace: float = 8) -> None:
        """Stop ``first`` together, then the rest in reverse order."""
        self._stop([n for n in first if n in self.parts], grace)
        self._stop([n for n in reversed(self.parts) if n not in first], grace)

    def _stop(self, names: Sequence[str], grace: float) -> None:
        for name in names:
            self.parts[name].terminate()  # the part stops its own children in order
        end = time.monotonic() + grace
        for name in names:
            end_group(self.parts[name], max(0.1, end - time.monotonic()))

    def _last_words(self, name: str) -> str:
        text = (self.logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-15:])


def end_group(part: subprocess.Popen[bytes], grace: float) -> None:
    """Wait for a part that was told to stop, then end whatever is left of its group."""
    try:
        part.wait(grace)
    except subprocess.TimeoutExpired:
        _kill_group(part)
        part.wait()
    _kill_group(part)


def _kill_group(part: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(part.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # nobody is left


def is_free(port: int) -> bool:
    """Whether nobody listens at a port of loopback (two granians would share one silently)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
