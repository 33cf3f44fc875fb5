"""Creating people from a CSV file, with the validation of ``POST /user``.

Required are an e-mail address and a name, or a first and a last name; phone, role, locations and
skills are optional (`columns`). Existing people are not changed, so an interrupted import can be
repeated.
"""

from accounts.csv_import.creation import ImportResult, PlannedRow, import_rows, plan_rows
from accounts.csv_import.rows import ImportRow, PeopleFile, read_file
from config.spreadsheets import InvalidImportFile
