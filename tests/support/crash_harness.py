"""The crash harness: does one thing in a process of its own while planned calls go wrong."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from tests.support.environment import ROOT, SCALE, World
from tests.support.proxy import Call, Plan

_READS = ("GetItem", "BatchGetItem", "Query", "GET")


def worth_trying(call: Call) -> bool:
    """Whether a call going wrong in this way leaves a state that no other case leaves.

    A read changes nothing: to die before or after it is to die before the next write, or after the
    last. Redis holds nothing that must last: there one call in five stands for all. ``make scale``
    tries every one in every mode.
    """
    if SCALE:
        return True
    if call.service == "redis":
        return call.nth % 5 == 1
    return call.what.split(" ")[0] not in _READS


@dataclass
class Harness:
    """Runs requests and sweeps in forked children, behind the proxies."""

    world: World
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        environment = self.world.environment(proxied=True)
        with (self.world.folder / "zygote.log").open("ab") as log:
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
        self, token: str, method: str, path: str, body: Any, *, plan: Plan, key: str = ""
    ) -> dict[str, Any] | None:
        """Status and body, or None if the process was killed."""
        headers = {"Authorization": f"Bearer {token}"}
        if key:
            headers["Idempotency-Key"] = key
        order = {"do": "request", "method": method, "path": path, "body": body, "headers": headers}
        answer: dict[str, Any] | None = self._do(order, plan)
        return answer

    def sweep(self, *, later: float, plan: Plan, rounds: int = 1) -> bool | None:
        """Sweep ``later`` seconds from now; whether nothing is due, None if it was killed."""
        order = {"do": "sweep", "later": later, "rounds": rounds}
        done: bool | None = self._do(order, plan)
        return done

    def sweep_until_idle(self, start: float = 600) -> None:
        """Sweep at later and later times until nothing is due."""
        idle = self.sweep(later=start, plan=Plan(), rounds=8)
        assert idle, f"the outbox does not become idle\n{self.world.log('zygote')[-2000:]}"

    def _do(self, order: dict[str, Any], plan: Plan) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self._tell(json.dumps(order))
        pid = int(self.process.stdout.readline())
        plan.victim = lambda: pid
        with self.world.plan(plan):
            self._tell("go")
            line = self.process.stdout.readline()
        assert line, (self.world.folder / "zygote.log").read_text()[-3000:]
        return json.loads(line)

    def _tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)
