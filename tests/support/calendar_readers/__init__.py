"""Calendar programs of others that read feeds: each is one process for many calendars."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import icalendar
import recurring_ical_events

Instants = list[tuple[str, str]]
"""Start and end of each shift in UTC, sorted, without repetitions."""
FOLDER = Path(__file__).parent
ICAL_JS = FOLDER.parent.parent.parent / "config/dev/calendar_programs/node_modules/ical.js/dist/ical.js"
Program = Literal["ical.js", "libical"]
PROGRAMS: tuple[Program, ...] = ("ical.js", "libical")
COMMANDS = {
    "ical.js": ["node", str(FOLDER / "ical_js.mjs"), ICAL_JS.as_uri()],
    "libical": [sys.executable, "-S", str(FOLDER / "libical.py")],
}


def read_with_program(
    program: Program, calendars: Mapping[str, str], since: datetime, until: datetime
) -> dict[str, Instants]:
    """The shifts that overlap a window, by calendar, as another program has them."""
    window = [int(at.timestamp()) for at in (since, until)]
    completed = subprocess.run(
        COMMANDS[program],
        input=json.dumps({"calendars": dict(calendars), "window": window}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    shifts = json.loads(completed.stdout)
    return {name: sorted({(_to_text(start), _to_text(end)) for start, end in shifts[name]}) for name in calendars}


def read_with_icalendar(calendar: str, since: datetime, until: datetime) -> Instants:
    """The same with icalendar, which knows zones by their names."""
    events = recurring_ical_events.of(icalendar.Calendar.from_ical(calendar)).between(since, until)
    times = [[event[name].dt.astimezone(UTC).timestamp() for name in ("DTSTART", "DTEND")] for event in events]
    return sorted({(_to_text(start), _to_text(end)) for start, end in times})


def remove_dates_of_clock_changes(calendar: str) -> str:
    """A calendar as programs read it that ignore RDATE."""
    unfolded = re.sub(r"\r?\n[ \t]", "", calendar)
    return re.sub(r"^RDATE.*\r?\n", "", unfolded, flags=re.MULTILINE)


def _to_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
