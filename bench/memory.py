"""``make bench MEMORY=1``: CPU time to the first answer, and memory at rest and after requests."""

import http.client
import time
from typing import Any

from bench import usage
from bench.operations import OPERATIONS, Data
from bench.targets import Target

REST_SECONDS = 5
STEPS = ("at the first answer", "at rest")
MIXED_OPERATIONS = ("user", "list", "post")
CONNECTIONS = 16


def measure(target: Target, data: Data, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Start a target; its CPU ms to the first answer of `GET /user`, and MB of memory by step."""
    target.start(target.stack.engine)
    try:
        _await_answer(target, data)
        result: dict[str, Any] = {"coldStartCpuMs": usage.cpu_ms(target.pid), "memoryMb": {}, "bad": 0}
        result["memoryMb"][STEPS[0]] = usage.memory_mb(target.pid)
        time.sleep(REST_SECONDS)
        result["memoryMb"][STEPS[1]] = usage.memory_mb(target.pid)
        sent = 0
        for _ in range(rounds):
            for name in MIXED_OPERATIONS:
                sample = target.load(name, data, seconds=seconds, connections=CONNECTIONS)
                sent += sample.requests
                result["bad"] += sample.bad
            time.sleep(REST_SECONDS)
            result["memoryMb"][f"after {sent} requests"] = usage.memory_mb(target.pid)
        return result
    finally:
        target.stop()


def _await_answer(target: Target, data: Data) -> None:
    request = OPERATIONS["user"].build(data, 0)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
        try:
            connection.request(request.method, request.target, headers=request.headers)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass  # it does not listen yet
        finally:
            connection.close()
        time.sleep(0.1)
    raise SystemExit(f"{target.name} does not answer GET /user.")
