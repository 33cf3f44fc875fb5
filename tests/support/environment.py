"""The world around the tests: engines, stand-ins and proxies of their own, on free ports.

Loaded as a pytest plugin before Django reads its settings; each test process has its own world.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from config.dev import engines, services
from config.dev.supervisor import end_group
from tests.emulators.auth0.tenant import Tenant
from tests.support import twilio_specification
from tests.support.proxy import Exchange, Plan, Proxy

ROOT = Path(__file__).resolve().parent.parent.parent
SCALE = os.environ.get("SCALE") == "1"
"""Whether this is ``make scale``: full sizes and all fault modes."""


_given: set[int] = set()


def free_port() -> int:
    """A free port below those that outgoing connections take, each once.

    Test processes that run beside each other take theirs from ranges of their own.
    """
    beside = int(os.environ.get("PYTEST_XDIST_WORKER", "gw3").removeprefix("gw")) % 4
    low = 20_000 + 3_000 * beside
    while True:
        port = random.randrange(low, low + 3_000)
        if port in _given:
            continue
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port


class World:
    """Ports, processes and proxies."""

    def __init__(self) -> None:
        names = ("dynamodb", "redis", "identity", "smtp", "expo", "twilio", "mail_page", "web")
        self.ports = {name: free_port() for name in names}
        self.doors = {name: free_port() for name in names[:6]}
        """Ports of the proxies."""
        self.folder = Path(tempfile.mkdtemp(prefix="dutyline-"))
        self.proxies: list[Proxy] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._tenant: Tenant | None = None
        self.issuer = f"http://127.0.0.1:{self.doors['identity']}/"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def expo(self) -> str:
        return f"http://127.0.0.1:{self.ports['expo']}"

    @property
    def twilio(self) -> str:
        return f"http://127.0.0.1:{self.ports['twilio']}"

    @property
    def mail(self) -> str:
        return f"http://127.0.0.1:{self.ports['mail_page']}"

    def settings(self, *, proxied: bool) -> dict[str, str]:
        """The environment of a product process, straight or through the proxies."""
        ports = self.doors if proxied else self.ports
        return {
            "ENVIRONMENT": "local",
            "PYTHONUNBUFFERED": "1",
            "PUBLIC_BASE_URL": self.web,
            "DYNAMODB_ENDPOINT_URL": f"http://127.0.0.1:{ports['dynamodb']}",
            "DATABASE_URL": f"sqlite:///{self.folder}/operators.sqlite3",
            "DYNAMODB_TABLE_PREFIX": "dutyline-test",
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "AUTH0_ISSUER": self.issuer,
            "AUTH0_MANAGEMENT_URL": f"{self.issuer}api/v2/",
            "EXPO_BASE_URL": f"http://127.0.0.1:{ports['expo']}",
            "TWILIO_BASE_URL": f"http://127.0.0.1:{self.doors['twilio']}",
            "EMAIL_URL": f"smtp://127.0.0.1:{ports['smtp']}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TRUSTED_PROXIES": "",
            "NUMBERS_PER_CUSTOMER": "10000",
            "PHONE_CHECKS_PER_DAY": "100",
            "PHONE_CHECKS_PER_CUSTOMER": "10000",
            "CORS_ORIGINS": "https://app.dutyline.example",
        }

    def environment(self, *, proxied: bool) -> dict[str, str]:
        """The same over this process's own environment."""
        return {**os.environ, **self.settings(proxied=proxied)}

    def start(self) -> None:
        """Start the engines, the stand-ins and the proxies."""
        ports = self.ports
        self.spawn("dynamodb", engines.dynamodb(ports["dynamodb"]))
        self.spawn("redis", engines.redis(ports["redis"]))
        self.spawn("identity", services.identity(ports["identity"], self.folder / "identity"))
        self.spawn("expo", services.expo(ports["expo"]))
        self.spawn("twilio", services.twilio(ports["twilio"]))
        self.spawn("mail", services.mail(ports["smtp"], ports["mail_page"], self.folder / "mail"))
        for name in ("dynamodb", "redis", "identity", "expo", "twilio", "smtp", "mail_page"):
            wait_for(ports[name])
        for name, door in self.doors.items():
            http = name in ("dynamodb", "identity", "expo", "twilio")
            self.proxies.append(Proxy(name, door, ports[name], http=http))

    def start_web(
        self, name: str = "web", port: int = 0, *, workers: int = 1, **settings: str
    ) -> str:
        """Start a web process and wait until it is ready; its address."""
        port = port or self.ports["web"]
        environment = {**self.environment(proxied=True), **settings}
        self.spawn(name, services.web(port, workers=workers), environment)
        wait_for(port)
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if httpx.get(f"{address}/healthz", timeout=5).status_code == 200:
                    return address
            except httpx.HTTPError:
                time.sleep(0.05)
        raise TimeoutError(f"{name}: {self.log(name)[-2000:]}")

    def spawn(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process; what it prints is kept."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment or self.environment(proxied=False),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.processes[name]

    def stop(self, name: str) -> None:
        """End a process and all that it started."""
        process = self.processes.pop(name)
        process.terminate()
        end_group(process, 10)

    def tenant(self) -> Tenant:
        """The Auth0 stand-in's own memory, to sign tokens with its keys."""
        path = str(self.folder / "identity")
        if self._tenant is None:
            self._tenant = Tenant(path, issuer=self.issuer, audience="", clients=[])
        return self._tenant

    def exchanges(self, service: str) -> list[Exchange]:
        """Every request that reached a service through its proxy, and its answer."""
        return [one for proxy in self.proxies if proxy.service == service for one in proxy.passed]

    def log(self, name: str) -> str:
        """What a process printed so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for name in list(self.processes)[::-1]:
            self.stop(name)
        if self._tenant:
            self._tenant.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def plan(self, plan: Plan | None = None) -> Iterator[Plan]:
        """Count calls from 1 and let the planned ones go wrong, until the block ends."""
        plan = plan or Plan()
        for proxy in self.proxies:
            proxy.plan = plan
        try:
            yield plan
        finally:
            for proxy in self.proxies:
                proxy.plan = Plan()

    def manage(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a management command, straight at the engines."""
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env={**self.environment(proxied=False), **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def wait_for(port: int, seconds: float = 20) -> None:
    """Wait until somebody listens at a port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens at {port}")


WORLD = World()
os.environ.update(WORLD.settings(proxied=False))
os.environ["AUTH0_ISSUER"] = WORLD.issuer


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Everything outside the product, running."""
    WORLD.start()
    made = WORLD.manage("tables")
    assert made.returncode == 0, made.stderr
    yield WORLD
    WORLD.close()
    faults = sorted({fault for one in judged(WORLD) for fault in one})
    assert not faults, f"the stand-in for Twilio, or what we ask it, is not as specified: {faults}"


def judged(world: World) -> Iterator[list[str]]:
    """What Twilio's specification says to every call that was made, where it is at hand."""
    if not twilio_specification.SPECIFICATION.exists():
        return
    judge = twilio_specification.Judge()
    for one in world.exchanges("twilio"):
        yield judge.faults(one)


@pytest.fixture(scope="session")
def web(world: World) -> str:
    """The address of a running web process."""
    return world.start_web()
