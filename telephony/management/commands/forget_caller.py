"""Erase what is stored about a caller, on request."""

from contextlib import suppress
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
                state = "" if options["dry_run"] else f": {_erase(options['caller'], data, at)}"
                self.stdout.write(f"{customer.name}: {counts}{state}")
        except errors.DomainError as refusal:
            raise CommandError(f"{refusal.detail} Run this command again.") from refusal
        if not customer_count:
            self.stdout.write("Nothing is stored about this caller.")


def _erase(caller: str, data: search.CallerData, at: datetime) -> str:
    """Erase what can be erased at once, and say how far that is."""
    message_id = erasure.begin(caller, actor=permissions.system_actor(data.customer_id), at=at)
    with suppress(errors.Unavailable):  # the worker goes on
        erasure.run_now(message_id, clock=outbox.utc_now)
    ids = {str(call.id) for call in data.calls}
    left = search.find(search.parse_caller(caller), data.customer_id, at=datetime.now(UTC))
    calls_left = [call for call in left.calls if str(call.id) in ids]
    if not calls_left:
        return "erased; the worker deletes recordings at Twilio" if data.recordings else "erased"
    under_way = sum(erasure.is_under_way(call, at) for call in calls_left)
    done = f"{len(ids) - len(calls_left)} of {len(ids)} calls erased"
    return f"{done}; {under_way} not over yet. The worker erases the rest; run this command again to see how far it is."
