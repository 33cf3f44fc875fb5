"""Writes the locks from pyproject.toml, or with ``--check`` says whether they are current.

uv resolves for Debian's Python 3.11 with hashes, and writes no address of any index.
"""

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILE = [
    *(str(ROOT / ".venv/bin/uv"), "pip", "compile", "--quiet", "--generate-hashes"),
    *(
        "--python-version",
        "3.11",
        "--no-config",
        "--no-header",
    ),  # addresses are left out by default
    "--system-certs",
]
LOCKS = {
    "requirements.txt": ["pyproject.toml"],
    "requirements-dev.txt": ["pyproject.toml", "--group", "dev", "-c", "requirements.txt"],
}


def main() -> None:
    """Existing pins are kept; ``--upgrade`` moves them."""
    checking = "--check" in sys.argv
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv else []
    for lock, sources in LOCKS.items():
        if not checking:
            subprocess.run([*COMPILE, *upgrade, *sources, "-o", lock], cwd=ROOT, check=True)
        elif changes := _changes(lock, sources):
            sys.exit(f"{lock} is not current; run make lock\n{changes}")


def _changes(lock: str, sources: list[str]) -> str:
    kept = (ROOT / lock).read_text()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / lock
        made.write_text(kept)
        subprocess.run([*COMPILE, *sources, "-o", str(made)], cwd=ROOT, check=True)
        lines = difflib.unified_diff(kept.splitlines(), made.read_text().splitlines(), lineterm="")
        return "\n".join(line for line in lines if "--hash" not in line)


if __name__ == "__main__":
    main()
