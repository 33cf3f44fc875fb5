"""Reads what the reach of a line follows from: at most four round trips after each other."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from accounts import customers, locations, users
from config import dynamodb
from staffing.schedules import expansion, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import QueryTooWide, ScheduleFilter
from telephony import ivr, lines
from telephony.lines import ResolvedLine
from telephony.models import Line, PhonePause, PhoneVerification
from telephony.reach import sweep
from telephony.reach.results import Reach
from telephony.reach.rota import Rota

if TYPE_CHECKING:
    from accounts.models import Location

MAX_SHIFTS = 12_000
"""Of a location in a window."""
MAX_SHIFTS_OF_ALL = 30_000
"""Of several locations together: also of those whose people a line rings too."""


def load_reach(location: "Location", *, since: datetime, until: datetime, way: str | None = None) -> Reach:
    """When a caller of a location would reach nobody, from ``since`` until before ``until``.

    ``way``: a path such as ``open/keys/1``; only the ways through it are looked at, if there are
    any. Without a line, the rota is looked at by the configuration that a new number gets. Raises
    `QueryTooWide`.
    """
    records = dynamodb.batch_get(list_keys(location))
    (reach,) = load_each([location], records, since=since, until=until, way=way)
    return reach


def list_keys(location: "Location") -> list[dynamodb.RecordKey]:
    """What `load_each` needs of a location."""
    return [dynamodb.RecordKey(Line, str(location.id)), customers.customer_key(str(location.customer_id))]


def load_each(
    of_locations: "Sequence[Location]",
    records: dynamodb.BatchResult,
    *,
    since: datetime,
    until: datetime,
    way: str | None = None,
) -> list[Reach]:
    """The reach of each of several locations of a customer; two round trips for them all.

    ``records`` has those of `list_keys`. Raises `QueryTooWide`, also for all of them together.
    """
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    loads = [
        _Load(_resolve(location, records), location, records.get(Line, str(location.id))) for location in of_locations
    ]
    shifts, versions = _load_shifts(loads, since, until)
    staff_ids = {shift.staff_id for shift in chain.from_iterable(shifts.values())}
    staff_ids |= {id for load in loads for _, id in ivr.list_user_references(load.line.configuration)}
    records |= _load_people(sorted(staff_ids), {id for load in loads for id in load.neighbour_ids})
    return [
        replace(
            sweep.find_reach(
                _build_rota(load, shifts, records, since, until),
                way=way,
                neighbour_targets=_list_neighbour_targets(load, records),
            ),
            line_version=int(load.record.version) if load.record and load.record.configuration else None,
            rota_version=_digest(versions[id] for id in [load.line.location_id, *load.neighbour_ids]),
        )
        for load in loads
    ]


@dataclass(frozen=True)
class _Load:
    """A location with its line, or one as a new number would have it."""

    line: ResolvedLine
    location: "Location"
    record: Line | None

    @property
    def neighbour_ids(self) -> list[str]:
        """The other locations whose people the line rings while it is open."""
        configuration = self.line.configuration
        actions = (action for _, action in ivr.iter_actions({"open": configuration["open"]}))
        duty_targets = (action.get("target", {}).get("onDuty", {}) for action in actions)
        return list(dict.fromkeys(id for target in duty_targets for id in target.get("locations", ())))


def _resolve(location: "Location", records: dynamodb.BatchResult) -> ResolvedLine:
    record = records.get(Line, str(location.id))
    record = record or Line(location.id, customer_id=location.customer_id)
    line = lines.to_resolved_line(record, location)
    configuration = line.configuration or ivr.default_configuration(str(location.name))
    is_suspended = not customers.is_active_in(records, str(location.customer_id))
    return replace(line, configuration=configuration, is_suspended=is_suspended)


# --- shifts ---------------------------------------------------------------------------------------
def _load_shifts(
    loads: Iterable[_Load], since: datetime, until: datetime
) -> tuple[dict[str, list[Shift]], dict[str, str]]:
    """The shifts by location, by start, and what changes with their schedules."""
    graces: dict[str, timedelta] = {}
    for load in loads:
        own_id = load.line.location_id
        graces[own_id] = max(ivr.longest_grace_period(load.line.configuration), graces.get(own_id, timedelta(0)))
        for id in load.neighbour_ids:
            graces.setdefault(id, timedelta(0))
    filters = {id: ScheduleFilter(location_id=id, since=since - grace, until=until) for id, grace in graces.items()}
    schedules = dict(zip(filters, queries.list_schedules_in_each(list(filters.values())), strict=True))
    shifts: dict[str, list[Shift]] = {}
    count_left = MAX_SHIFTS_OF_ALL
    for id, schedule_filter in filters.items():
        most = min(MAX_SHIFTS, count_left)
        shifts[id] = list(islice(expansion.iter_series_shifts(schedules[id], schedule_filter), most + 1))
        if len(shifts[id]) > most or queries.is_cut(schedules[id]):
            raise QueryTooWide("Too many shifts in this window; choose a shorter one.", pointer="?to")
        count_left -= len(shifts[id])
    versions = {id: _digest(f"{item.id} {item.version}" for item in schedules[id]) for id in filters}
    return shifts, versions


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:16]


# --- people ---------------------------------------------------------------------------------------
def _load_people(staff_ids: Sequence[str], neighbour_ids: Iterable[str]) -> dynamodb.BatchResult:
    """People with their phones, and other locations with their lines."""
    neighbour_ids = sorted(neighbour_ids)
    keys = [
        *map(users.user_key, staff_ids),
        *map(locations.location_key, neighbour_ids),
        *(dynamodb.RecordKey(Line, id) for id in neighbour_ids),
        *(dynamodb.RecordKey(record_class, id) for id in staff_ids for record_class in (PhoneVerification, PhonePause)),
    ]
    chunks = [keys[start : start + 100] for start in range(0, len(keys), 100)]
    records = dynamodb.NOTHING_READ
    for result in (
        dynamodb.gather(*(lambda chunk=chunk: dynamodb.batch_get(chunk) for chunk in chunks)) if chunks else ()
    ):
        records |= result
    return records


def _build_rota(
    load: _Load, shifts: Mapping[str, Sequence[Shift]], records: dynamodb.BatchResult, since: datetime, until: datetime
) -> Rota:
    line, configuration = load.line, load.line.configuration
    customer_id = line.customer_id
    ids = [id for id in load.neighbour_ids if locations.find_location_in(records, id, customer_id)]
    own_shifts = {id: shifts[id] for id in [line.location_id, *ids]}
    staff_ids = {shift.staff_id for shift in chain.from_iterable(own_shifts.values())}
    staff_ids |= {id for _, id in ivr.list_user_references(configuration)}
    staff = users.find_users_in(records, sorted(staff_ids), customer_id)
    return Rota(line, since, until, own_shifts, staff, records)


def _list_neighbour_targets(load: _Load, records: dynamodb.BatchResult) -> dict[str, list[Mapping[str, Any]]]:
    """The ring actions of the lines of the other locations while these are open."""
    targets = {}
    for id in load.neighbour_ids:
        line = records.get(Line, id)
        if line and line.number and line.configuration and line.customer_id == load.line.customer_id:
            ways = ivr.list_ways(line.configuration)
            targets[id] = [target for way in ways for target in way.targets]
    return targets
