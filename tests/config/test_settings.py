"""A missing or invalid setting stops the start with a one-line message."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import env
from config.dev.check import PRODUCTION_ENVIRONMENT
from tests.support.environment import ROOT
from tests.support.forks import LineProcess

LOCAL_KEY = "bG9jYWwtb25seS1kYXRhLWtleS0zMi1ieXRlcyEhISE="
OTHER_KEY = base64.b64encode(b"x" * 32).decode()
INVALID_SETTINGS = {
    "SECRET_KEY": ("", "short"),
    "SECRET_KEY_FALLBACKS": ("short", f"{'x' * 50},short", ",".join(str(number) * 50 for number in range(4))),
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
    "DYNAMODB_ENDPOINT_URL": ("http://localhost:8004", "http://dynamodb.internal:8000", "nonsense"),
    "HOSTS_WITHOUT_TLS": ("http://dynamodb.internal", "203.0.114.7"),
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
    "STORAGE_ENDPOINT_URL": ("http://127.0.0.1:9000", "http://files.internal", "nonsense"),
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


class SettingsLoader(LineProcess):
    """Loads settings, each time in a process of its own that has loaded only libraries before."""

    def __call__(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """What came of it with these variables."""
        self._send_line(json.dumps({"PATH": os.environ["PATH"], **PRODUCTION_ENVIRONMENT, **settings}))
        exit_code, errors = self._read_line()
        return subprocess.CompletedProcess((), exit_code, stderr=errors)


@pytest.fixture(scope="module")
def load_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SettingsLoader]:
    loader = SettingsLoader("tests.support.settings_loader", os.environ, tmp_path_factory.mktemp("settings") / "log")
    yield loader
    loader.close()


@pytest.mark.parametrize("name", INVALID_SETTINGS)
def test_invalid_settings_stop_the_start(load_settings: SettingsLoader, name: str) -> None:
    for value in INVALID_SETTINGS[name]:
        completed = load_settings(**{name: value})
        assert completed.returncode == 1, f"{name}={value}"
        lines = completed.stderr.strip().splitlines()
        assert len(lines) == 1, completed.stderr
        assert name.removesuffix("_FILE") in lines[0]


def test_valid_settings_are_accepted_and_files_are_read(load_settings: SettingsLoader, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(PRODUCTION_ENVIRONMENT["SECRET_KEY"] + "\n")

    completed = load_settings(SECRET_KEY="", SECRET_KEY_FILE=str(tmp_path / "key"))

    assert completed.returncode == 0, completed.stderr


def test_redis_may_be_a_socket(load_settings: SettingsLoader) -> None:
    """It was documented, and refused for want of a host."""
    completed = load_settings(REDIS_URL="unix:///run/redis.sock")

    assert completed.returncode == 0, completed.stderr


ENGINES_WITHOUT_TLS = {
    "DYNAMODB_ENDPOINT_URL": "http://dynamodb.internal:8000",
    "STORAGE_ENDPOINT_URL": "http://10.0.0.5:9000",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "DATABASE_URL": "postgres://dutyline:word@SQL.internal/dutyline?sslmode=disable",
}


def test_engines_in_a_private_network_may_lack_tls_if_their_hosts_are_listed(load_settings: SettingsLoader) -> None:
    hosts = ["dynamodb.internal", "10.0.0.5", "127.0.0.1", "sql.internal"]
    assert load_settings(**ENGINES_WITHOUT_TLS, HOSTS_WITHOUT_TLS=", ".join(hosts)).returncode == 0
    for name, host in zip(ENGINES_WITHOUT_TLS, hosts, strict=True):
        others = ",".join(sorted({*hosts, "other.internal"} - {host}))
        completed = load_settings(**ENGINES_WITHOUT_TLS, HOSTS_WITHOUT_TLS=others)
        assert completed.returncode == 1
        assert completed.stderr.startswith(f"{name} "), completed.stderr


@pytest.mark.parametrize(
    ("value", "is_accepted"),
    [
        ("dynamodb.internal, Redis, fd00::1, 10.0.0.5,100.64.0.1", True),
        ("redis:6379", False),
        ("*", False),
        ("*.internal", False),
        ("10.0.0.0/8", False),
        ("10.0.0", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_hosts_without_tls_are_names_or_private_addresses(
    monkeypatch: pytest.MonkeyPatch, value: str, *, is_accepted: bool
) -> None:
    monkeypatch.setenv("HOSTS_WITHOUT_TLS", value)
    if is_accepted:
        assert "redis" in env.private_hosts("HOSTS_WITHOUT_TLS")
    else:
        with pytest.raises(env.Misconfigured, match="HOSTS_WITHOUT_TLS must list"):
            env.private_hosts("HOSTS_WITHOUT_TLS")


def test_listed_hosts_are_those_of_engines_only(load_settings: SettingsLoader) -> None:
    for name, url in (("AUTH0_ISSUER", "http://sign-in.internal/"), ("EMAIL_URL", "smtp://sign-in.internal:25")):
        completed = load_settings(**{name: url}, HOSTS_WITHOUT_TLS="sign-in.internal")
        assert completed.returncode == 1
        assert name in completed.stderr


def test_all_settings_are_documented() -> None:
    settings_code = "".join(path.read_text() for path in (ROOT / "config/settings").glob("*.py"))
    readers = ("text(", "choice(", "text_list(", "base64_key(", "data_keys(", "networks(", "private_hosts(")
    names = {fragment.split('"')[1] for reader in readers for fragment in settings_code.split(f"env.{reader}")[1:]}
    names |= {fragment.strip().split('"')[1] for fragment in settings_code.split("env.url(")[1:]}
    page = (ROOT / "docs/operations/settings.md").read_text()
    env_example = (ROOT / ".env.example").read_text()
    for name in sorted(names):
        assert f"`{name}`" in page, f"docs/operations/settings.md does not describe {name}"
        assert f"{name}=" in env_example, f".env.example lacks {name}"
