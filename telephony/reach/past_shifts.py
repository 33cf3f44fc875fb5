"""The rota of a past window, read at once for many calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from accounts import locations, users
from config import dynamodb
from staffing.schedules import expansion, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import QueryTooWide, ScheduleFilter
from telephony import ivr
from telephony.lines import ResolvedLine
from telephony.models import OngoingCall, PhonePause, PhoneVerification
from telephony.reach.past_rota import PastRota

MAX_SHIFTS = 10_000
"""The most shifts of a location in a window."""
_TOO_MANY_SHIFTS = "There are too many shifts in this window; choose a shorter one."


def load_rota(line: ResolvedLine, since: datetime, until: datetime) -> PastRota:
    """The rota as it is stored. Two round trips, if there are few people. Raises `QueryTooWide`."""
    return build_rota(line, list_schedules(line, since, until), since, until)


def list_schedules(line: ResolvedLine, since: datetime, until: datetime) -> dict[str, list[Any]]:
    """The schedules that decide whom calls of a window ring, by location; the line's is the first.

    One round trip. Raises `QueryTooWide`.
    """
    window = _window_of(line, since, until)
    other_ids = (id for _, id in ivr.list_location_references(line.configuration))
    filters = {id: replace(window, location_id=id) for id in (line.location_id, *other_ids)}
    schedules = dict(zip(filters, queries.list_schedules_in_each(list(filters.values())), strict=True))
    for items in schedules.values():
        if queries.is_cut(items):
            raise QueryTooWide(_TOO_MANY_SHIFTS, pointer="/to")
    return schedules


def build_rota(
    line: ResolvedLine,
    schedules: Mapping[str, Iterable[Any]],
    since: datetime,
    until: datetime,
    *,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> PastRota:
    """The rota of these schedules, for the calls of a window.

    People may be among the ``known`` records; one round trip, if there are few. Raises
    `QueryTooWide`.
    """
    window = _window_of(line, since, until)
    shifts = {id: _expand(items, window) for id, items in schedules.items()}
    return PastRota(line, shifts, _read_people(line, shifts, known))


def _window_of(line: ResolvedLine, since: datetime, until: datetime) -> ScheduleFilter:
    return ScheduleFilter(since=since - ivr.longest_grace_period(line.configuration), until=until)


def _expand(schedules: Iterable[Any], window: ScheduleFilter) -> list[Shift]:
    shifts = list(islice(expansion.iter_series_shifts(schedules, window, MAX_SHIFTS), MAX_SHIFTS + 1))
    if len(shifts) > MAX_SHIFTS:
        raise QueryTooWide(_TOO_MANY_SHIFTS, pointer="/to")
    return shifts


def _read_people(
    line: ResolvedLine, shifts: Mapping[str, Sequence[Shift]], known: dynamodb.BatchResult
) -> dynamodb.BatchResult:
    """The people whom calls could ring, their phones, and the other locations.

    They count as without a break and without a call: what of that was true then is not stored.
    """
    on_duty_ids = (shift.staff_id for shift in chain.from_iterable(shifts.values()))
    named_ids = (id for _, id in ivr.list_user_references(line.configuration))
    user_ids = list(dict.fromkeys([*on_duty_ids, *named_ids]))
    keys = [users.user_key(id) for id in user_ids]
    keys += [dynamodb.RecordKey(PhoneVerification, id) for id in user_ids]
    keys += [locations.location_key(id) for id in shifts if id != line.location_id]
    states = [dynamodb.RecordKey(record_class, id) for id in user_ids for record_class in (OngoingCall, PhonePause)]
    return dynamodb.batch_get(keys, known) | dynamodb.BatchResult({}, states)
