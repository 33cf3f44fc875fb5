"""Set-up: a busy machine, and machines that the embedded engine does not support."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from config.dev import bootstrap, engines, services
from tests.support.environment import Environment, free_port, wait_for_port


def test_first_start_at_load_11_waits_for_its_parts(env: Environment, tmp_path: Path) -> None:
    """`make run` ended with "demo failed: Sign-in management does not answer."."""
    prefix = {"DYNAMODB_TABLE_PREFIX": "demo-on-a-busy-machine"}
    assert env.run_management_command("tables", **prefix).returncode == 0
    for base, path in (
        (env.issuer, "/api/v2/users"),
        (env.issuer, "/api/v2/tickets/password-change"),
        (f"{env.twilio}/", r"/2010-04-01/Accounts/\w+/IncomingPhoneNumbers.json"),
    ):
        fault = {"path": path, "fault": "503", "times": 1}
        httpx.post(f"{base}_local/faults", json=fault).raise_for_status()
    accounts_file = tmp_path / "demo.json"

    completed = env.run_management_command("demo", "--out", str(accounts_file), **prefix)

    assert completed.returncode == 0, completed.stderr
    assert completed.stderr.count("demo waits") == 3
    accounts = json.loads(accounts_file.read_text())["accounts"]
    assert [account["email"].partition("@")[0] for account in accounts] == [
        *("ann", "abe", "mia", "sam", "sue", "cleo", "carl")
    ]


@pytest.mark.parametrize(
    ("system", "machine", "engine"),
    [
        ("Linux", "x86_64", "dynoxide"),
        ("Linux", "aarch64", "java"),
        ("Darwin", "arm64", "java"),
        ("Darwin", "x86_64", "java"),
    ],
)
def test_each_supported_machine_has_an_engine(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, engine: str
) -> None:
    monkeypatch.delenv("DYNAMODB_ENGINE", raising=False)
    assert bootstrap.unsupported_reason("run", system, machine, lambda name: name) == ""
    assert engines.dynamodb_engine(system, machine) == engine


def test_python_of_debian_is_taken_where_it_is_of_the_same_version(tmp_path: Path) -> None:
    """It is that of the images, and faster than one that was built without a profile."""
    version = "{}.{}".format(*sys.version_info)
    assert bootstrap.choose_python(tmp_path) == Path(sys.executable)
    system_python = tmp_path / f"bin/python{version}"
    system_python.parent.mkdir()
    system_python.touch()
    assert bootstrap.choose_python(tmp_path) == Path(sys.executable), "without the package python3-venv"
    (tmp_path / f"lib/python{version}/ensurepip").mkdir(parents=True)
    assert bootstrap.choose_python(tmp_path) == system_python


@pytest.mark.parametrize(
    ("purpose", "system", "machine", "library", "sentence"),
    [
        ("run", "Darwin", "arm64", None, "brew install pango"),
        ("test", "Darwin", "arm64", "pango", "The tests run on Debian 12"),
        ("bench", "Darwin", "arm64", "pango", "runs on Linux only"),
        ("run", "Windows", "x86_64", None, "virtual machine or WSL 2"),
        ("run", "Linux", "riscv64", None, "this is riscv64"),
    ],
)
def test_other_machines_read_what_to_do(
    purpose: str, system: str, machine: str, library: str | None, sentence: str
) -> None:
    assert sentence in bootstrap.unsupported_reason(purpose, system, machine, lambda name: library)


def test_services_of_packages_for_tests_neither_run_nor_start_at_boot() -> None:
    """Debian starts Prometheus and nginx as it installs them."""
    packages = [*bootstrap.DEBIAN_PACKAGES, *bootstrap.DEBIAN_TEST_PACKAGES, *bootstrap.DEBIAN_BENCH_PACKAGES]
    listing = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True).stdout  # noqa: S607
    services_of_packages = set(re.findall(r"/systemd/system/([\w-]+)\.service$", listing, re.M))
    assert "prometheus" in services_of_packages
    assert services_of_packages <= set(bootstrap.SERVICES.values())
    assert bootstrap.service_commands(["curl", "prometheus", "nginx-light"]) == [
        ["update-rc.d", "prometheus", "disable"],
        ["invoke-rc.d", "prometheus", "stop"],
        ["update-rc.d", "nginx", "disable"],
        ["invoke-rc.d", "nginx", "stop"],
    ]


def test_dynamodb_local_runs_the_product_through_java(
    env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine of ARM and macOS: tables, transactions and indexes of a new customer."""
    monkeypatch.setenv("DYNAMODB_ENGINE", "java")
    port = free_port()
    process = subprocess.Popen(
        engines.dynamodb_command(port, tmp_path / "dynamodb.sqlite3"), stdout=subprocess.DEVNULL, cwd=tmp_path
    )
    try:
        wait_for_port(port, 60)
        endpoint = {"DYNAMODB_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        httpx.post(endpoint["DYNAMODB_ENDPOINT_URL"], timeout=60)  # the first answer takes Java long
        tables = env.run_management_command("tables", **endpoint)
        email = f"ida.{time.time_ns()}@java.example"
        creation = env.run_management_command(
            "create_customer", "Java", "--owner-name", "Ida Fox", "--owner-email", email, **endpoint
        )
        verification = env.run_management_command("audit", "verify", **endpoint)
    finally:
        process.terminate()
        process.wait(30)
    assert "users: created" in tables.stdout, tables.stderr
    assert creation.stdout.startswith("customer cus_"), creation.stderr
    assert "are intact" in verification.stdout, verification.stderr


def test_an_endpoint_of_ones_own_has_tables_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh start must not meet the rows of an earlier one, nor delete tables of others."""
    ports = services.PortBlock.starting_at(9_000)
    monkeypatch.delenv("DYNAMODB_ENDPOINT_URL")
    monkeypatch.delenv("DYNAMODB_TABLE_PREFIX")
    assert services.DynamoDB.chosen(ports, tmp_path) == ("http://127.0.0.1:9004", "dutyline-local", True)
    monkeypatch.setenv("DYNAMODB_ENDPOINT_URL", "http://127.0.0.1:7777")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

    database = services.DynamoDB.chosen(ports, tmp_path)

    assert services.DynamoDB.chosen(ports, tmp_path) == database
    (tmp_path / "table-prefix").unlink()
    assert services.DynamoDB.chosen(ports, tmp_path).table_prefix != database.table_prefix
    environment = services.process_environment(ports, database)
    assert environment["DYNAMODB_ENDPOINT_URL"] == "http://127.0.0.1:7777"
    assert environment["DYNAMODB_TABLE_PREFIX"] == database.table_prefix
    assert environment["AWS_ACCESS_KEY_ID"] == "mine"
