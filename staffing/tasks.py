"""Work that the outbox does about schedules."""

from datetime import datetime
from typing import Any

from config.outbox import worker
from staffing import location_guard
from staffing.notifications import reminders, rota_changes


@worker.task("staffing.follow")
def enqueue_rota_messages(*, job: worker.TaskContext, user_id: str, since: str, **_: Any) -> None:
    """Let a person hear of a batch of changes."""
    rota_changes.enqueue_messages(user_id, datetime.fromisoformat(since), job=job)


@worker.task("staffing.tell_changes")
def send_rota_message(*, job: worker.TaskContext, user_id: str, since: str, channel: str, **_: Any) -> None:
    """Tell a person on one channel what was changed."""
    rota_changes.send_message(user_id, datetime.fromisoformat(since), channel, job=job)


@worker.task("staffing.plan_reminder")
def plan_reminder(*, job: worker.TaskContext, user_id: str, **_: Any) -> None:
    """Plan the reminder of a person's next shift."""
    reminders.plan_reminder(user_id, job=job)


@worker.task("staffing.remind")
def enqueue_reminders(*, job: worker.TaskContext, user_id: str, start: str, **_: Any) -> None:
    """Remind a person of a shift, and plan the next reminder."""
    reminders.enqueue_reminders(user_id, datetime.fromisoformat(start), job=job)


@worker.task("staffing.tell_reminder")
def send_reminder(*, job: worker.TaskContext, user_id: str, start: str, channel: str, **_: Any) -> None:
    """Send one reminder."""
    reminders.send_reminder(user_id, datetime.fromisoformat(start), channel, job=job)


@worker.task("staffing.clear_location")
def end_location_schedules(*, job: worker.TaskContext, location_id: str, **_: Any) -> None:
    """Remove what was planned in the moment in which a location went."""
    location_guard.end_location_schedules(location_id, job=job)
