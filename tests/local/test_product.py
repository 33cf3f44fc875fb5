"""``make run`` in a fresh clone: the README's tour, conflicts and a clean stop."""

import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.environment import ROOT, free_port
from tests.support.sign_in import MOBILE_CALLBACK, WEB_CALLBACK, PublicApp


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's files with links to the installed dependencies.

    With compiled modules as far as there are any: a start compiles them for a second of CPU.
    """
    folder = tmp_path_factory.mktemp("clone")
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in names:
        compiled = importlib.util.cache_from_source(name)
        for path in (name, compiled):  # with times, which compiled modules name
            if (ROOT / path).exists():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, folder / path)
    for installed in (".venv", "config/dev/node_modules"):
        (folder / installed).symlink_to(ROOT / installed)
    return folder


def start_product(clone: Path, port: int) -> subprocess.Popen[str]:
    """Start ``manage.py run`` on a block of ports."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "PORT": str(port), "HOME": str(clone)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def start_unless_running(clone: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], int]]]:
    """Starts the product unless it is running; it is stopped after the module."""
    port = free_port_block()
    processes: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], int]:
        if not processes or processes[-1].poll() is not None:
            processes.append(start_product(clone, port))
            wait_for_run_json(clone, processes[-1])
        return processes[-1], port

    yield start
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        assert process.stdout
        process.stdout.close()


@pytest.fixture
def running_product(
    start_unless_running: Callable[[], tuple[subprocess.Popen[str], int]],
) -> tuple[subprocess.Popen[str], int]:
    """The running product and its first port, regardless of the order of tests."""
    return start_unless_running()


def free_port_block() -> int:
    while True:
        base_port = free_port()
        if not any(is_listening(base_port + offset) for offset in range(8)):
            return base_port


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_run_json(clone: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not (clone / ".local/run.json").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_readme_tour_works_as_pasted(clone: Path, running_product: tuple[subprocess.Popen[str], int]) -> None:
    (tour,) = re.findall(r"```bash\n(.*?)```", (clone / "README.md").read_text(), re.S)

    completed = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", tour],  # noqa: S607
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(clone)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert '"email": "ann@harbour.example"' in completed.stdout
    assert "Thank you for calling Denver." in completed.stdout
    assert re.search(r"caller +talks with (abe|ann) \(\+", completed.stdout), completed.stdout
    assert "speaks for 7 seconds" in completed.stdout
    assert re.search(r"voicemail: 200 audio/wav \d{5,} bytes", completed.stdout), completed.stdout
    assert "password set: 200" in completed.stdout
    assert '"status": "active"' in completed.stdout
    for action in ("user.invited", "user.invitation_sent", "user.accepted"):
        assert f'"action": "{action}"' in completed.stdout


def test_run_json_describes_the_running_product(
    clone: Path, running_product: tuple[subprocess.Popen[str], int]
) -> None:
    run_info = json.loads((clone / ".local/run.json").read_text())

    assert run_info["api"] == f"http://127.0.0.1:{running_product[1]}"
    assert httpx.get(f"{run_info['api']}/readyz").json()["status"] == "ok"
    assert httpx.get(run_info["docs"]).status_code == 200
    assert [account["role"] for account in run_info["accounts"]] == [
        *("owner", "admin", "manager", "staff", "staff", "owner", "staff")
    ]
    for account in run_info["accounts"]:
        form = {
            "grant_type": "password",
            "username": account["email"],
            "password": account["password"],
            **{name: run_info["identity"][name] for name in ("audience", "client_id", "client_secret")},
        }
        token = httpx.post(f"{run_info['identity']['issuer']}oauth/token", data=form).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        user = httpx.get(f"{run_info['api']}/user", headers=headers).json()
        assert user["id"] == account["userId"]
        assert (user["status"], user["locations"]) == ("active", account["locations"])
    for name, callback in (("spa_client_id", WEB_CALLBACK), ("native_client_id", MOBILE_CALLBACK)):
        app = PublicApp(run_info["identity"]["issuer"], run_info["identity"][name], callback)
        tokens = app.sign_in(run_info["accounts"][0]["email"], run_info["accounts"][0]["password"])
        headers = {"Authorization": f"Bearer {tokens['access_token']}", "Origin": "http://localhost:8081"}
        answer = httpx.get(f"{run_info['api']}/user", headers=headers)
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:8081"
        assert answer.json()["id"] == run_info["accounts"][0]["userId"]
    with httpx.Client(follow_redirects=True) as browser:
        login_page = browser.get(run_info["admin"])
        token = browser.cookies.get("dutyline-form", path="/admin/")
        form_data = {**run_info["operator"], "csrfmiddlewaretoken": token, "next": "/admin/"}
        assert "olive, lead" in browser.post(str(login_page.url), data=form_data).text


def test_a_second_start_is_refused(clone: Path, running_product: tuple[subprocess.Popen[str], int]) -> None:
    process = start_product(clone, free_port_block())
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert re.fullmatch(r"Dutyline is already running here \(process \d+\); stop it first\.\n", output)


def test_a_port_in_use_is_reported(
    clone: Path, running_product: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    other_clone = tmp_path / "other"
    shutil.copytree(clone, other_clone, symlinks=True, ignore=shutil.ignore_patterns(".local"))
    process = start_product(other_clone, running_product[1])
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output == (
        f"Port {running_product[1]} (for web) is in use. "
        f"Choose another block of ports: PORT={running_product[1] + 1000} make run\n"
    )


def test_ctrl_c_stops_all_processes_and_keeps_the_state(
    clone: Path, running_product: tuple[subprocess.Popen[str], int]
) -> None:
    process, port = running_product
    creation = run_management_command(
        clone, "create_customer", "Pier", "--owner-name", "P", "--owner-email", "p@pier.example"
    )
    assert re.fullmatch(r"customer cus_\w+, owner usr_\w+ \(invited\)\n", creation.stdout), creation.stderr
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 9
    assert len(processes_in_groups(children)) > 7

    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0

    assert not processes_in_groups(children), "a process or a child of it still runs"
    assert not any(is_listening(port + offset) for offset in range(8))
    assert not (clone / ".local/run.json").exists()
    refused_command = run_management_command(clone, "audit", "verify")
    assert refused_command.stderr == "Dutyline is not running here; start it with: make run\n"

    used_before = children_cpu_seconds()
    restarted = start_product(clone, port)
    try:
        wait_for_run_json(clone, restarted)
        duplicate = run_management_command(
            clone, "create_customer", "Pier", "--owner-name", "P", "--owner-email", "p@pier.example"
        )
        verification = run_management_command(clone, "audit", "verify")
    finally:
        restarted.send_signal(signal.SIGTERM)
        output, _ = restarted.communicate(timeout=30)
    assert restarted.returncode == 0
    assert output.rstrip().endswith("Stopped.")
    assert children_cpu_seconds() - used_before < 25
    assert "· demo data" not in output, "a restart sets nothing up again"
    assert "A user with this e-mail address already exists." in duplicate.stderr
    assert "are intact" in verification.stdout, verification.stderr


def children_cpu_seconds() -> float:
    """CPU time of children that have ended, and of theirs: what a start takes on any machine."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def processes_in_groups(groups: list[str]) -> list[str]:
    """Processes of these process groups."""
    process_ids = []
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process ended meanwhile
            if stat_file.read_text().rpartition(")")[2].split()[2] in groups:
                process_ids.append(stat_file.parent.name)
    return process_ids


def run_management_command(clone: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run ``make manage`` in the clone."""
    return subprocess.run(
        [sys.executable, "-m", "config.dev.running", "manage", *command],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(clone)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
