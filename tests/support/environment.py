"""The test environment: engines, emulators and proxies on free ports.

Loaded as a pytest plugin before Django reads its settings; each test process has its own.
"""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from config.dev import engines, postgresql, services
from config.dev.supervisor import wait_or_kill_group
from tests.emulators.auth0.tenant import Auth0Tenant
from tests.support import aws_rights, forks, twilio_specification
from tests.support.chaos import CHAOS
from tests.support.forks import ForkedProcess, ForkServer, Preloaded
from tests.support.proxy import Exchange, FaultPlan, Proxy

ROOT = forks.ROOT
IS_SCALE_RUN = os.environ.get("SCALE") == "1"
"""Whether this is ``make scale``: full sizes and all fault modes."""


_used_ports: set[int] = set()


def free_port() -> int:
    """A free port below the ephemeral range, never returned twice.

    Parallel test processes use separate port ranges.
    """
    worker_number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw3").removeprefix("gw")) % 4
    first_port = 20_000 + 3_000 * worker_number
    while True:
        port = random.randrange(first_port, first_port + 3_000)
        if port in _used_ports:
            continue
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _used_ports.add(port)
            return port


class Environment:
    """The ports, processes and proxies of a test process."""

    def __init__(self) -> None:
        names = ("dynamodb", "redis", "identity", "smtp", "expo", "twilio", "mail_page", "web", "app", "sql")
        self.ports = {name: free_port() for name in names}
        self.proxy_ports = {name: free_port() for name in names[:6]}
        """Ports of the proxies."""
        self.folder = Path(tempfile.mkdtemp(prefix="dutyline-"))
        self.certificates_folder = self.folder / "certificates"
        self.certificates_folder.mkdir()
        self.proxies: list[Proxy] = []
        self.processes: dict[str, subprocess.Popen[bytes] | ForkedProcess] = {}
        self._tenant: Auth0Tenant | None = None
        self._fork_servers: dict[bool, ForkServer] = {}
        self._postgresql: postgresql.Server | None = None
        self._preloaded: Preloaded | None = None
        self.issuer = f"http://127.0.0.1:{self.proxy_ports['identity']}/"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def app(self) -> str:
        """The origin of an app in a browser that may call the API."""
        return f"http://127.0.0.1:{self.ports['app']}"

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
        """Environment variables of a product process, with direct or proxied services."""
        ports = self.proxy_ports if proxied else self.ports
        return {
            "ENVIRONMENT": "local",
            "PYTHONUNBUFFERED": "1",
            "PUBLIC_BASE_URL": self.web,
            "DYNAMODB_ENDPOINT_URL": f"http://127.0.0.1:{ports['dynamodb']}",
            "DATABASE_URL": self._database_url(),
            "DYNAMODB_TABLE_PREFIX": aws_rights.TABLE_PREFIX,
            "STORAGE_FOLDER": str(self.folder / "files"),
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "AUTH0_ISSUER": self.issuer,
            "AUTH0_MANAGEMENT_URL": f"{self.issuer}api/v2/",
            "EXPO_BASE_URL": f"http://127.0.0.1:{ports['expo']}",
            "TWILIO_BASE_URL": f"http://127.0.0.1:{self.proxy_ports['twilio']}",
            "EMAIL_URL": f"smtp://127.0.0.1:{ports['smtp']}",
            # No certificates: each new HTTP client would load them for 30 ms of CPU, and nothing
            # here speaks TLS.
            "SSL_CERT_FILE": "",
            "SSL_CERT_DIR": str(self.certificates_folder),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TRUSTED_PROXIES": "",
            "NUMBERS_PER_CUSTOMER": "10000",
            "EXPORT_WAIT_MILLISECONDS": "300",  # in most tests no worker prints meanwhile
            "ZONE_RULES_REFRESH_SECONDS": "7200",  # never while a test counts calls of a database
            "PHONE_CHECKS_PER_DAY": "100",
            "DENIED_ATTEMPTS_PER_MINUTE": "1000",
            "RATE_LIMIT_LEASE_SECONDS": "0",  # tests use up limits of people who are active
            "PHONE_CHECKS_PER_CUSTOMER": "10000",
            "PHONE_CHECKS_PER_NUMBER": "1000",
            "PHONE_CHECKS_PER_USER_AND_NUMBER": "1000",
            "INVITATIONS_PER_USER": "100000",
            "INVITATIONS_PER_CUSTOMER": "100000",
            "EMAIL_CHANGES_PER_USER": "100000",
            "EMAIL_CHANGES_PER_CUSTOMER": "100000",
            "EMAIL_CHANGES_PER_TARGET": "1000",
            "EMAILS_PER_ADDRESS": "1000",
            "TAKEN_ADDRESSES_PER_USER": "1000",
            "TAKEN_ADDRESSES_PER_CUSTOMER": "1000",
            "NOTIFICATIONS_PER_ADDRESS": "100000",
            "CORS_ORIGINS": f"https://app.dutyline.example,{self.app}",
        }

    def _database_url(self) -> str:
        if engines.sql_engine() == "postgresql":
            return postgresql.database_url(self.ports["sql"])
        return f"sqlite:///{self.folder}/operators.sqlite3"

    def process_environment(self, *, proxied: bool) -> dict[str, str]:
        """These settings merged into the environment of this process."""
        return {**os.environ, **self.settings(proxied=proxied)}

    def start(self) -> None:
        """Start the engines, the emulators and the proxies."""
        ports = self.ports
        self.spawn("dynamodb", engines.dynamodb_command(ports["dynamodb"]))
        self.spawn("redis", engines.redis_command(ports["redis"]))
        self.spawn("identity", services.emulator_command("auth0", ports["identity"], self.folder / "identity"))
        self.spawn("expo", services.emulator_command("expo", ports["expo"]))
        self.spawn("twilio", services.emulator_command("twilio", ports["twilio"]))
        if engines.sql_engine() == "postgresql":
            self._postgresql = postgresql.Server(ports["sql"], self.folder / "sql.log")
        self.spawn("mail", services.mail_command(ports["smtp"], ports["mail_page"], self.folder / "mail"))
        for name in ("dynamodb", "redis", "identity", "expo", "twilio", "smtp", "mail_page"):
            wait_for_port(ports[name])
        for name, proxy_port in self.proxy_ports.items():
            is_http = name in ("dynamodb", "identity", "expo", "twilio")
            self.proxies.append(Proxy(name, proxy_port, ports[name], http=is_http))
        self.dynamodb_proxy.chaos = CHAOS

    def start_web(
        self, name: str = "web", port: int = 0, *, workers: int = 1, forked: bool = True, **settings: str
    ) -> str:
        """Start a web process and wait until it is ready; its URL.

        It is forked from one that has imported the product, or takes 1.7 s of CPU to start.
        """
        port = port or self.ports["web"]
        environment = {**self.process_environment(proxied=True), **settings}
        command = services.web_command(port, workers=workers)
        if forked:
            self.fork(name, command, environment)
        else:
            self.spawn(name, command, environment)
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{url}/healthz", timeout=5).status_code == 200:
                    return url
            except httpx.HTTPError:
                time.sleep(0.05)
        raise TimeoutError(f"{name}: {self.read_log(name)[-2000:]}")

    def warm_up_dynamodb(self) -> None:
        """Have DynamoDB Local do each kind of call on each table and index, as doctor tries them.

        Java compiles what it runs, so its first answers come later than clients wait.
        """
        for _ in range(2):
            completed = self.run_management_command("doctor", "--only", "dynamodb", "--seconds", "100")
        assert completed.returncode == 0, completed.stdout

    def spawn(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process; its output goes to a log file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment or self.process_environment(proxied=False),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return process

    def fork(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> ForkedProcess:
        """Start a process of the product like `spawn`, for a tenth of the CPU."""
        log_file = self.folder / f"{name}.log"
        log_file.touch()
        environment = environment or self.process_environment(proxied=False)
        process = self._start_preloaded().start(command[1:], environment, log_file, log_file)
        self.processes[name] = process
        return process

    def stop(self, name: str) -> None:
        """Stop a process and its children."""
        process = self.processes.pop(name)
        process.terminate()
        wait_or_kill_group(process, 10)

    def tenant(self) -> Auth0Tenant:
        """The state of the Auth0 emulator, to sign tokens with its keys."""
        path = str(self.folder / "identity")
        if self._tenant is None:
            self._tenant = Auth0Tenant(path, issuer=self.issuer)
        return self._tenant

    def exchanges(self, service: str) -> list[Exchange]:
        """All recorded exchanges with a service."""
        return [exchange for proxy in self.proxies if proxy.service == service for exchange in proxy.exchanges]

    def read_log(self, name: str) -> str:
        """The output of a process so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for server in self._fork_servers.values():
            server.close()
        for name in list(self.processes)[::-1]:
            self.stop(name)
        if self._preloaded:
            self._preloaded.close()
        if self._postgresql:
            self._postgresql.stop()
        if self._tenant:
            self._tenant.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def dynamodb_proxy(self) -> Proxy:
        """The proxy in front of DynamoDB."""
        return next(proxy for proxy in self.proxies if proxy.service == "dynamodb")

    @contextmanager
    def as_role(self, role: str) -> Iterator[None]:
        """Count proxied calls of DynamoDB as those of another role than the application."""
        proxy = self.dynamodb_proxy
        previous, proxy.role = proxy.role, role
        yield
        proxy.role = previous

    def rights(self, role: str) -> set[aws_rights.Right]:
        """What proxied calls of DynamoDB have needed so far."""
        return set().union(*(proxy.rights.get(role, set()) for proxy in self.proxies))

    def denied_calls(self) -> list[tuple[str, aws_rights.Right]]:
        """Calls of DynamoDB that the policy of their role does not allow."""
        roles = {role for proxy in self.proxies for role in proxy.rights}
        return [
            (role, right)
            for role in sorted(roles)
            for right in sorted(self.rights(role))
            if not aws_rights.is_allowed(right, aws_rights.load_policy(role))
        ]

    @contextmanager
    def apply_plan(self, plan: FaultPlan | None = None) -> Iterator[FaultPlan]:
        """Count calls from 1 and inject the planned faults until the block ends."""
        plan = plan or FaultPlan()
        for proxy in self.proxies:
            proxy.plan = plan
        if CHAOS:
            CHAOS.is_planned = bool(plan.faults or plan.always)
        try:
            yield plan
        finally:
            if CHAOS:
                CHAOS.is_planned = False
            for proxy in self.proxies:
                proxy.plan = FaultPlan()

    def fork_server(self, *, proxied: bool) -> ForkServer:
        """The process with proxied or direct services that forks a child for each command."""
        if proxied not in self._fork_servers:
            log_file = self.folder / f"fork_server_{'proxied' if proxied else 'direct'}.log"
            self._fork_servers[proxied] = ForkServer(self.process_environment(proxied=proxied), log_file)
        return self._fork_servers[proxied]

    def run_forked(self, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """What came of a process of the product with these arguments, which was forked."""
        return self._start_preloaded().run(list(arguments), environment)

    def _start_preloaded(self) -> Preloaded:
        """The process from which others are forked."""
        if self._preloaded is None:
            self._preloaded = Preloaded(self.process_environment(proxied=False), self.folder / "preloaded.log")
        return self._preloaded

    def run_management_command(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a management command without proxies, and with other settings if there are any."""
        if not settings:
            return self.fork_server(proxied=False).run_management_command(*command)
        environment = {**self.process_environment(proxied=False), **settings}
        return self.run_forked("manage.py", *command, environment=environment)


def wait_for_port(port: int, seconds: float = 300) -> None:
    """Wait until a port accepts connections."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")


ENVIRONMENT = Environment()
os.environ.update(ENVIRONMENT.settings(proxied=False))
os.environ["AUTH0_ISSUER"] = ENVIRONMENT.issuer


@pytest.fixture(scope="session")
def env() -> Iterator[Environment]:
    """The running engines, emulators and proxies."""
    ENVIRONMENT.start()
    completed = ENVIRONMENT.run_management_command("tables")
    assert completed.returncode == 0, completed.stderr
    if engines.dynamodb_engine() == "java":
        ENVIRONMENT.warm_up_dynamodb()
    yield ENVIRONMENT
    ENVIRONMENT.close()
    assert not ENVIRONMENT.denied_calls(), "a policy in docs/aws denies calls that the product makes"
    violations = sorted(
        {
            violation
            for exchange_violations in specification_violations(ENVIRONMENT)
            for violation in exchange_violations
        }
    )
    assert not violations, (
        f"requests to or responses of the Twilio emulator violate Twilio's specification: {violations}"
    )


def specification_violations(env: Environment) -> Iterator[list[str]]:
    """Violations of Twilio's specification per recorded exchange, if the file is available."""
    if not twilio_specification.SPECIFICATION.exists():
        return
    validator = twilio_specification.SpecificationValidator()
    for exchange in env.exchanges("twilio"):
        yield validator.violations(exchange)


@pytest.fixture(scope="session")
def web(env: Environment) -> str:
    """The URL of a running web process."""
    return env.start_web(forked=False)
