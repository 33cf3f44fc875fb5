"""Process the outbox once."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import outbox
from config.outbox import worker


class Command(BaseCommand):
    """``manage.py sweep``: process every due message in this process."""

    help = "Process every due outbox message once and print the outcomes by task."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", help="assume this time (RFC 3339) instead of now; local only")

    def handle(self, *args: Any, **options: Any) -> None:
        clock = _build_clock(options["at"])
        report = worker.PassReport()
        for shard in outbox.SHARDS:
            worker.process_shard(shard, clock=clock, report=report)
        for line in report.lines():
            self.stdout.write(line)
        self.stdout.write("no message is due" if not report.counts else "done")


def _build_clock(at: str | None) -> outbox.Clock:
    if at is None:
        return outbox.utc_now
    if not settings.LOCAL:
        raise CommandError("--at works with ENVIRONMENT=local only.")
    try:
        assumed_time = datetime.fromisoformat(at)
    except ValueError as error:
        raise CommandError("--at must be an RFC 3339 date-time such as 2026-11-23T09:00:00Z.") from error
    if assumed_time.tzinfo is None:
        raise CommandError("--at must have an offset, or Z.")
    offset = assumed_time.astimezone(UTC) - outbox.utc_now()
    return lambda: outbox.utc_now() + offset
