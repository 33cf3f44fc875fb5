"""The crash harness: executes a command in a child process while planned calls fail."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from config import dynamodb
from tests.support.environment import IS_SCALE_RUN, ROOT, Environment
from tests.support.proxy import MODES, FaultPlan, ProxiedCall

CRASH_MODES = MODES if IS_SCALE_RUN else ("kill_after", "lost")
"""How calls fail. A crash before a call leaves the state of a crash after the previous one, so
only ``make scale`` tries ``kill_before``, and the errors that the clients' own tests provoke."""
_READ_OPERATIONS = ("GetItem", "BatchGetItem", "Query", "GET")


def is_worth_trying(call: ProxiedCall) -> bool:
    """Whether a call that fails in this mode can leave a state that no other case leaves.

    Reads change nothing: a crash before or after one equals a crash before the next or after the
    last write. Redis holds no durable data, so every fifth call represents all. ``make scale``
    tries all calls in all modes.
    """
    if IS_SCALE_RUN:
        return True
    if call.service == "redis":
        return call.nth % 5 == 1
    return call.operation.split(" ")[0] not in _READ_OPERATIONS


@dataclass
class CrashHarness:
    """Runs requests and outbox passes in forked children behind the proxies."""

    env: Environment
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        environment = self.env.process_environment(proxied=True)
        with (self.env.folder / "fork_server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server"],
                cwd=ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def request(
        self, token: str, method: str, path: str, body: Any, *, plan: FaultPlan, key: str = ""
    ) -> dict[str, Any] | None:
        """Status and body, or None if the process was killed."""
        headers = {"Authorization": f"Bearer {token}"}
        if key:
            headers["Idempotency-Key"] = key
        command = {"do": "request", "method": method, "path": path, "body": body, "headers": headers}
        result: dict[str, Any] | None = self._execute(command, plan)
        return result

    def process_outbox(self, *, seconds_ahead: float, plan: FaultPlan, rounds: int = 1) -> bool | None:
        """Process the outbox ``seconds_ahead``; whether it became idle, None if killed."""
        command = {"do": "sweep", "later": seconds_ahead, "rounds": rounds}
        is_idle: bool | None = self._execute(command, plan)
        return is_idle

    def process_outbox_until_idle(self, start: float = 600) -> None:
        """Process the outbox at increasingly later times until nothing is due."""
        is_idle = self.process_outbox(seconds_ahead=start, plan=FaultPlan(), rounds=8)
        assert is_idle, f"the outbox does not become idle\n{self.env.read_log('fork_server')[-2000:]}"

    def _execute(self, command: dict[str, Any], plan: FaultPlan) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self._send_line(json.dumps(command))
        pid = int(self.process.stdout.readline())
        plan.victim_pid = lambda: pid
        with self.env.apply_plan(plan):
            self._send_line("go")
            line = self.process.stdout.readline()
        assert line, (self.env.folder / "fork_server.log").read_text()[-3000:]
        return json.loads(line)

    def _send_line(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """End the server, which has nothing to save, at once.

        At the end of its input it would end by itself, but not while it loads the product, and
        taking the interpreter down takes a second of CPU, which is many on a busy machine.
        """
        assert self.process.stdin
        assert self.process.stdout
        self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()


def scan_items(record_class: type[dynamodb.Record]) -> list[Any]:
    """All items of a table, however many pages they take."""
    pages = dynamodb.iter_pages("Scan", TableName=record_class.table_name(), ConsistentRead=True)
    return [item for page in pages for item in page]
