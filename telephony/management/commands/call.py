"""Simulate a call to a number of the local environment, without a telephone."""

import json
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import customers, demo, permissions, users
from config import dynamodb, outbox
from telephony.models import PhoneNumber

PHONE_BEHAVIORS = {
    "answer": ("answers", "is answered with key 1"),
    "mailbox": ("mailbox", "goes to a mailbox"),
    "silent": ("silent", "is answered without a key"),
    "busy": ("declines", "declines the call"),
}


class Command(BaseCommand):
    """``manage.py call +14155550123 --answer sam --press 1``: local only."""

    help = "Simulate a call to a number through the Twilio emulator and print the conversation."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="the number to call, in E.164")
        parser.add_argument("--from", dest="caller", default="+16175550199", help="the caller's number")
        parser.add_argument("--press", nargs="*", default=[], help="keys to press in menus; - presses none")
        for name, (_, about) in PHONE_BEHAVIORS.items():
            parser.add_argument(f"--{name}", nargs="+", default=[], metavar="NAME", help=f"people whose phone {about}")
        parser.add_argument("--at", help="time of the call (RFC 3339)")
        parser.add_argument("--hang-up", type=float, help="seconds after which the caller hangs up")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("Calls are simulated with ENVIRONMENT=local only.")
        phones_by_name = _load_phones(options["number"])
        phones = {
            _resolve_phone(name, phones_by_name): behavior
            for option, (behavior, _) in PHONE_BEHAVIORS.items()
            for name in options[option]
        }
        simulation = {
            "to": options["number"],
            "from": options["caller"],
            "press": [key for word in options["press"] for key in word],
            "phones": phones,
            "at": options["at"],
            "hangUpAfter": options["hang_up"],
        }
        names = {phone: name for name, phone in phones_by_name.items()}
        for line in _simulate_call(simulation):
            for phone, name in names.items():
                line = line.replace(phone, f"{name} ({phone})")
            self.stdout.write(line)


def _load_phones(number: str) -> dict[str, str]:
    """The phones of a customer's users, by first name."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None:
        return {}
    system_actor = permissions.system_actor(phone_number.customer_id)
    customer = customers.get_customer(phone_number.customer_id)
    page = users.list_users(system_actor, outbox.utc_now(), customer=customer, limit=1000, cursor=None)
    return {demo.first_name(user.name): str(user.phone) for user in page.records if user.phone}


def _resolve_phone(name: str, phones_by_name: dict[str, str]) -> str:
    phone = name if name.startswith("+") else phones_by_name.get(name.lower())
    if phone is None:
        raise CommandError(f"{name} has no phone; choose one of {', '.join(phones_by_name)}.")
    return phone


def _simulate_call(simulation: dict[str, Any]) -> list[str]:
    try:
        response = httpx.post(f"{settings.TWILIO['base_url']}/_local/calls", json=simulation, timeout=120)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise CommandError("The Twilio emulator does not answer; start it with `make run`.") from error
    return list(json.loads(response.content)["lines"])
