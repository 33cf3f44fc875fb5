"""Shifts that were planned with old zone rules, and the state of an installation that has some."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Location, User
from config import dynamodb, outbox, zone_rules
from config.dynamodb import unaudited
from staffing.models import Schedule
from staffing.schedules import availability
from tests.support import old_rules
from tests.support.environment import Environment
from tests.support.http_client import HTTP
from tests.support.users import UserFixtures


def mark_outdated() -> None:
    """Say that stored instants were derived by an earlier release."""
    state = zone_rules.InstallationState(zone_rules.STATE_NAME)
    values = zone_rules.InstallationState.value.set(old_rules.OLD_VERSION)
    assert unaudited.update(state, [values], zone_rules.InstallationState.name.exists())
    zone_rules.refresh()


def update_keys(env: Environment) -> str:
    """Run the update, and let this process know; what it printed."""
    update = env.run_management_command("zones", "update")
    assert update.returncode == 0, update.stdout + update.stderr
    zone_rules.refresh()
    assert zone_rules.tolerance() == timedelta(0)
    return update.stdout


@dataclass
class PlannedShift:
    """A person, and their single shift that was planned with the old rules."""

    test_users: UserFixtures
    location: Location
    user: User
    id: str

    @property
    def schedule(self) -> Schedule:
        schedule = dynamodb.get_record(Schedule, self.id)
        assert schedule is not None
        return schedule

    def list_row_ends(self) -> list[str]:
        """The keys of their availability."""
        return [str(row.end) for row in availability.fetch_rows(self.user.id, None, None)]


def list_reminders(user_id: str) -> dict[str, datetime]:
    """The messages that remind a person: the start of the shift by id."""
    pages = dynamodb.iter_pages("Scan", TableName=outbox.OutboxMessage.table_name(), ConsistentRead=True)
    messages = [outbox.OutboxMessage.from_item(item) for page in pages for item in page]
    return {
        str(message.id): datetime.fromisoformat(message.arguments["start"])
        for message in messages
        if message.task == "staffing.remind" and message.arguments["user_id"] == user_id
    }


def wait_for_status(web: str, status: str) -> dict[str, Any]:
    """What ``/readyz`` says of zone rules, once it is this."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        report: dict[str, Any] = HTTP.get(f"{web}/readyz").json()["zoneRules"]
        if report["status"] == status or (status, report["status"]) == ("ok", "old"):
            return report
        time.sleep(0.2)
    raise TimeoutError(str(report))


def plan_reminder_as_before(shift: PlannedShift, message_id: str, start: datetime) -> None:
    """Enqueue a reminder at the start of a shift by the old rules."""
    author = shift.test_users.ann.actor
    arguments = {"user_id": shift.user.id, "start": start.isoformat()}
    message = outbox.build_message(
        "staffing.remind", arguments, message_id=message_id, author=author, key=None, due_at=start - timedelta(days=1)
    )
    dynamodb.call("PutItem", TableName=outbox.OutboxMessage.table_name(), Item=message.serialize())
