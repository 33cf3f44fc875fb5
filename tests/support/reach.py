"""Rotas without a database, and what calls would do in each of their minutes."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import User
from config import dynamodb
from staffing.models import Schedule
from staffing.recurrence.expand import RecurrenceException, Series
from staffing.recurrence.rules import RecurrenceRule
from staffing.schedules import expansion, on_duty, save
from staffing.schedules.on_duty import OnDuty
from staffing.schedules.queries import ScheduleFilter
from telephony import ivr
from telephony.calls.rota import routing
from telephony.calls.rota.routing import RingCandidate
from telephony.lines import ResolvedLine
from telephony.models import PhonePause, PhoneVerification
from telephony.reach.rota import Rota

CUSTOMER = "cus_1"
HOME, NEXT_DOOR = "loc_home", "loc_next_door"
ZONE = "America/New_York"
RING: dict[str, Any] = {"type": "ring", "target": {"onDuty": {}}}
_MINUTE = timedelta(minutes=1)
_CREATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class PlannedRota:
    """A line with people, whose shifts are schedules as the store has them."""

    configuration: dict[str, Any]
    zone: str = ZONE
    schedules: dict[str, list[Schedule]] = field(default_factory=lambda: {HOME: [], NEXT_DOOR: []})
    staff: dict[str, User] = field(default_factory=dict)
    phone_records: list[PhoneVerification | PhonePause] = field(default_factory=list)
    _expanded: dict[Hashable, list[expansion.Shift]] = field(default_factory=dict)

    @property
    def line(self) -> ResolvedLine:
        return ResolvedLine("+16175550100", CUSTOMER, HOME, "Home", self.zone, self.configuration, is_suspended=False)

    @property
    def records(self) -> dynamodb.BatchResult:
        keys = {dynamodb.RecordKey(type(record), record.user_id): record for record in self.phone_records}
        return dynamodb.BatchResult(dict(keys))

    def add_person(self, id: str, *, phone: str = "", is_verified: bool = True, **fields: Any) -> User:
        """A person whose phone rings, unless ``fields`` say otherwise."""
        number = phone or f"+1617555{1000 + len(self.staff)}"
        values = {"role": "staff", "status": "active", "settings": {"ringing": True}, "skills": [], **fields}
        self.staff[id] = User(id, customer_id=CUSTOMER, name=id, phone=number, **values)
        if is_verified:
            self.phone_records.append(PhoneVerification(id, customer_id=CUSTOMER, phone=number))
        return self.staff[id]

    def pause(self, id: str, start: datetime, end: datetime) -> None:
        """Give a person a break."""
        self.phone_records.append(PhonePause.of_user(id, CUSTOMER, start, end))

    def add_shift(
        self,
        staff_id: str,
        start: str,
        end: str,
        *,
        rule: RecurrenceRule | None = None,
        exceptions: Mapping[datetime, RecurrenceException] | None = None,
        location_id: str = HOME,
    ) -> None:
        """A shift, or the first of a series, between two wall times."""
        wall = datetime.fromisoformat
        series = Series(wall(start), wall(end), self.zone, rule, exceptions or {})
        owner = {"customer_id": CUSTOMER, "location_id": location_id}
        self.schedules[location_id].append(save.build_schedule(series, staff_id, at=_CREATED_AT, details={}, **owner))

    def build(self, since: datetime, until: datetime) -> Rota:
        """What is read for a window."""
        shifts = {id: self._list_shifts(id, since - timedelta(hours=2), until) for id in self.schedules}
        return Rota(self.line, since, until, shifts, self.staff, self.records)

    # --- minute by minute -------------------------------------------------------------------------
    def list_candidates(self, target: Mapping[str, Any], at: datetime) -> list[RingCandidate]:
        """Whom a ring action would ring, as a call finds it out at an instant."""
        if "numbers" in target:
            return [routing.number_candidate(number, self.line.country) for number in target["numbers"]]
        if "users" in target:
            matches = routing.match_named(self.staff[id] for id in target["users"] if id in self.staff)
        else:
            duty_target = target["onDuty"]
            people = {HOME: self.list_staff(HOME, at, ivr.duty_grace_period(duty_target))}
            people |= {id: self.list_staff(id, at) for id in duty_target.get("locations", ())}
            matches = routing.match_on_duty(self.line, duty_target, people)
        return routing.judge(matches, self.records, self.line, at)

    def list_staff(self, location_id: str, at: datetime, grace: timedelta = timedelta(0)) -> list[OnDuty]:
        """Who is on duty, or has just been."""
        first = at.replace(day=1, hour=0, minute=0)
        month = self._list_shifts(location_id, first - timedelta(days=1), first + timedelta(days=33))
        shifts = [item for item in month if item.occurrence.start <= at < item.occurrence.end + grace]
        return on_duty.build_entries(shifts, self.staff, at)

    def is_open(self, at: datetime) -> bool:
        """Whether a call enters the open branch."""
        staff = self.list_staff(HOME, at, ivr.grace_period(self.configuration))
        return routing.find_entrance(self.line, at, staff).name == "open"

    def list_unreached(self, at: datetime) -> set[str]:
        """The ways on which a caller reaches nobody at an instant."""
        if not self.is_open(at):
            return set()
        ways = ivr.list_ways(self.configuration)
        return {way.path for way in ways if not any(self._rings(target, at) for target in way.targets)}

    def _rings(self, target: Mapping[str, Any], at: datetime) -> bool:
        return any(candidate.phone for candidate in self.list_candidates(target, at))

    def _list_shifts(self, location_id: str, since: datetime, until: datetime) -> Sequence[expansion.Shift]:
        schedules = self.schedules[location_id]
        key = location_id, len(schedules), since, until
        if key not in self._expanded:
            window = ScheduleFilter(location_id=location_id, since=since, until=until)
            self._expanded[key] = list(expansion.iter_series_shifts(schedules, window))
        return self._expanded[key]


def iter_minutes(since: datetime, until: datetime) -> Iterable[datetime]:
    """Every minute of a window."""
    return (since + number * _MINUTE for number in range(int((until - since) / _MINUTE)))
