"""Calls against people on duty at a location, by weekday and hour of its clock."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate, islice, product
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from accounts import locations
from accounts.permissions import Actor
from config import dynamodb, errors
from staffing.recurrence import rules
from staffing.schedules import expansion
from staffing.schedules.queries import ScheduleFilter
from telephony.calls.history.location_calls import list_incoming_calls
from telephony.calls.state.call_record import CallRecord
from telephony.models import Call

if TYPE_CHECKING:
    from accounts.models import Location

WEEKS, MAX_WEEKS = 4, 12
"""How many whole weeks until yesterday are counted, unless somebody says, and at most."""
MAX_SHIFTS = 10_000
"""The most shifts that are counted: the earliest."""
HOURS_PER_DAY, DAYS_PER_WEEK = 24, 7
_HOUR = timedelta(hours=1)
Slot = tuple[int, int]
"""A weekday, of which Monday is 0, and an hour."""


class CountedCall(NamedTuple):
    """What counts of a call."""

    started_at: datetime
    outcome: str
    seconds_to_answer: int | None = None
    """From the start of the call until somebody answered; None: nobody did, or it is not known."""


@dataclass(frozen=True)
class AnswerTimes:
    """Seconds until calls were answered: of half of them at most p50, of nine in ten at most p90.

    Both are None if none was answered.
    """

    p50: int | None = None
    p90: int | None = None


@dataclass(frozen=True)
class DemandHour:
    """An hour of the week, over all weeks."""

    weekday: int
    """Monday is 0."""
    hour: int
    calls: int
    answered: int
    missed: int
    """Calls while the line was open that ended without an answer or a message."""
    voicemail: int
    seconds_to_answer: AnswerTimes
    on_duty: float
    """People on duty, on average."""

    @property
    def day(self) -> str:
        """The weekday, as in the API."""
        return rules.WEEKDAY_CODES[self.weekday]

    @property
    def unanswered(self) -> int:
        """The calls that nobody took while the line was open."""
        return self.missed + self.voicemail


@dataclass(frozen=True)
class Demand:
    """The calls and the people on duty of some weeks."""

    location_id: str
    time_zone: str
    since: datetime
    until: datetime
    hours: Sequence[DemandHour]
    """All 168 hours of the week, from Monday 0:00 on."""
    is_cut: bool
    """Whether there were more calls, or shifts, than are counted."""

    @property
    def call_count(self) -> int:
        return sum(hour.calls for hour in self.hours)

    @property
    def unanswered_count(self) -> int:
        return sum(hour.unanswered for hour in self.hours)

    @property
    def busiest(self) -> int:
        """The most calls of an hour."""
        return max(hour.calls for hour in self.hours)


def get_demand(
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    weeks: int = WEEKS,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> Demand:
    """The demand of a location that an actor may see; it may be among the ``known`` records.

    Raises `errors.NotFound`, `errors.Forbidden` and as `load_demand`.
    """
    actor.require("calls:read")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    records = dynamodb.batch_get([locations.location_key(location_id)], known)
    location = locations.get_location_from(records, location_id, actor)
    locations.check_access(actor, location_id)
    return load_demand(location, at=at, weeks=weeks)


def load_demand(location: "Location", *, at: datetime, weeks: int = WEEKS) -> Demand:
    """Incoming calls and people on duty of whole days until the one before ``at``.

    Calls of blocked callers do not count. Three round trips at most follow each other, if calls are
    not unusually large. Raises `queries.QueryTooWide`.
    """
    zone, location_id = str(location.time_zone), str(location.id)
    since, until = find_window(at, zone, weeks)
    (calls, has_more_calls), spans = dynamodb.gather(
        lambda: list_incoming_calls(location_id, since, until), lambda: _read_shifts(location_id, since, until)
    )
    hours = count_by_hour(map(_to_counted, calls), spans, since=since, until=until, zone=zone)
    return Demand(location_id, zone, since, until, hours, has_more_calls or len(spans) > MAX_SHIFTS)


def find_window(at: datetime, zone: str, weeks: int) -> tuple[datetime, datetime]:
    """The instants between which whole weeks end with yesterday, by the clock of a zone."""
    tz = ZoneInfo(zone)
    today = at.astimezone(tz).date()
    days = today - timedelta(weeks=weeks), today
    since, until = (datetime.combine(day, time(), tz).astimezone(UTC) for day in days)
    return since, until


def _to_counted(call: Call) -> CountedCall:
    """A stored call as it counts: it was answered when whoever took it last pressed 1."""
    outcome = str(call.outcome)
    accepted_times = [event["at"] for event in CallRecord(call).events if event["kind"] == "accepted"]
    if outcome != "answered" or not accepted_times:
        return CountedCall(call.started_at, outcome)
    seconds = (datetime.fromisoformat(accepted_times[-1]) - call.started_at).total_seconds()
    return CountedCall(call.started_at, outcome, max(round(seconds), 0))


def _read_shifts(location_id: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    shifts = expansion.iter_shifts(ScheduleFilter(location_id=location_id, since=since, until=until), 1_000)
    return [(shift.occurrence.start, shift.occurrence.end) for shift in islice(shifts, MAX_SHIFTS + 1)]


def count_by_hour(
    calls: Iterable[CountedCall],
    shifts: Iterable[tuple[datetime, datetime]],
    *,
    since: datetime,
    until: datetime,
    zone: str,
) -> list[DemandHour]:
    """All hours of the week by the clock of a zone. Pure.

    An hour that a clock change repeats counts twice.
    """
    tz = ZoneInfo(zone)
    outcomes: dict[Slot, Counter[str]] = {}
    seconds: dict[Slot, list[int]] = {}
    for call in calls:
        slot = slot_of(call.started_at, tz)
        outcomes.setdefault(slot, Counter())[call.outcome] += 1
        if call.seconds_to_answer is not None:
            seconds.setdefault(slot, []).append(call.seconds_to_answer)
    on_duty = _average_on_duty(shifts, since, until, tz)
    return [
        DemandHour(
            *slot,
            calls=(counts := outcomes.get(slot, Counter())).total(),
            answered=counts["answered"],
            missed=counts["missed"],
            voicemail=counts["voicemail"],
            seconds_to_answer=_summarize(seconds.get(slot, [])),
            on_duty=round(on_duty.get(slot, 0), 1),
        )
        for slot in iter_slots()
    ]


def iter_slots() -> Iterable[Slot]:
    """All hours of the week, from Monday 0:00 on."""
    return product(range(DAYS_PER_WEEK), range(HOURS_PER_DAY))


def slot_of(at: datetime, tz: ZoneInfo) -> Slot:
    """The hour of the week by the clock of a zone."""
    local = at.astimezone(tz)
    return local.weekday(), local.hour


def _summarize(seconds: list[int]) -> AnswerTimes:
    """Nearest ranks: each is the time of a call."""
    if not seconds:
        return AnswerTimes()
    ordered = sorted(seconds)
    p50, p90 = (ordered[math.ceil(len(ordered) * percent / 100) - 1] for percent in (50, 90))
    return AnswerTimes(p50, p90)


def _average_on_duty(
    shifts: Iterable[tuple[datetime, datetime]], since: datetime, until: datetime, tz: ZoneInfo
) -> Mapping[Slot, float]:
    """People on duty in each hour of the week, on average over the weeks.

    Hours are counted from ``since``, which is a midnight: a clock change of half an hour shifts
    what follows by as much.
    """
    hour_count = int((until - since) / _HOUR)
    parts, changes = [0.0] * (hour_count + 1), [0] * (hour_count + 1)
    for start, end in shifts:
        first, last = max((start - since) / _HOUR, 0), min((end - since) / _HOUR, hour_count)
        if first >= last:
            continue
        first_hour, last_hour = int(first), int(last)
        parts[first_hour] -= first - first_hour
        parts[last_hour] += last - last_hour
        changes[first_hour] += 1
        changes[last_hour] -= 1
    people = [max(whole + part, 0.0) for whole, part in zip(accumulate(changes[:-1]), parts, strict=False)]
    sums: dict[Slot, float] = {}
    counts: dict[Slot, int] = {}
    for index, number in enumerate(people):
        slot = slot_of(since + index * _HOUR, tz)
        sums[slot] = sums.get(slot, 0) + number
        counts[slot] = counts.get(slot, 0) + 1
    return {slot: sums[slot] / counts[slot] for slot in sums}
