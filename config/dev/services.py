"""The product on this machine: ports, environment and commands of its processes."""

import fcntl
import json
import os
import secrets
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from config.dev import engines
from config.dev.startup import UrlCheck, port_check
from config.dev.supervisor import StopRequested, Supervisor, is_port_free

ROOT = Path(__file__).resolve().parent.parent.parent
APP_CREDENTIALS = {"client_id": "dutyline-app", "client_secret": "local-app-secret"}
APP_CLIENT_IDS = {"spa_client_id": "dutyline-web", "native_client_id": "dutyline-mobile"}
OPERATOR_CREDENTIALS = {"username": "olive", "password": "local-operator"}
AUDIENCE = "https://api.dutyline.example/"
STOPPED_FIRST = ("web", "worker", "beat")
"""Processes that stop first, as they use the others."""


class PortBlock(NamedTuple):
    """The ports of one running product: consecutive ones in this order."""

    web: int
    identity: int
    twilio: int
    expo: int
    dynamodb: int
    redis: int
    mail_page: int
    smtp: int

    @classmethod
    def starting_at(cls, base: int) -> "PortBlock":
        return cls(*range(base, base + len(cls._fields)))


def base_url(port: int) -> str:
    """The URL of a port on this machine."""
    return f"http://127.0.0.1:{port}"


class DynamoDB(NamedTuple):
    """The database of a running product: ours, or one that DYNAMODB_ENDPOINT_URL names."""

    endpoint: str
    table_prefix: str
    is_ours: bool

    @classmethod
    def chosen(cls, ports: PortBlock, data_folder: Path) -> "DynamoDB":
        """The one that the environment chooses.

        In a foreign one, the tables of this folder have a prefix of their own, a new one after
        each fresh start: its old tables are not ours to delete.
        """
        endpoint = os.environ.get("DYNAMODB_ENDPOINT_URL", "")
        if not endpoint:
            return cls(
                base_url(ports.dynamodb), os.environ.get("DYNAMODB_TABLE_PREFIX", "dutyline-local"), is_ours=True
            )
        prefix_file = data_folder / "table-prefix"
        if not prefix_file.exists():
            prefix_file.write_text(f"dutyline-{secrets.token_hex(4)}")
        return cls(endpoint, prefix_file.read_text(), is_ours=False)

    def environment(self) -> dict[str, str]:
        """The settings of processes that use it."""
        own_credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "eu-central-1"}
        credentials = own_credentials if self.is_ours else {**own_credentials, **os.environ}
        return {
            "DYNAMODB_ENDPOINT_URL": self.endpoint,
            "DYNAMODB_TABLE_PREFIX": self.table_prefix,
            **{name: credentials[name] for name in own_credentials},
        }


