"""Fixed hours beside the rota: hours to begin with, and planned shifts that are outside of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from accounts import users
from staffing.recurrence import wall_clock
from staffing.schedules import coverage, expansion, queries
from staffing.schedules.coverage import Period
from staffing.schedules.queries import ScheduleFilter
from telephony.ivr import open_periods
from telephony.ivr.opening_hours import WEEKDAYS, format_day
from telephony.ivr.wording import WEEKDAY_NAMES, describe_periods

WEEKS = 4
"""How far the rota is looked at."""
MAX_PERIODS = 6
"""Of a day, as the schema has it."""
MAX_LISTED = 8
USUAL_HOURS = {day: [["08:00", "18:00"]] for day in WEEKDAYS[:5]}
_DAY = timedelta(days=1)


def suggest_hours(
    location_id: str, *, time_zone: str, customer_id: str, now: datetime
) -> tuple[dict[str, list[str]], str]:
    """The values of the fields of each day, and a sentence that says where they come from.

    The hours in which the rota of the next weeks has somebody on duty, as they are most often.
    """
    first_day = wall_clock.to_wall_time(now, time_zone).date() + _DAY
    days = [first_day + timedelta(days=number) for number in range(7 * WEEKS)]
    since, until = (
        wall_clock.to_instant(datetime.combine(day, time()), time_zone) for day in (days[0], days[-1] + _DAY)
    )
    try:
        covered = coverage.list_covered([location_id], since, until, customer_id=customer_id)[location_id]
    except queries.QueryTooWide:
        covered = []
    weekly = _most_often(covered, days, time_zone)
    source = f"when the rota of the next {WEEKS} weeks has somebody on duty, as it is most often"
    if not any(weekly.values()):
        weekly, source = USUAL_HOURS, "the usual ones, as nobody is planned in the next weeks"
    closed = [name for day, name in zip(WEEKDAYS, WEEKDAY_NAMES, strict=True) if not weekly.get(day)]
    sentence = f"These hours are suggested: {source}. Change them as you need." + (
        f" Closed all day: {', '.join(closed)}." if closed else ""
    )
    values = {f"weekly:{day}": [describe_periods(weekly[day]) if weekly.get(day) else ""] for day in WEEKDAYS}
    return values, sentence


def _most_often(covered: Sequence[Period], days: Sequence[date], zone: str) -> dict[str, list[list[str]]]:
    """The covered hours of each weekday that most of these days have, by the clock of the zone."""
    counts: dict[str, Counter[tuple[tuple[str, str], ...]]] = {day: Counter() for day in WEEKDAYS}
    for day in days:
        counts[WEEKDAYS[day.weekday()]][tuple(_iter_hours_on(day, covered, zone))] += 1
    return {day: [list(period) for period in _limit(count.most_common(1)[0][0])] for day, count in counts.items()}


def _iter_hours_on(day: date, covered: Sequence[Period], zone: str) -> Iterator[tuple[str, str]]:
    midnight = datetime.combine(day, time())
    for period in covered:
        start, end = (wall_clock.to_wall_time(at, zone) for at in period)
        if start < midnight + _DAY and end > midnight:
            first, last = max(start, midnight), min(end, midnight + _DAY)
            yield f"{first:%H:%M}", "24:00" if last == midnight + _DAY else f"{last:%H:%M}"


def _limit(periods: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    return periods if len(periods) <= MAX_PERIODS else [(periods[0][0], periods[-1][1])]


def list_shifts_outside(
    location_id: str, configuration: Mapping[str, Any], *, time_zone: str, customer_id: str, now: datetime
) -> list[str]:
    """Sentences about planned shifts of the next weeks in which the line would be closed.

    Empty: there are none, or the rota opens the line.
    """
    until = now + timedelta(weeks=WEEKS)
    is_open = open_periods.list_open_periods(configuration, now, until, time_zone=time_zone)
    if is_open is None:
        return []
    schedule_filter = ScheduleFilter(location_id=location_id, since=now, until=until)
    try:
        schedules = queries.list_schedules_in(schedule_filter)
    except queries.QueryTooWide:
        return ["The rota is too large to compare it with these hours."]
    staff_ids = {id for schedule in schedules for id in queries.list_staff_ids(schedule)}
    staff = users.load_users(sorted(staff_ids), customer_id) if staff_ids else {}
    names = {id: users.display_name(user) for id, user in staff.items() if user.status in users.WORKING_STATUSES}
    shifts = [
        (names[shift.staff_id], shift.occurrence.start, shift.occurrence.end)
        for shift in expansion.iter_series_shifts(schedules, schedule_filter)
        if shift.staff_id in names
    ]
    return _describe_outside(shifts, is_open, now, until, time_zone)


def _describe_outside(
    shifts: Sequence[tuple[str, datetime, datetime]],
    is_open: Sequence[Period],
    now: datetime,
    until: datetime,
    zone: str,
) -> list[str]:
    """The parts of shifts that are outside, those of the same person, weekday and time as one."""
    first_days: dict[tuple[str, str], list[str]] = {}
    count = 0
    for name, start, end in shifts:
        outside = coverage.subtract([(max(start, now), min(end, until))], coverage.merge(is_open))
        count += bool(outside)
        for part in outside:
            local_start, local_end = (wall_clock.to_wall_time(at, zone) for at in part)
            hours = f"{local_start:%A} {local_start:%H:%M}–{local_end:%H:%M}"
            first_days.setdefault((name, hours), []).append(format_day(local_start.date()))
    if not count:
        return []
    some = "1 planned shift is" if count == 1 else f"{count} planned shifts are"
    lines = [f"In the next {WEEKS} weeks {some} outside these hours, in part or as a whole: no phone rings then."]
    for (name, hours), days in list(first_days.items())[:MAX_LISTED]:
        lines.append(f"{name}, {hours}: {days[0]}" + (f" and {len(days) - 1} more" if len(days) > 1 else ""))
    more = len(first_days) - MAX_LISTED
    return [*lines, *([f"… and {more} more"] if more > 0 else [])]
