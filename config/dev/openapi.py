"""Writes docs/openapi.yaml from the code, or with ``--check`` says whether it has drifted."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OPENAPI_FILE = ROOT / "docs/openapi.yaml"


def main() -> None:
    """Warnings of the generator count as failures."""
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn"]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if completed.returncode:
        sys.exit(completed.stderr)
    if "--check" not in sys.argv:
        OPENAPI_FILE.write_text(completed.stdout)
    elif not OPENAPI_FILE.exists() or OPENAPI_FILE.read_text() != completed.stdout:
        sys.exit("docs/openapi.yaml has drifted from the code; run make openapi")


if __name__ == "__main__":
    main()
