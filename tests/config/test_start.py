"""A web process is ready when it listens, starts without its vendors, and imports what it needs."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings

from config.dev import engines
from tests.support.environment import ROOT, Environment, free_port

UNNEEDED = {
    *("psycopg", "icalendar", "markdown_it", "confusable_homoglyphs", "rich", "click", "pygments"),
    *("prometheus_client", "opentelemetry", "google.protobuf"),
    *("accounts.admin", "staffing.admin", "telephony.admin", "weasyprint", "twilio", "auth0"),
}
NEEDED_WITH = {"sqlite": set[str](), "postgresql": {"psycopg"}}
"""By engine of operators' data: its driver. Another engine's is not loaded."""
MAX_CPU_SECONDS = 1.5
"""On an idle machine; a busy one takes up to twice as long."""
MAX_STARTS = 4
"""Starts of which the least counts: the first may compile, and others run beside them."""
SCRIPT = """
import gc, json, os, sys, time
import config.asgi
from accounts.auth import tokens
from config.api import routes
print(json.dumps({
    "cpu": time.process_time(),
    "frozen": gc.get_freeze_count(),
    "modules": sorted(sys.modules),
    "keys": len(tokens._get_key_store()._keys),
    "routes": routes._route_table.cache_info().currsize,
    "batches": sum(os.sched_getscheduler(int(thread)) == os.SCHED_BATCH for thread in os.listdir("/proc/self/task")),
    "nice": sum(os.getpriority(os.PRIO_PROCESS, int(thread)) > os.getpriority(os.PRIO_PROCESS, 0)
                for thread in os.listdir("/proc/self/task")),
}))
"""


def start(env: Environment, **variables: str) -> dict[str, Any]:
    """What a process has done when it begins to listen."""
    environment = {**env.process_environment(proxied=False), **variables}
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # as granian starts it
    completed = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return dict(json.loads(completed.stdout.splitlines()[-1]))


def test_a_process_that_listens_is_ready(env: Environment, record_figure: Callable[[str], None]) -> None:
    process = start(env)
    cpu_seconds = process["cpu"]
    for _ in range(MAX_STARTS - 1):
        if cpu_seconds < 2 * MAX_CPU_SECONDS:
            break
        cpu_seconds = min(cpu_seconds, start(env)["cpu"])

    record_figure(f"start of a web process: {cpu_seconds:.2f} s of CPU time")
    assert process["keys"] >= 1
    assert process["routes"] == 1
    assert process["frozen"] > 100_000
    assert process["batches"] >= settings.WEB_THREADS, "they do not interrupt each other"
    assert process["nice"] == settings.WEB_THREADS, "the event loop goes first, and so do calls"
    assert UNNEEDED & set(process["modules"]) == NEEDED_WITH[engines.sql_engine()]
    assert cpu_seconds < 2 * MAX_CPU_SECONDS


def test_a_process_starts_without_vendors_and_redis(env: Environment) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    process = start(env, AUTH0_ISSUER=f"http://{nowhere}/", REDIS_URL=f"redis://{nowhere}/0")

    assert process["keys"] == 0
    assert process["routes"] == 1


def test_a_process_starts_while_a_vendor_answers_endlessly(env: Environment) -> None:
    """As while a name is looked up, no timeout ends it."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError), server.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not ended.wait(0.5):
                    connection.sendall(b"X-More: 1\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            process = start(env, AUTH0_ISSUER=f"http://127.0.0.1:{server.getsockname()[1]}/")
        finally:
            ended.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert process["keys"] == 0
    assert process["frozen"] > 100_000
