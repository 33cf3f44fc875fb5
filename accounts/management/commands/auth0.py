"""Check or set up the Auth0 tenant."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.auth import tenant_configuration, tenant_setup
from accounts.clients.auth0_configuration import SetupRefused, TenantConfiguration


class Command(BaseCommand):
    """``manage.py auth0 setup`` corrects the tenant; with ``--check`` it only reports."""

    help = "Compare the Auth0 tenant with what Dutyline needs, and correct it (docs/sign-in.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["setup"])
        parser.add_argument("--check", action="store_true", help="only report what is missing or different")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 1 if something is missing or different at the end."""
        installation = tenant_configuration.read_installation()
        tenant = TenantConfiguration()
        try:
            if options["check"]:
                differences = tenant_setup.inspect(tenant, installation)
                outcome = tenant_setup.Outcome([], [difference.sentence for difference in differences])
            else:
                outcome = tenant_setup.correct(tenant, installation)
        except SetupRefused as error:
            raise CommandError(str(error)) from error
        for sentence in outcome.corrected:
            self.stdout.write(f"corrected  {sentence}")
        for sentence in outcome.remaining:
            self.stdout.write(f"open       {sentence}")
        if outcome.remaining:
            sys.exit(1)
        self.stdout.write("The Auth0 tenant has everything that Dutyline needs.")
