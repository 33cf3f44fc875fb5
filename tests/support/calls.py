"""What tests of calls share: locations with a number, people on duty there, and transcripts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from accounts import locations
from accounts.models import Location, User
from telephony.numbers import purchase
from tests.conftest import Cast, can_be_rung, free_number, made_shift, now, ring

NOON = datetime.fromisoformat("2027-06-02T12:00:00-04:00")
"""A Wednesday noon in Boston."""


@dataclass
class Line:
    """A location with a number."""

    cast: Cast
    place: Location
    number: str

    def on_duty(
        self,
        start: str,
        end: str,
        *,
        user: User | None = None,
        rings: bool = True,
        name: str = "Dora Quick",
    ) -> tuple[User, str]:
        """Somebody who works here between these wall times; with the phone that is rung."""
        who = user or self.cast.fresh(locations=[self.place.id], name=name)
        phone = can_be_rung(who) if rings else ""
        made_shift(
            self.cast.ann.actor,
            self.place,
            who.id,
            start=datetime.fromisoformat(start),
            end=datetime.fromisoformat(end),
        )
        return who, phone

    def configure(self, **members: Any) -> dict[str, Any]:
        """Change members of the configuration; the answer."""
        path = f"/ivrConfiguration/{self.place.id}"
        configuration = {**self.cast.ann.get(path).json()["configuration"], **members}
        answer = self.cast.ann.call("PUT", path, json={"configuration": configuration})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["configuration"])

    def call(self, at: datetime | str = NOON, **asked: Any) -> "Heard":
        """Somebody calls."""
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        return Heard(ring(self.number, at=moment.isoformat(), **asked), self)

    def record(self, call_id: str) -> dict[str, Any]:
        """The call as the API shows it."""
        found = self.cast.ann.get(
            f"/call?locationId={self.place.id}&from=2025-01-01T00:00:00Z&to=2035-01-01T00:00:00Z"
        )
        return next(one for one in found.json()["items"] if one["id"] == call_id)


@dataclass
class Heard:
    """A call that was made."""

    answer: dict[str, Any]
    line: Line

    @property
    def id(self) -> str:
        return str(self.answer["sid"])

    @property
    def lines(self) -> list[str]:
        return list(self.answer["lines"])

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def posted(self) -> list[dict[str, Any]]:
        return list(self.answer["posted"])

    @property
    def record(self) -> dict[str, Any]:
        return self.line.record(self.id)

    def happened(self, *parts: str) -> None:
        """These lines came, in this order."""
        rest = iter(self.lines)
        for part in parts:
            assert any(part in line for line in rest), f"{part!r} is missing in\n{self.text}"

    def never(self, part: str) -> None:
        """This did not happen."""
        assert part not in self.text, f"{part!r} is in\n{self.text}"


def opened(cast: Cast, *, zone: str = "America/New_York", name: str = "Harbour Street") -> Line:
    """A new location with a number of its own."""
    place = locations.create(actor=cast.ann.actor, name=name, time_zone=zone, at=now())
    number = free_number()
    purchase.purchase(number, place.id, actor=cast.ann.actor, at=now())
    return Line(cast, place, number)


def local(moment: datetime, zone: str = "America/New_York") -> str:
    """A moment as wall time."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()


def around(moment: datetime, hours: float = 4) -> tuple[str, str]:
    """Wall times in Boston around a moment."""
    return local(moment - timedelta(hours=hours)), local(moment + timedelta(hours=hours))


def post(url: str, form: dict[str, str], **headers: str) -> httpx.Response:
    """A webhook, with these headers."""
    return httpx.post(url, data=form, headers=headers, timeout=30)
