"""Create the demo data: users, locations, a rota and a phone line."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import demo
from staffing.demo import create_rota
from telephony.demo import create_demo_phones


class Command(BaseCommand):
    """``manage.py demo --out FILE``: local only."""

    help = "Create demo customers, users, a rota and a phone number; write the accounts to a file."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("Demo data is for ENVIRONMENT=local only.")
        harbour, hilltop = demo.create_harbour_dental(), demo.create_hilltop_vets()
        create_rota(
            harbour.owner,
            user_ids={demo.first_name(item.name): str(item.id) for item in harbour.people},
            locations_by_name={item.name: (str(item.id), str(item.time_zone)) for item in harbour.locations},
            at=datetime.now(UTC),
        )
        create_demo_phones(
            harbour.owner,
            people=harbour.people,
            location_ids={str(item.name): str(item.id) for item in harbour.locations},
            at=datetime.now(UTC),
        )
        accounts = [demo.sign_in_details(item) for item in (*harbour.people, *hilltop.people)]
        temporary_file = options["out"].with_suffix(".part")
        temporary_file.write_text(json.dumps({"accounts": accounts}, indent=2))
        temporary_file.rename(options["out"])
