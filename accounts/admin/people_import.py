"""Importing people from a file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from accounts import csv_import
from accounts.admin.import_pages import ImportForm, ImportPage, PreviewRow
from accounts.csv_import import PlannedRow
from accounts.models import ALL_LOCATIONS
from accounts.permissions import Actor
from config import phone_numbers

MAX_ROWS = 500


class PeopleImportPage(ImportPage):
    """People of a customer from CSV."""

    title, nouns, form = "Import people", ("person", "people"), ImportForm
    help_lines = (
        "A CSV file as a spreadsheet saves it, with the columns e-mail and name, or first name and last name; "
        "optionally phone, role, locations and skills.",
        "Phone numbers: with country code, such as +1 617 555 0123, or as they are dialed in the country of the "
        "location. Several locations: separated by semicolons.",
        "New people are invited by e-mail. Those who exist already stay as they are.",
    )

    def plan(self, values: Mapping[str, Any], actor: Actor, on_progress: Callable[[], None]) -> Iterable[PlannedRow]:
        file = csv_import.read_file(
            values["content"], actor.customer_id, encoding=values["encoding"], max_rows=MAX_ROWS
        )
        return csv_import.plan_rows(file, actor.customer_id)

    def to_row(self, planned: PlannedRow) -> PreviewRow:
        user = planned.row.new_user
        title = f"{user.name} <{user.email}>, {user.role}" if user else planned.row.title
        if user and planned.outcome == "create":
            places = ["all locations" if name == ALL_LOCATIONS else name for name in planned.location_names]
            parts = [", ".join(places) or "no location", phone_numbers.to_readable(user.phone or "") or "no phone"]
            title = "; ".join([title, *parts])
        problems = [problem.text for problem in planned.problems]
        return PreviewRow(planned.row.line, title, planned.outcome, problems)

    def run(self, planned: PlannedRow, actor: Actor) -> Sequence[str]:
        result = csv_import.import_rows(
            [planned.row], actor.customer_id, on_progress=lambda: None, actor=actor, max_wait=0
        )
        return [str(problem) for problem in result.problems]
