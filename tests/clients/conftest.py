"""The client and the sample app, built."""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import ROOT

CLIENTS_FOLDER = ROOT / "clients"


@pytest.fixture(scope="session")
def clients_build() -> Path:
    """The folder of the clients, built from the present sources, once for all test processes."""
    stamp_file = CLIENTS_FOLDER / "node_modules/.built"
    with (CLIENTS_FOLDER / "node_modules/.build.lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in _source_files())).hexdigest()
        if not stamp_file.exists() or stamp_file.read_text() != digest:
            run_npm("run", "build")
            stamp_file.write_text(digest)
    return CLIENTS_FOLDER


def _source_files() -> Iterator[Path]:
    yield ROOT / "docs/openapi.yaml"
    yield CLIENTS_FOLDER / "package-lock.json"
    for name in ("typescript", "sample"):
        yield from sorted(path for path in (CLIENTS_FOLDER / name).glob("*.*") if path.is_file())
        yield from sorted(path for path in (CLIENTS_FOLDER / name / "src").rglob("*.ts*") if path.name != "schema.ts")


def run_npm(*arguments: str, **environment: str) -> str:
    """Run an npm command of the clients; its output."""
    completed = subprocess.run(
        ["npm", "--prefix", str(CLIENTS_FOLDER), *arguments],  # noqa: S607
        cwd=CLIENTS_FOLDER,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout
