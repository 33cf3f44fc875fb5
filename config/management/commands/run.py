"""Run the whole product on this machine."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.local import product


class Command(BaseCommand):
    """``manage.py run``: what ``make run`` calls once everything is set up."""

    help = "Run the whole product on this machine, with stand-ins for the outside world."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fresh", action="store_true", help="forget all state first")

    def handle(self, *args: Any, **options: Any) -> None:
        base = os.environ.get("PORT") or "8000"
        if not base.isdigit() or not 1024 <= int(base) <= 65000:
            raise SystemExit("PORT must be a number from 1024 to 65000.")
        product.run(base=int(base), fresh=options["fresh"])
