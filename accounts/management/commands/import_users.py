"""Create users from a CSV file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts import csv_import, customers
from config import errors, spreadsheets


class Command(BaseCommand):
    """``manage.py import_users FILE.csv --customer cus_… [--dry-run]``"""

    help = (
        "Create and invite users from a CSV file (email, name or firstName and lastName, phone, role, locations, "
        "userSkills; usual headers are understood). Existing users are skipped, so run it again after an interruption."
    )
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--customer", required=True)
        parser.add_argument("--dry-run", action="store_true", help="only show what would happen")
        parser.add_argument("--encoding", choices=spreadsheets.ENCODINGS, help="of a file that is not UTF-8 or UTF-16")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            customer = customers.get_customer(options["customer"])
            content = spreadsheets.read_bytes(options["file"])
            people_file = csv_import.read_file(content, customer.id, encoding=options["encoding"])
            plan = list(csv_import.plan_rows(people_file, customer.id))
            self._print_plan(plan, is_complete=options["dry_run"])
            if problem_count := sum(len(planned.problems) for planned in plan):
                raise CommandError(f"{problem_count} problem(s); no users were created.")
            if options["dry_run"]:
                created = sum(planned.outcome == "create" for planned in plan)
                self.stdout.write(f"{created} of {len(plan)} users would be created; no users were created.")
                return
            self._import_rows(people_file.rows, customer.id)
        except errors.Unavailable as error:
            raise CommandError(f"{error} Run the command again to continue.") from error
        except errors.DomainError as error:
            raise CommandError(str(error)) from error

    def _print_plan(self, plan: Sequence[csv_import.PlannedRow], *, is_complete: bool) -> None:
        """All problems, and if ``is_complete`` who would be created."""
        for planned in plan:
            for problem in planned.problems:
                self.stdout.write(str(problem))
            if is_complete and planned.row.new_user and not planned.problems:
                user = planned.row.new_user
                outcome = "would be invited" if planned.outcome == "create" else "exists already"
                self.stdout.write(f"line {planned.row.line}: {user.name} <{user.email}>, {user.role}: {outcome}")

    def _import_rows(self, rows: Sequence[csv_import.ImportRow], customer_id: str) -> None:
        min_interval = 0.5 if sys.stderr.isatty() else 10
        with tqdm(total=len(rows), unit="users", mininterval=min_interval) as bar:

            def advance() -> None:
                bar.update()

            result = csv_import.import_rows(rows, customer_id, on_progress=advance)
        for problem in result.problems:
            self.stdout.write(str(problem))
        self.stdout.write(f"{result.created} users created and invited, {result.already_exists} already existed")
        if result.problems:
            raise CommandError(f"{len(result.problems)} user(s) could not be created.")
