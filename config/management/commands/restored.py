"""Erase again whom a restore brought back, and compare the restored records with the vendors."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import errors
from config.privacy import restoration

_WORDS = {
    "erase": ("erases", "erase again the people and callers who were erased since"),
    "discard-notifications": ("discards_notifications", "drop notifications that were due"),
    "recover-recordings": ("recovers_recordings", "bring back files of calls that were deleted since"),
    "delete-unknown-recordings": ("deletes_unknown_recordings", "delete files of calls that are lost"),
    "end-sessions": ("ends_sessions", "sign all operators out"),
}
"""What changes something is done only if it is named."""


class Command(BaseCommand):
    """``manage.py restored --at TIME``, then with `--erase` and so on; safe to repeat."""

    help = "After a restore: say what was erased since, and what differs; changes what options allow."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", required=True, help="the time to which the tables were restored (RFC 3339)")
        for name, (_, text) in _WORDS.items():
            parser.add_argument(f"--{name}", action="store_true", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        allowed = {field: options[name.replace("-", "_")] for name, (field, _) in _WORDS.items()}
        steps = restoration.Restoration(_parse_time(options["at"], now), now, **allowed)
        differences = 0
        try:
            for finding in restoration.run_steps(steps):
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
