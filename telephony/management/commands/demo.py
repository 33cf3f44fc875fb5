"""Fill an empty product with the demo: people, places, who is on duty, and a phone line."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import demo
from staffing.demo import rota
from telephony.demo import phones


class Command(BaseCommand):
    """``manage.py demo --out FILE``: local only."""

    help = "Create the demo customers, people, rota and phone line; writes who they are to a file."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("Demo data is for ENVIRONMENT=local only.")
        harbour, hilltop = demo.harbour(), demo.hilltop()
        rota(
            harbour.owner,
            people={demo.first_name(one.name): str(one.id) for one in harbour.people},
            places={one.name: (str(one.id), str(one.time_zone)) for one in harbour.places},
            at=datetime.now(UTC),
        )
        phones(
            harbour.owner,
            people=harbour.people,
            places={str(one.name): str(one.id) for one in harbour.places},
            at=datetime.now(UTC),
        )
        accounts = [demo.account(one) for one in (*harbour.people, *hilltop.people)]
        draft = options["out"].with_suffix(".part")
        draft.write_text(json.dumps({"accounts": accounts}, indent=2))
        draft.rename(options["out"])
