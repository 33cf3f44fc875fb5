"""Export what is stored about a caller."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import customers, permissions
from config import errors
from telephony.caller_data import export


class Command(BaseCommand):
    """``manage.py export_caller +16175550199 --out FOLDER --customer cus_…``."""

    help = "Write what is stored about a caller as JSON and WAV files: a folder for each customer."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("caller", help="the number, with + and country code, or an address such as sip:…")
        parser.add_argument("--out", type=Path, required=True, help="the folder; it is created")
        parser.add_argument("--customer", help="only the records of this customer; by default those of all")

    def handle(self, *args: Any, **options: Any) -> None:
        at, exported = datetime.now(UTC), 0
        try:
            for customer in customers.select(options["customer"]):
                try:
                    actor = permissions.system_actor(customer.id)
                    caller_export = export.export_for_operator(options["caller"], actor=actor, at=at)
                except errors.NotFound:
                    continue
                folder = options["out"] / str(customer.id)
                export.save_folder(caller_export, folder)
                exported += 1
                self.stdout.write(f"{customer.name}: {folder}, {len(caller_export.files)} recording(s)")
        except errors.DomainError as refusal:
            raise CommandError(refusal.detail) from refusal
        if not exported:
            self.stdout.write("Nothing is stored about this caller.")
