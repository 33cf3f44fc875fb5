"""Processes forked from one that has loaded the product: see `tests.support.fork_server`."""

import json
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND_SECONDS = 120


class ForkServer:
    """A process with the product loaded, which forks a child for each command, one at a time."""

    def __init__(self, environment: Mapping[str, str], log_file: Path) -> None:
        self.log_file = log_file
        self._lock = threading.Lock()
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server"],
                cwd=ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    def execute(self, command: Mapping[str, Any], before_start: Callable[[int], object] = int) -> Any:
        """Execute a command in a child, whose pid ``before_start`` gets; None if it was killed."""
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._send_line(json.dumps(command))
            before_start(int(self._process.stdout.readline()))
            self._send_line("go")
            if not select.select([self._process.stdout], [], [], COMMAND_SECONDS)[0]:
                self._process.kill()
                raise TimeoutError(f"{command} does not end")
            line = self._process.stdout.readline()
        assert line, self.log_file.read_text()[-3000:]
        return json.loads(line)

    def run_management_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` with these arguments."""
        with tempfile.TemporaryDirectory() as folder:
            output_files = [Path(folder) / name for name in ("stdout", "stderr")]
            command = {"do": "manage", "arguments": arguments, "outputs": [str(file) for file in output_files]}
            return_code = self.execute(command)
            output, errors = (file.read_text() for file in output_files)
        return subprocess.CompletedProcess(arguments, -9 if return_code is None else return_code, output, errors)

    def _send_line(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

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
