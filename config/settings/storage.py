"""Redis, DynamoDB, the operators' SQL database, and files."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from botocore.config import Config

from config import env
from config.settings.base import BASE_DIR, LOCAL, local_default

REDIS_URL = env.url("REDIS_URL", local_default("redis://127.0.0.1:8005/0"), schemes=("redis", "rediss", "unix"))
DYNAMODB = {
    "region": env.text("AWS_REGION", local_default("eu-central-1")),
    "endpoint": env.url("DYNAMODB_ENDPOINT_URL", "http://127.0.0.1:8004" if LOCAL else ""),
    "transport": env.choice("DYNAMODB_TRANSPORT", ("direct", "botocore"), "direct"),
    "prefix": env.text("DYNAMODB_TABLE_PREFIX", local_default("dutyline-local")),
}
if len(DYNAMODB["prefix"]) < 6:
    raise env.Misconfigured("DYNAMODB_TABLE_PREFIX must have at least 6 characters.")

DATABASE_STATEMENT_SECONDS = env.integer("DATABASE_STATEMENT_SECONDS", 3, minimum=1, maximum=3_600)
_DATABASE = env.database("DATABASE_URL", local_default(f"sqlite:///{BASE_DIR}/.local/data/operators.sqlite3"))
if _DATABASE["ENGINE"].endswith("sqlite3"):
    _DATABASE["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
    }
else:
    _OPTIONS = {
        "connect_timeout": 2,
        "options": f"-c statement_timeout={DATABASE_STATEMENT_SECONDS}s",
        "tcp_user_timeout": 3_000,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        **_DATABASE.get("OPTIONS", {}),
    }
    if not LOCAL:  # libpq's own default falls back to clear text
        _OPTIONS.setdefault("sslmode", "verify-full")
        if _OPTIONS["sslmode"] == "verify-full":  # libpq takes the system's authorities with no other mode
            _OPTIONS.setdefault("sslrootcert", "system")
    _DATABASE |= {"ENGINE": "config.postgresql", "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "OPTIONS": _OPTIONS}
DATABASES = {"default": _DATABASE}  # operators and their sessions
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _is_server_checked(options: Mapping[str, str]) -> bool:
    """Whether PostgreSQL's certificate is checked; authorities of a system prove no host's name."""
    mode = options.get("sslmode")
    return mode == "verify-full" or (mode == "verify-ca" and options.get("sslrootcert", "system") != "system")


STORAGE_BUCKET = env.text("STORAGE_BUCKET", "")
STORAGE_ENDPOINT = env.url("STORAGE_ENDPOINT_URL", "")
STORAGE_FOLDER = env.text("STORAGE_FOLDER", "" if STORAGE_BUCKET else local_default(str(BASE_DIR / ".local/files")))
if STORAGE_BUCKET and env.text("STORAGE_FOLDER", ""):
    raise env.Misconfigured("Set STORAGE_BUCKET or STORAGE_FOLDER, not both.")
if STORAGE_ENDPOINT and not STORAGE_BUCKET:
    raise env.Misconfigured("STORAGE_ENDPOINT_URL requires STORAGE_BUCKET.")

HOSTS_WITHOUT_TLS = env.private_hosts("HOSTS_WITHOUT_TLS")
"""Of engines in a network of our own, to which production speaks without TLS."""
ENGINES_WITHOUT_TLS = {
    name: urlsplit(address).hostname or ""
    for name, address in (
        ("DYNAMODB_ENDPOINT_URL", DYNAMODB["endpoint"]),
        ("STORAGE_ENDPOINT_URL", STORAGE_ENDPOINT),
        ("REDIS_URL", REDIS_URL),
    )
    if address.startswith(("http:", "redis:"))
}
"""Hosts by setting."""
if not _DATABASE["ENGINE"].endswith("sqlite3") and not _is_server_checked(_DATABASE["OPTIONS"]):
    ENGINES_WITHOUT_TLS["DATABASE_URL"] = str(_DATABASE["HOST"]).lower()

if LOCAL:  # the local engine accepts any; on AWS, boto3's chain of credentials applies
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")

_S3_STORAGE = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": STORAGE_BUCKET,
        "region_name": DYNAMODB["region"],
        "endpoint_url": STORAGE_ENDPOINT or None,
        "client_config": Config(
            connect_timeout=2,
            read_timeout=4,
            retries={"total_max_attempts": 2, "mode": "standard"},
            signature_version="s3v4",
            s3={"addressing_style": "path" if STORAGE_ENDPOINT else "virtual"},
        ),
        "file_overwrite": False,
        "default_acl": None,
    },
}
_FILE_STORAGE = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": STORAGE_FOLDER, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
}
STORAGES = {
    "default": _S3_STORAGE if STORAGE_BUCKET else _FILE_STORAGE,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
