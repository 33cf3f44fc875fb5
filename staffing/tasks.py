"""Work that the outbox does about schedules."""

from datetime import datetime
from typing import Any

from config.outbox import worker
from staffing import location_guard
from staffing.notifications import reminders, rota_changes


@worker.task("staffing.follow")
def follow(*, job: worker.Job, user_id: str, since: str, **_: Any) -> None:
    """Let a person hear of a batch of changes."""
    rota_changes.follow(user_id, datetime.fromisoformat(since), job=job)


@worker.task("staffing.tell_changes")
def tell_changes(*, job: worker.Job, user_id: str, since: str, channel: str, **_: Any) -> None:
    """Tell a person on one channel what was changed."""
    rota_changes.tell(user_id, datetime.fromisoformat(since), channel, job=job)


@worker.task("staffing.plan_reminder")
def plan_reminder(*, job: worker.Job, user_id: str, **_: Any) -> None:
    """Plan the reminder of a person's next shift."""
    reminders.plan(user_id, job=job)


@worker.task("staffing.remind")
def remind(*, job: worker.Job, user_id: str, start: str, **_: Any) -> None:
    """Remind a person of a shift, and plan the next reminder."""
    reminders.remind(user_id, datetime.fromisoformat(start), job=job)


@worker.task("staffing.tell_reminder")
def tell_reminder(*, job: worker.Job, user_id: str, start: str, channel: str, **_: Any) -> None:
    """Send one reminder."""
    reminders.tell(user_id, datetime.fromisoformat(start), channel, job=job)


@worker.task("staffing.clear_location")
def clear_location(*, job: worker.Job, location_id: str, **_: Any) -> None:
    """Remove what was planned in the moment in which a location went."""
    location_guard.clear(location_id, job=job)
