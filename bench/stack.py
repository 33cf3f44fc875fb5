"""The engines and emulators of a run, and the environment of the targets.

Everything but the target runs on core 1, so that it does not take time from the target on core 0.
"""

import socket
import sys
from pathlib import Path

from config.dev import engines, services
from config.dev.supervisor import Supervisor

ROOT = services.ROOT
FOLDER = ROOT / ".local/bench"
TARGET_CORE, OTHER_CORE = "0", "1"
TABLE_PREFIX = "dutyline-bench"
UNLIMITED = "10000000"


def pin(core: str, command: list[str]) -> list[str]:
    """A command that runs on one core."""
    return ["taskset", "-c", core, *command]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Stack:
    """What the targets call: the engine of DynamoDB, Valkey and the emulators."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table_prefix = TABLE_PREFIX
        self.ports = services.PortBlock(*free_ports(len(services.PortBlock._fields)))
        self.engine = services.base_url(self.ports.dynamodb)
        self.supervisor = Supervisor(folder / "log", self.environment(self.engine))

    def environment(self, endpoint: str) -> dict[str, str]:
        """The settings of a process that calls DynamoDB at an endpoint.

        The limits of the product count as always, but are out of reach of the load.
        """
        database = services.DynamoDB(endpoint, self.table_prefix, is_ours=True)
        return {
            **services.process_environment(self.ports, database),
            "DATABASE_URL": f"sqlite:///{self.folder}/operators.sqlite3",
            "STORAGE_FOLDER": str(self.folder / "files"),
            "REQUESTS_PER_ADDRESS": UNLIMITED,
            "COST_PER_USER": UNLIMITED,
            "COST_PER_CUSTOMER": UNLIMITED,
            "CALLS_AT_ONCE_PER_CUSTOMER": "1000",
            "CALLS_AT_ONCE_PER_LOCATION": "1000",
            "CALLS_AT_ONCE_PER_CALLER": "1000",
            "CALL_MINUTES": "1",
            "CALL_MINUTES_PER_DAY": "100000",
            "CALL_MINUTES_PER_CALLER": "100000",
            "PHONE_CHECKS_PER_CUSTOMER": "10000",
            "INVITATIONS_PER_USER": "100000",
            "INVITATIONS_PER_CUSTOMER": "100000",
        }

    def start(self, further_people: int = 0) -> None:
        """Start everything, and create the tables and the data (`bench.seed`)."""
        ports = self.ports
        commands = {
            "dynamodb": engines.dynamodb_command(ports.dynamodb),
            "redis": engines.redis_command(ports.redis),
            "identity": services.emulator_command("auth0", ports.identity, self.folder / "identity.sqlite3"),
            "twilio": services.emulator_command("twilio", ports.twilio),
            "expo": services.emulator_command("expo", ports.expo),
        }
        for name, command in commands.items():
            self.supervisor.start(name, pin(OTHER_CORE, command))
        for name in commands:
            self.supervisor.wait_for_port(name, getattr(ports, name))
        self.supervisor.run("tables", [sys.executable, "manage.py", "tables"])
        self.supervisor.run("seed", [sys.executable, "-m", "bench.seed", str(self.folder), str(further_people)])

    def stop(self) -> None:
        """Stop everything that was started."""
        self.supervisor.stop()
