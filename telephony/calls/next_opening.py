"""When a caller would next be answered: the line is open, and somebody's phone would ring.

It says so of an instant as a preview of a call does, but reads the rota of a month at once.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from accounts import users
from config import dynamodb
from staffing.schedules import queries
from staffing.schedules.on_duty import OnDuty
from staffing.schedules.queries import ScheduleFilter, Shift
from telephony import dialing_rules, ivr
from telephony.calls import routing
from telephony.lines import ResolvedLine
from telephony.models import PhonePause, PhoneVerification

if TYPE_CHECKING:
    from accounts.models import User

LOOK_AHEAD = timedelta(days=31)
"""How far ahead the next opening is looked for."""

_Moment = tuple[datetime, OnDuty | None]
"""An instant at which the answer may change, and the shift that begins then, if one does."""


def find_next_opening(line: ResolvedLine, at: datetime) -> datetime | None:
    """When a caller would next be answered: ``at`` itself if that holds then.

    The line is open, and if its open branch rings phones, one of them could be rung; who talks in
    another call soon does not, and counts. None: not within `LOOK_AHEAD`, or the line has no
    configuration. Two round trips at most follow each other. Raises `errors.Unavailable`, and
    `queries.QueryTooWide`.
    """
    if not line.configuration:
        return None
    targets = [
        action["target"]
        for _, action in ivr.iter_actions({"open": line.configuration["open"]})
        if action["type"] == "ring"
    ]
    rings_number = any(
        not dialing_rules.rejection_reason(number, line.country)
        for target in targets
        for number in target.get("numbers", ())
    )
    search = _Search(line, at, targets, always_answered=rings_number or not targets)
    return search.run()


@dataclass
class _Ring:
    """Whom a ring action could ring while they are on duty."""

    staff_ids: set[str]
    graces: dict[str, timedelta]
    """By location, for how long after their shift."""

    def includes(self, entry: OnDuty, at: datetime) -> bool:
        """Whether a person on duty, or just gone, could be rung."""
        grace = self.graces.get(str(entry.shift.schedule.location_id))
        return grace is not None and entry.user.id in self.staff_ids and _is_within(entry, at, grace)


@dataclass
class _Search:
    """One look ahead: what it has read, and the shifts that are current as it goes on."""

    line: ResolvedLine
    at: datetime
    targets: Sequence[Mapping[str, Any]]
    always_answered: bool
    """Whether a phone can be rung whenever the line is open, or none is needed."""
    rings: list[_Ring] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    """The people named by ring actions who could be rung."""
    pauses: dict[str, PhonePause] = field(default_factory=dict)
    """The breaks of people, by their id."""
    current: list[OnDuty] = field(default_factory=list)

    @property
    def duty_targets(self) -> list[Mapping[str, Any]]:
        return [target["onDuty"] for target in self.targets if "onDuty" in target]

    @property
    def follows_rota(self) -> bool:
        return ivr.follows_rota(self.line.configuration)

    @property
    def opening_grace(self) -> timedelta:
        """How long the line stays open after a shift."""
        return ivr.grace_period(self.line.configuration)

    @property
    def longest_grace(self) -> timedelta:
        return max([self.opening_grace, *map(ivr.duty_grace_period, self.duty_targets)])

    @property
    def until(self) -> datetime:
        return self.at + LOOK_AHEAD

    def run(self) -> datetime | None:
        """The first instant at which a caller would be answered."""
        shifts = self._prepare()
        if not (self.always_answered or self.named or any(ring.staff_ids for ring in self.rings)):
            return None
        ends = [pause.paused_until for pause in self.pauses.values() if self.at < pause.paused_until <= self.until]
        boundaries = ivr.list_boundaries(self.line.configuration, self.at, self.until, time_zone=self.line.time_zone)
        starts: Iterator[_Moment] = ((max(entry.shift.occurrence.start, self.at), entry) for entry in shifts)
        moments = heapq.merge(((instant, None) for instant in sorted([*boundaries, *ends])), starts, key=_instant_of)
        for instant, group in groupby(moments, key=_instant_of):
            self.current += [entry for _, entry in group if entry]
            self.current = [entry for entry in self.current if _is_within(entry, instant, self.longest_grace)]
            if self._is_answered(instant):
                return instant
        return None

    def _is_answered(self, at: datetime) -> bool:
        if not (self.always_answered or any(not self._is_paused(id, at) for id in self._iter_callable(at))):
            return False
        staff = self._list_staff(at) if self.follows_rota else None
        return routing.find_entrance(self.line, at, staff).name == "open"

    def _list_staff(self, at: datetime) -> list[OnDuty]:
        """The people on duty at the location of the line, which open it."""
        return [
            entry
            for entry in self.current
            if entry.shift.schedule.location_id == self.line.location_id and _is_within(entry, at, self.opening_grace)
        ]

    def _iter_callable(self, at: datetime) -> Iterator[str]:
        """The ids of those who could be rung, apart from their breaks."""
        yield from self.named
        for entry in self.current:
            if any(ring.includes(entry, at) for ring in self.rings):
                yield entry.user.id

    def _is_paused(self, user_id: str, at: datetime) -> bool:
        return user_id in self.pauses and self.pauses[user_id].is_current(at)

    # --- reading --------------------------------------------------------------------------------
    def _prepare(self) -> Iterator[OnDuty]:
        """Read the rota, if it matters, and the people; the shifts that matter, by start."""
        window = ScheduleFilter(since=self.at - self.longest_grace, until=self.until)
        reads = [
            partial(queries.list_schedules_in, replace(window, location_id=location_id))
            for location_id in self._list_locations()
        ]
        schedules = [schedule for part in (dynamodb.gather(*reads) if reads else ()) for schedule in part]
        staff_ids = {staff_id for schedule in schedules for staff_id in queries.list_staff_ids(schedule)}
        named_ids = {staff_id for target in self.targets for staff_id in target.get("users", ())}
        staff, callable_ids = self._load_people(staff_ids | named_ids)
        self.named = named_ids & callable_ids
        for target in self.duty_targets:
            selected = {id for id in staff_ids & callable_ids if not routing.filter_reason(staff[id], target)}
            graces = {self.line.location_id: ivr.duty_grace_period(target)}
            self.rings.append(_Ring(selected, graces | dict.fromkeys(target.get("locations", ()), timedelta(0))))
        relevant = set(staff) if self.follows_rota else {id for ring in self.rings for id in ring.staff_ids}
        relevant_schedules = [item for item in schedules if not relevant.isdisjoint(queries.list_staff_ids(item))]
        return self._iter_duty(queries.iter_series_shifts(relevant_schedules, window), staff, relevant)

    def _list_locations(self) -> list[str]:
        """The locations whose rota matters: the line's, and those whose people are rung too."""
        if self.always_answered or not self.duty_targets:
            return [self.line.location_id] if self.follows_rota else []
        neighbours = [location_id for target in self.duty_targets for location_id in target.get("locations", ())]
        return list(dict.fromkeys([self.line.location_id, *neighbours]))

    def _iter_duty(self, shifts: Iterable[Shift], staff: "Mapping[str, User]", relevant: set[str]) -> Iterator[OnDuty]:
        return (OnDuty(staff[shift.staff_id], shift) for shift in shifts if shift.staff_id in relevant)

    def _load_people(self, user_ids: set[str]) -> "tuple[dict[str, User], set[str]]":
        """The people who may work, by id, and the ids of those whose phones could be rung."""
        ids = sorted(user_ids)
        keys = [users.user_key(id) for id in ids]
        keys += [dynamodb.RecordKey(record_class, id) for id in ids for record_class in (PhoneVerification, PhonePause)]
        records = dynamodb.batch_get(keys)
        self.pauses = {id: pause for id in ids if (pause := records.get(PhonePause, id))}
        user_records = (users.find_user_in(records, id, self.line.customer_id) for id in ids)
        staff = {user.id: user for user in user_records if user and user.status in users.WORKING_STATUSES}
        country = self.line.country
        callable_ids = {
            id
            for id, user in staff.items()
            if not routing.skip_reason(user, records.get(PhoneVerification, id), country)
        }
        return staff, callable_ids


def _instant_of(moment: _Moment) -> datetime:
    return moment[0]


def _is_within(entry: OnDuty, at: datetime, grace: timedelta) -> bool:
    """Whether a shift that has begun goes on, or ended less than ``grace`` ago."""
    return entry.shift.occurrence.end + grace > at
