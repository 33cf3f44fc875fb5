"""A line that is open for two hours tomorrow, with somebody on duty and somebody in charge."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts import users
from tests.support.calls import LineFixture, create_line
from tests.support.devices import drain_outbox, list_pushes, register_device
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now

ZONE = ZoneInfo("America/New_York")
WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
LOOK_SECONDS = 66
"""After which everything that was changed has been looked at."""


def tomorrow(hour: int) -> datetime:
    """A full hour of tomorrow, by Boston's clock."""
    day = now().astimezone(ZONE).date() + timedelta(days=1)
    return datetime.combine(day, time(hour))


@dataclass
class WatchedLine:
    """A location whose number is answered tomorrow from ten to twelve, and nobody's else's."""

    line: LineFixture
    sam: SignedInUser
    mia: SignedInUser

    @property
    def location_id(self) -> str:
        return str(self.line.location.id)

    def list_holes(self) -> list[dict[str, Any]]:
        """What Mia was told of, newest first."""
        return list_pushes(self.mia, "hole_found")


def create_watched_line(
    test_users: UserFixtures, env: Environment, *, name: str = "Harbour Street", is_open: bool = True
) -> WatchedLine:
    """Sam is on duty tomorrow from nine to one, with a phone that rings; Mia is the manager."""
    drain_outbox(LOOK_SECONDS)  # what other tests left
    line = create_line(test_users, name=name)
    hours: dict[str, Any] = {WEEKDAYS[tomorrow(10).weekday()]: [["10:00", "12:00"]]} if is_open else {}
    line.update_configuration(hours={"mode": "weekly", "weekly": hours or {"mo": []}})
    people = {}
    for person, role in (("Sam", "staff"), ("Mia", "manager")):
        user = test_users.create_user(locations=[line.location.id], role=role, name=f"{person} Reed")
        people[person] = accept_invitation(env, test_users.ann.web, users.get_user(user.id))
    times = (tomorrow(hour).isoformat() for hour in (9, 13))
    line.put_on_duty(*times, user=people["Sam"].user)
    watched = WatchedLine(line, register_device(people["Sam"]), register_device(people["Mia"]))
    drain_outbox(LOOK_SECONDS)
    assert watched.list_holes() == []
    return watched
