"""Complete the directory of people and the search index of the back office."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import DIRECTORY_VERSION, Customer
from accounts.users import directory_upkeep
from config import dynamodb
from config.search_index import upkeep


class Command(BaseCommand):
    """``manage.py directory``; safe to interrupt and to repeat."""

    help = "Complete the directory of people and the search index, where they are not of the present version."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="check and repair the directory of every customer")

    def handle(self, *args: Any, **options: Any) -> None:
        at, completed, repaired = datetime.now(UTC), 0, 0
        rejected: dict[str, dynamodb.CallRejected] = {}
        for items in dynamodb.iter_pages("Scan", TableName=Customer.table_name()):
            for customer in map(Customer.from_item, items):
                if options["all"] or customer.directory_version != DIRECTORY_VERSION:
                    try:
                        repaired += directory_upkeep.complete_directory(customer, at=at)
                    except dynamodb.CallForbidden:
                        raise
                    except dynamodb.CallRejected as error:  # what one customer has does not stop the others
                        rejected[str(customer.id)] = error
                    completed += 1
        if options["all"] or not upkeep.is_complete():
            repaired += upkeep.complete()
        self.stdout.write(f"directory: {completed} customers checked, {repaired} entries repaired")
        if rejected:
            reasons = "; ".join(f"{customer_id}: {error}" for customer_id, error in rejected.items())
            raise CommandError(f"The directories of {len(rejected)} customers are not complete: {reasons}.")
