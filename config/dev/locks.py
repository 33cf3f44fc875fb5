"""Writes the lock files from pyproject.toml; ``--check`` fails if they are out of date.

uv resolves for Python 3.11 with hashes, and writes no index URLs.
"""

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILE_COMMAND = [
    *(str(ROOT / ".venv/bin/uv"), "pip", "compile", "--quiet", "--generate-hashes"),
    *("--python-version", "3.11", "--no-config", "--no-header"),  # index URLs are left out by default
    "--system-certs",
]
LOCK_SOURCES = {
    "requirements.txt": ["pyproject.toml"],
    "requirements-dev.txt": ["pyproject.toml", "--group", "dev", "-c", "requirements.txt"],
}


def main() -> None:
    """Compile both files; existing pins stay unless ``--upgrade`` is given."""
    check_only = "--check" in sys.argv
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv else []
    for lock_file, sources in LOCK_SOURCES.items():
        if not check_only:
            subprocess.run([*COMPILE_COMMAND, *upgrade, *sources, "-o", lock_file], cwd=ROOT, check=True)
        elif diff := _diff(lock_file, sources):
            sys.exit(f"{lock_file} is out of date; run: make lock\n{diff}")


def _diff(lock_file: str, sources: list[str]) -> str:
    current = (ROOT / lock_file).read_text()
    with tempfile.TemporaryDirectory() as folder:
        compiled_file = Path(folder) / lock_file
        compiled_file.write_text(current)
        subprocess.run([*COMPILE_COMMAND, *sources, "-o", str(compiled_file)], cwd=ROOT, check=True)
        lines = difflib.unified_diff(current.splitlines(), compiled_file.read_text().splitlines(), lineterm="")
        return "\n".join(line for line in lines if "--hash" not in line)


if __name__ == "__main__":
    main()
