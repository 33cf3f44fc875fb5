"""Simulate a call to a number of the local environment, without a telephone."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import customers, demo, permissions, users
from config import dynamodb, errors, outbox
from telephony.callbacks.bridge import placement
from telephony.management import call_simulation
from telephony.models import PhoneNumber

if TYPE_CHECKING:
    from accounts.models import User

PHONE_BEHAVIORS = {
    "answer": ("answers", "is answered with key 1"),
    "mailbox": ("mailbox", "goes to a mailbox"),
    "silent": ("silent", "is answered without a key, which is enough for who has chosen it"),
    "busy": ("declines", "declines the call"),
    "break": ("breaks", "is answered with key 2: not for 30 minutes"),
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
        parser.add_argument("--at", help="time of the call: RFC 3339, or local as 22:00 or 2027-06-02T22:00")
        parser.add_argument("--hang-up", type=float, help="seconds after which the caller hangs up")
        parser.add_argument("--call-back", metavar="NAME", help="the person who then calls the caller back")
        parser.add_argument("--no-call", action="store_true", help="call back only: the caller has called before")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("Calls are simulated with ENVIRONMENT=local only.")
        phones_by_name = {name: str(user.phone) for name, user in _load_users(options["number"]).items()}
        phones = {
            _resolve_phone(name, phones_by_name): behavior
            for option, (behavior, _) in PHONE_BEHAVIORS.items()
            for name in options[option]
        }
        try:
            at = call_simulation.resolve_time(options["number"], options["at"])
        except ValueError as error:
            raise CommandError(f"{options['at']} is not a time such as 22:00.") from error
        simulation = {
            "to": options["number"],
            "from": options["caller"],
            "press": [key for word in options["press"] for key in word],
            "phones": phones,
            "at": at.isoformat(),
            "hangUpAfter": options["hang_up"],
        }
        names = {phone: name for name, phone in phones_by_name.items()}
        lines = [] if options["no_call"] else call_simulation.simulate_call(simulation)
        if name := options["call_back"]:
            lines += ["", *self._call_back(name, options, phones, at)]
        for line in lines:
            for phone, first_name in names.items():
                line = line.replace(phone, f"{first_name} ({phone})")
            self.stdout.write(line)

    def _call_back(self, name: str, options: dict[str, Any], phones: dict[str, str], at: datetime) -> list[str]:
        """Have somebody call the caller back; the transcript."""
        user = _load_users(options["number"]).get(name.lower())
        if user is None:
            raise CommandError(f"There is no {name}.")
        call_simulation.set_phones({str(user.phone): "answers", options["caller"]: "answers"} | phones)
        try:
            callback_id = call_simulation.find_callback(options["number"], options["caller"], at)
            call_id = placement.call_back(callback_id, user, actor=permissions.user_actor(user), at=at)
        except errors.DomainError as error:
            raise CommandError(error.detail) from error
        return call_simulation.await_transcript(call_id)


def _load_users(number: str) -> dict[str, "User"]:
    """A customer's users who have a phone, by first name."""
    phone_number = dynamodb.get_record(PhoneNumber, number)
    if phone_number is None:
        return {}
    system_actor = permissions.system_actor(phone_number.customer_id)
    customer = customers.get_customer(phone_number.customer_id)
    page = users.list_users(system_actor, outbox.utc_now(), customer=customer, limit=1000, cursor=None)
    return {demo.first_name(user.name): user for user in page.records if user.phone}


def _resolve_phone(name: str, phones_by_name: dict[str, str]) -> str:
    phone = name if name.startswith("+") else phones_by_name.get(name.lower())
    if phone is None:
        raise CommandError(f"{name} has no phone; choose one of {', '.join(phones_by_name)}.")
    return phone
