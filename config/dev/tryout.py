"""What deploy/compose.yaml runs once, in the image of the emulators.

A certificate for localhost, the bucket, tables, operators and demo data. Then it writes `run.json`,
with which the README's tour and `make token` use the product that runs in containers.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
import botocore.exceptions

from config.dev import services

STATE = Path("/var/lib/dutyline")
CERTIFICATES = STATE / "tls"
PATIENCE_SECONDS = 300
COMPOSE_FILE = "deploy/compose.yaml"
MANAGE_COMMAND = ["docker", "compose", "-f", COMPOSE_FILE, "exec", "-T", "web", "python3", "manage.py"]
"""How `make manage` reaches the web process."""


def main() -> None:
    """Set everything up; safe to repeat."""
    _write_certificate()
    _create_bucket()
    manage = [sys.executable, "manage.py"]
    _repeat_while_starting([*manage, "tables"])
    _repeat_while_starting([*manage, "migrate", "--verbosity", "0"])
    subprocess.run([*manage, "directory"], check=True)
    demo_file = STATE / "demo.json"
    if not demo_file.exists():
        username, password = services.OPERATOR_CREDENTIALS.values()
        subprocess.run([*manage, "operator", username, "--group", "lead", "--password", password], check=True)
        subprocess.run([*manage, "demo", "--out", str(demo_file)], check=True)
    ports = services.PortBlock.starting_at(8000)
    database = services.DynamoDB(os.environ["DYNAMODB_ENDPOINT_URL"], "dutyline-local", is_ours=True)
    run_info = services.describe_product(ports, STATE, database, api=os.environ["PUBLIC_BASE_URL"])
    (STATE / "run.json").write_text(json.dumps({**run_info, "manage": MANAGE_COMMAND}, indent=2))


def _write_certificate() -> None:
    """A certificate that signs itself; whoever shall trust it takes `fullchain.pem`."""
    if (CERTIFICATES / "privkey.pem").exists():
        return
    CERTIFICATES.mkdir(exist_ok=True)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "90", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(CERTIFICATES / "privkey.pem"), "-out", str(CERTIFICATES / "fullchain.pem")),
        ],
        check=True,
        capture_output=True,
    )
    (CERTIFICATES / "privkey.pem").chmod(0o644)  # nginx runs under another user; it certifies localhost only


def _create_bucket() -> None:
    """The bucket, with versions of its objects."""
    client = boto3.client("s3", endpoint_url=os.environ["STORAGE_ENDPOINT_URL"])
    bucket = os.environ["STORAGE_BUCKET"]
    location = {"LocationConstraint": os.environ["AWS_REGION"]}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        except client.exceptions.BucketAlreadyOwnedByYou:
            break
        except botocore.exceptions.BotoCoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            break
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _repeat_while_starting(command: list[str]) -> None:
    """Run a command until the engine that it needs has started."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (completed := subprocess.run(command, capture_output=True, text=True)).returncode:
        if time.monotonic() > deadline:
            sys.exit(completed.stdout + completed.stderr)
        time.sleep(1)
    print(completed.stdout, end="", flush=True)


if __name__ == "__main__":
    main()
