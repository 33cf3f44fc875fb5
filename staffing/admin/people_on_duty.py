"""What people have in the rota, for operators who are about to block them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from accounts import locations, users
from config import dynamodb
from config.backoffice.clock import format_day_time
from staffing.schedules import expansion, queries
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter

DAYS = 7
MAX_NAMED = 10


def describe_duty(user_ids: Sequence[str], customer_id: str, at: datetime) -> list[str]:
    """Sentences: who of these people is on duty now, and how many shifts they have to come."""
    schedule_filter = ScheduleFilter(customer_id=customer_id, since=at, until=at + timedelta(days=DAYS))
    try:
        schedules = queries.list_schedules_in(schedule_filter)
    except queries.QueryTooWide:
        return ["The rota is too large to say who of them is on duty."]
    chosen = set(user_ids)
    theirs = [schedule for schedule in schedules if chosen & queries.list_staff_ids(schedule)]
    shifts = [shift for shift in expansion.iter_series_shifts(theirs, schedule_filter) if shift.staff_id in chosen]
    now = [shift for shift in shifts if shift.occurrence.start <= at < shift.occurrence.end]
    count = len(shifts) - len(now)
    return [
        *(_describe_now(now, customer_id) if now else ["Nobody of them is on duty now."]),
        f"Planned shifts of them in the next {DAYS} days: {count}." if count else f"No shifts in the next {DAYS} days.",
    ]


def _describe_now(shifts: Sequence[Shift], customer_id: str) -> list[str]:
    shown = shifts[:MAX_NAMED]
    names, locations_by_id = dynamodb.gather(
        lambda: users.load_display_names(sorted({shift.staff_id for shift in shown}), customer_id),
        lambda: locations.load_locations(sorted({str(shift.schedule.location_id) for shift in shown}), customer_id),
    )
    sentences = []
    for shift in shown:
        location = locations_by_id.get(str(shift.schedule.location_id))
        zone = str(location.time_zone) if location else "UTC"
        end = shift.occurrence.end.astimezone(ZoneInfo(zone))
        where = f" at {location.name}" if location else ""
        name = names.get(shift.staff_id, "Somebody")
        sentences.append(f"On duty now: {name}{where}, until {format_day_time(end)} {end:%Z}.")
    more = len(shifts) - len(shown)
    return [*sentences, *([f"On duty now: {more} more."] if more else [])]
