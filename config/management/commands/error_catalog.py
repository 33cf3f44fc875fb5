"""Print the error catalog."""

from typing import Any

from django.core.management.base import BaseCommand

from config.api import error_catalog


class Command(BaseCommand):
    """``manage.py error_catalog > docs/errors.md``"""

    help = "Print every error code that the API can answer, with its status and meaning."
    requires_system_checks: list[str] = []  # `make check` runs them

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(error_catalog.render_markdown(), ending="")
