"""Create people from a CSV file."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts import csv_import, customers
from config import errors


class Command(BaseCommand):
    """``manage.py import_users FILE.csv --customer cus_… [--dry-run]``"""

    help = (
        "Create and invite people from a CSV file (email, name, role, locations, userSkills). "
        "Who is here already is left alone: run it again after an interruption."
    )
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--customer", required=True)
        parser.add_argument("--dry-run", action="store_true", help="only list every problem")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            customer = customers.get(options["customer"])
            rows = _rows(options["file"], customer.id)
            problems = list(csv_import.check(rows, customer.id))
            self._tell(problems)
            if problems:
                raise CommandError(f"{len(problems)} problem(s); nobody was created.")
            if options["dry_run"]:
                self.stdout.write(f"{len(rows)} people, no problem; nobody was created.")
                return
            self._bring(rows, customer.id)
        except errors.Unavailable as error:
            raise CommandError(f"{error} Run it again: it goes on where it stopped.") from error
        except errors.Refusal as error:
            raise CommandError(str(error)) from error

    def _bring(self, rows: list[csv_import.Row], customer_id: str) -> None:
        patience = 0.5 if sys.stderr.isatty() else 10
        with tqdm(total=len(rows), unit="people", mininterval=patience) as bar:

            def step() -> None:
                bar.update()

            outcome = csv_import.run(rows, customer_id, step=step)
        self._tell(outcome.problems)
        self.stdout.write(
            f"{outcome.created} created and invited, {outcome.here_already} were here already"
        )
        if outcome.problems:
            raise CommandError(f"{len(outcome.problems)} could not be created.")

    def _tell(self, problems: list[tuple[int, str]]) -> None:
        for line, problem in problems:
            self.stdout.write(f"line {line}: {problem}")


def _rows(path: Path, customer_id: str) -> list[csv_import.Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return csv_import.read(file, customer_id)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
