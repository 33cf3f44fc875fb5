"""What an import of a rota would do, and doing it: one transaction per shift or series."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from accounts.permissions import Actor
from config import errors
from config.spreadsheets import InvalidImportFile, Problem
from staffing.models import Schedule
from staffing.recurrence import edit
from staffing.rota_import import calendar_file, table
from staffing.rota_import.entries import ImportOptions, RotaEntry
from staffing.rota_import.people import Places, Staff
from staffing.schedules import availability, commands, preview
from staffing.schedules.availability import ShiftAssignment
from staffing.schedules.workloads import Workload

BATCH_SIZE = 100
"""Schedules in one lookup."""
MAX_WAIT = 300.0
"""Seconds to wait, in all, for one shift while a dependency is unavailable."""
Outcome = Literal["create", "unchanged", "refused"]


@dataclass(frozen=True)
class PlannedEntry:
    """What an import would do with an entry."""

    entry: RotaEntry
    outcome: Outcome
    problems: Sequence[Problem] = ()
    differs: bool = False
    """Whether the shift exists, but not as the file has it: one of both was changed since."""


@dataclass
class ImportResult:
    """Counts and problems."""

    created: int = 0
    already_exists: int = 0
    problems: list[Problem] = field(default_factory=list)


def read_file(
    content: bytes,
    *,
    actor: Actor,
    options: ImportOptions,
    max_entries: int | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> list[RotaEntry]:
    """The shifts of a table or an .ics file of the actor's customer.

    ``on_progress`` is called after each shift or event.

    Raises `InvalidImportFile`, and `errors.Forbidden` for actors who may not plan.
    """
    actor.require("schedules:write")
    staff, places = Staff.load(actor), Places.load(actor)
    is_calendar = b"BEGIN:VCALENDAR" in content[:2_000].replace(b"\0", b"").upper()
    entries: list[RotaEntry] = []
    try:
        if is_calendar:
            read = calendar_file.read_calendar(
                content, staff, places, actor=actor, options=options, on_progress=on_progress
            )
        else:
            read = table.read_rows(content, staff, places, actor=actor, options=options)
        for entry in islice(read, max_entries and max_entries + 1):
            entries.append(entry)
            on_progress()
    except ValueError as error:  # the location of the options
        raise InvalidImportFile(str(error)) from error
    if max_entries and len(entries) > max_entries:
        raise InvalidImportFile(f"The file has more than {max_entries:,} shifts; split it, or use the command.")
    return entries


# --- what would happen ----------------------------------------------------------------------------
def plan_entries(entries: Sequence[RotaEntry], *, actor: Actor, at: datetime) -> Iterator[PlannedEntry]:
    """What an import would do with each entry, overlaps with the rota and the file included."""
    plan = _Plan(actor, at)
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH_SIZE)):
        ids = [id for entry in batch for id in (entry.known_id, entry.draft.id if entry.draft else "") if id]
        existing = preview.find_existing(ids, actor.customer_id)
        for entry in batch:
            yield plan.check(entry, existing)


class _Plan:
    """The entries that an import would create so far."""

    def __init__(self, actor: Actor, at: datetime) -> None:
        self.actor, self.at = actor, at
        self.lines_by_id: dict[str, int] = {}
        self.by_staff: dict[str, list[ShiftAssignment]] = {}
        self.workloads: dict[str, Workload] = {}

    def check(self, entry: RotaEntry, existing: Mapping[str, Schedule]) -> PlannedEntry:
        """What would happen to an entry after those before it."""
        draft = entry.draft
        if draft is None or draft.id is None or entry.problems:
            return PlannedEntry(entry, "refused", entry.problems)
        first_line = self.lines_by_id.setdefault(draft.id, entry.line)
        if first_line != entry.line:
            return PlannedEntry(entry, "refused", [Problem(entry.line, f"The same shift is in line {first_line}.")])
        if draft.id in existing or entry.known_id in existing:
            return PlannedEntry(entry, "unchanged", differs=self._differs(entry, draft, existing))
        try:
            schedule, workloads = preview.check_schedule(
                draft, planned=self._select(draft), planned_workloads=self.workloads, actor=self.actor, at=self.at
            )
        except errors.Unavailable:
            raise
        except errors.DomainError as refusal:
            return PlannedEntry(entry, "refused", self.describe(entry, refusal))
        self._add(schedule, workloads)
        return PlannedEntry(entry, "create")

    def _differs(self, entry: RotaEntry, draft: commands.ScheduleDraft, existing: Mapping[str, Schedule]) -> bool:
        imported = existing.get(str(draft.id))
        try:
            if imported:
                return not preview.is_same_schedule(imported, draft, actor=self.actor, at=self.at)
            known = existing[entry.known_id]
            return not preview.is_same_shift(known, entry.known_start, draft, actor=self.actor, at=self.at)
        except errors.Unavailable:
            raise
        except errors.DomainError:  # such as a person who is blocked meanwhile
            return True

    def _select(self, draft: commands.ScheduleDraft) -> list[ShiftAssignment]:
        staff_ids = [draft.staff_id, *availability.list_staff_in_pattern(draft.pattern)]
        return [planned for staff_id in dict.fromkeys(staff_ids) for planned in self.by_staff.get(staff_id, ())]

    def _add(self, schedule: Schedule, workloads: Mapping[str, Workload]) -> None:
        for staff_id, series in edit.list_assignments(schedule.series(), schedule.staff_id):
            self.by_staff.setdefault(staff_id, []).append(ShiftAssignment(staff_id, schedule.id, series))
        for staff_id, workload in workloads.items():
            self.workloads[staff_id] = self.workloads.get(staff_id, Workload()) + workload

    def describe(self, entry: RotaEntry, refusal: errors.DomainError) -> list[Problem]:
        """A refusal by line and column; an overlap names the other line of the file."""
        if isinstance(refusal, availability.ScheduleConflict):
            overlap = refusal.field_errors[0].extra
            other_line = self.lines_by_id.get(overlap["scheduleId"])
            if overlap["scheduleId"] == (entry.draft.id if entry.draft else None):
                other = "another shift of the series itself"
            else:
                other = f"line {other_line}" if other_line else "a shift in the rota"
            since = datetime.fromisoformat(overlap["at"])
            return [Problem(entry.line, f"Overlaps {other} from {since:%a} {since.day} {since:%b %Y %H:%M}.")]
        if not refusal.field_errors:
            return [Problem(entry.line, refusal.detail)]
        return [Problem(entry.line, item.detail, entry.locate(item.pointer)) for item in refusal.field_errors]


# --- doing it -------------------------------------------------------------------------------------
def import_entries(
    planned_entries: Sequence[PlannedEntry],
    *,
    actor: Actor,
    on_progress: Callable[[], None] = lambda: None,
    wait: Callable[[float], None] = time.sleep,
    max_wait: float = MAX_WAIT,
) -> ImportResult:
    """Create what a plan says, entry by entry; ``on_progress`` is called after each.

    Each entry is created once, however often this is repeated. Raises `errors.Unavailable` after
    ``max_wait`` seconds for one entry.
    """
    result = ImportResult()
    plan = _Plan(actor, datetime.now(UTC))
    plan.lines_by_id = {
        str(planned.entry.draft.id): planned.entry.line for planned in planned_entries if planned.entry.draft
    }
    for planned in planned_entries:
        if planned.outcome == "unchanged":
            result.already_exists += 1
        elif planned.outcome == "create" and planned.entry.draft:
            try:
                _create(planned.entry.draft, actor, wait, max_wait)
                result.created += 1
            except errors.Unavailable:
                raise
            except errors.DomainError as refusal:
                result.problems += plan.describe(planned.entry, refusal)
        on_progress()
    return result


def _create(draft: commands.ScheduleDraft, actor: Actor, wait: Callable[[float], None], max_wait: float) -> Schedule:
    deadline = time.monotonic() + max_wait
    while True:
        try:
            return commands.create_schedule(draft, actor=actor, at=datetime.now(UTC))
        except errors.Unavailable as unavailable:
            if time.monotonic() >= deadline:
                raise
            wait(unavailable.retry_after)
