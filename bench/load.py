"""Sends load with wrk and measures what it costs the target."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench import usage
from bench.operations import Data, Operation
from bench.stack import OTHER_CORE, pin

SCRIPT = Path(__file__).with_name("load.lua")
IDLE_SECONDS, IDLE_CPU_MS = 0.4, 10
"""A target that uses less CPU time than this in this time is idle."""


@dataclass(frozen=True)
class Sample:
    """What one period of load has shown."""

    cpu_ms: float
    """Of the target, per request."""
    rps: float
    p50_ms: float
    p99_ms: float
    memory_mb: float
    requests: int
    bad: int
    """Answers that are not 2xx, and requests without an answer."""


def measure(
    pid: int, port: int, operation: Operation, data: Data, *, seconds: float, connections: int, folder: Path
) -> Sample:
    """Send requests until the target has used ``seconds`` of CPU time, or six times as long.

    So a period holds as many requests on a busy machine as on a calm one. The CPU time is that of
    all requests that were sent, with those that are not answered when the load ends.
    """
    requests = folder / f"{operation.build.__name__}.requests"
    requests.write_bytes(operation.requests(data))
    limit = seconds * 6
    command = ["wrk", "-t1", f"-c{connections}", f"-d{limit:.0f}s", "--timeout", "30s", "-s", str(SCRIPT)]
    before = usage.cpu_ms(pid)
    process = subprocess.Popen(
        pin(OTHER_CORE, [*command, f"http://127.0.0.1:{port}"]),
        env={**os.environ, "REQUESTS": str(requests), "EXPECTED": operation.expected},
        stdout=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and usage.cpu_ms(pid) - before < seconds * 1000:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    result = json.loads(output.splitlines()[-1])
    return Sample(
        cpu_ms=(_cpu_when_idle(pid) - before) / max(result["sent"], 1),
        rps=result["requests"] / result["seconds"],
        p50_ms=result["p50"],
        p99_ms=result["p99"],
        memory_mb=usage.memory_mb(pid),
        requests=result["requests"],
        bad=result["bad"] + result["failed"],
    )


def _cpu_when_idle(pid: int) -> float:
    """The CPU time of a target once it has finished what was sent."""
    used = usage.cpu_ms(pid)
    while True:
        time.sleep(IDLE_SECONDS)
        now = usage.cpu_ms(pid)
        if now - used <= IDLE_CPU_MS:
            return now
        used = now
