"""The servers that are compared: how each is started, its tables and its process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench import load
from bench.operations import OPERATIONS, Data
from bench.stack import ROOT, TARGET_CORE, Stack, free_ports, pin
from bench.tables import Engine
from config.dev import services
from config.dev.supervisor import Supervisor

PEERS = ROOT / "bench/peers"
_PYTHON = str(PEERS / ".venv/bin/python")
SEED_PREFIX = "seed"
"""Of copies of tables, from which they are restored."""
THREADS = os.environ.get("WEB_THREADS", "16")
BEFORE = Path(os.environ.get("BEFORE") or ROOT).expanduser().resolve()
"""A checkout of an older commit of this repository: the target ``before``."""
PRODUCTS = ("dutyline", "before")
"""Targets that answer all operations."""


def _granian(port: int, interface: str, application: str, *options: str) -> list[str]:
    listen = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--http", "1", "--no-ws"]
    return [_PYTHON, "-m", "granian", "--interface", interface, *listen, *options, application]


def _command(name: str, port: int) -> list[str]:
    """The command of a target. Exits if there is none of this name."""
    if name == "dutyline":
        return services.web_command(port)
    if name == "express":
        return ["node", str(PEERS / "express/app.mjs")]
    if name == "fastapi":
        return _granian(port, "asgi", "bench.peers.fastapi_app:app")
    if name == "drf":
        return _granian(port, "wsgi", "bench.peers.drf.wsgi:application", "--blocking-threads", THREADS)
    if name == "floor":
        return _granian(port, "rsgi", "bench.peers.floor:app")
    if name == "before":
        return _before_command(port)
    sys.exit(f"There is no target {name}; there are: {', '.join(TARGETS)}")


def _before_command(port: int) -> list[str]:
    """The web process as the older checkout starts it, with its own packages if it has them."""
    if BEFORE == ROOT:
        sys.exit("The target before needs BEFORE=<folder of a checkout>.")
    own_python = BEFORE / ".venv/bin/python"
    python = str(own_python) if own_python.exists() else sys.executable
    module, function = next(names for names in _WEB_COMMANDS if (BEFORE / f"{names[0].replace('.', '/')}.py").exists())
    script = f"import json; from {module} import {function}; print(json.dumps({function}({port})))"
    command = json.loads(subprocess.check_output([python, "-c", script], cwd=BEFORE, text=True))
    return ["env", "--chdir", str(BEFORE), *command]


_WEB_COMMANDS = (("config.dev.services", "web_command"), ("config.local.product", "web"))
"""The module and the function that returns the command of the web process, now and in d0f678f."""
TARGETS = (*PRODUCTS, "express", "fastapi", "drf", "floor")


@dataclass
class Target:
    """A server on core 0 with tables of its own."""

    name: str
    stack: Stack
    port: int = 0
    supervisor: Supervisor | None = None
    sent: int = 0
    """Requests that were sent to it."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def table_prefix(self) -> str:
        return self.stack.table_prefix if self.name == "dutyline" else f"peer-{self.name}"

    @property
    def pid(self) -> int:
        assert self.supervisor is not None
        return self.supervisor.processes[self.name].pid

    def start(self, endpoint: str, *, core: str = TARGET_CORE) -> None:
        """Start it; it calls DynamoDB at an endpoint."""
        (self.port,) = free_ports(1)
        environment = {
            **self.stack.environment(endpoint),
            "DYNAMODB_TABLE_PREFIX": self.table_prefix,
            "BENCH_CONSTANTS": str(self.stack.folder / "constants.json"),
            "BENCH_FLOOR": str(self.stack.folder / f"floor-{self.table_prefix}.json"),
            "PORT": str(self.port),
            "PYTHONPATH": str(BEFORE if self.name == "before" else ROOT),
            "NODE_ENV": "production",
            "WEB_THREADS": THREADS,
            **self.environment,
        }
        self.supervisor = Supervisor(self.stack.folder / "log", environment)
        self.supervisor.start(self.name, pin(core, _command(self.name, self.port)))
        self.supervisor.wait_for_port(self.name, self.port)

    def load(self, operation: str, data: Data, *, seconds: float, connections: int) -> load.Sample:
        """Measure an operation, from the state of the seed on."""
        described = OPERATIONS[operation]
        if described.restored_table:
            source, copy = (f"{prefix}-{described.restored_table}" for prefix in (SEED_PREFIX, self.table_prefix))
            Engine(self.stack.engine).restore(source, copy)
        folder = self.stack.folder
        return load.measure(
            self.pid, self.port, described, data, seconds=seconds, connections=connections, folder=folder
        )

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self.supervisor:
            self.supervisor.stop()
            self.supervisor = None

    def log_path(self) -> Path:
        """Where it writes."""
        return self.stack.folder / "log" / f"{self.name}.log"
