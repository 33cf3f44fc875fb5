"""Show the rules of time zones, and derive stored instants again after a change of rules."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import audit, errors, journal, outbox, zone_rules
from staffing.zone_update import AUTHOR, ZoneUpdate

INSTALLATION = audit.Party("installation", "installation", "", audit.PLATFORM_STREAM, audit.PLATFORM_STREAM)
MAX_EXAMPLES = 5
MAX_PASSES = 5
"""Passes until none meets a schedule that somebody is changing."""


class Command(BaseCommand):
    """``manage.py zones status``, ``zones update [--dry-run]``."""

    help = "Show the version and age of the time zone rules; derive stored instants again after a change of rules."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        subparsers = parser.add_subparsers(dest="what", required=True)
        subparsers.add_parser("status", help="the version of the rules, their age, and what to do")
        update = subparsers.add_parser("update", help="derive sort keys and reminders again; may be repeated")
        update.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["what"] == "update":
                self._update(dry_run=options["dry_run"])
            self._print_status()
        except errors.DomainError as error:
            raise CommandError(f"{error.detail} What was updated stays so; run this again.") from error

    def _update(self, *, dry_run: bool) -> None:
        stored = zone_rules.read_stored_rules()
        if not dry_run:
            zone_rules.refresh()  # an interrupted update leaves keys of both rules
        for _ in range(1 if dry_run else MAX_PASSES):
            update = ZoneUpdate(outbox.utc_now(), dry_run, self.stdout.write)
            update.run()
            for kind, count in sorted(update.counts.items()):
                self.stdout.write(f"{count} {kind}{' would be' if dry_run else ''} updated")
            if not update.conflicts:
                break
        else:
            examples = ", ".join(update.conflicts[:MAX_EXAMPLES])
            raise CommandError(f"{len(update.conflicts)} records were changed meanwhile; run this again: {examples}")
        if not dry_run and not stored.are_present:
            changes = [audit.FieldChange("tzdata", str(stored), zone_rules.VERSION)]
            journal.write_audit_event(AUTHOR, "zones.updated", INSTALLATION, outbox.utc_now(), changes=changes)
            zone_rules.store_version(outbox.utc_now())

    def _print_status(self) -> None:
        report = zone_rules.read_report(outbox.utc_now())
        release = zone_rules.release()
        self.stdout.write(f"tzdata {zone_rules.VERSION}")
        if report.age is not None:
            self.stdout.write(f"released {release.released}, {report.age.days} days ago")
        self.stdout.write(f"newer ones were looked for on {release.checked}")
        self.stdout.write(f"stored instants: {report.stored}")
        self.stdout.write(report.sentence)
