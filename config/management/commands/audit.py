"""Check the audit."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import verification


class Command(BaseCommand):
    """``manage.py audit verify``: is every entry where and as it was written?"""

    help = "Verify the audit chains; names the first entry of each stream that is not as written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["verify"])

    def handle(self, *args: Any, **options: Any) -> None:
        result = verification.verify()
        for finding in result.findings:
            self.stdout.write(str(finding))
        if result.findings:
            raise CommandError(f"The audit is not intact: {len(result.findings)} finding(s).")
        self.stdout.write(f"{result.entries} entries in {result.streams} streams are intact")
