"""Create the DynamoDB tables, and correct those that differ from what the records need."""

import json
from argparse import BooleanOptionalAction
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

import config.board.models
import config.bulk.models
import config.daily_limits
import config.journal.commit  # noqa: F401 - these define the records of config
from config import dynamodb, errors, zone_rules
from config.dynamodb import key_checks, tables


class Command(BaseCommand):
    """``manage.py tables``; safe to run at every deploy."""

    help = "Create missing DynamoDB tables, correct existing ones, and check the data keys."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--protect",
            action=BooleanOptionalAction,
            default=not settings.LOCAL,
            help="backups, deletion protection and encryption (default: in production); not every engine has them",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="change nothing: print what the tables must be, without prefix, for tools that create them",
        )
        parser.add_argument("--timeout", type=float, default=1800, help="seconds that one table may take (1800)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(tables.describe_all(), indent=2))
            return
        converger = tables.Converger(options["protect"], options["timeout"], self.stdout.write)
        try:
            count = converger.converge_all()
            key_checks.store_checks(datetime.now(UTC))
            zone_rules.store_version_of_new_installation(datetime.now(UTC))
        except (tables.TableMismatch, key_checks.WrongDataKeys, dynamodb.CallRejected, errors.Unavailable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{count} tables are as they should be")
