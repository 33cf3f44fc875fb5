"""Create a customer with its first owner."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import customers
from config import errors


class Command(BaseCommand):
    """``manage.py create_customer "Harbour Dental" --owner-name … --owner-email …``"""

    help = "Create a customer and invite its first owner."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner-name", required=True)
        parser.add_argument("--owner-email", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            customer, owner = customers.create_customer(
                name=options["name"],
                owner_name=options["owner_name"],
                owner_email=options["owner_email"],
                at=datetime.now(UTC),
            )
        except errors.Unavailable as error:
            raise CommandError(f"{error} The worker finishes the creation.") from error
        except errors.DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"customer {customer.id}, owner {owner.id} ({owner.status})")
