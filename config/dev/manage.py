"""Runs a management command in the environment of the running product."""

import json
import os
import sys

from config.dev import services


def main() -> None:
    """``make manage CMD="audit verify"``."""
    run_file = services.ROOT / ".local/run.json"
    if not run_file.exists():
        sys.exit("Dutyline is not running here; start it with: make run")
    ports = services.PortBlock.starting_at(int(json.loads(run_file.read_text())["port"]))
    command = [sys.executable, str(services.ROOT / "manage.py"), *sys.argv[1:]]
    os.execve(sys.executable, command, services.process_environment(ports))  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
