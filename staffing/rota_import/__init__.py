"""Planning shifts from a file: a table (CSV) or a calendar (.ics).

Every shift or series goes through `staffing.schedules.commands`, with the rights, conflicts and
audit of ``POST /schedule``. Its id is derived from the row, or from the UID of the event, so an
import that was interrupted or repeated creates each once; what exists already is not changed.
"""

from staffing.rota_import.entries import ImportOptions, RotaEntry
from staffing.rota_import.planning import ImportResult, PlannedEntry, import_entries, plan_entries, read_file
