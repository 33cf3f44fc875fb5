"""File storage in a folder or an S3 bucket behaves the same."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from config import storage
from config.audit import export
from tests.support.environment import ROOT, Environment, free_port, wait_for_port
from tests.support.users import UserFixtures

BUCKET = "dutyline-files"
STORE_AND_READ_SCRIPT = """
import io, json, sys
import django
django.setup()
from config import errors, storage
name = storage.save_file("calls/v.wav", io.BytesIO(b"RIFF"))
again = storage.save_file("calls/v.wav", io.BytesIO(b"other"))
read = [storage.read_file(name).decode(), storage.read_file(again).decode()]
result = {"name": name, "again": again, "read": read, "missing": []}
for read_missing in (storage.read_file, storage.find_file, lambda name: storage.StoredFile(name, 4).read_chunks(0, 4)):
    try:
        read_missing("calls/none.wav")
    except errors.NotFound as error:
        result["missing"].append(error.code)
large = storage.find_file(storage.save_file("calls/large.wav", io.BytesIO(bytes(range(256)) * 800)))
parts = [list(large.read_chunks(*part)) for part in ((0, 2), (70_000, 140_001), (0, large.size))]
result["parts"] = [[sum(map(len, part)), part[0][0], part[-1][-1]] for part in parts]
result["listed"] = [len(storage.list_files("calls")), storage.list_files("calls/none"), storage.list_files("none")]
from datetime import UTC, datetime, timedelta
from config.privacy import erasure_log
at = datetime(2026, 11, 28, 23, 59, tzinfo=UTC)
for day in (0, 0, 1):
    erasure_log.log_erasure("usr_01M8J2Y4P0SGZQKXZKQ1PNGYJK", at + timedelta(days=day))
result["erased"] = list(erasure_log.list_erased_ids(at - timedelta(days=3), at + timedelta(days=2)))
result["erased later"] = list(erasure_log.list_erased_ids(at + timedelta(days=2), at + timedelta(days=3)))
result["largest"] = max(len(chunk) for part in parts for chunk in part)
print(json.dumps(result))
"""
RECOVERY_SCRIPT = """
import io, json
import django
django.setup()
from config import storage
name = "recordings/CA1/RE1.wav"
for content in (b"old", b"new"):
    storage.delete_file(name)
    storage.save_file(name, io.BytesIO(content))
storage.delete_file(name)
deleted = list(storage.iter_files("recordings"))
outcomes = [storage.recover_file("recordings/CA1/RE2.wav"), storage.recover_file(name)]
print(json.dumps([deleted, *outcomes, list(storage.iter_files("recordings")), storage.read_file(name).decode()]))
"""
UNAVAILABLE_SCRIPT = """
import io
import django
django.setup()
from config import errors, storage
for act in (lambda: storage.save_file("x", io.BytesIO(b"x")), lambda: storage.read_file("x")):
    try:
        act()
    except errors.Unavailable as error:
        print(error.detail)
"""


@pytest.fixture(scope="module")
def bucket(env: Environment) -> Iterator[dict[str, str]]:
    """Run an S3 server with a bucket; the settings that refer to it."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    env.spawn("s3", [sys.executable, "-m", "ministack"], environment)
    wait_for_port(port)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield {"STORAGE_BUCKET": BUCKET, "STORAGE_ENDPOINT_URL": endpoint, "STORAGE_FOLDER": ""}
    client.close()
    env.stop("s3")


@pytest.fixture(params=["folder", "bucket"])
def storage_settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings for each storage backend."""
    if request.param == "folder":
        return {"STORAGE_FOLDER": str(tmp_path)}
    bucket_settings: dict[str, str] = request.getfixturevalue("bucket")
    return bucket_settings


def run_script(env: Environment, script: str, settings: dict[str, str]) -> str:
    completed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**env.process_environment(proxied=False), "DJANGO_SETTINGS_MODULE": "config.settings", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_a_deleted_file_comes_back_from_its_newest_version(env: Environment, bucket: dict[str, str]) -> None:
    """After a restore, calls name recordings that were deleted since."""
    versioning = {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}
    with closing(boto3.client("s3", endpoint_url=bucket["STORAGE_ENDPOINT_URL"], region_name="eu-central-1")) as client:
        client.put_bucket_versioning(**versioning)
    outcomes = json.loads(run_script(env, RECOVERY_SCRIPT, bucket))
    assert outcomes == [[], False, True, ["recordings/CA1/RE1.wav"], "new"]


def test_files_are_stored_and_never_overwritten(env: Environment, storage_settings: dict[str, str]) -> None:
    result = json.loads(run_script(env, STORE_AND_READ_SCRIPT, storage_settings))

    assert result["name"] == "calls/v.wav"
    assert result["again"] != result["name"]
    assert result["read"] == ["RIFF", "other"]
    assert result["missing"] == ["not_found"] * 3
    assert result["parts"] == [[2, 0, 1], [70_001, 70_000 % 256, 140_000 % 256], [204_800, 0, 255]]
    assert result["listed"] == [3, [], []]
    assert (result["erased"], result["erased later"]) == (["usr_01M8J2Y4P0SGZQKXZKQ1PNGYJK"], [])
    assert result["largest"] <= storage.CHUNK_BYTES


def test_audit_export_is_written_to_storage(
    test_users: UserFixtures, env: Environment, storage_settings: dict[str, str], tmp_path: Path
) -> None:
    completed = env.run_management_command(
        "audit", "export", "--stream", test_users.ann.id, "--to-storage", **storage_settings
    )
    assert completed.returncode == 0, completed.stderr
    name = completed.stdout.strip()
    read_script = f"""
import django
django.setup()
from config import storage
print(storage.read_file({name!r}).decode(), end="")
"""

    content = run_script(env, read_script, storage_settings).encode()

    count = export.verify_export(content.splitlines(keepends=True), public_key=export.export_public_key())
    assert (count.streams, count.entries > 0) == (1, True)


def test_unavailable_storage_is_reported(env: Environment, tmp_path: Path) -> None:
    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("no folder")
    endpoint = f"http://127.0.0.1:{free_port()}"
    unreachable = {"STORAGE_BUCKET": BUCKET, "STORAGE_ENDPOINT_URL": endpoint, "STORAGE_FOLDER": ""}
    for settings in (unreachable, {"STORAGE_FOLDER": str(not_a_folder)}):
        assert run_script(env, UNAVAILABLE_SCRIPT, settings).splitlines() == [
            "The file storage does not accept files at the moment.",
            "The file storage does not answer.",
        ]
