"""Erase what is stored about a caller, on request."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import customers, permissions
from config import errors, outbox
from telephony.caller_data import erasure, search


class Command(BaseCommand):
    """``manage.py forget_caller +16175550199``; ``--dry-run`` says what there is."""

    help = "Erase a caller on request: calls stay without the caller, recordings and the rest are removed."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("caller", help="the number, with + and country code, or an address such as sip:…")
        parser.add_argument("--customer", help="only the records of this customer; by default those of all")
        parser.add_argument("--dry-run", action="store_true", help="say what there is, and erase nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        at, customer_count = datetime.now(UTC), 0
        try:
            caller_filter = search.parse_caller(options["caller"])
            for customer in customers.select(options["customer"]):
                data = search.find(caller_filter, str(customer.id), at=at)
                if data.is_empty:
                    continue
                customer_count += 1
                counts = ", ".join(f"{number} {name}" for name, number in data.counts.items() if number)
                if not options["dry_run"]:
                    actor = permissions.system_actor(str(customer.id))
                    message_id = erasure.begin(options["caller"], actor=actor, at=at)
                    outbox.run_message_now(message_id, clock=outbox.utc_now)
                self.stdout.write(f"{customer.name}: {counts}{'' if options['dry_run'] else ': erased'}")
                under_way = sum(erasure.is_under_way(call, at) for call in data.calls)
                if under_way:
                    self.stdout.write(f"  {under_way} call(s) are not over; the worker erases them afterwards.")
        except errors.DomainError as refusal:
            raise CommandError(f"{refusal.detail} Run this command again.") from refusal
        if not customer_count:
            self.stdout.write("Nothing is stored about this caller.")
