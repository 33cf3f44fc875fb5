"""``make bench LATENCY=5``: throughput and latency with a distant engine."""

import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import load
from bench.operations import Data
from bench.stack import OTHER_CORE, Stack, free_ports, pin
from bench.targets import Target
from config.dev import services

CLIENTS = 64
CALLERS = 2
"""Connections that send inbound calls."""


def start_delay(stack: Stack, milliseconds: float) -> str:
    """Start a proxy that holds back the engine's answers; its URL."""
    (port,) = free_ports(1)
    script = str(Path(__file__).with_name("delay_proxy.py"))
    arguments = [sys.executable, script, str(port), str(stack.ports.dynamodb), f"{milliseconds:g}"]
    stack.supervisor.start("delay", pin(OTHER_CORE, arguments))
    stack.supervisor.wait_for_port("delay", port)
    return services.base_url(port)


def run_rounds(
    data: Data, targets: Sequence[Target], *, rounds: int, seconds: float
) -> dict[str, dict[str, list[load.Sample]]]:
    """Samples by case and target: `GET /user` of 64 clients; calls alone, and while the 64 ask."""
    samples: dict[str, dict[str, list[load.Sample]]] = {"user": {}, "voice": {}, "voice-loaded": {}}
    for round_number in range(-1, rounds):
        for target in targets:
            cases = {"user": target.load("user", data, seconds=seconds, connections=CLIENTS)}
            if target.name == "dutyline":
                cases["voice"] = target.load("voice", data, seconds=seconds, connections=CALLERS)
                cases["voice-loaded"] = _measure_calls_under_load(target, data, seconds)
            for name, sample in cases.items():
                if round_number >= 0:
                    samples[name].setdefault(target.name, []).append(sample)
    return samples


def _measure_calls_under_load(target: Target, data: Data, seconds: float) -> load.Sample:
    """Inbound calls while 64 clients ask `GET /user`; without the CPU time, which is of both."""
    options = {"seconds": seconds * 1.5, "connections": CLIENTS}
    thread = threading.Thread(target=target.load, args=("user", data), kwargs=options)
    thread.start()
    sample = target.load("voice", data, seconds=seconds, connections=CALLERS)
    thread.join()
    return replace(sample, cpu_ms=0.0)
