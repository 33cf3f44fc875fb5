"""``make check``: types, style, imports, names, settings, the OpenAPI file and the locks."""

import base64
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV_BIN = ROOT / ".venv/bin"
PYTHON = str(VENV_BIN / "python")
PRODUCTION_ENVIRONMENT = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "checked-only-" + "abcdefghij0123456789" * 3,
    "DATA_KEY": base64.b64encode(b"checked-only-32-bytes-of-a-key!!").decode(),
    "PUBLIC_BASE_URL": "https://api.dutyline.example",
    "ALLOWED_HOSTS": "api.dutyline.example",
    "STORAGE_BUCKET": "dutyline-files",
    "REDIS_URL": "rediss://redis.internal:6379/0",
    "AWS_REGION": "eu-central-1",
    "DYNAMODB_TABLE_PREFIX": "dutyline-production",
    "AUTH0_ISSUER": "https://dutyline.eu.auth0.example/",
    "AUTH0_AUDIENCE": "https://api.dutyline.example/",
    "AUTH0_CLIENT_ID": "checked-only",
    "AUTH0_CLIENT_SECRET": "checked-only",
    "AUTH0_SSO_CLIENT_ID": "checked-only",
    "AUTH0_SSO_CLIENT_SECRET": "checked-only",
    "AUTH0_ROLES_CLAIM": "https://dutyline.example/roles",
    "DATABASE_URL": "postgres://dutyline:word@sql.internal/dutyline",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "checked-only",
    "TWILIO_CALLER_ID": "+14155550123",
    "EMAIL_URL": "submission://user:word@mail.internal:587",
    "DEFAULT_FROM_EMAIL": "Dutyline <hello@dutyline.example>",
}
CHECKS: dict[str, list[str]] = {
    "types": [str(VENV_BIN / "mypy")],
    "format": [str(VENV_BIN / "ruff"), "format", "--check", "--quiet", "."],
    "style": [str(VENV_BIN / "ruff"), "check", "--quiet", "."],
    "imports": [str(VENV_BIN / "lint-imports"), "--no-logo"],
    "names": [PYTHON, "config/dev/vocabulary.py"],
    "deploy": [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "legal": [PYTHON, "manage.py", "terms", "publish", "--check"],
    "openapi": [PYTHON, "config/dev/openapi.py", "--check"],
    "generators": [PYTHON, "config/dev/client_generators.py"],
    "clients": ["npm", "run", "--silent", "--prefix", "clients", "check"],
    "locks": [PYTHON, "config/dev/locks.py", "--check"],
}


def main() -> None:
    """Run all checks, two at a time; print the duration of each and the output of failures."""
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(CHECKS, pool.map(_run_check, CHECKS), strict=True))
    failed = [name for name, (code, _, _) in results.items() if code]
    for name, (code, seconds, output) in results.items():
        print(f"{name:12} {'failed' if code else 'ok':6} {seconds:5.1f} s")
        if code:
            print(output)
    if failed:
        sys.exit(f"make check: {', '.join(failed)} failed")


def _run_check(name: str) -> tuple[int, float, str]:
    started_at = time.monotonic()
    environment = {**os.environ, **(PRODUCTION_ENVIRONMENT if name == "deploy" else {})}
    completed = subprocess.run(CHECKS[name], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return completed.returncode, time.monotonic() - started_at, completed.stdout + completed.stderr


if __name__ == "__main__":
    main()
