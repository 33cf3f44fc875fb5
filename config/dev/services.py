"""The whole product on this machine: its ports, its environment, and ``manage.py run``."""

import fcntl
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.dev import engines
from config.dev.supervisor import Stopped, Supervisor, is_free

ROOT = Path(__file__).resolve().parent.parent.parent
APP = {"client_id": "dutyline-app", "client_secret": "local-app-secret"}
OPERATOR = {"username": "olive", "password": "local-operator"}
AUDIENCE = "https://api.dutyline.example/"
OUTSIDE = ("web", "worker", "beat")
"""Parts that stop first: they take or do work."""


@dataclass(frozen=True)
class Block:
    """The ports of one running product: a block that starts at ``base``."""

    base: int

    @property
    def web(self) -> int:
        return self.base

    @property
    def identity(self) -> int:
        return self.base + 1

    @property
    def twilio(self) -> int:
        return self.base + 2

    @property
    def expo(self) -> int:
        return self.base + 3

    @property
    def dynamodb(self) -> int:
        return self.base + 4

    @property
    def redis(self) -> int:
        return self.base + 5

    @property
    def mail_page(self) -> int:
        return self.base + 6

    @property
    def smtp(self) -> int:
        return self.base + 7

    def all(self) -> dict[str, int]:
        names = (
            *("web", "identity", "twilio", "expo"),
            *("dynamodb", "redis", "mail_page", "smtp"),
        )
        return {name: getattr(self, name) for name in names}


def address(port: int) -> str:
    """Where something on this machine answers."""
    return f"http://127.0.0.1:{port}"


