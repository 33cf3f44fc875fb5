"""Try the configuration: at each deployment, and when something does not work."""

import json
import logging
import os
import sys
from argparse import BooleanOptionalAction
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.doctor import Options, runner


class Command(BaseCommand):
    """``manage.py doctor``; exit code 1 if something failed."""

    help = "Try the settings, the rights at AWS and all vendors; changes nothing (docs/operations/doctor.md)."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", default="", help="groups or names of checks, such as dynamodb,s3")
        parser.add_argument("--json", action="store_true", help="one JSON object, for machines")
        parser.add_argument("--role", choices=("application", "deployment", "maintenance"), default="application")
        parser.add_argument("--mail-to", default="", metavar="ADDRESS", help="also send one mail")
        parser.add_argument(
            "--protect",
            action=BooleanOptionalAction,
            default=not settings.LOCAL,
            help="expect backups, deletion protection and encryption of tables (default: in production)",
        )
        parser.add_argument("--seconds", type=float, help="how long each check may take (default: most 5)")

    def handle(self, *args: Any, **options: Any) -> None:
        only = [name.strip() for name in options["only"].split(",") if name.strip()]
        try:
            checks = runner.load_checks(only)
        except runner.UnknownCheck as error:
            raise CommandError(str(error)) from error
        logging.disable(logging.CRITICAL)  # the report says what the log would
        try:
            check_options = Options(options["role"], options["mail_to"], options["protect"])
            reports = runner.run_checks(checks, check_options, options["seconds"])
        finally:
            logging.disable(logging.NOTSET)
        statuses = [finding.status for report in reports for finding in report.findings]
        write = _write_json if options["json"] else _lines
        for line in write(reports):
            self.stdout.write(line)
        if runner.has_waiting_threads():  # Python would wait for what they wait for
            self.stdout.flush()
            os._exit(1)
        if "failed" in statuses:
            sys.exit(1)


def _lines(reports: Sequence[runner.Report]) -> Iterator[str]:
    for report in reports:
        for finding in report.findings:
            yield f"{finding.status:<8} {report.check.name:<23} {finding.sentence} {finding.mend}".rstrip()


def _write_json(reports: Sequence[runner.Report]) -> Iterator[str]:
    rows = [
        {
            "name": report.check.name,
            "status": finding.status,
            "code": finding.code,
            "sentence": finding.sentence,
            "mend": finding.mend,
            "seconds": round(report.seconds, 3),
        }
        for report in reports
        for finding in report.findings
    ]
    yield json.dumps({"failed": sum(row["status"] == "failed" for row in rows), "checks": rows})
