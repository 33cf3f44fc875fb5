"""Runs a management command at the product that runs here: ``make manage CMD="audit verify"``."""

import json
import os
import sys

from config.dev import services


def main() -> None:
    """``manage.py`` with the settings of the running product."""
    run = services.ROOT / ".local/run.json"
    if not run.exists():
        sys.exit("Dutyline does not run here; start it with: make run")
    ports = services.Block(int(json.loads(run.read_text())["port"]))
    command = [sys.executable, str(services.ROOT / "manage.py"), *sys.argv[1:]]
    os.execve(sys.executable, command, services.environment(ports))  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
