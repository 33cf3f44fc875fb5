"""Giving shifts to another person: a plan that says what is possible, then each shift by itself.

A plan only reads. `reassign_shift` moves one shift as the API does, so that a page, or a task that
works through many, reports for each what became of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from accounts import locations, permissions, users
from accounts.permissions import Actor
from config import errors
from staffing.models import Schedule
from staffing.recurrence.series_update import SeriesUpdate
from staffing.schedules import availability, commands, listing, rest
from staffing.schedules.coverage import Period
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter

if TYPE_CHECKING:
    from accounts.models import Location, User

MAX_SHIFTS = 200
"""The most shifts of one plan."""
MAX_OTHER_SHIFTS = 2_000
"""Shifts that the other person has in the time of the plan, which are compared."""


@dataclass(frozen=True)
class PlannedMove:
    """A shift of a plan."""

    shift: Shift
    problem: str
    """Why it cannot be moved, as a sentence; empty: it can."""
    warnings: Sequence[str] = ()
    """What should be known before it is moved, as sentences."""

    @property
    def key(self) -> str:
        """Which shift it is: the id of the schedule, and when its rule starts it."""
        return shift_key(self.shift)


@dataclass(frozen=True)
class MovePlan:
    """What would become of shifts, and what else the target has then."""

    moves: Sequence[PlannedMove] = ()
    own_shifts: Sequence[Shift] = ()
    """The shifts that the target has already in the weeks of the plan, by start."""
    long_weeks: Sequence[tuple[date, float]] = ()
    """The Mondays of weeks that would be longer than `rest.MAX_WEEK`, with their hours."""
    locations_by_id: "Mapping[str, Location]" = field(default_factory=dict)
    """Those of all these shifts."""


def shift_key(shift: Shift) -> str:
    """A text that names a shift."""
    return f"{shift.schedule.id}~{shift.occurrence.recurrence_id.isoformat()}"


def plan_moves(
    shifts: Sequence[Shift], target: "User", *, holders: "Mapping[str, User]", actor: Actor, at: datetime
) -> MovePlan:
    """What would become of ``shifts``, which are by start, if ``target`` got them.

    ``holders`` are the people who have them. Compared are the shifts that the target has, and those
    that the plan gives to them before. Raises `errors.InvalidRequest` for more than `MAX_SHIFTS`.
    """
    if len(shifts) > MAX_SHIFTS:
        raise errors.InvalidRequest(f"At most {MAX_SHIFTS} shifts can be moved at once.")
    if not shifts:
        return MovePlan()
    zone = str(shifts[0].schedule.zone)
    since, until = _find_weeks(shifts, zone)
    shift_filter = ScheduleFilter(
        customer_id=str(target.customer_id),
        staff_id=str(target.id),
        since=since - rest.MIN_REST,
        until=until + rest.MIN_REST,
    )
    page = listing.list_shifts(shift_filter, actor=actor, at=at, limit=MAX_OTHER_SHIFTS, cursor=None)
    taken = list(page.records)
    location_ids = {str(shift.schedule.location_id) for shift in (*taken, *shifts)}
    locations_by_id = locations.load_locations(location_ids, str(target.customer_id))
    general_problem = _find_general_problem(target)
    moves = []
    for shift in shifts:
        problem = general_problem or _find_problem(shift, target, taken, locations_by_id, at)
        warnings = _list_warnings(shift, target, holders.get(shift.staff_id))
        if not problem:
            warnings += _list_rest_warnings(shift, target, taken, locations_by_id)
            taken.append(shift)
        moves.append(PlannedMove(shift, problem, warnings))
    planned = {rest.monday_of(move.shift.occurrence.start, zone) for move in moves if not move.problem}
    weeks = rest.list_long_weeks(map(_period_of, taken), zone)
    long_weeks = [(monday, hours) for monday, hours in weeks if monday in planned]
    own_shifts = [shift for shift in page.records if shift.occurrence.start < until and shift.occurrence.end > since]
    return MovePlan(moves, own_shifts, long_weeks, locations_by_id)


def _find_weeks(shifts: Sequence[Shift], zone: str) -> Period:
    """The instants between which all weeks of shifts are, by the clock of the first."""
    first, last = (min(s.occurrence.start for s in shifts), max(s.occurrence.end for s in shifts))
    return rest.week_of(rest.monday_of(first, zone), zone)[0], rest.week_of(rest.monday_of(last, zone), zone)[1]


def _period_of(shift: Shift) -> Period:
    return shift.occurrence.start, shift.occurrence.end


def _list_rest_warnings(
    shift: Shift, target: "User", taken: Sequence[Shift], locations_by_id: "Mapping[str, Location]"
) -> list[str]:
    near = rest.find_short_rest(_period_of(shift), map(_period_of, taken))
    if near is None:
        return []
    other = next(other for other in taken if _period_of(other) == near)
    hours = rest.MIN_REST // timedelta(hours=1)
    return [f"Less than {hours} hours of rest: {target.name} has {_describe_times(other, shift, locations_by_id)}."]


def _find_general_problem(target: "User") -> str:
    try:
        users.check_schedulable(target, pointer="")
    except errors.DomainError as error:
        return error.detail
    return ""


def _find_problem(
    shift: Shift, target: "User", taken: Sequence[Shift], locations_by_id: "Mapping[str, Location]", at: datetime
) -> str:
    start, end = shift.occurrence.start, shift.occurrence.end
    if shift.staff_id == target.id:
        return f"{target.name} has this shift already."
    if end <= at:
        return "This shift is over."
    overlapping = next(
        (other for other in taken if other.occurrence.start < end and other.occurrence.end > start), None
    )
    if overlapping is None:
        return ""
    return f"Overlap: {target.name} has {_describe_times(overlapping, shift, locations_by_id)}."


def _describe_times(other: Shift, shift: Shift, locations_by_id: "Mapping[str, Location]") -> str:
    """When and where another shift is, by the clock of its location."""
    location = locations_by_id.get(str(other.schedule.location_id))
    zone = ZoneInfo(str(location.time_zone if location else shift.schedule.zone))
    first, last = (instant.astimezone(zone) for instant in (other.occurrence.start, other.occurrence.end))
    suffix = f" at {location.name}" if location else ""
    return f"{first:%a} {first.day} {first:%b} {first:%H:%M}–{last:%H:%M}{suffix}"


def _list_warnings(shift: Shift, target: "User", holder: "User | None") -> list[str]:
    """What the API allows, but what may keep the phone of the target from ringing."""
    warnings = []
    if not permissions.user_actor(target).can_access_locations([str(shift.schedule.location_id)]):
        warnings.append(f"{target.name} has no access to this location.")
    if missing := sorted(set(holder.skills) - set(target.skills)) if holder else []:
        warnings.append(f"{target.name} lacks the skill{'s' if len(missing) > 1 else ''} {', '.join(missing)}.")
    return warnings


def reassign_shift(shift: Shift, target_id: str, *, actor: Actor, at: datetime) -> Schedule:
    """Give one shift to another person; a shift of a series is then covered by them.

    Raises what `commands.update_schedule` raises.
    """
    is_series = bool(shift.schedule.is_series)
    return commands.update_schedule(
        str(shift.schedule.id),
        SeriesUpdate(staff_id=target_id),
        scope="occurrence" if is_series else "all",
        recurrence_id=shift.occurrence.recurrence_id if is_series else None,
        actor=actor,
        at=at,
    )


def describe_refusal(error: errors.DomainError) -> str:
    """Why a shift was not moved, without ids."""
    if isinstance(error, availability.ScheduleConflict):
        return "Overlap: the person has another shift at that time."
    return error.detail
