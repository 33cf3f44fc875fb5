"""The rota of a location as it would be after some changes. Nothing is written."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from accounts import locations, users
from accounts.permissions import Actor
from config import dynamodb, errors
from staffing.models import Schedule
from staffing.recurrence import edit
from staffing.recurrence.details import get_details
from staffing.recurrence.edit import EditScope
from staffing.recurrence.series_update import SeriesUpdate
from staffing.schedules import availability, commands

if TYPE_CHECKING:
    from accounts.models import Location

ChangeAction = Literal["add", "change", "remove"]
CHANGE_ACTIONS = get_args(ChangeAction)
MAX_CHANGES = 100
"""Of one request."""


@dataclass(frozen=True)
class RotaChange:
    """A shift or series that is added, changed or removed."""

    action: ChangeAction
    schedule_id: str = ""
    """Which to change or remove."""
    scope: EditScope = "all"
    recurrence_id: datetime | None = None
    update: SeriesUpdate = field(default_factory=SeriesUpdate)
    """The times, rule and person that are new."""


def list_keys(changes: Iterable[RotaChange], location_id: str) -> list[dynamodb.RecordKey]:
    """Of the records that `apply_changes` needs."""
    keys = [locations.location_key(location_id)]
    for change in changes:
        keys += [users.user_key(id) for id in _list_named_staff(change.update) if dynamodb.is_id("usr", id)]
        if dynamodb.is_id("sch", change.schedule_id):
            keys.append(dynamodb.RecordKey(Schedule, change.schedule_id))
    return keys


def apply_changes(
    schedules: Iterable[Schedule],
    changes: Sequence[RotaChange],
    *,
    location: "Location",
    records: dynamodb.BatchResult,
    actor: Actor,
    at: datetime,
) -> list[Schedule]:
    """The schedules of a location after changes, one after the other.

    ``records``: those of `list_keys`. Overlaps are allowed. Raises what `commands` raises for the
    same change, with pointers into ``/changes``.
    """
    by_id = {schedule.id: schedule for schedule in [*schedules, *_list_named(changes, location, records)]}
    for index, change in enumerate(changes):
        with _point_to_change(index):
            if change.action == "add":
                added = _build_new(change, location, records, actor, at)
                by_id[added.id] = added
                continue
            before = by_id.pop(change.schedule_id, None)
            if before is None:
                raise errors.NotFound("Schedule not found.", pointer="/scheduleId")
            by_id |= {schedule.id: schedule for schedule in _change(before, change, location, records, actor, at)}
    return list(by_id.values())


def _list_named_staff(update: SeriesUpdate) -> list[str]:
    return [*filter(None, [update.staff_id]), *availability.list_staff_in_pattern(update.pattern)]


def _build_new(
    change: RotaChange, location: "Location", records: dynamodb.BatchResult, actor: Actor, at: datetime
) -> Schedule:
    update = change.update
    draft = commands.ScheduleDraft(
        customer_id=actor.customer_id,
        location_id=location.id,
        staff_id=update.staff_id or "",
        start=update.start or at,
        end=update.end or at,
        recurring=update.recurring,
        pattern=update.pattern,
    )
    _check_covers(update, records, actor)
    return commands.build_schedule(draft, records, actor, at)


def _change(
    before: Schedule,
    change: RotaChange,
    location: "Location",
    records: dynamodb.BatchResult,
    actor: Actor,
    at: datetime,
) -> list[Schedule]:
    """What a change leaves of a schedule: nothing, itself, or itself and what was split from it."""
    series, staff_id, scope, recurrence_id = before.series(), before.staff_id, change.scope, change.recurrence_id
    if change.action == "remove":
        result = edit.remove_from_series(series, staff_id=staff_id, scope=scope, recurrence_id=recurrence_id)
    else:
        if change.update.staff_id:
            commands.check_staff(change.update.staff_id, records, actor)
        _check_covers(change.update, records, actor)
        result = edit.update_series(
            series,
            change.update,
            staff_id=staff_id,
            scope=scope,
            recurrence_id=recurrence_id,
            local_zone=str(location.time_zone),
            series_details=get_details(before),
        )
    return commands.build_records(before, result, location_id=location.id, at=at)


def _check_covers(update: SeriesUpdate, records: dynamodb.BatchResult, actor: Actor) -> None:
    for user_id in availability.list_staff_in_pattern(update.pattern):
        users.get_user_from(records, user_id, actor.customer_id, pointer="/recurrencePattern/exceptions")


def _list_named(changes: Iterable[RotaChange], location: "Location", records: dynamodb.BatchResult) -> list[Schedule]:
    """The schedules of the location that changes name, also those without a shift in the window."""
    named = (records.get(Schedule, change.schedule_id) for change in changes)
    owner = (location.customer_id, location.id)
    return [schedule for schedule in named if schedule and (schedule.customer_id, schedule.location_id) == owner]


@contextmanager
def _point_to_change(index: int) -> Iterator[None]:
    """Point errors to a change of the request, whose fields are those of a body and a query."""
    try:
        yield
    except errors.DomainError as error:
        error.field_errors = [
            replace(item, pointer=f"/changes/{index}/{item.pointer.lstrip('/?')}") for item in error.field_errors
        ]
        raise
