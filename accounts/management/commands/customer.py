"""Suspend or resume a customer."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import customers, permissions
from config import errors


class Command(BaseCommand):
    """``manage.py customer suspend cus_…``; ``resume`` ends the suspension."""

    help = "Suspend or resume a customer. The requests of a suspended customer's users are rejected."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["suspend", "resume"])
        parser.add_argument("customer")

    def handle(self, *args: Any, **options: Any) -> None:
        set_status = customers.suspend if options["what"] == "suspend" else customers.resume
        try:
            customer = set_status(
                options["customer"], actor=permissions.system_actor(options["customer"]), at=datetime.now(UTC)
            )
        except errors.DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{customer.id} ({customer.name}) is {customer.status}")
