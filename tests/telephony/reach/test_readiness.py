"""Who could not be rung in the next shift is told, and shortly before it who is in charge."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts import users
from tests.support.calls import LineFixture, create_line
from tests.support.devices import drain_outbox, list_pushes, register_device
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, emails_to, enable_ringing, now
from tests.telephony.reach.watched_line import LOOK_SECONDS

ZONE = ZoneInfo("America/New_York")
HOURS_AHEAD = 3


class Team:
    """A line with Sam, whose shift starts in three hours, and Mia, the manager."""

    def __init__(self, test_users: UserFixtures, env: Environment) -> None:
        drain_outbox(LOOK_SECONDS)  # what other tests left
        self.line: LineFixture = create_line(test_users, name="Kai")
        self.env, self.test_users = env, test_users
        self.sam, self.mia = self.add("Sam", "staff"), self.add("Mia", "manager")
        self.start = (now() + timedelta(hours=HOURS_AHEAD)).replace(second=0, microsecond=0)

    def add(self, name: str, role: str) -> SignedInUser:
        """Somebody of the location with a device."""
        user = self.test_users.create_user(locations=[self.line.location.id], role=role, name=f"{name} Reed")
        return register_device(accept_invitation(self.env, self.test_users.ann.web, users.get_user(user.id)))

    def plan(self, person: SignedInUser | None = None) -> None:
        """A shift of four hours; after a moment the line has been looked at."""
        start, end = (
            at.astimezone(ZONE).replace(tzinfo=None).isoformat() for at in (self.start, self.start + timedelta(hours=4))
        )
        self.line.put_on_duty(start, end, user=(person or self.sam).user, has_ringing_phone=False)
        drain_outbox(LOOK_SECONDS)

    def wait_until(self, minutes: int) -> None:
        """Process what is due so many minutes before the start."""
        before = self.start - timedelta(minutes=minutes)
        drain_outbox((before - now()).total_seconds() + 1)

    def pushes(self, person: SignedInUser) -> list[dict[str, Any]]:
        return list_pushes(person, "not_ringable")


@pytest.fixture
def team(test_users: UserFixtures, env: Environment) -> Team:
    return Team(test_users, env)


def test_who_cannot_be_called_is_notified_and_then_the_manager(team: Team, env: Environment) -> None:
    team.plan()
    team.wait_until(61)
    assert team.pushes(team.sam) == []
    team.wait_until(60)
    (push,) = team.pushes(team.sam)
    assert push["title"] == "Calls cannot ring your phone"
    assert push["body"].startswith("Kai: ")
    assert push["body"].endswith("Enter your phone number in the app and verify it.")
    assert push["data"] == {"event": "not_ringable", "locationId": team.line.location.id}
    assert team.pushes(team.mia) == []

    team.wait_until(15)
    (push,) = team.pushes(team.mia)
    assert push["title"] == "Calls cannot reach everybody"
    assert push["body"].endswith("Sam Reed has no phone number.")
    assert len(team.pushes(team.sam)) == 1
    assert [mail for mail in emails_to(env, team.sam.user.email) if "phone" in mail["subject"]] == []

    team.plan(team.add("Sue", "staff"))  # another look, and another check of the same start
    team.wait_until(10)
    assert len(team.pushes(team.sam)) == len(team.pushes(team.mia)) == 1


def test_who_mends_it_is_not_reported(team: Team) -> None:
    team.plan()
    team.wait_until(60)
    assert len(team.pushes(team.sam)) == 1
    enable_ringing(team.sam.user)
    team.wait_until(15)
    assert team.pushes(team.mia) == []


def test_who_can_be_called_hears_nothing(team: Team) -> None:
    enable_ringing(team.sam.user)
    team.plan()
    team.wait_until(60)
    team.wait_until(15)
    assert team.pushes(team.sam) == team.pushes(team.mia) == []


def test_a_shift_that_starts_soon_is_checked_at_once(team: Team) -> None:
    team.start = now() + timedelta(minutes=30)
    team.plan()
    assert len(team.pushes(team.sam)) == 1


SILENT: dict[str, dict[str, Any]] = {
    "the line is closed": {"hours": {"mode": "weekly", "weekly": {"mo": []}}},
    "it rings others": {"open": {"type": "ring", "target": {"users": []}, "otherwise": {"type": "voicemail"}}},
    "it rings other skills": {
        "open": {"type": "ring", "target": {"onDuty": {"skills": ["tax"]}}, "otherwise": {"type": "voicemail"}}
    },
}


@pytest.mark.parametrize("why", SILENT)
def test_nobody_is_notified_of_lines_that_ring_nobody_on_duty_then(team: Team, why: str) -> None:
    changes = dict(SILENT[why])
    if why == "it rings others":
        changes["open"]["target"]["users"] = [team.mia.id]
    team.line.update_configuration(**changes)
    team.plan()
    team.wait_until(60)
    team.wait_until(15)
    assert team.pushes(team.sam) == team.pushes(team.mia) == []


def test_nobody_is_notified_of_a_shift_that_was_removed(team: Team) -> None:
    team.plan()
    schedules = team.test_users.ann.get("/staffSchedule", params={"locationId": team.line.location.id}).json()["items"]
    for schedule in schedules:
        assert team.test_users.ann.request("DELETE", f"/staffSchedule/{schedule['id']}").is_success
    team.wait_until(60)
    team.wait_until(15)
    assert team.pushes(team.sam) == team.pushes(team.mia) == []
