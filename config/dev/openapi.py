"""Writes docs/openapi.yaml from the code; ``--check`` fails if it is out of date."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OPENAPI_FILE = ROOT / "docs/openapi.yaml"


def main() -> None:
    """Generate the document; warnings of the generator are failures."""
    command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn"]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if completed.returncode:
        sys.exit(completed.stderr)
    if "--check" not in sys.argv:
        OPENAPI_FILE.write_text(completed.stdout)
    elif not OPENAPI_FILE.exists() or OPENAPI_FILE.read_text() != completed.stdout:
        sys.exit("docs/openapi.yaml is out of date; run: make openapi")


if __name__ == "__main__":
    main()
