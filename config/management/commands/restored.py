"""Erase again whom a restore brought back, and compare the restored records with the vendors."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import errors
from config.privacy import restoration


class Command(BaseCommand):
    """``manage.py restored --at 2026-11-28T09:00:00Z``; safe to repeat."""

    help = "After a restore of the tables: delete again who was deleted since, and say what differs at the vendors."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", required=True, help="the time to which the tables were restored (RFC 3339)")

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        restored_to = _parse_time(options["at"], now)
        differences = 0
        try:
            for finding in restoration.run_steps(restored_to, now):
                differences += finding.needs_attention
                self.stdout.write(finding.text)
        except errors.DomainError as error:
            raise CommandError(f"{error.detail} Run this command again.") from error
        if differences:
            raise CommandError(f"{differences} difference(s) need attention.")
        self.stdout.write("nothing else differs")


def _parse_time(text: str, now: datetime) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError("--at must be an RFC 3339 date-time such as 2026-11-28T09:00:00Z.") from error
    if parsed.tzinfo is None or parsed > now:
        raise CommandError("--at must have an offset, or Z, and be in the past.")
    return parsed.astimezone(UTC)
