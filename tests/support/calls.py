"""Helpers for tests of calls: locations with a number, users on duty, and transcripts."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from accounts import locations
from accounts.models import Location, User
from telephony.numbers import purchase
from tests.support.http_client import HTTP
from tests.support.users import UserFixtures, create_shift, enable_ringing, free_number, now, simulate_call

WEDNESDAY_NOON = datetime.fromisoformat("2027-06-02T12:00:00-04:00")
"""A Wednesday noon in Boston."""


def new_call_ids(count: int) -> list[str]:
    """Ids of calls in ascending order, which no other test has."""
    prefix = secrets.token_hex(8)
    return [f"CA{prefix}{number:016x}" for number in range(count)]


@dataclass
class LineFixture:
    """A location with a number."""

    test_users: UserFixtures
    location: Location
    number: str

    def put_on_duty(
        self,
        start: str,
        end: str,
        *,
        user: User | None = None,
        has_ringing_phone: bool = True,
        name: str = "Dora Quick",
    ) -> tuple[User, str]:
        """Create a user on duty here between two local times, with a verified phone; the phone."""
        employee = user or self.test_users.create_user(locations=[self.location.id], name=name)
        phone = enable_ringing(employee) if has_ringing_phone else ""
        create_shift(
            self.test_users.ann.actor,
            self.location,
            employee.id,
            start=datetime.fromisoformat(start),
            end=datetime.fromisoformat(end),
        )
        return employee, phone

    def update_configuration(self, **changes: Any) -> dict[str, Any]:
        """Change members of the IVR configuration; the response."""
        path = f"/ivrConfiguration/{self.location.id}"
        configuration = {**self.test_users.ann.get(path).json()["configuration"], **changes}
        response = self.test_users.ann.request("PUT", path, json={"configuration": configuration})
        assert response.status_code == 200, response.text
        return dict(response.json()["configuration"])

    def call(self, at: datetime | str = WEDNESDAY_NOON, **parameters: Any) -> "PlayedCall":
        """Simulate a call to the line."""
        called_at = datetime.fromisoformat(at) if isinstance(at, str) else at
        return PlayedCall(simulate_call(self.number, at=called_at.isoformat(), **parameters), self)

    def get_call(self, call_id: str) -> dict[str, Any]:
        """The call as the API returns it."""
        response = self.test_users.ann.get(
            f"/call?locationId={self.location.id}&from=2025-01-01T00:00:00Z&to=2035-01-01T00:00:00Z"
        )
        return next(call for call in response.json()["items"] if call["id"] == call_id)


@dataclass
class PlayedCall:
    """A simulated call with its transcript."""

    result: dict[str, Any]
    line: LineFixture

    @property
    def id(self) -> str:
        return str(self.result["sid"])

    @property
    def transcript(self) -> list[str]:
        return list(self.result["lines"])

    @property
    def text(self) -> str:
        return "\n".join(self.transcript)

    @property
    def webhooks(self) -> list[dict[str, Any]]:
        return list(self.result["posted"])

    @property
    def api_record(self) -> dict[str, Any]:
        return self.line.get_call(self.id)

    def assert_sequence(self, *parts: str) -> None:
        """Assert that the transcript contains these parts in this order."""
        remaining_lines = iter(self.transcript)
        for part in parts:
            assert any(part in line for line in remaining_lines), f"{part!r} is missing in\n{self.text}"

    def assert_absent(self, part: str) -> None:
        """Assert that the transcript does not contain these parts."""
        assert part not in self.text, f"{part!r} is in\n{self.text}"


def create_line(
    test_users: UserFixtures, *, zone: str = "America/New_York", name: str = "Harbour Street"
) -> LineFixture:
    """Create a location with a phone number."""
    location = locations.create_location(actor=test_users.ann.actor, name=name, time_zone=zone, at=now())
    number = free_number()
    purchase.purchase_number(number, location.id, actor=test_users.ann.actor, at=now())
    return LineFixture(test_users, location, number)


def to_local_time(instant: datetime, zone: str = "America/New_York") -> str:
    """An instant as local time, in Boston by default."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()


def local_times_around(instant: datetime, hours: float = 4) -> tuple[str, str]:
    """Local times in Boston around an instant."""
    return to_local_time(instant - timedelta(hours=hours)), to_local_time(instant + timedelta(hours=hours))


def new_sid() -> str:
    """An id of Twilio's for a call that no other test uses."""
    return f"CA{secrets.token_hex(16)}"


def post_webhook(url: str, form: dict[str, str], **headers: str) -> httpx.Response:
    """Post a webhook with these headers."""
    return HTTP.post(url, data=form, headers=headers, timeout=30)