def process_environment(ports: PortBlock, database: DynamoDB) -> dict[str, str]:
    """The environment of a product on these ports, based on the caller's."""
    return {
        **os.environ,
        "ENVIRONMENT": "local",
        "PYTHONUNBUFFERED": "1",
        "PUBLIC_BASE_URL": base_url(ports.web),
        **database.environment(),
        "REDIS_URL": f"redis://127.0.0.1:{ports.redis}/0",
        "AUTH0_ISSUER": f"{base_url(ports.identity)}/",
        "AUTH0_MANAGEMENT_URL": f"{base_url(ports.identity)}/api/v2/",
        "AUTH0_AUDIENCE": AUDIENCE,
        "TWILIO_BASE_URL": base_url(ports.twilio),
        "EXPO_BASE_URL": base_url(ports.expo),
        "EMAIL_URL": f"smtp://127.0.0.1:{ports.smtp}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def web_command(port: int, *, workers: int = 1) -> list[str]:
    """The command of the web process."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
        *("--http1-header-read-timeout", "10000", "--http1-buffer-size", "65536", "--backpressure", "1024"),
        *("--no-ws", "--log-level", "warning", "--log-config", "config/granian_logging.json"),
        "config.asgi:application",
    ]


def worker_command(processes: int = 2) -> list[str]:
    """The command of the Celery worker."""
    return [
        *(sys.executable, "-m", "celery", "-A", "config", "-q", "worker"),
        *("--loglevel", "warning", "--concurrency", str(processes), "--without-mingle"),
        *("--without-gossip",),
    ]


def beat_command(folder: Path) -> list[str]:
    """The command of Celery beat, the schedule."""
    return [
        *(sys.executable, "-m", "celery", "-A", "config", "-q", "beat", "--loglevel", "warning"),
        *("--schedule", str(folder / "beat"), "--pidfile="),
    ]


def emulator_command(name: str, port: int, state_file: Path | None = None) -> list[str]:
    """The command of the emulator of ``auth0``, ``twilio`` or ``expo`` (which stores no state)."""
    state_options = ["--state", str(state_file)] if state_file else []
    return [sys.executable, "-m", f"tests.emulators.{name}", "--port", str(port), *state_options]


def mail_command(smtp_port: int, page_port: int, folder: Path) -> list[str]:
    """The command of the mail server, which stores mail in a folder and shows it on a page."""
    options = ["--smtp", str(smtp_port), "--page", str(page_port), "--folder", str(folder)]
    return [sys.executable, "-m", "tests.emulators.mail", *options]


def read_base_port() -> int:
    """The first port: PORT, or 8000."""
    base = os.environ.get("PORT") or "8000"
    if not base.isdigit() or not 1024 <= int(base) <= 65000:
        sys.exit("PORT must be a number from 1024 to 65000.")
    return int(base)


def run_product(*, base: int, fresh: bool) -> None:
    """Run everything until a signal stops it."""
    if os.environ.get("ENVIRONMENT", "local") != "local":
        sys.exit("make run starts emulators: it requires ENVIRONMENT=local.")
    folder = ROOT / ".local"
    folder.mkdir(exist_ok=True)
    with (folder / "run.lock").open("a+") as lock_file:
        _acquire_lock(lock_file)
        ports = PortBlock.starting_at(base)
        ensure_ports_free(ports)
        demo_file = folder / "demo.json"
        if fresh or not demo_file.exists():
            _delete_state(folder)
        data_folder = folder / "data"
        data_folder.mkdir(exist_ok=True)
        database = DynamoDB.chosen(ports, data_folder)
        supervisor = Supervisor(folder / "log", process_environment(ports, database))
        supervisor.listen_for_signals()
        try:
            _start_processes(supervisor, ports, folder, database)
            _announce_running(ports, folder, database)
            supervisor.watch()
        except StopRequested:
            print("\nStopping …", flush=True)
        finally:
            supervisor.stop(first=STOPPED_FIRST)
            (folder / "run.json").unlink(missing_ok=True)
        print("Stopped.", flush=True)


def _start_processes(supervisor: Supervisor, ports: PortBlock, folder: Path, database: DynamoDB) -> None:
    started_at = time.monotonic()
    data_folder = folder / "data"
    if database.is_ours:
        supervisor.start("dynamodb", engines.dynamodb_command(ports.dynamodb, data_folder / "dynamodb.sqlite3"))
    supervisor.start("redis", engines.redis_command(ports.redis, data_folder))
    supervisor.start("identity", emulator_command("auth0", ports.identity, data_folder / "identity.sqlite3"))
    supervisor.start("twilio", emulator_command("twilio", ports.twilio, data_folder / "twilio.json"))
    supervisor.start("expo", emulator_command("expo", ports.expo))
    supervisor.start("mail", mail_command(ports.smtp, ports.mail_page, folder / "mail"))
    listened_ports = {name: [port] for name, port in ports._asdict().items()}
    listened_ports["mail"] = [ports.smtp, ports.mail_page]
    supervisor.wait_until_ready({name: port_check(*listened_ports[name]) for name in supervisor.processes})
    _prepare_stores(supervisor, folder / "demo.json")
    supervisor.start("web", web_command(ports.web))
    supervisor.start("worker", worker_command())
    supervisor.start("beat", beat_command(data_folder))
    supervisor.wait_until_ready({"web": UrlCheck(ports.web, "/readyz")})
    seconds = time.monotonic() - started_at
    slowest = f" (slowest: {supervisor.slowest_starts()})" if seconds > supervisor.report_seconds else ""
    print(f"· ready after {seconds:.1f} s{slowest}", flush=True)


def _prepare_stores(supervisor: Supervisor, demo_file: Path) -> None:
    """Create what is missing: tables, operators' database, demo data."""
    commands = ["tables", "then", "directory", "then", "migrate", "--verbosity", "0"]
    if not demo_file.exists():
        print("· demo data …", flush=True)
        options = ["--group", "lead", "--password", OPERATOR_CREDENTIALS["password"]]
        commands += ["then", "operator", OPERATOR_CREDENTIALS["username"], *options]
        commands += ["then", "demo", "--out", str(demo_file)]
    supervisor.run("preparation", [sys.executable, "-m", "config.dev.preparation", *commands])


def describe_product(ports: PortBlock, folder: Path, database: DynamoDB, *, api: str) -> dict[str, Any]:
    """What `run.json` says of a running product: addresses and demo accounts, for scripts."""
    accounts: list[dict[str, Any]] = json.loads((folder / "demo.json").read_text())["accounts"]
    return {
        "port": ports.web,
        "api": api,
        "admin": f"{api}/admin/",
        "docs": f"{api}/docs/",
        "identity": {
            "issuer": f"{base_url(ports.identity)}/",
            "audience": AUDIENCE,
            **APP_CREDENTIALS,
            **APP_CLIENT_IDS,
        },
        "twilio": base_url(ports.twilio),
        "expo": base_url(ports.expo),
        "mail": str(folder / "mail"),
        "mailPage": base_url(ports.mail_page),
        "smtp": f"smtp://127.0.0.1:{ports.smtp}",
        "dynamodb": database._asdict(),
        "redis": f"redis://127.0.0.1:{ports.redis}/0",
        "accounts": accounts,
        "operator": OPERATOR_CREDENTIALS,
    }


def _announce_running(ports: PortBlock, folder: Path, database: DynamoDB) -> None:
    run_info = describe_product(ports, folder, database, api=base_url(ports.web))
    partial_file = folder / "run.json.part"
    partial_file.write_text(json.dumps(run_info, indent=2))
    partial_file.rename(folder / "run.json")
    account_lines = "\n".join(f"  {a['email']:24} {a['role']:8} {a['password']}" for a in run_info["accounts"])
    username, password = OPERATOR_CREDENTIALS["username"], OPERATOR_CREDENTIALS["password"]
    api = run_info["api"]
    print(
        f"""
Dutyline is running.
  API and reference   {run_info["docs"]}
  E-mail              {run_info["mailPage"]}
  Notifications       {run_info["expo"]}
  Numbers and calls   {run_info["twilio"]}
  Back office         {run_info["admin"]}  ({username}, {password})

Demo accounts:
{account_lines}

Try it:
  curl -s {api}/user -H "Authorization: Bearer $(make -s token USER=ann@harbour.example)"

Sign in from an app on this machine (docs/sign-in.md): authorization code with PKCE, no secret
  issuer {run_info["identity"]["issuer"]}   audience {AUDIENCE}
  client id {APP_CLIENT_IDS["spa_client_id"]} in a browser at http://localhost:8081, :19006, :3000 or :5173
            {APP_CLIENT_IDS["native_client_id"]} on a phone, back to dutyline://callback or exp://127.0.0.1:8081/--/callback

Ctrl-C stops everything. The data is in .local/; make run FRESH=1 deletes it first.
""",
        flush=True,
    )


def _acquire_lock(lock_file: Any) -> None:
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock_file.seek(0)
        sys.exit(f"Dutyline is already running here (process {lock_file.read().strip()}); stop it first.")
    lock_file.truncate(0)
    lock_file.write(str(os.getpid()))
    lock_file.flush()


def ensure_ports_free(ports: PortBlock) -> None:
    """Exit with a message if a port is in use."""
    for name, port in ports._asdict().items():
        if not is_port_free(port):
            sys.exit(
                f"Port {port} (for {name}) is in use. Choose another block of ports: PORT={ports.web + 1000} make run"
            )


def _delete_state(folder: Path) -> None:
    for name in ("data", "mail", "log"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "demo.json").unlink(missing_ok=True)
