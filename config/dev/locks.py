"""Writes the lock files from pyproject.toml; ``--check`` fails if they are out of date.

uv resolves for Python 3.11 with hashes, and writes no index URLs. tzdata, the rules of time zones,
is always the newest; `config/zone_rules.toml` notes the day of its release.
"""

import difflib
import re
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
UV = str(ROOT / ".venv/bin/uv")
INDEX_OPTIONS = ("--no-config", "--system-certs")
COMPILE_COMMAND = [
    *(UV, "pip", "compile", "--quiet", "--generate-hashes"),
    *("--python-version", "3.11", "--no-header"),  # index URLs are left out by default
    *INDEX_OPTIONS,
]
LOCK_SOURCES = {
    "requirements.txt": ["pyproject.toml"],
    "requirements-run.txt": ["pyproject.toml", "--group", "run", "-c", "requirements.txt"],
    "requirements-dev.txt": ["pyproject.toml", "--group", "dev", "-c", "requirements-run.txt"],
    "deploy/sbom/requirements.txt": ["deploy/sbom/requirements.in", "-c", "requirements.txt"],
    "bench/peers/requirements.txt": ["bench/peers/requirements.in", "-c", "requirements.txt"],
}
RELEASE_FILE = ROOT / "config/zone_rules.toml"
UPGRADE_ZONE_RULES = ("--upgrade-package", "tzdata")


def main() -> None:
    """Compile all files; existing pins but tzdata's stay unless ``--upgrade`` is given."""
    check_only = "--check" in sys.argv
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv else UPGRADE_ZONE_RULES
    for lock_file, sources in LOCK_SOURCES.items():
        if not check_only:
            subprocess.run([*COMPILE_COMMAND, *upgrade, *sources, "-o", lock_file], cwd=ROOT, check=True)
        elif diff := _diff(lock_file, sources):
            sys.exit(f"{lock_file} is out of date; run: make lock\n{diff}")
    if not check_only:
        RELEASE_FILE.write_text(_describe_zone_rules())
    elif tomllib.loads(RELEASE_FILE.read_text())["version"] != locked_zone_rules():
        sys.exit(f"{RELEASE_FILE.name} is out of date; run: make lock")


def locked_zone_rules() -> str:
    """The locked version of tzdata."""
    pin = re.search(r"^tzdata==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    if pin is None:
        sys.exit("requirements.txt locks no tzdata.")
    return pin[1]


def _describe_zone_rules() -> str:
    """The locked tzdata, the day on which the index received it, and today."""
    version, today = locked_zone_rules(), datetime.now(UTC).date()
    with tempfile.TemporaryDirectory() as folder:
        project = f'[project]\nname = "zones"\nversion = "0"\ndependencies = ["tzdata=={version}"]\n'
        (Path(folder) / "pyproject.toml").write_text(project + 'requires-python = ">=3.11"\n')
        subprocess.run([UV, "lock", "--quiet", *INDEX_OPTIONS], cwd=folder, check=True)
        packages = tomllib.loads((Path(folder) / "uv.lock").read_text())["package"]
    (package,) = (package for package in packages if package["name"] == "tzdata")
    upload_time = package["wheels"][0].get("upload-time")  # not every index says it
    released = datetime.fromisoformat(upload_time).date() if upload_time else today
    return (
        "# Written by `make lock`: the locked tzdata, the day of its release, and when newer ones were looked for.\n"
        f'version = "{version}"\nreleased = {released}\nchecked = {today}\n'
    )


def _diff(lock_file: str, sources: list[str]) -> str:
    current = (ROOT / lock_file).read_text()
    with tempfile.TemporaryDirectory() as folder:
        compiled_file = Path(folder) / Path(lock_file).name
        compiled_file.write_text(current)
        subprocess.run([*COMPILE_COMMAND, *sources, "-o", str(compiled_file)], cwd=ROOT, check=True)
        lines = difflib.unified_diff(current.splitlines(), compiled_file.read_text().splitlines(), lineterm="")
        return "\n".join(line for line in lines if "--hash" not in line)


if __name__ == "__main__":
    main()