def environment(ports: Block) -> dict[str, str]:
    """The settings of a product on these ports, over what the caller has set."""
    return {
        **os.environ,
        "ENVIRONMENT": "local",
        "PYTHONUNBUFFERED": "1",
        "PUBLIC_BASE_URL": address(ports.web),
        "DYNAMODB_ENDPOINT_URL": address(ports.dynamodb),
        "REDIS_URL": f"redis://127.0.0.1:{ports.redis}/0",
        "AUTH0_ISSUER": f"{address(ports.identity)}/",
        "AUTH0_MANAGEMENT_URL": f"{address(ports.identity)}/api/v2/",
        "AUTH0_AUDIENCE": AUDIENCE,
        "TWILIO_BASE_URL": address(ports.twilio),
        "EXPO_BASE_URL": address(ports.expo),
        "EMAIL_URL": f"smtp://127.0.0.1:{ports.smtp}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def web(port: int, *, workers: int = 1, threads: int = 16) -> list[str]:
    """The command of the web process."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", str(workers), "--blocking-threads", str(threads)),
        *("--no-ws", "--log-level", "warning", "config.wsgi:application"),
    ]


def worker(processes: int = 2) -> list[str]:
    """The command of the worker."""
    return [
        *(sys.executable, "-m", "celery", "-A", "config", "worker"),
        *("--loglevel", "warning", "--concurrency", str(processes), "--without-mingle"),
        *("--without-gossip",),
    ]


def beat(folder: Path) -> list[str]:
    """The command of the schedule."""
    return [
        *(sys.executable, "-m", "celery", "-A", "config", "beat", "--loglevel", "warning"),
        *("--schedule", str(folder / "beat"), "--pidfile="),
    ]


def identity(port: int, state: Path | None = None) -> list[str]:
    """The command of the Auth0 stand-in."""
    kept = ["--state", str(state)] if state else []
    return [sys.executable, "-m", "tests.emulators.auth0", "--port", str(port), *kept]


def twilio(port: int, state: Path | None = None) -> list[str]:
    """The command of the Twilio stand-in."""
    kept = ["--state", str(state)] if state else []
    return [sys.executable, "-m", "tests.emulators.twilio", "--port", str(port), *kept]


def expo(port: int) -> list[str]:
    """The command of the Expo stand-in."""
    return [sys.executable, "-m", "tests.emulators.expo", "--port", str(port)]


def mail(smtp: int, page: int, folder: Path) -> list[str]:
    """The command of the mail stand-in."""
    ports = ["--smtp", str(smtp), "--page", str(page)]
    return [sys.executable, "-m", "tests.emulators.mail", *ports, "--folder", str(folder)]


def base_port() -> int:
    """Where the block begins: PORT, or 8000."""
    base = os.environ.get("PORT") or "8000"
    if not base.isdigit() or not 1024 <= int(base) <= 65000:
        sys.exit("PORT must be a number from 1024 to 65000.")
    return int(base)


def run(*, base: int, fresh: bool) -> None:
    """Run everything until told to stop."""
    if os.environ.get("ENVIRONMENT", "local") != "local":
        sys.exit("make run starts emulators, so it runs only with ENVIRONMENT=local.")
    folder = ROOT / ".local"
    folder.mkdir(exist_ok=True)
    with (folder / "run.lock").open("a+") as lock:
        _lock(lock)
        ports = Block(base)
        check_ports(ports)
        demo = folder / "demo.json"
        if fresh or not demo.exists():
            _forget(folder)
        supervisor = Supervisor(folder / "log", environment(ports))
        supervisor.listen_for_signals()
        try:
            _start(supervisor, ports, folder)
            _announce(ports, folder)
            supervisor.watch()
        except Stopped:
            print("\nStopping …", flush=True)
        finally:
            supervisor.stop(first=OUTSIDE)
            (folder / "run.json").unlink(missing_ok=True)
        print("Stopped.", flush=True)


def _start(supervisor: Supervisor, ports: Block, folder: Path) -> None:
    began = time.monotonic()
    data = folder / "data"
    data.mkdir(exist_ok=True)
    supervisor.start("dynamodb", engines.dynamodb(ports.dynamodb, data / "dynamodb.sqlite3"))
    supervisor.start("redis", engines.redis(ports.redis, data))
    supervisor.start("identity", identity(ports.identity, data / "identity.sqlite3"))
    supervisor.start("twilio", twilio(ports.twilio, data / "twilio.json"))
    supervisor.start("expo", expo(ports.expo))
    supervisor.start("mail", mail(ports.smtp, ports.mail_page, folder / "mail"))
    for name, port in ports.all().items():
        if name != "web":
            supervisor.wait_for_port({"mail_page": "mail", "smtp": "mail"}.get(name, name), port)
    manage = [sys.executable, "manage.py"]
    supervisor.run("tables", [*manage, "tables"])
    supervisor.run("migrate", [*manage, "migrate", "--verbosity", "0"])
    demo = folder / "demo.json"
    if not demo.exists():
        print("· demo data …", flush=True)
        given = ["--group", "lead", "--password", OPERATOR["password"]]
        supervisor.run("operator", [*manage, "operator", OPERATOR["username"], *given])
        supervisor.run("demo", [*manage, "demo", "--out", str(demo)])
    supervisor.start("web", web(ports.web))
    supervisor.start("worker", worker())
    supervisor.start("beat", beat(data))
    supervisor.wait_for_page("web", f"{address(ports.web)}/readyz")
    print(f"· everything answers after {time.monotonic() - began:.1f} s", flush=True)


def _announce(ports: Block, folder: Path) -> None:
    accounts: list[dict[str, Any]] = json.loads((folder / "demo.json").read_text())["accounts"]
    about = {
        "port": ports.base,
        "api": address(ports.web),
        "admin": f"{address(ports.web)}/admin/",
        "docs": f"{address(ports.web)}/docs/",
        "identity": {"issuer": f"{address(ports.identity)}/", "audience": AUDIENCE, **APP},
        "twilio": address(ports.twilio),
        "expo": address(ports.expo),
        "mail": str(folder / "mail"),
        "mailPage": address(ports.mail_page),
        "smtp": f"smtp://127.0.0.1:{ports.smtp}",
        "dynamodb": address(ports.dynamodb),
        "redis": f"redis://127.0.0.1:{ports.redis}/0",
        "accounts": accounts,
        "operator": OPERATOR,
    }
    draft = folder / "run.json.part"
    draft.write_text(json.dumps(about, indent=2))
    draft.rename(folder / "run.json")
    people = "\n".join(f"  {a['email']:24} {a['role']:8} {a['password']}" for a in accounts)
    print(
        f"""
Dutyline runs.
  API and reference   {about["docs"]}
  Mail that was sent  {about["mailPage"]}
  Notifications       {about["expo"]}
  Numbers and calls   {about["twilio"]}
  Back office         {about["admin"]}  ({OPERATOR["username"]}, {OPERATOR["password"]})

Who may sign in:
{people}

Try it:
  curl -s {about["api"]}/user -H "Authorization: Bearer $(make -s token USER=ann@harbour.example)"

Ctrl-C stops everything. The state is in .local/; make run FRESH=1 starts over.
""",
        flush=True,
    )


def _lock(lock: Any) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        sys.exit(f"Dutyline runs here already (process {lock.read().strip()}); stop it first.")
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def check_ports(ports: Block) -> None:
    """Exit with a sentence where somebody has one of the ports."""
    for name, port in ports.all().items():
        if not is_free(port):
            sys.exit(
                f"Port {port} (for {name}) is taken; "
                f"choose another block of ports: PORT={ports.base + 1000} make run"
            )


def _forget(folder: Path) -> None:
    for name in ("data", "mail", "log"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "demo.json").unlink(missing_ok=True)
