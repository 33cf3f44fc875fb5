"""Restore all tables under another prefix, check them, and remove those of a drill."""

from argparse import BooleanOptionalAction
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

import config.board.models
import config.bulk.models
import config.daily_limits
import config.journal.commit  # noqa: F401 - these define the records of config
from config import dynamodb, errors
from config.dynamodb import tables
from config.restore import checks, running
from config.restore.plan import TablePlan, format_time, plan_copy, plan_restore

_FAILURES = (running.RestoreFailed, tables.TableMismatch, dynamodb.CallRejected)


class Command(BaseCommand):
    """``manage.py restore tables``, ``… check``, ``… remove``; see docs/operations/backup.md."""

    help = "Restore all tables under DYNAMODB_TABLE_PREFIX, a new prefix, from those of another; check them."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        subparsers = parser.add_subparsers(dest="what", required=True)
        tables_parser = subparsers.add_parser("tables", help="restore; without --start, say what would be done")
        tables_parser.add_argument("--from", dest="source", required=True, metavar="PREFIX", help="of the other tables")
        time_group = tables_parser.add_mutually_exclusive_group(required=True)
        time_group.add_argument("--at", help="the time to restore to (RFC 3339), in whole seconds")
        time_group.add_argument(
            "--copy", action="store_true", help="copy the present items, on engines without backups"
        )
        tables_parser.add_argument("--start", action="store_true", help="do it; run it again to go on")
        tables_parser.add_argument(
            "--drill", action="store_true", help="these tables may be removed with restore remove"
        )
        tables_parser.add_argument(
            "--create-empty", default="", metavar="NAMES", help="tables that are new, without prefix"
        )
        tables_parser.add_argument("--timeout", type=float, default=86_400, help="seconds in all (a day)")
        check_parser = subparsers.add_parser("check", help="check the tables of DYNAMODB_TABLE_PREFIX; changes nothing")
        check_parser.add_argument(
            "--from", dest="source", default="", metavar="PREFIX", help="compare counts with these"
        )
        remove_parser = subparsers.add_parser("remove", help="delete the tables of a drill")
        remove_parser.add_argument("--tables-of", required=True, metavar="PREFIX", help="DYNAMODB_TABLE_PREFIX, again")
        for subparser in (tables_parser, check_parser):
            subparser.add_argument(
                "--protect",
                action=BooleanOptionalAction,
                default=not settings.LOCAL,
                help="with backups, deletion protection and encryption (default: in production)",
            )

    def handle(self, *args: Any, **options: Any) -> None:
        actions = {"tables": self._restore, "check": self._check, "remove": self._remove}
        try:
            actions[options["what"]](options)
        except errors.Unavailable as error:
            raise CommandError(f"{error.detail} Run this command again.") from error
        except _FAILURES as error:
            raise CommandError(str(error)) from error

    def _restore(self, options: dict[str, Any]) -> None:
        source, prefix = options["source"], settings.DYNAMODB["prefix"]
        if source == prefix:
            raise CommandError("Set DYNAMODB_TABLE_PREFIX to a new prefix: a restore cannot replace tables.")
        if prefix.startswith(f"{source}-") or source.startswith(f"{prefix}-"):
            raise CommandError("Choose a prefix that does not begin with the other: rights at AWS go by prefix.")
        at = None if options["copy"] else parse_time(options["at"])
        empty = frozenset(filter(None, options["create_empty"].split(",")))
        plans = list(plan_restore(source, at, empty) if at else plan_copy(source))
        for plan in plans:
            self.stdout.write(str(plan))
        if problems := sum(bool(plan.problem) for plan in plans):
            raise CommandError(f"{problems} of {len(plans)} tables cannot be restored. Nothing was changed.")
        if not options["start"]:
            self.stdout.write("Nothing was changed. Run it again with --start.")
            return
        self._run(plans, at, options)

    def _run(self, plans: list[TablePlan], at: datetime | None, options: dict[str, Any]) -> None:
        source, prefix = options["source"], settings.DYNAMODB["prefix"]
        state = format_time(at or datetime.now(UTC))
        origin = running.Origin(prefix, source, state, options["drill"])
        running.Restorer(options["timeout"], options["protect"], self.stdout.write).run(plans, origin)
        self.stdout.write(f"{len(plans)} tables of {source} are restored to {state} as those of {prefix}.")
        self.stdout.write(f"Next: manage.py restore check --from {source}")

    def _check(self, options: dict[str, Any]) -> None:
        needing_attention = 0
        for finding in checks.run_checks(checks.CheckOptions(options["source"], options["protect"])):
            needing_attention += finding.needs_attention
            self.stdout.write(f"{'WRONG' if finding.needs_attention else 'ok'}  {finding.text}")
            self.stdout.flush()
        if needing_attention:
            raise CommandError(f"{needing_attention} finding(s) need attention. Nothing was changed.")
        self.stdout.write(f"The tables of {settings.DYNAMODB['prefix']} are complete and consistent.")

    def _remove(self, options: dict[str, Any]) -> None:
        if options["tables_of"] != settings.DYNAMODB["prefix"]:
            raise CommandError("--tables-of and DYNAMODB_TABLE_PREFIX must be the same. Nothing was deleted.")
        count = running.remove_drill(self.stdout.write)
        self.stdout.write(f"{count} tables of the drill are deleted.")


def parse_time(text: str) -> datetime:
    """The time of ``--at``. Raises `CommandError`."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError("--at must be an RFC 3339 date-time such as 2026-11-28T09:00:00Z.") from error
    if parsed.tzinfo is None or parsed > datetime.now(UTC) or parsed.microsecond:
        raise CommandError("--at must have an offset, or Z, be in the past, and in whole seconds.")
    return parsed.astimezone(UTC)
