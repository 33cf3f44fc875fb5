"""Lints docs/openapi.yaml, generates clients from it as integrators do, and compiles them."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "config/dev/openapi_clients"
NPM_BIN = TOOLS / "node_modules/.bin"
VENV_BIN = ROOT / ".venv/bin"
DOCUMENT = ROOT / "docs/openapi.yaml"
OUTPUT = ROOT / ".local/openapi-clients"
PYTHON_CLIENT = OUTPUT / "python/dutyline_client"
Command = Sequence[str | Path]
LINTERS: dict[str, Command] = {
    "redocly": ["node", TOOLS / "redocly.mjs", DOCUMENT],
    "spectral": [NPM_BIN / "spectral", "lint", DOCUMENT, "-r", TOOLS / "spectral.yaml", "--fail-severity=warn"],
    "ajv": ["node", TOOLS / "ajv.mjs", ROOT / "telephony/ivr/schema.json"],
}
GENERATORS: dict[str, Command] = {
    "openapi-typescript": [
        *(NPM_BIN / "openapi-typescript", DOCUMENT),
        *("--output", OUTPUT / "openapi-typescript/schema.ts"),
    ],
    "hey-api": [NPM_BIN / "openapi-ts", "--input", DOCUMENT, "--output", OUTPUT / "hey-api", "--logs", OUTPUT],
    "orval": [
        *(NPM_BIN / "orval", "--input", DOCUMENT, "--client", "fetch"),
        *("--output", OUTPUT / "orval/client.ts"),
    ],
    "openapi-python-client": [
        *(VENV_BIN / "openapi-python-client", "generate", "--path", DOCUMENT, "--output-path", PYTHON_CLIENT),
        *("--meta", "none", "--config", TOOLS / "python.yaml", "--fail-on-warning"),
    ],
}
COMPILERS: dict[str, Command] = {
    "tsc": [NPM_BIN / "tsc", "--project", OUTPUT],
    "python": [VENV_BIN / "python", TOOLS / "decode_examples.py", DOCUMENT, PYTHON_CLIENT],
}


def main() -> None:
    """Run linters and generators, then compile; exit with the output of what failed."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    PYTHON_CLIENT.parent.mkdir()
    for name in ("tsconfig.json", "usage.ts"):
        shutil.copy(TOOLS / name, OUTPUT / name)
    for commands in (LINTERS | GENERATORS, COMPILERS):
        with ThreadPoolExecutor(2) as pool:
            failures = [failure for failure in pool.map(_run, commands, commands.values()) if failure]
        if failures:
            sys.exit("\n".join(failures))


def _run(name: str, command: Command) -> str:
    """The output of a command that failed, else nothing."""
    completed = subprocess.run(
        list(map(str, command)), cwd=OUTPUT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    return f"{name} failed:\n{completed.stdout}{completed.stderr}" if completed.returncode else ""


if __name__ == "__main__":
    main()
