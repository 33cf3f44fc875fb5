"""Runs an earlier release beside this one, on the same data; see `tests.releases.__main__`."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from config import dynamodb, outbox
from config.audit import verification
from config.dev import services
from config.outbox import worker
from config.outbox.models import BASE_SHARDS
from tests.releases import contract, scenario
from tests.releases.scenario import Done, Person
from tests.support.environment import ROOT, Environment, free_port, wait_for_port
from tests.support.http_client import HTTP

WAIT_SECONDS = 90
SET_UP = "import os, django; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings'); django.setup()"


class Former:
    """An earlier release with the packages of its own lock, in ``.local/releases``."""

    def __init__(self, env: Environment, revision: str) -> None:
        self._env = env
        self.folder = _prepare_checkout(revision)
        self.commit = self.folder.name
        self._python = str(self.folder / ".venv/bin/python")

    def run(self, *command: str) -> str:
        """Run a Python command there; its output."""
        completed = subprocess.run(
            [self._python, *command],
            cwd=self.folder,
            env=self._env.process_environment(proxied=False),
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, (command, completed.stdout[-2000:], completed.stderr[-4000:])
        return completed.stdout

    def describe(self) -> dict[str, Any]:
        """What `contract.describe` says there."""
        source = Path(contract.__file__).read_text()
        output = self.run("-c", f"{source}\nimport json\n{SET_UP}\nprint(json.dumps(describe()))")
        return dict(json.loads(output.splitlines()[-1]))

    def evaluate(self, statement: str, expression: str) -> Any:
        """The value of an expression there, which JSON can hold."""
        return json.loads(self.run("-c", f"import json; {statement}; print(json.dumps({expression}))").splitlines()[-1])

    def start(self, name: str, command: str) -> None:
        """Start a process; ``command`` is an expression with that release's `services`."""
        arguments = self.evaluate("from pathlib import Path; from config.dev import services", command)
        self._env.spawn(name, [*ENTER_FOLDER, str(self.folder), *arguments])

    def start_web(self, port: int) -> str:
        """The URL of its web process."""
        self.start("former-web", f"services.web_command({port})")
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: HTTP.get(f"{url}/readyz").status_code == 200, "the former web process starts")
        return url

    def start_worker(self) -> None:
        """Start its worker and its beat."""
        self.start("former-worker", "services.worker_command()")
        self.start("former-beat", f"services.beat_command(Path({str(self._env.folder)!r}))")


