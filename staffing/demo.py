"""The rota of the demo: somebody is on duty at each place of Harbour Dental at every moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from accounts.permissions import Actor
from staffing import shift_templates
from staffing.recurrence import expand
from staffing.schedules import commands

WEEKDAYS = ("mo", "tu", "we", "th", "fr")
_ROTA = (
    # who, where, days, from, hours
    ("sam", "Boston Harbour", WEEKDAYS, 8, 10),
    ("sue", "Boston Harbour", WEEKDAYS, 18, 14),
    ("mia", "Boston Harbour", ("sa", "su"), 8, 24),
    ("abe", "Denver", expand.DAYS, 6, 12),
    ("ann", "Denver", expand.DAYS, 18, 12),
)


def rota(
    owner: Actor, *, people: Mapping[str, str], places: Mapping[str, tuple[str, str]], at: datetime
) -> None:
    """Plan it from two weeks ago on: ids of people by name, ids and zones of places by name."""
    for who, where, days, hour, hours in _ROTA:
        place, zone = places[where]
        first = _first(days[0], hour, expand.wall(at, zone) - timedelta(days=14))
        pattern = {"frequency": "weekly", "byDay": [{"day": day} for day in days]}
        wanted = commands.Wanted(
            customer_id=owner.customer_id,
            location_id=place,
            staff_id=people[who],
            start=first,
            end=first + timedelta(hours=hours),
            recurring=True,
            pattern=pattern,
        )
        commands.create(wanted, actor=owner, at=at)
    weekdays = {"frequency": "weekly", "byDay": [{"day": day} for day in WEEKDAYS]}
    values = {"name": "Weekdays, by day", "start": "08:00", "end": "18:00", "pattern": weekdays}
    shift_templates.create(
        {**values, "location_id": places["Boston Harbour"][0]}, actor=owner, at=at
    )


def _first(day: str, hour: int, near: datetime) -> datetime:
    """The first such weekday after a wall time."""
    midnight = near.replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = (expand.DAYS.index(day) - midnight.weekday()) % 7
    return midnight + timedelta(days=ahead, hours=hour)
