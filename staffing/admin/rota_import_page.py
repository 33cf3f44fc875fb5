"""Importing a rota from a file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from accounts.admin.import_pages import ImportForm, ImportPage, PreviewRow
from accounts.permissions import Actor
from config.backoffice import operators
from config.backoffice.forms import form_fields
from staffing import rota_import
from staffing.rota_import import ImportOptions, PlannedEntry

MAX_ENTRIES = 500
_DATE_ORDERS = [("dmy", "Day first: 31/12/2027"), ("mdy", "Month first: 12/31/2027")]


class RotaImportForm(ImportForm):
    """A file, and what it does not say."""

    location = form_fields.text_field(
        "Location", required=False, max_length=200, help_text="A name or an id, for shifts that name none."
    )
    date_order = form_fields.choice_field(
        "Dates with slashes", _DATE_ORDERS, required=False, help_text="Needed for dates such as 1/4/2027."
    )
    allow_overlap = form_fields.switch_field("Allow overlaps")


class RotaImportPage(ImportPage):
    """Shifts of a customer from CSV or iCalendar."""

    title, nouns, form = "Import a rota", ("shift", "shifts"), RotaImportForm
    help_lines = (
        "A CSV file as a spreadsheet saves it, with the columns name or e-mail, location, date, start and end; "
        "optionally position, break, notes. Or an .ics file: events belong to their attendees, or to whom the "
        "summary names.",
        "Shifts that were imported before stay as they are.",
    )

    def plan(self, values: Mapping[str, Any], actor: Actor, on_progress: Callable[[], None]) -> Iterable[PlannedEntry]:
        options = ImportOptions(
            encoding=values["encoding"],
            location=values["location"],
            date_order=values["date_order"],
            allow_overlap=values["allow_overlap"],
        )
        entries = rota_import.read_file(
            values["content"], actor=actor, options=options, max_entries=MAX_ENTRIES, on_progress=on_progress
        )
        return rota_import.plan_entries(entries, actor=actor, at=operators.now())

    def to_row(self, planned: PlannedEntry) -> PreviewRow:
        entry = planned.entry
        problems = [problem.text if problem.line == entry.line else str(problem) for problem in planned.problems]
        return PreviewRow(entry.line, entry.title, planned.outcome, problems, planned.differs, entry.notes)

    def run(self, planned: PlannedEntry, actor: Actor) -> Sequence[str]:
        result = rota_import.import_entries([planned], actor=actor, max_wait=0)
        return [str(problem) for problem in result.problems]
