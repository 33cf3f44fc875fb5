"""Writes docs/openapi.yaml, docs/personal-data.md and docs/errors.md from the code.

``--check`` fails if one of them is out of date.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = {
    "docs/openapi.yaml": ["spectacular", "--validate", "--fail-on-warn"],
    "docs/personal-data.md": ["data_map"],
    "docs/errors.md": ["error_catalog"],
}
PLACEHOLDERS = {"AUTH0_ISSUER": "https://sign-in.dutyline.example/", "PUBLIC_BASE_URL": "https://api.dutyline.example"}
"""Settings that the documents show, whatever the caller's environment is."""


def main() -> None:
    """Generate the documents; warnings of the OpenAPI generator are failures."""
    for path, arguments in DOCUMENTS.items():
        command = [sys.executable, "manage.py", *arguments]
        environment = {**os.environ, **PLACEHOLDERS}
        completed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if completed.returncode:
            sys.exit(completed.stderr)
        if "--check" not in sys.argv:
            (ROOT / path).write_text(completed.stdout)
        elif (ROOT / path).read_text() != completed.stdout:
            sys.exit(f"{path} is out of date; run: make openapi")


if __name__ == "__main__":
    main()
