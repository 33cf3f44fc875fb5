"""Create the demo data: users, locations, a rota, a phone line and its past calls."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import demo, permissions, users
from accounts.users import update
from staffing.demo import create_rota
from telephony import phone_verification
from telephony.demo import create_past_calls
from telephony.numbers import inventory, purchase

PHONES = {
    "ann": "+16175550101",
    "abe": "+13035550102",
    "mia": "+16175550103",
    "sam": "+16175550104",
    "sue": "+16175550105",
}
AREA_CODE = "617"


class Command(BaseCommand):
    """``manage.py demo --out FILE``: local only."""

    help = "Create demo customers, users, a rota, a phone number and past calls; write the accounts to a file."
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
        _create_demo_phones(harbour)
        _create_past_calls(harbour)
        accounts = [demo.sign_in_details(item) for item in (*harbour.people, *hilltop.people)]
        temporary_file = options["out"].with_suffix(".part")
        temporary_file.write_text(json.dumps({"accounts": accounts}, indent=2))
        temporary_file.rename(options["out"])


def _create_demo_phones(business: demo.DemoCustomer) -> None:
    """Give each user a verified phone, and Boston Harbour a number."""
    for user in business.people:
        demo.repeat_while_unavailable(partial(_verify_phone, user.id))
    location_id, owner = _boston_of(business), business.owner
    available = demo.repeat_while_unavailable(lambda: inventory.search_numbers("US", AREA_CODE, actor=owner))
    demo.repeat_while_unavailable(
        lambda: purchase.purchase_number(available[0].number, location_id, actor=owner, at=datetime.now(UTC))
    )


def _create_past_calls(business: demo.DemoCustomer) -> None:
    """Let Boston Harbour have been called in the past weeks."""
    at = datetime.now(UTC)
    demo.repeat_while_unavailable(lambda: create_past_calls(_boston_of(business), actor=business.owner, at=at))


def _boston_of(business: demo.DemoCustomer) -> str:
    return next(str(location.id) for location in business.locations if location.name == "Boston Harbour")


def _verify_phone(user_id: str) -> None:
    at, user = datetime.now(UTC), users.get_user(user_id)
    profile = {"phone": PHONES[demo.first_name(user.name)], "settings": {"ringing": True}}
    updated_user = update.update_own_profile(user, profile, actor=permissions.user_actor(user), at=at)
    phone_verification.mark_verified(updated_user, at=at)
