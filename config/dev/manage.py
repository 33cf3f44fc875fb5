"""Runs a management command at the product that runs here: ``make manage CMD="audit verify"``."""

import json
import os
import sys

from config.dev import services


def main() -> None:
    """``manage.py`` with the settings of the running product."""
    run_file = services.ROOT / ".local/run.json"
    if not run_file.exists():
        sys.exit("Dutyline does not run here; start it with: make run")
    ports = services.PortBlock(int(json.loads(run_file.read_text())["port"]))
    command = [sys.executable, str(services.ROOT / "manage.py"), *sys.argv[1:]]
    os.execve(sys.executable, command, services.process_environment(ports))  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
