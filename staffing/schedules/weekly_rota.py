"""A weekly series of a person from a shift template, on some weekdays."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ulid import base32

from accounts.permissions import Actor
from staffing.models import Schedule, Template
from staffing.recurrence import rules
from staffing.schedules import commands


@dataclass(frozen=True)
class WeeklySeries:
    """Who works where at the times of a template, on which weekdays, and from which day on."""

    staff_id: str
    location_id: str
    template: Template
    days: tuple[str, ...]
    """Codes such as ``mo``; at least one."""
    first_day: date

    def times(self) -> tuple[datetime, datetime]:
        """Start and end of the first shift, local; the end may be on the next day."""
        weekdays = [rules.WEEKDAY_CODES.index(day) for day in self.days]
        ahead = min((weekday - self.first_day.weekday()) % 7 for weekday in weekdays)
        day = self.first_day + timedelta(days=ahead)
        start, end = (
            datetime.fromisoformat(f"{day.isoformat()}T{time}") for time in (self.template.start, self.template.end)
        )
        return start, end if end > start else end + timedelta(days=1)


def create_series(week: WeeklySeries, *, actor: Actor, at: datetime) -> Schedule:
    """Create the series, once. Raises what `commands.create_schedule` raises."""
    start, end = week.times()
    draft = commands.ScheduleDraft(
        customer_id=str(actor.customer_id),
        location_id=week.location_id,
        staff_id=week.staff_id,
        start=start,
        end=end,
        recurring=True,
        pattern={"frequency": "weekly", "byDay": [{"day": day} for day in week.days]},
        template_id=str(week.template.id),
        id=_derive_id(week, actor, start),
    )
    return commands.create_schedule(draft, actor=actor, at=at)


def _derive_id(week: WeeklySeries, actor: Actor, start: datetime) -> str:
    parts = [
        *("weekly rota", str(actor.customer_id), week.staff_id, week.location_id, str(week.template.id)),
        *(",".join(week.days), start.isoformat()),
    ]
    return f"sch_{base32.encode(hashlib.sha256(chr(0).join(parts).encode()).digest()[:16])}"
