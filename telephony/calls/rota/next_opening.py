"""When a caller would next be answered: the line is open, and somebody's phone would ring.

It says so of an instant as a preview of a call does, but reads the rota of a month at once. What it
computes grows with the shifts of those who could be rung, not with those of everybody.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from accounts import users
from config import dynamodb
from staffing.schedules import expansion, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.on_duty import OnDuty
from staffing.schedules.queries import ScheduleFilter
from telephony import dialing_rules, ivr
from telephony.calls.rota import routing
from telephony.lines import ResolvedLine
from telephony.models import PhonePause, PhoneVerification

if TYPE_CHECKING:
    from accounts.models import User

LOOK_AHEAD = timedelta(days=31)
"""How far ahead the next opening is looked for."""
FIRST_STEP = timedelta(days=1)
"""Of the rota that opens a line, which is read in steps that double."""

_Span = tuple[datetime, datetime, int, Shift | None]
"""From when until when somebody could be rung, a number for the order, and the shift for which."""


def find_next_opening(line: ResolvedLine, at: datetime, path: str = "") -> datetime | None:
    """When a caller would next be answered: ``at`` itself if that holds then.

    The line is open, and one of the phones could be rung that `ivr.list_answering_targets` names
    for ``path``, where the caller hears it; who talks in another call soon does not, and counts. If
    the open branch rings none, it is enough that the line is open. None: not within `LOOK_AHEAD`,
    or the line has no configuration. Two round trips at most follow each other. Raises
    `errors.Unavailable`, and `queries.QueryTooWide`.
    """
    if not line.configuration:
        return None
    targets = ivr.list_answering_targets(line.configuration, path)
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

    def end_of(self, shift: Shift) -> datetime | None:
        """Until when a shift lets a person be rung; None: it does not."""
        grace = self.graces.get(str(shift.schedule.location_id))
        return None if grace is None or shift.staff_id not in self.staff_ids else shift.occurrence.end + grace


@dataclass
class _Rota:
    """The people on duty at the location of a line, who open it; expanded as far as needed."""

    staff: "Mapping[str, User]"
    schedules: Sequence[Any]
    grace: timedelta
    """How long the line stays open after a shift."""
    read_until: datetime | None = None
    entries: list[OnDuty] = field(default_factory=list)
    """By start, from the latest instant on that was asked for."""

    def list_between(self, since: datetime, until: datetime) -> list[OnDuty]:
        """Whose shifts, with the grace, are current at some time from ``since`` to ``until``."""
        if self.read_until is None or self.read_until < since:
            self.entries = self._read(since - self.grace, until)
            self.read_until = until
        elif self.read_until < until:
            added = self._read(self.read_until, until)
            self.entries += [entry for entry in added if entry.shift.occurrence.start >= self.read_until]
            self.read_until = until
        self.entries = [entry for entry in self.entries if self.is_current(entry, since) or _start_of(entry) > since]
        return self.entries

    def is_current(self, entry: OnDuty, at: datetime) -> bool:
        """Whether a person opens the line, as their shift has begun, or has just ended."""
        return _start_of(entry) <= at < entry.shift.occurrence.end + self.grace

    def _read(self, since: datetime, until: datetime) -> list[OnDuty]:
        shifts = expansion.iter_series_shifts(self.schedules, ScheduleFilter(since=since, until=until))
        return [OnDuty(self.staff[shift.staff_id], shift) for shift in shifts if shift.staff_id in self.staff]


@dataclass
class _Search:
    """One look ahead: when somebody could be rung, and whether the line is open then."""

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
    schedules: list[Any] = field(default_factory=list)
    rota: _Rota = field(init=False)

    @property
    def duty_targets(self) -> list[Mapping[str, Any]]:
        return [target["onDuty"] for target in self.targets if "onDuty" in target]

    @property
    def follows_rota(self) -> bool:
        return ivr.follows_rota(self.line.configuration)

    @property
    def longest_grace(self) -> timedelta:
        graces = map(ivr.duty_grace_period, self.duty_targets)
        return max([ivr.grace_period(self.line.configuration), *graces])

    @property
    def until(self) -> datetime:
        return self.at + LOOK_AHEAD

    @cached_property
    def boundaries(self) -> list[datetime]:
        """When the line may open, apart from the rota."""
        return ivr.list_boundaries(self.line.configuration, self.at, self.until, time_zone=self.line.time_zone)

    @cached_property
    def openings(self) -> dict[datetime, bool]:
        """Whether a line that does not follow the rota is open at each of the boundaries."""
        return {instant: self._is_open(instant, None) for instant in self.boundaries}

    def run(self) -> datetime | None:
        """The first instant at which a caller would be answered."""
        if not self.follows_rota and not any(self.openings.values()):
            return None
        self._prepare()
        searched_until = self.at
        for start, end, _, shift in self._iter_spans():
            since = max(start, searched_until)
            if since < end:
                opening = self._find_opening(since, end, shift)
                if opening is not None:
                    return opening
                searched_until = end
        return None

    # --- when somebody could be rung ------------------------------------------------------------
    def _iter_spans(self) -> Iterator[_Span]:
        """The spans in which somebody could be rung, by start."""
        numbers = count()
        spans: list[_Span] = [(self.at, self.until, next(numbers), None)] if self.always_answered else []
        for user_id in self.named:
            spans += [(*part, next(numbers), None) for part in self._without_break(user_id, self.at, self.until)]
        heapq.heapify(spans)
        for shift in self._iter_callable_shifts():
            start = max(shift.occurrence.start, self.at)
            while spans and spans[0][0] <= start:
                yield heapq.heappop(spans)
            end = max([end for ring in self.rings if (end := ring.end_of(shift))], default=start)
            for part in self._without_break(shift.staff_id, start, min(end, self.until)):
                heapq.heappush(spans, (*part, next(numbers), shift))
        while spans:
            yield heapq.heappop(spans)

    def _iter_callable_shifts(self) -> Iterator[Shift]:
        """The shifts of those who could be rung while they are on duty, by start."""
        callable_ids = {id for ring in self.rings for id in ring.staff_ids}
        if self.always_answered or not callable_ids:
            return iter(())
        window = ScheduleFilter(since=self.at - self.longest_grace, until=self.until)
        shifts = expansion.iter_series_shifts(_list_those_of(callable_ids, self.schedules), window)
        return (shift for shift in shifts if shift.staff_id in callable_ids)

    def _without_break(self, user_id: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The parts of a span in which a person has no break from calls."""
        parts = [(start, end)]
        if pause := self.pauses.get(user_id):
            parts = [(start, min(end, pause.effective_from)), (max(start, pause.paused_until), end)]
        return ((since, until) for since, until in parts if since < until)

    # --- whether the line is open ---------------------------------------------------------------
    def _find_opening(self, since: datetime, until: datetime, shift: Shift | None) -> datetime | None:
        """The first instant at which the line is open, from ``since`` until before ``until``.

        ``shift``: one that is known of this time, which may be enough.
        """
        if not self.follows_rota:
            last_boundary = self.boundaries[bisect_right(self.boundaries, since) - 1]
            if self.openings[last_boundary] and self._is_open(since, None):
                return since
            return next((instant for instant in self._boundaries_in(since, until) if self.openings[instant]), None)
        if shift and shift.schedule.location_id == self.line.location_id:
            entry = OnDuty(self.rota.staff[shift.staff_id], shift)
            if self.rota.is_current(entry, since) and self._is_open(since, [entry]):
                return since
        step = FIRST_STEP
        while since < until:
            step_end = min(since + step, until)
            opening = self._find_staffed(since, step_end)
            if opening is not None:
                return opening
            since, step = step_end, step * 2
        return None

    def _find_staffed(self, since: datetime, until: datetime) -> datetime | None:
        """As `_find_opening`, with all the people on duty."""
        entries = self.rota.list_between(since, until)
        starts = {start for entry in entries if since < (start := _start_of(entry)) < until}
        for instant in sorted({since, *starts, *self._boundaries_in(since, until)}):
            if self._is_open(instant, [entry for entry in entries if self.rota.is_current(entry, instant)]):
                return instant
        return None

    def _boundaries_in(self, since: datetime, until: datetime) -> Sequence[datetime]:
        return self.boundaries[bisect_left(self.boundaries, since) : bisect_left(self.boundaries, until)]

    def _is_open(self, at: datetime, staff: Sequence[OnDuty] | None) -> bool:
        return routing.find_entrance(self.line, at, staff).name == "open"

    # --- reading --------------------------------------------------------------------------------
    def _prepare(self) -> None:
        """Read the rota, if it matters, and the people."""
        window = ScheduleFilter(since=self.at - self.longest_grace, until=self.until)
        windows = [replace(window, location_id=location_id) for location_id in self._list_locations()]
        self.schedules = list(chain.from_iterable(queries.list_schedules_in_each(windows)))
        staff_ids = {staff_id for schedule in self.schedules for staff_id in queries.list_staff_ids(schedule)}
        named_ids = {staff_id for target in self.targets for staff_id in target.get("users", ())}
        staff, callable_ids = self._load_people(staff_ids | named_ids)
        self.named = named_ids & callable_ids
        for target in self.duty_targets:
            selected = {id for id in staff_ids & callable_ids if not routing.filter_reason(staff[id], target)}
            graces = {self.line.location_id: ivr.duty_grace_period(target)}
            self.rings.append(_Ring(selected, graces | dict.fromkeys(target.get("locations", ()), timedelta(0))))
        own_schedules = [item for item in self.schedules if item.location_id == self.line.location_id]
        self.rota = _Rota(staff, _list_those_of(staff, own_schedules), ivr.grace_period(self.line.configuration))

    def _list_locations(self) -> list[str]:
        """The locations whose rota matters: the line's, and those whose people are rung too."""
        if self.always_answered or not self.duty_targets:
            return [self.line.location_id] if self.follows_rota else []
        neighbours = [location_id for target in self.duty_targets for location_id in target.get("locations", ())]
        return list(dict.fromkeys([self.line.location_id, *neighbours]))

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


def _list_those_of(user_ids: Iterable[str], schedules: Iterable[Any]) -> list[Any]:
    """The schedules of which some shift is one of these people's."""
    user_ids = set(user_ids)
    return [schedule for schedule in schedules if not user_ids.isdisjoint(queries.list_staff_ids(schedule))]


def _start_of(entry: OnDuty) -> datetime:
    return entry.shift.occurrence.start
