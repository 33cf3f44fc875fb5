"""Run the whole product on this machine."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.dev import services


class Command(BaseCommand):
    """``manage.py run``: what ``make run`` calls once everything is set up."""

    help = "Run the product on this machine with emulators of Auth0, Twilio and Expo."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fresh", action="store_true", help="delete all local state first")

    def handle(self, *args: Any, **options: Any) -> None:
        services.run_product(base=services.read_base_port(), fresh=options["fresh"])
