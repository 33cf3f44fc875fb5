"""A missing or invalid setting stops the start with a one-line message."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.dev.check import PRODUCTION_ENVIRONMENT
from tests.support.environment import ROOT

LOCAL_KEY = "bG9jYWwtb25seS1kYXRhLWtleS0zMi1ieXRlcyEhISE="
OTHER_KEY = base64.b64encode(b"x" * 32).decode()
INVALID_SETTINGS = {
    "SECRET_KEY": ("", "short"),
    "DATA_KEY": ("", "x", "bG9jYWwtb25seS1kYXRhLWtleS0zMi1ieXRlcyEhISE="),
    "DATA_KEYS": (
        "a:x",
        f"a:{LOCAL_KEY}",
        f"A:{OTHER_KEY}",
        f":{OTHER_KEY}",
        OTHER_KEY,
        f"a:{OTHER_KEY},a:{LOCAL_KEY}",
        f"a:{OTHER_KEY},b:{OTHER_KEY}",
        f"a:{OTHER_KEY}",  # DATA_KEY is set as well
    ),
    "PUBLIC_BASE_URL": ("", "http://api.dutyline.example", "https://127.0.0.1"),
    "ALLOWED_HOSTS": ("", "*"),
    "CORS_ORIGINS": (
        "http://app.dutyline.example",
        "https://app.dutyline.example/",
        "https://*.dev",
        "https://*",
        "https://a.*.dev",
        "https://App.example",
        "https://x@app.example",
        "app.example",
        "*",
        "null",
    ),
    "REDIS_URL": ("", "redis://127.0.0.1", "http://redis.internal", "redis://redis.internal:6379/0"),
    "AWS_REGION": ("",),
    "DYNAMODB_TABLE_PREFIX": ("", "short"),
    "DYNAMODB_ENDPOINT_URL": ("http://localhost:8004", "nonsense"),
    "AUTH0_ISSUER": ("", "http://x.example/", "https://x.example", "https://127.0.0.1:8001/"),
    "AUTH0_MANAGEMENT_URL": ("http://127.0.0.1:8001/api/v2/",),
    "AUTH0_AUDIENCE": ("",),
    "AUTH0_CLIENT_SECRET": ("",),
    "AUTH0_SSO_CLIENT_SECRET": ("",),
    "AUTH0_ROLES_CLAIM": ("",),
    "DATABASE_URL": (
        "",
        "mysql://sql.internal/x",
        "postgres://127.0.0.1/x",
        "sqlite://",
        "postgres://sql.internal/x?sslmode=prefer",
        "postgres://sql.internal/x?sslmode=require",
        "postgres://sql.internal/x?sslmode=verify-ca",
    ),
    "STORAGE_FOLDER": ("/var/lib/files",),  # conflicts with the bucket
    "STORAGE_ENDPOINT_URL": ("http://127.0.0.1:9000", "nonsense"),
    "EXPO_BASE_URL": ("http://exp.example", "https://127.0.0.1:8003"),
    "TWILIO_BASE_URL": ("http://api.twilio.example", "https://127.0.0.1:8002"),
    "TWILIO_ACCOUNT_SID": ("", "AC123"),
    "TWILIO_AUTH_TOKEN": ("",),
    "TWILIO_CALLER_ID": ("", "415"),
    "CALL_MINUTES": ("0", "many"),
    "EMAIL_URL": ("", "carrier-pigeon://x", "smtp://127.0.0.1:25", "smtp://mail.internal:25"),
    "TRUSTED_PROXIES": ("everybody",),
    "LOG_LEVEL": ("LOUD",),
    "ENVIRONMENT": ("staging",),
    "DATA_KEY_FILE": ("/nowhere/key",),
}


def load_settings(**settings: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a new process."""
    environment = {"PATH": os.environ["PATH"], **PRODUCTION_ENVIRONMENT, **settings}
    return subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("name", INVALID_SETTINGS)
def test_invalid_settings_stop_the_start(name: str) -> None:
    for value in INVALID_SETTINGS[name]:
        completed = load_settings(**{name: value})
        assert completed.returncode == 1, f"{name}={value}"
        lines = completed.stderr.strip().splitlines()
        assert len(lines) == 1, completed.stderr
        assert name.removesuffix("_FILE") in lines[0]


def test_valid_settings_are_accepted_and_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(PRODUCTION_ENVIRONMENT["SECRET_KEY"] + "\n")

    completed = load_settings(SECRET_KEY="", SECRET_KEY_FILE=str(tmp_path / "key"))

    assert completed.returncode == 0, completed.stderr


def test_redis_may_be_a_socket() -> None:
    """It was documented, and refused for want of a host."""
    completed = load_settings(REDIS_URL="unix:///run/redis.sock")

    assert completed.returncode == 0, completed.stderr


def test_all_settings_are_documented() -> None:
    settings_code = "".join(path.read_text() for path in (ROOT / "config/settings").glob("*.py"))
    readers = ("text(", "choice(", "text_list(", "base64_key(", "data_keys(", "networks(")
    names = {fragment.split('"')[1] for reader in readers for fragment in settings_code.split(f"env.{reader}")[1:]}
    names |= {fragment.strip().split('"')[1] for fragment in settings_code.split("env.url(")[1:]}
    page = (ROOT / "docs/operations/settings.md").read_text()
    env_example = (ROOT / ".env.example").read_text()
    for name in sorted(names):
        assert f"`{name}`" in page, f"docs/operations/settings.md does not describe {name}"
        assert f"{name}=" in env_example, f".env.example lacks {name}"
