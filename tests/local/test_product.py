"""``make run`` as a newcomer has it: the README's tour in a fresh copy, and a clean end."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.environment import ROOT, free_port


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's files, with what was installed already."""
    folder = tmp_path_factory.mktemp("clone")
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in names:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for installed in (".venv", "config/dev/node_modules"):
        (folder / installed).symlink_to(ROOT / installed)
    return folder


def start(clone: Path, port: int) -> subprocess.Popen[str]:
    """``manage.py run`` on a block of ports."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "PORT": str(port), "HOME": str(clone)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def running(clone: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The product, up; stopped afterwards."""
    port = free_block()
    process = start(clone, port)
    await_run_json(clone, process)
    yield process, port
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.stdout
    process.stdout.close()


def free_block() -> int:
    while True:
        base = free_port()
        if not any(listens(base + offset) for offset in range(8)):
            return base


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def await_run_json(clone: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 90
    while not (clone / ".local/run.json").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_tour_of_the_readme_works_as_pasted(
    clone: Path, running: tuple[subprocess.Popen[str], int]
) -> None:
    (tour,) = re.findall(r"```bash\n(.*?)```", (clone / "README.md").read_text(), re.S)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", tour],  # noqa: S607
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(clone)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"email": "ann@harbour.example"' in done.stdout
    assert "Thank you for calling Denver." in done.stdout
    assert re.search(r"caller +talks with (abe|ann) \(\+", done.stdout), done.stdout
    assert "speaks for 7 seconds" in done.stdout
    assert re.search(r"voicemail: 200 audio/wav \d{5,} bytes", done.stdout), done.stdout
    assert "password set: 200" in done.stdout
    assert '"status": "active"' in done.stdout
    for action in ("user.invited", "user.invitation_sent", "user.accepted"):
        assert f'"action": "{action}"' in done.stdout


def test_run_json_names_everything(clone: Path, running: tuple[subprocess.Popen[str], int]) -> None:
    about = json.loads((clone / ".local/run.json").read_text())

    assert about["api"] == f"http://127.0.0.1:{running[1]}"
    assert httpx.get(f"{about['api']}/readyz").json()["status"] == "ok"
    assert httpx.get(about["docs"]).status_code == 200
    assert [account["role"] for account in about["accounts"]] == [
        *("owner", "admin", "manager", "staff", "staff", "owner", "staff")
    ]
    for account in about["accounts"]:
        form = {
            "grant_type": "password",
            "username": account["email"],
            "password": account["password"],
            **{name: value for name, value in about["identity"].items() if name != "issuer"},
        }
        token = httpx.post(f"{about['identity']['issuer']}oauth/token", data=form).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        me = httpx.get(f"{about['api']}/user", headers=headers).json()
        assert me["id"] == account["userId"]
        assert (me["status"], me["locations"]) == ("active", account["locations"])
    with httpx.Client(follow_redirects=True) as browser:
        login = browser.get(about["admin"])
        token = browser.cookies.get("dutyline-form", path="/admin/")
        given = {**about["operator"], "csrfmiddlewaretoken": token, "next": "/admin/"}
        assert "olive, lead" in browser.post(str(login.url), data=given).text


def test_a_second_start_is_refused_in_one_sentence(
    clone: Path, running: tuple[subprocess.Popen[str], int]
) -> None:
    second = start(clone, free_block())
    told, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert re.fullmatch(r"Dutyline runs here already \(process \d+\); stop it first\.\n", told)


def test_a_taken_port_is_named(
    clone: Path, running: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(clone, other, symlinks=True, ignore=shutil.ignore_patterns(".local"))
    process = start(other, running[1])
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert told == (
        f"Port {running[1]} (for web) is taken; "
        f"choose another block of ports: PORT={running[1] + 1000} make run\n"
    )


def test_ctrl_c_stops_everything_and_the_state_survives(
    clone: Path, running: tuple[subprocess.Popen[str], int]
) -> None:
    process, port = running
    made = manage(
        clone, "create_customer", "Pier", "--owner-name", "P", "--owner-email", "p@pier.example"
    )
    assert re.fullmatch(r"customer cus_\w+, owner usr_\w+ \(invited\)\n", made.stdout), made.stderr
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 9
    assert len(members(children)) > 7

    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0

    assert not members(children), "every part is gone, with all that it started"
    assert not any(listens(port + offset) for offset in range(8))
    assert not (clone / ".local/run.json").exists()
    away = manage(clone, "audit", "verify")
    assert away.stderr == "Dutyline does not run here; start it with: make run\n"

    began = time.monotonic()
    again = start(clone, port)
    try:
        await_run_json(clone, again)
        seconds = time.monotonic() - began
        once_more = manage(
            clone, "create_customer", "Pier", "--owner-name", "P", "--owner-email", "p@pier.example"
        )
        verified = manage(clone, "audit", "verify")
    finally:
        again.send_signal(signal.SIGTERM)
        told, _ = again.communicate(timeout=30)
    assert again.returncode == 0
    assert told.rstrip().endswith("Stopped.")
    assert seconds < 20
    assert "A user with this e-mail address exists already." in once_more.stderr
    assert "are intact" in verified.stdout, verified.stderr


def members(groups: list[str]) -> list[str]:
    """Processes of these process groups."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended while we looked
            if stat.read_text().rpartition(")")[2].split()[2] in groups:
                found.append(stat.parent.name)
    return found


def manage(clone: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """``make manage`` in the clone."""
    return subprocess.run(
        [sys.executable, "-m", "config.dev.manage", *command],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(clone)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
