"""Create a local operator, who signs in to the back office with a password."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.models import User as Operator
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backoffice import operators


class Command(BaseCommand):
    """``manage.py operator olive --group lead --password …``; local only."""

    help = "Create a local operator, or change their group and password."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--group", choices=list(operators.GROUPS), required=True)
        parser.add_argument("--password", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("Outside local development, operators sign in through Auth0.")
        operator, _ = Operator.objects.get_or_create(username=options["name"])
        operator.is_staff = operator.is_active = True
        operator.set_password(options["password"])
        operator.save()
        operator.groups.set([Group.objects.get_or_create(name=options["group"])[0]])
        self.stdout.write(f"operator {options['name']} is in group {options['group']}")
