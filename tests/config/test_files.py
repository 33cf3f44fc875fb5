"""Files are kept in a folder or in a bucket; whoever keeps them does not notice which."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from config.audit import export
from tests.conftest import Cast
from tests.support.environment import ROOT, World, free_port, wait_for

BUCKET = "dutyline-files"
REMEMBER = """
import io, json, sys
import django
django.setup()
from config import errors, files
name = files.keep("calls/v.wav", io.BytesIO(b"RIFF"))
again = files.keep("calls/v.wav", io.BytesIO(b"other"))
read = [files.read(name).decode(), files.read(again).decode()]
told = {"name": name, "again": again, "read": read}
try:
    files.read("calls/none.wav")
except errors.NotFound as error:
    told["missing"] = error.code
print(json.dumps(told))
"""
FAIL = """
import io
import django
django.setup()
from config import errors, files
for act in (lambda: files.keep("x", io.BytesIO(b"x")), lambda: files.read("x")):
    try:
        act()
    except errors.Unavailable as error:
        print(error.detail)
"""


@pytest.fixture(scope="module")
def bucket(world: World) -> Iterator[dict[str, str]]:
    """An S3 server with a bucket; the settings that name it."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    world.spawn("s3", [sys.executable, "-m", "ministack"], environment)
    wait_for(port)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1")
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    yield {"STORAGE_BUCKET": BUCKET, "STORAGE_ENDPOINT_URL": endpoint}
    client.close()
    world.stop("s3")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of each kind of storage."""
    if request.param == "folder":
        return {"STORAGE_FOLDER": str(tmp_path)}
    named: dict[str, str] = request.getfixturevalue("bucket")
    return named


def run(world: World, script: str, settings: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            **world.environment(proxied=False),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **settings,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_files_are_kept_and_never_overwritten(world: World, place: dict[str, str]) -> None:
    told = json.loads(run(world, REMEMBER, place))

    assert told["name"] == "calls/v.wav"
    assert told["again"] != told["name"]
    assert told["read"] == ["RIFF", "other"]
    assert told["missing"] == "not_found"


def test_the_audit_is_kept_where_files_are(
    cast: Cast, world: World, place: dict[str, str], tmp_path: Path
) -> None:
    kept = world.manage("audit", "export", "--stream", cast.ann.id, "--to-storage", **place)
    assert kept.returncode == 0, kept.stderr
    name = kept.stdout.strip()
    read = f"""
import django
django.setup()
from config import files
print(files.read({name!r}).decode(), end="")
"""

    content = run(world, read, place).encode()

    count = export.verify(content.splitlines(keepends=True), public_key=export.key())
    assert (count.streams, count.entries > 0) == (1, True)


def test_a_storage_that_is_away_is_said_so(world: World, tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    away = {"STORAGE_BUCKET": BUCKET, "STORAGE_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    for settings in (away, {"STORAGE_FOLDER": str(nowhere)}):
        assert run(world, FAIL, settings).splitlines() == [
            "The file storage does not take files just now.",
            "The file storage does not answer just now.",
        ]
