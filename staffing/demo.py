"""The demo rota: somebody is always on duty at each location of Harbour Dental."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from accounts import demo
from accounts.permissions import Actor
from staffing import shift_templates
from staffing.recurrence import rules, wall_clock
from staffing.schedules import commands

WEEKS = 6
"""How long ago the rota starts: before the calls of the demo."""
WEEKDAYS = ("mo", "tu", "we", "th", "fr")
_ROTA = (
    # person, location, weekdays, start hour, hours
    ("sam", "Boston Harbour", WEEKDAYS, 8, 10),
    ("sue", "Boston Harbour", WEEKDAYS, 18, 14),
    ("mia", "Boston Harbour", ("sa", "su"), 8, 24),
    ("abe", "Denver", rules.WEEKDAY_CODES, 6, 12),
    ("ann", "Denver", rules.WEEKDAY_CODES, 18, 12),
)


def create_rota(
    owner: Actor, *, user_ids: Mapping[str, str], locations_by_name: Mapping[str, tuple[str, str]], at: datetime
) -> None:
    """Create the rota, starting `WEEKS` ago.

    ``user_ids`` by first name; ``locations_by_name``: id and time zone by name.
    """
    for user_name, location_name, days, hour, hours in _ROTA:
        location_id, zone = locations_by_name[location_name]
        first_start = _get_first_start(days[0], hour, wall_clock.to_wall_time(at, zone) - timedelta(weeks=WEEKS))
        pattern = {"frequency": "weekly", "byDay": [{"day": day} for day in days]}
        draft = commands.ScheduleDraft(
            customer_id=owner.customer_id,
            location_id=location_id,
            staff_id=user_ids[user_name],
            start=first_start,
            end=first_start + timedelta(hours=hours),
            recurring=True,
            pattern=pattern,
        )
        _create_schedule(draft, owner, at)
    weekdays = {"frequency": "weekly", "byDay": [{"day": day} for day in WEEKDAYS]}
    values = {"name": "Weekdays, by day", "start": "08:00", "end": "18:00", "pattern": weekdays}
    values["location_id"] = locations_by_name["Boston Harbour"][0]
    demo.repeat_while_unavailable(
        lambda: shift_templates.create_template(values, actor=owner, at=at, idempotency_key=demo.step_key("template"))
    )


def _create_schedule(draft: commands.ScheduleDraft, owner: Actor, at: datetime) -> None:
    key = demo.step_key(f"schedule {draft.staff_id}")
    demo.repeat_while_unavailable(lambda: commands.create_schedule(draft, actor=owner, at=at, idempotency_key=key))


def _get_first_start(day: str, hour: int, after: datetime) -> datetime:
    """The first of these weekdays on or after a wall time."""
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    days_ahead = (rules.WEEKDAY_CODES.index(day) - midnight.weekday()) % 7
    return midnight + timedelta(days=days_ahead, hours=hour)
