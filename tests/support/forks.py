"""Processes forked from ones that have loaded the product.

`tests.support.fork_server` executes commands, `tests.support.preloaded` starts processes.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND_SECONDS = 120


class LineProcess:
    """A process that reads and writes lines of JSON; it has nothing to save when it ends."""

    def __init__(self, module: str, environment: Mapping[str, str], log_file: Path) -> None:
        self.log_file = log_file
        self._lock = threading.Lock()
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    def _send_line(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read_line(self) -> Any:
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], COMMAND_SECONDS)[0]:
            self._process.kill()
            raise TimeoutError(f"{self._process.args!r} does not answer")
        line = self._process.stdout.readline()
        assert line, self.log_file.read_text()[-3000:]
        return json.loads(line)

    def close(self) -> None:
        """End the server, which has nothing to save, at once.

        At the end of its input it would end by itself, but not while it loads the product, and
        taking the interpreter down takes a second of CPU, which is many on a busy machine.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.kill()
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()


class ForkServer(LineProcess):
    """A process with the product loaded, which forks a child for each command, one at a time."""

    def __init__(self, environment: Mapping[str, str], log_file: Path) -> None:
        super().__init__("tests.support.fork_server", environment, log_file)

    def execute(self, command: Mapping[str, Any], before_start: Callable[[int], object] = int) -> Any:
        """Execute a command in a child, whose pid ``before_start`` gets; None if it was killed."""
        with self._lock:
            self._send_line(json.dumps(command))
            before_start(self._read_line())
            self._send_line("go")
            return self._read_line()

    def run_management_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` with these arguments."""
        with tempfile.TemporaryDirectory() as folder:
            output_files = [Path(folder) / name for name in ("stdout", "stderr")]
            command = {"do": "manage", "arguments": arguments, "outputs": [str(file) for file in output_files]}
            return_code = self.execute(command)
            output, errors = (file.read_text() for file in output_files)
        return subprocess.CompletedProcess(arguments, -9 if return_code is None else return_code, output, errors)


class Preloaded(LineProcess):
    """A process that has imported the product, and forks processes of it with any settings."""

    def __init__(self, environment: Mapping[str, str], log_file: Path) -> None:
        super().__init__("tests.support.preloaded", environment, log_file)

    def start(
        self, arguments: list[str], environment: Mapping[str, str], output_file: Path, error_file: Path
    ) -> "ForkedProcess":
        """Start what Python would with these arguments; its output is appended to the files."""
        outputs = [str(output_file), str(error_file)]
        pid = self._ask({"arguments": arguments, "environment": dict(environment), "outputs": outputs})
        return ForkedProcess(pid, lambda: self._ask({"pid": pid}))

    def run(self, arguments: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """What came of a process, as by `subprocess.run`."""
        with tempfile.TemporaryDirectory() as folder:
            output_file, error_file = (Path(folder) / name for name in ("stdout", "stderr"))
            process = self.start(arguments, environment, output_file, error_file)
            try:
                exit_code = process.wait(COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            return subprocess.CompletedProcess(arguments, exit_code, output_file.read_text(), error_file.read_text())

    def _ask(self, command: Mapping[str, Any]) -> Any:
        with self._lock:
            self._send_line(json.dumps(command))
            return self._read_line()


class ForkedProcess:
    """A process that another one started: what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, read_exit_code: Callable[[], int | None]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._read_exit_code = read_exit_code

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self.returncode is None:
            self.returncode = self._read_exit_code()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                if not select.select([descriptor], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            finally:
                os.close(descriptor)
        exit_code = self.poll()
        assert exit_code is not None
        return exit_code

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)
