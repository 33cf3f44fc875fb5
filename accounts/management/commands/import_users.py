"""Create users from a CSV file."""

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
        "Create and invite users from a CSV file (email, name, role, locations, userSkills). "
        "Existing users are skipped, so run it again after an interruption."
    )
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--customer", required=True)
        parser.add_argument("--dry-run", action="store_true", help="only list problems")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            customer = customers.get_customer(options["customer"])
            rows = _read_file(options["file"], customer.id)
            problems = list(csv_import.check_rows(rows, customer.id))
            self._print_problems(problems)
            if problems:
                raise CommandError(f"{len(problems)} problem(s); no users were created.")
            if options["dry_run"]:
                self.stdout.write(f"{len(rows)} users, no problems; no users were created.")
                return
            self._import_rows(rows, customer.id)
        except errors.Unavailable as error:
            raise CommandError(f"{error} Run the command again to continue.") from error
        except errors.DomainError as error:
            raise CommandError(str(error)) from error

    def _import_rows(self, rows: list[csv_import.ImportRow], customer_id: str) -> None:
        min_interval = 0.5 if sys.stderr.isatty() else 10
        with tqdm(total=len(rows), unit="users", mininterval=min_interval) as bar:

            def advance() -> None:
                bar.update()

            result = csv_import.import_rows(rows, customer_id, on_progress=advance)
        self._print_problems(result.problems)
        self.stdout.write(f"{result.created} users created and invited, {result.already_exists} already existed")
        if result.problems:
            raise CommandError(f"{len(result.problems)} user(s) could not be created.")

    def _print_problems(self, problems: list[tuple[int, str]]) -> None:
        for line, problem in problems:
            self.stdout.write(f"line {line}: {problem}")


def _read_file(path: Path, customer_id: str) -> list[csv_import.ImportRow]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return csv_import.read_rows(file, customer_id)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
