"""Writes docs/openapi.yaml from the code, or with ``--check`` says whether it has drifted."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "docs/openapi.yaml"


def main() -> None:
    """Warnings of the generator count as failures."""
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    if "--check" not in sys.argv:
        FILE.write_text(done.stdout)
    elif not FILE.exists() or FILE.read_text() != done.stdout:
        sys.exit("docs/openapi.yaml has drifted from the code; run make openapi")


if __name__ == "__main__":
    main()
