"""Runs management commands, separated by ``then``, in one process.

``preparation tables then migrate --verbosity 0``: a process for each would load the product again,
for a second of CPU.
"""

import os
import sys

import django
from django.core.management import CommandError, call_command

from config import errors

SEPARATOR = "then"


def main(arguments: list[str]) -> None:
    """Run the commands in order; exit with the message of the first that fails."""
    command: list[str] = []
    for word in [*arguments, SEPARATOR]:
        if word != SEPARATOR:
            command.append(word)
            continue
        print(f"· {command[0]}", flush=True)  # the last line tells what a slow start is doing
        try:
            call_command(*command)
        except (CommandError, errors.DomainError) as error:
            sys.exit(f"{command[0]}: {error}")
        command = []


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    main(sys.argv[1:])
