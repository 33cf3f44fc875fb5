"""The shifts of a rota page with the names that it shows, and overlaps marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from accounts import locations, users
from accounts.permissions import Actor
from config import dynamodb
from staffing.admin.rota.grid import Span
from staffing.schedules import listing, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter

if TYPE_CHECKING:
    from accounts.models import User

MAX_SHIFTS = 2_000
"""The most shifts of one page, and the most of the customer that overlaps are looked for in."""
_LONG, _DAYS_OF_A_NAME = timedelta(days=1), timedelta(days=6)
DELETED_PERSON, DELETED_LOCATION = "Deleted person", "Deleted location"


@dataclass
class RotaEntry:
    """A shift of the page."""

    shift: Shift
    person_name: str
    owner_name: str
    """Of the schedule: whom the person covers for, if somebody else."""
    location_name: str
    zone: str
    """Of the location."""
    is_staffed: bool
    """Whether the person can work: neither blocked nor deleted."""
    overlaps: list[str] = field(default_factory=list)
    """Times and locations of overlapping shifts of the same person."""

    @cached_property
    def span(self) -> Span:
        return self.shift.occurrence.start, self.shift.occurrence.end

    @property
    def location_id(self) -> str:
        return str(self.shift.schedule.location_id)

    @property
    def is_cover(self) -> bool:
        """Whether the person covers the shift for the owner of the schedule."""
        return self.shift.occurrence.staff_id is not None

    @cached_property
    def start(self) -> datetime:
        """By the clock of the location."""
        return self.shift.occurrence.start.astimezone(ZoneInfo(self.zone))

    @cached_property
    def end(self) -> datetime:
        return self.shift.occurrence.end.astimezone(ZoneInfo(self.zone))

    @cached_property
    def times(self) -> str:
        """The times of the shift; with the day of its end if it is longer than a day."""
        if self.span[1] - self.span[0] <= _LONG:
            return f"{format_clock(self.start)}–{format_clock(self.end)}"
        return f"{format_clock(self.start)} – {self.end.strftime(self._day_format)}"

    @property
    def start_text(self) -> str:
        """The start with its day."""
        return self.start.strftime(self._day_format)

    @property
    def _day_format(self) -> str:
        return "%a %H:%M" if self.span[1] - self.span[0] < _DAYS_OF_A_NAME else "%a %-d %b %H:%M"


def format_clock(at: datetime) -> str:
    """Such as 08:00; in a fifth of the time of `strftime`."""
    return f"{at.hour:02}:{at.minute:02}"


@dataclass(frozen=True)
class LoadedEntries:
    """The shifts of a page."""

    entries: Sequence[RotaEntry]
    users_by_id: "dict[str, User]"
    is_cut: bool
    """Whether the period has more shifts."""
    has_all_overlaps: bool
    """Whether overlaps with shifts at other locations are known."""


def load_entries(
    customer_id: str, window: Span, *, actor: Actor, at: datetime, location_id: str | None, staff_id: str | None
) -> LoadedEntries:
    """The shifts of a location, or of a person, in a window, by start.

    The shifts of the whole customer are read, as a person may have an overlapping shift at another
    location; if they are too many, those of the location only.
    """

    def read_shifts(**filters: str | None) -> tuple[list[Shift], bool]:
        shift_filter = ScheduleFilter(since=window[0], until=window[1], **filters)
        page = listing.list_shifts(shift_filter, actor=actor, at=at, limit=MAX_SHIFTS, cursor=None)
        return list(page.records), page.next_cursor is not None

    try:
        shifts, is_cut = read_shifts(customer_id=customer_id, staff_id=staff_id)
    except queries.QueryTooWide:
        shifts, is_cut = [], True
    has_all_overlaps = staff_id is not None or not is_cut
    if not has_all_overlaps:
        shifts, is_cut = read_shifts(location_id=location_id)
    rows_shown = [shift for shift in shifts if location_id in (None, shift.schedule.location_id)]
    staff_shown = {shift.staff_id for shift in rows_shown}
    concerned = [shift for shift in shifts if shift.staff_id in staff_shown]
    staff_ids = {*staff_shown, *(str(shift.schedule.staff_id) for shift in rows_shown)}
    location_ids = {str(shift.schedule.location_id) for shift in concerned}
    users_by_id, locations_by_id = dynamodb.gather(
        lambda: users.load_users(staff_ids, customer_id), lambda: locations.load_locations(location_ids, customer_id)
    )
    entries = [_to_entry(shift, users_by_id, locations_by_id) for shift in concerned]
    mark_overlaps(entries)
    shown = [entry for entry in entries if location_id in (None, entry.location_id)]
    return LoadedEntries(shown, users_by_id, is_cut, has_all_overlaps)


def _to_entry(shift: Shift, users_by_id: "dict[str, User]", locations_by_id: dict[str, Any]) -> RotaEntry:
    user, owner = users_by_id.get(shift.staff_id), users_by_id.get(str(shift.schedule.staff_id))
    location = locations_by_id.get(str(shift.schedule.location_id))
    return RotaEntry(
        shift,
        str(user.name) if user else DELETED_PERSON,
        str(owner.name) if owner else DELETED_PERSON,
        str(location.name) if location else DELETED_LOCATION,
        str(location.time_zone) if location else str(shift.schedule.zone),
        user is not None and user.status in users.WORKING_STATUSES,
    )


def mark_overlaps(entries: Iterable[RotaEntry]) -> None:
    """Name, at each shift, those of the same person that overlap it; ``entries`` are by start."""
    entries_by_person: dict[str, list[RotaEntry]] = {}
    for entry in entries:
        current = [other for other in entries_by_person.get(entry.shift.staff_id, []) if other.span[1] > entry.span[0]]
        for other in current:
            other.overlaps.append(_describe(entry))
            entry.overlaps.append(_describe(other))
        entries_by_person[entry.shift.staff_id] = [*current, entry]


def _describe(entry: RotaEntry) -> str:
    return f"{entry.start:%a %H:%M}–{entry.end:%H:%M} at {entry.location_name}"