def _read_version(folder: Path) -> str:
    return str(tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"])


ENTER_FOLDER = ("/bin/sh", "-c", 'cd "$0" && exec "$@"')


def _prepare_checkout(revision: str) -> Path:
    """The folder of a revision with its virtual environment, made at the first use."""
    git = ["git", "-C", str(ROOT)]
    answer = subprocess.run([*git, "rev-parse", f"{revision}^{{commit}}"], capture_output=True, text=True, check=False)
    commit = answer.stdout.strip()
    if answer.returncode:
        sys.exit(f"This clone does not have {revision}: git fetch --unshallow --tags")
    folder = ROOT / ".local/releases" / commit
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        archive = subprocess.run([*git, "archive", commit], capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
        pip = [str(folder / ".venv/bin/pip"), "install", "--quiet", "--require-hashes"]
        subprocess.run([*pip, "--requirement", str(folder / "requirements.txt")], check=True)
        (folder / "ready").touch()
    return folder


def wait_until(condition: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Raise TimeoutError unless a condition holds in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, httpx.TransportError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{what}; in the outbox: {dict(describe(due_messages()))}")


def read_messages() -> list[outbox.OutboxMessage]:
    pages = dynamodb.iter_pages("Scan", TableName=outbox.OutboxMessage.table_name(), ConsistentRead=True)
    return [outbox.OutboxMessage.from_item(item) for page in pages for item in page]


def read_items() -> dict[str, list[Any]]:
    """What the tables hold that both releases have, by name without prefix."""
    items = {}
    for record_class in dynamodb.record_classes():
        name = record_class.table_name().removeprefix(f"{settings.DYNAMODB['prefix']}-")
        with suppress(dynamodb.CallRejected):
            pages = dynamodb.iter_pages("Scan", TableName=record_class.table_name(), ConsistentRead=True)
            items[name] = [item for page in pages for item in page]
    return {name: rows for name, rows in items.items() if rows}


def due_messages() -> list[outbox.OutboxMessage]:
    """Messages that wait for nothing but a worker, and those that have failed."""
    return [message for message in read_messages() if message.due_at <= outbox.utc_now() or message.error]


def describe(messages: list[outbox.OutboxMessage]) -> Counter[tuple[str, str, str]]:
    return Counter((message.task, message.shard, message.error or "") for message in messages)


def people_at(env: Environment, web: str) -> dict[str, Person]:
    accounts = json.loads((env.folder / "demo.json").read_text())["accounts"]
    people = {}
    for account in accounts:
        user = env.tenant().get_user_by_email(account["email"])
        assert user
        people[account["email"].partition("@")[0]] = Person(
            user["user_id"].removeprefix("auth0|"), account["email"], web
        )
    return people


def start_balancer(env: Environment, webs: list[str]) -> None:
    """Let requests to `Environment.web` go to these in turns, as a proxy does during an upgrade."""
    folder = env.folder / "balancer"
    folder.mkdir()
    servers = " ".join(f"server {web.removeprefix('http://')} max_fails=0;" for web in webs)
    paths = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; daemon off; error_log {folder}/error.log; events {{}} http {{ access_log off; {paths} "
        f"upstream webs {{ {servers} }} server {{ listen 127.0.0.1:{env.ports['web']}; "
        "location / { proxy_pass http://webs; proxy_set_header Host $http_host; } } }"
    )
    binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    env.spawn("balancer", [binary, "-p", str(folder), "-e", "error.log", "-c", str(folder / "nginx.conf")])
    wait_for_port(env.ports["web"])


def note(text: str) -> None:
    print(f"· {text}", flush=True)


def compare_reads(people: dict[str, Person], done: Done, webs: dict[str, str]) -> None:
    """Each release answers what the other one stored; differences of ids end the run."""
    for name, path in scenario.read_paths(people, done):
        bodies = {}
        for release, web in webs.items():
            response = people[name].at(web).request("GET", path)
            assert response.status_code == 200, (release, name, path, response.status_code, response.text[:500])
            bodies[release] = response.json()
        ids = {
            release: [item.get("id") for item in body["items"]] for release, body in bodies.items() if "items" in body
        }
        if ids and "audit-logs" not in path:
            assert len({json.dumps(sorted(map(str, of))) for of in ids.values()}) == 1, (path, ids)


def mails_arrived(env: Environment, done: Done) -> bool:
    return all(HTTP.get(f"{env.mail}/messages", params={"to": to}).json() for to in done.mail_to)


def run(env: Environment, revision: str, *, is_recorded: bool) -> None:
    """Run both in the order of an upgrade and of a rollback. Raises if something was lost."""
    former = Former(env, revision)
    former.run("manage.py", "tables")
    former.run("manage.py", "migrate", "--verbosity", "0")
    former.run("manage.py", "demo", "--out", str(env.folder / "demo.json"))
    old_port, new_port = free_port(), free_port()
    old_web, new_web = former.start_web(old_port), f"http://127.0.0.1:{new_port}"
    start_balancer(env, [old_web, new_web])
    old = people_at(env, old_web)
    first = scenario.run(old, "first")
    note(f"call: {scenario.leave_voicemail(first)}")
    note(f"{revision}: the scenario ran; outbox: {dict(describe(read_messages()))}")

    if is_recorded:
        contract.write_recording(_read_version(former.folder), former.commit, former.describe(), read_items())
        note(f"{contract.RECORDING} is written anew")
    completed = env.run_management_command("tables")
    assert completed.returncode == 0, completed.stderr
    note("tables of this release, beside the running web process:\n" + completed.stdout)
    completed = env.run_management_command("migrate", "--verbosity", "0")
    assert completed.returncode == 0, completed.stderr

    env.spawn("worker", services.worker_command())
    env.spawn("beat", services.beat_command(env.folder))
    second = scenario.run(old, "second")
    note(f"call: {scenario.leave_voicemail(second)}")
    wait_until(lambda: not due_messages(), "new worker, old web")
    assert mails_arrived(env, first)
    assert mails_arrived(env, second)
    note(f"old web, new worker: all done; waiting for later: {dict(describe(read_messages()))}")

    env.start_web("new-web", new_port)
    new = people_at(env, new_web)
    webs = {"old": old_web, "new": new_web}
    compare_reads(old, second, webs)
    for name in ("worker", "beat"):
        env.stop(name)
    third = scenario.run(new, "third")
    note(f"call through both: {scenario.leave_voicemail(third)}")
    note(f"new web: outbox {dict(describe(read_messages()))}")
    former.start_worker()
    fourth = scenario.run(new, "fourth")
    note(f"call through both: {scenario.leave_voicemail(fourth)}")
    known = set(former.evaluate(f"{SET_UP}; from config.outbox import worker", "list(worker.load_tasks())"))
    wait_until(
        lambda: not [m for m in due_messages() if m.shard in BASE_SHARDS and m.task in known],
        "old worker, new web",
        150,
    )
    note(f"new web, old worker; left for a new worker: {dict(describe(read_messages()))}")
    compare_reads(old, third, webs)
    compare_reads(old, fourth, webs)
    exchange(old, new, third, fourth)
    note(f"what the former worker did not know: {dict(describe(due_messages()))}")
    for name in ("former-worker", "former-beat"):
        env.stop(name)
    for _ in range(3):  # messages of this release cause further ones
        for shard in outbox.SHARDS:
            worker.process_shard(shard, clock=lambda: outbox.utc_now() + timedelta(minutes=16))
    assert not [message for message in read_messages() if message.error], describe(due_messages())
    note("a worker of this release again: all done, no dead letters")
    assert mails_arrived(env, third)
    assert mails_arrived(env, fourth)
    assert not verification.verify_audit().findings
    note("the former release: " + former.run("manage.py", "audit", "verify")[-200:])
    env.stop("new-web")
    former.start_worker()
    fifth = scenario.run(old, "fifth")
    wait_until(lambda: mails_arrived(env, fifth), "rolled back")
    note("rolled back: the old release alone goes on with the data")


def exchange(old: dict[str, Person], new: dict[str, Person], third: Done, fourth: Done) -> None:
    """Cursors, replays, feeds and changes of the same records, each at the other release."""
    for giver, taker in ((old, new), (new, old)):
        for path in ("/userManagement?limit=2", "/location?limit=1"):
            page = giver["ann"].read(path)
            taken = taker["ann"].request("GET", f"{path}&cursor={page['nextCursor']}")
            if taken.status_code == 200:
                assert not {item["id"] for item in page["items"]} & {item["id"] for item in taken.json()["items"]}
            else:
                assert taken.status_code == 400, taken.text
                assert "cursor" in taken.json()["code"]
            note(f"a cursor of {giver['ann'].web} for {path} at {taker['ann'].web}: {taken.status_code}")
    replayed = old["ann"].change("POST", "/userManagement", third.invitation, key=third.key)
    assert replayed["id"] == third.invited_ids[0]
    feed = HTTP.get(f"{old['ann'].web}/{fourth.feed_url.split('/', 3)[3]}")
    assert feed.status_code == 200, feed.text
    note("replays of requests, and feeds, work at the other release")
