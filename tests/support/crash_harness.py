"""The crash harness: executes a command in a child process while planned calls fail."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from config import dynamodb
from tests.support import chaos
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import MODES, FaultPlan, ProxiedCall
from tests.support.users import process_outbox

CRASH_MODES = MODES if IS_SCALE_RUN else ("kill_after", "lost")
"""How calls fail. A crash before a call leaves the state of a crash after the previous one, so
only ``make scale`` tries ``kill_before``, and the errors that the clients' own tests provoke."""
MAX_PASSES = 200
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
    """Runs requests and outbox passes in forked children behind the proxies.

    What is done after a fault, without one, is left to processes that run anyway: a child needs
    50 ms of CPU to load what they have at hand.
    """

    env: Environment

    def request(
        self, token: str, method: str, path: str, body: Any, *, plan: FaultPlan | None, key: str = ""
    ) -> dict[str, Any] | None:
        """Status and body, or None if the process was killed.

        Without a plan, the web process of the tests answers.
        """
        headers = {"Authorization": f"Bearer {token}"}
        if key:
            headers["Idempotency-Key"] = key
        if plan is None:
            headers["Content-Type"] = "application/json"
            response = chaos.send(method, self.env.web + path, headers=headers, content=json.dumps(body))
            return {"status": response.status_code, "body": response.json()}
        command = {"do": "request", "method": method, "path": path, "body": body, "headers": headers}
        result: dict[str, Any] | None = self._execute(command, plan)
        return result

    def post_webhook(self, url: str, form: Mapping[str, str], *, plan: FaultPlan, **headers: str) -> str | None:
        """The answer to a webhook, or None if the process was killed."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}"
        command = {"do": "request", "method": "POST", "path": path, "form": form, "headers": headers}
        result: dict[str, Any] | None = self._execute(command, plan)
        return str(result["body"]) if result else None

    def process_outbox(self, *, seconds_ahead: float, plan: FaultPlan, rounds: int = 1) -> bool | None:
        """Process the outbox ``seconds_ahead``; whether it became idle, None if killed."""
        command = {"do": "sweep", "later": seconds_ahead, "rounds": rounds}
        is_idle: bool | None = self._execute(command, plan)
        return is_idle

    def process_outbox_until_idle(self, start: float = 600) -> None:
        """Process the outbox at increasingly later times until nothing is due."""
        for attempt in range(8):
            if not process_outbox(start + 1200 * attempt).counts:
                return
            for _ in range(MAX_PASSES):  # a message may enqueue the next one into a shard that is done
                if not process_outbox(start + 1200 * attempt).counts:
                    break
        raise AssertionError("the outbox does not become idle")

    def _execute(self, command: dict[str, Any], plan: FaultPlan) -> Any:
        with ExitStack() as stack:

            def start_faults(pid: int) -> None:
                plan.victim_pid = lambda: pid
                stack.enter_context(self.env.apply_plan(plan))

            return self.env.fork_server(proxied=True).execute(command, start_faults)


def scan_items(record_class: type[dynamodb.Record]) -> list[Any]:
    """All items of a table, however many pages they take."""
    pages = dynamodb.iter_pages("Scan", TableName=record_class.table_name(), ConsistentRead=True)
    return [item for page in pages for item in page]
