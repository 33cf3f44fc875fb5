"""Plan shifts from a CSV or an .ics file."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts import customers, permissions
from accounts.permissions import Actor
from config import errors, spreadsheets
from staffing import rota_import
from staffing.rota_import import ImportOptions, PlannedEntry


class Command(BaseCommand):
    """``manage.py import_rota FILE --customer cus_… [--dry-run]``"""

    help = (
        "Plan shifts from a CSV file (staff or email, location, date, start, end, position, breakMinutes, notes; usual "
        "headers are understood) or from an .ics file. Each shift is planned once: run it again after an interruption."
    )
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--customer", required=True)
        parser.add_argument("--location", default="", help="name or id, for shifts that name none")
        parser.add_argument("--date-order", choices=("dmy", "mdy"), help="of dates such as 1/4/2027")
        parser.add_argument("--encoding", choices=spreadsheets.ENCODINGS, help="of a file that is not UTF-8 or UTF-16")
        parser.add_argument("--allow-overlap", action="store_true", help="plan shifts although they overlap")
        parser.add_argument("--skip-problems", action="store_true", help="plan the shifts without problems")
        parser.add_argument("--dry-run", action="store_true", help="only show what would happen")

    def handle(self, *args: Any, **options: Any) -> None:
        import_options = ImportOptions(
            encoding=options["encoding"],
            location=options["location"],
            date_order=options["date_order"],
            allow_overlap=options["allow_overlap"],
        )
        try:
            customer = customers.get_customer(options["customer"])
            actor = permissions.system_actor(customer.id)
            content = spreadsheets.read_bytes(options["file"])
            entries = rota_import.read_file(content, actor=actor, options=import_options)
            plan = list(rota_import.plan_entries(entries, actor=actor, at=datetime.now(UTC)))
            self._print_plan(plan, is_complete=options["dry_run"])
            problem_count = sum(len(planned.problems) for planned in plan)
            if problem_count and not options["skip_problems"]:
                raise CommandError(f"{problem_count} problem(s); no shifts were planned.")
            if options["dry_run"]:
                created = sum(planned.outcome == "create" for planned in plan)
                self.stdout.write(f"{created} of {len(plan)} would be planned; no shifts were planned.")
                return
            self._import(plan, actor)
        except errors.Unavailable as error:
            raise CommandError(f"{error} Run the command again to continue.") from error
        except errors.DomainError as error:
            raise CommandError(str(error)) from error

    def _print_plan(self, plan: Sequence[PlannedEntry], *, is_complete: bool) -> None:
        """All problems, and if ``is_complete`` what would be planned."""
        for planned in plan:
            for problem in planned.problems:
                self.stdout.write(str(problem))
            if is_complete and not planned.problems:
                outcome = "would be planned" if planned.outcome == "create" else "exists already"
                outcome += ", and is not as in the file" if planned.differs else ""
                outcome += "".join(f"; {note}" for note in planned.entry.notes)
                self.stdout.write(f"line {planned.entry.line}: {planned.entry.title}: {outcome}")

    def _import(self, plan: Sequence[PlannedEntry], actor: Actor) -> None:
        min_interval = 0.5 if sys.stderr.isatty() else 10
        with tqdm(total=len(plan), unit="shifts", mininterval=min_interval) as bar:

            def advance() -> None:
                bar.update()

            result = rota_import.import_entries(plan, actor=actor, on_progress=advance)
        for problem in result.problems:
            self.stdout.write(str(problem))
        self.stdout.write(f"{result.created} planned, {result.already_exists} already existed")
        if result.problems:
            raise CommandError(f"{len(result.problems)} could not be planned.")
