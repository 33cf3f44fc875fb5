"""Print the data map."""

from typing import Any

from django.core.management.base import BaseCommand

from config.privacy import data_map


class Command(BaseCommand):
    """``manage.py data_map > docs/personal-data.md``"""

    help = "Print which personal data is stored, why, for how long, who receives it, and how it is erased."
    requires_system_checks: list[str] = []  # `make check` runs them

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(data_map.render_markdown(), ending="")
