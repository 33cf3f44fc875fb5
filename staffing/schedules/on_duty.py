"""Who is on duty at a location at an instant, for the API and for calls."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Literal, get_args

from django.conf import settings
from django.utils.module_loading import import_string

from accounts import locations, users
from accounts.permissions import Actor
from config import dynamodb, local_time
from staffing.recurrence import wall_clock
from staffing.schedules import expansion, queries
from staffing.schedules.expansion import Shift

if TYPE_CHECKING:
    from accounts.models import User

OnDutyReason = Literal["scheduled", "moved", "covering"]
REASONS = get_args(OnDutyReason)


@dataclass(frozen=True)
class OnDuty:
    """A person on duty, until when, and why."""

    user: "User"
    shift: Shift
    is_over: bool = False
    """Whether the shift has just ended."""
    paused_until: datetime | None = None
    """When the person's break from calls ends, with the offset of the location; None: no break."""

    @property
    def until(self) -> datetime:
        """When the shift ends, with the offset of its time zone."""
        return wall_clock.to_zoned_time(self.shift.occurrence.end, str(self.shift.schedule.zone))

    @property
    def reason(self) -> OnDutyReason:
        """As scheduled, moved to this time, or covering for the owner of the series."""
        if self.shift.occurrence.staff_id:
            return "covering"
        return "moved" if self.shift.occurrence.is_moved else "scheduled"

    def is_planned_for(self, day: date, zone: str) -> bool:
        """Whether somebody planned this shift on purpose for a day, and not merely a weekday.

        Any part of it is on that day, and it is a single shift, or an occurrence of a series that
        was moved, covered or edited, or one that lasts longer than a day: who takes turns on call
        for whole weeks or weekends is meant to be there on whatever days these have.
        """
        occurrence = self.shift.occurrence
        start, end = (wall_clock.to_wall_time(at, zone) for at in (occurrence.start, occurrence.end))
        midnight = datetime.combine(day, time())
        return start < midnight + timedelta(days=1) and end > midnight and self.is_planned_on_purpose

    @property
    def is_planned_on_purpose(self) -> bool:
        """Whether somebody planned this shift for its days, as `is_planned_for` has it."""
        is_for_days = not self.shift.schedule.is_series or self.shift.occurrence.is_changed
        return is_for_days or self.shift.duration > timedelta(days=1)


def list_on_duty(location_id: str, at: datetime, *, customer_id: str, grace: timedelta = timedelta(0)) -> list[OnDuty]:
    """The people on duty at a customer's location by start, except blocked ones. Two round trips.

    People with a shift that ended less than ``grace`` ago follow, the latest first.
    """
    shifts = expansion.list_current_shifts(location_id, at, grace=grace)
    staff = users.load_users(dict.fromkeys(shift.staff_id for shift in shifts), customer_id)
    return build_entries(shifts, staff, at)


def list_on_duty_at(graces: Mapping[str, timedelta], at: datetime, *, customer_id: str) -> dict[str, list[OnDuty]]:
    """The people on duty at each of several locations, as `list_on_duty` has them.

    ``graces``: the grace by location, in order. Two round trips, however many there are; locations
    that were removed or are not the customer's are left out.
    """
    shifts = list_current_shifts(graces, at)
    staff_ids = dict.fromkeys(shift.staff_id for shift in chain.from_iterable(shifts.values()))
    records = dynamodb.batch_get([*map(users.user_key, staff_ids), *map(locations.location_key, graces)])
    staff = users.find_users_in(records, staff_ids, customer_id)
    return {
        id: build_entries(shifts_there, staff, at)
        for id, shifts_there in shifts.items()
        if locations.find_location_in(records, id, customer_id)
    }


def list_current_shifts(graces: Mapping[str, timedelta], at: datetime) -> dict[str, list[Shift]]:
    """The current and just ended shifts by location, by start. One round trip, if none is long."""
    until = at + timedelta(microseconds=1)
    filters = {
        id: queries.ScheduleFilter(location_id=id, since=at - grace, until=until) for id, grace in graces.items()
    }
    schedules = dict(zip(filters, queries.list_schedules_in_each(list(filters.values())), strict=True))
    return {id: list(expansion.iter_series_shifts(schedules[id], filters[id])) for id in filters}


def build_entries(
    shifts: Sequence[Shift], staff: "Mapping[str, User]", at: datetime, *, grace: timedelta | None = None
) -> list[OnDuty]:
    """Who is on duty, by start; then those whose shift has just ended, the latest first.

    ``grace``: how long ago it may have ended, if ``shifts`` has others too.
    """
    known_shifts = [
        entry for entry in shifts if entry.staff_id in staff and (grace is None or entry.occurrence.end > at - grace)
    ]
    entries = [
        OnDuty(staff[entry.staff_id], entry, is_over=entry.occurrence.end <= at)
        for entry in known_shifts
        if staff[entry.staff_id].status in users.WORKING_STATUSES
    ]
    just_ended = sorted((entry for entry in entries if entry.is_over), key=lambda entry: entry.until, reverse=True)
    return [*(entry for entry in entries if not entry.is_over), *just_ended]


@dataclass(frozen=True)
class CallBreaks:
    """Where the app of calls keeps people's breaks from calls: ``settings.CALL_BREAKS``."""

    record_key: Callable[[str], dynamodb.RecordKey]
    """What to read of a person."""
    find_ends: Callable[[dynamodb.BatchResult, Iterable[str], datetime], Mapping[str, datetime]]
    """When the breaks of these people end: of those who have one at an instant."""


@dataclass(frozen=True)
class LocationDuty:
    """The people on duty at a location; ``at`` has its offset."""

    location_id: str
    at: datetime
    items: list[OnDuty]


def get_location_duty(
    location_id: str, at: datetime, *, actor: Actor, known: dynamodb.BatchResult = dynamodb.NOTHING_READ
) -> LocationDuty:
    """The people on duty, for an actor; a naive ``at`` is local at the location.

    The location may be among the ``known`` records; two more round trips.
    Raises `errors.NotFound` and `errors.Forbidden`.
    """
    actor.require("schedules:read")
    location_records = dynamodb.batch_get([locations.location_key(location_id)], known)
    location = locations.get_location_from(location_records, location_id, actor)
    locations.check_access(actor, location_id)
    instant = local_time.resolve_instant(at, location.time_zone, pointer="?at")
    shifts = expansion.list_current_shifts(location_id, instant)
    breaks: CallBreaks = import_string(settings.CALL_BREAKS)
    staff_ids = list(dict.fromkeys(shift.staff_id for shift in shifts))
    records = dynamodb.batch_get([*map(users.user_key, staff_ids), *map(breaks.record_key, staff_ids)])
    entries = build_entries(shifts, users.find_users_in(records, staff_ids, actor.customer_id), instant)
    ends, zone = breaks.find_ends(records, staff_ids, instant), location.time_zone
    return LocationDuty(location_id, wall_clock.to_zoned_time(instant, zone), _add_breaks(entries, ends, zone))


def _add_breaks(entries: list[OnDuty], ends: Mapping[str, datetime], zone: str) -> list[OnDuty]:
    """The people with their breaks."""
    return [
        replace(entry, paused_until=wall_clock.to_zoned_time(ends[entry.user.id], zone))
        if entry.user.id in ends
        else entry
        for entry in entries
    ]
