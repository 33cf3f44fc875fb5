"""What every test may use: the cast. Ann (owner), Abe (admin), Mia (manager), Sam (staff) of
Harbour Dental, and Cleo (owner) of Hilltop Vets; new ones for every test module."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx
import pytest

from accounts import customers, locations, permissions, users
from accounts.auth import identity, tokens
from accounts.clients import auth0, auth0_http, expo
from accounts.models import Customer, Location, User
from accounts.users import create, update
from config import outbox
from config.outbox import worker
from staffing import shift_templates
from staffing.models import Schedule, Template
from staffing.schedules import commands
from telephony import phone_verification
from telephony.numbers import purchase
from telephony.numbers.reservation import Held
from telephony.twilio import client
from tests.support.crash_harness import Harness
from tests.support.environment import WORLD, World

PASSWORD = "a-good-password"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """One of the cast, signed in."""

    user: User
    token: str
    web: str

    @property
    def id(self) -> str:
        return str(self.user.id)

    @property
    def actor(self) -> permissions.Actor:
        return permissions.of(self.user)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Make a request as this person."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return httpx.request(method, self.web + path, headers=headers, timeout=30, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.call("GET", path, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.call("PATCH", path, json=body, **more)

    def delete(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.call("DELETE", path, **({"json": body} if body is not None else {}), **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.call("POST", path, json=body, **more)


@dataclass(frozen=True)
class Cast:
    """A business with its people, and an outsider."""

    customer: Customer
    boston: Location
    denver: Location
    ann: Person
    abe: Person
    mia: Person
    sam: Person
    elsewhere: Customer
    hilltop: Location
    cleo: Person

    @property
    def people(self) -> dict[str, Person]:
        return {"owner": self.ann, "admin": self.abe, "manager": self.mia, "staff": self.sam}

    def fresh(self, **more: Any) -> User:
        """Somebody new, invited: staff of Boston, unless told otherwise."""
        body = self.new_user()
        wanted = {"locations": [self.boston.id], "name": body["name"], **more}
        return create.create(
            create.Wanted(customer_id=self.customer.id, email=body["email"], **wanted),
            actor=self.ann.actor,
            at=now(),
        )

    def place(self) -> Location:
        """A new location without people."""
        return locations.create(actor=self.ann.actor, name="New", time_zone="UTC", at=now())

    def shift(self, **more: Any) -> Schedule:
        """A shift of Sam's in Boston, on a day of its own."""
        return made_shift(self.ann.actor, self.boston, self.sam.id, **more)

    @cached_property
    def foreign_shift(self) -> Schedule:
        """A shift of the outsider's."""
        return made_shift(self.cleo.actor, self.hilltop, self.cleo.id)

    def new_shift(self, **more: Any) -> dict[str, Any]:
        """A body for POST /staffSchedule that works."""
        start = next(_days)
        body = {
            "customerId": self.customer.id,
            "locationId": self.boston.id,
            "staffId": self.sam.id,
            "startTime": start.isoformat(),
            "endTime": (start + timedelta(hours=8)).isoformat(),
        }
        return {**body, **more}

    def template(self) -> Template:
        """A template for Boston."""
        return made_template(self.ann.actor, self.boston)

    @cached_property
    def foreign_template(self) -> Template:
        """A template of the outsider's."""
        return made_template(self.cleo.actor, self.hilltop)

    def bought(self, place: Location | None = None) -> Held:
        """A new number, of a new location unless told otherwise."""
        where = place or self.place()
        return purchase.purchase(free_number(), where.id, actor=self.ann.actor, at=now())

    @cached_property
    def held(self) -> Held:
        """The number of Boston."""
        return self.bought(self.boston)

    @cached_property
    def foreign_held(self) -> Held:
        """The outsider's number."""
        return purchase.purchase(free_number(), self.hilltop.id, actor=self.cleo.actor, at=now())

    @cached_property
    def recorded(self) -> str:
        """A call to our number of which there is a voicemail."""
        return with_voicemail(self.held)

    @cached_property
    def foreign_recorded(self) -> str:
        """One to the outsider's."""
        return with_voicemail(self.foreign_held)

    @cached_property
    def proven(self) -> bool:
        """Everybody of ours has a proven phone and is rung."""
        for person in self.people.values():
            can_be_rung(person.user)
        return True

    def new_user(self, **more: Any) -> dict[str, Any]:
        """A body for POST /user that works."""
        return {**new_body(self.customer.id), **more}


_days = (datetime(2032, 1, 1, 9) + timedelta(days=n) for n in itertools.count())  # noqa: DTZ001


def made_shift(actor: permissions.Actor, place: Location, staff_id: str, **more: Any) -> Schedule:
    """A shift on a day of its own, unless told otherwise."""
    start = more.pop("start", None) or next(_days)
    end = more.pop("end", start + timedelta(hours=8))
    wanted = commands.Wanted(actor.customer_id, place.id, staff_id, start, end, **more)
    return commands.create(wanted, actor=actor, at=now())


_lines = itertools.count(2_000_000)


def free_number() -> str:
    """A number in San Francisco that nobody has."""
    return f"+1415{next(_lines)}"


def phone_of(user: User) -> str:
    """The phone that a person of the cast gets."""
    return _phones.setdefault(user.id, f"+1617{next(_lines)}")


_phones: dict[str, str] = {}


def can_be_rung(user: User, phone: str = "") -> str:
    """Give somebody a proven phone and switch ringing on."""
    number = phone or phone_of(user)
    asked = {"phone": number, "settings": {"ringing": True}}
    latest = users.get(user.id)
    phone_verification.assume(
        update.change_oneself(latest, asked, actor=permissions.of(latest), at=now()), at=now()
    )
    return number


def ring(to: str, **asked: Any) -> dict[str, Any]:
    """Call a number; the transcript, the webhooks, and the call's id."""
    answer = httpx.post(f"{WORLD.twilio}/_local/calls", json={"to": to, **asked}, timeout=60)
    return dict(answer.raise_for_status().json())


def with_voicemail(held: Held) -> str:
    """Call a number, leave a message, and see it kept."""
    call = str(ring(held.number.number)["sid"])
    sweep()
    return call


def made_template(actor: permissions.Actor, place: Location) -> Template:
    """A template of single shifts."""
    values = {"name": "Early", "location_id": place.id, "start": "06:00", "end": "14:00"}
    return shift_templates.create(values, actor=actor, at=now())


def new_body(customer_id: str) -> dict[str, Any]:
    """A body that creates somebody new."""
    number = next(_numbers)
    return {
        "email": f"new{number}.{_stamp()}@harbour.example",
        "customerId": customer_id,
        "name": f"New Person {number}",
    }


def _stamp() -> str:
    return str(datetime.now(UTC).timestamp()).replace(".", "")


def now() -> datetime:
    """The tests' clock."""
    return datetime.now(UTC)


def sign_in(world: World, email: str, password: str = PASSWORD) -> str:
    """An access token, as an app gets it."""
    answer = httpx.post(
        f"{world.issuer}oauth/token",
        data={
            "grant_type": "password",
            "username": email,
            "password": password,
            "audience": "https://api.dutyline.example/",
            "client_id": "dutyline-app",
            "client_secret": "local-app-secret",
        },
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def come(world: World, web: str, user: User) -> Person:
    """The person follows the invitation, sets a password and signs in."""
    link = auth0.password_ticket(user_id=user.id, seconds=600)
    httpx.post(link, data={"password": PASSWORD}).raise_for_status()
    came = identity.accept(user, origin=permissions.Origin(), at=now())
    return Person(came, sign_in(world, user.email), web)


def make_cast(world: World, web: str) -> Cast:
    """A new business with its people."""

    def found(name: str, owner: str) -> tuple[Customer, Person]:
        email = f"{owner.lower()}.{_stamp()}@cast.example"
        customer, user = customers.create_customer(
            name=name, owner_name=f"{owner} Canary-{name[:3]}", owner_email=email, at=now()
        )
        return customer, come(world, web, user)

    customer, ann = found("Harbour Dental", "Ann")
    elsewhere, cleo = found("Hilltop Vets", "Cleo")
    boston, denver, hilltop = (
        locations.create(actor=who.actor, name=name, time_zone=zone, at=now())
        for who, name, zone in (
            (ann, "Boston", "America/New_York"),
            (ann, "Denver", "America/Denver"),
            (cleo, "Hilltop", "Europe/Berlin"),
        )
    )

    def join(name: str, role: str, places: list[str] | None = None) -> Person:
        wanted = create.Wanted(
            customer_id=customer.id,
            email=f"{name.lower()}.{_stamp()}@cast.example",
            name=f"{name} Canary-Har",
            role=role,
            locations=places,
        )
        return come(world, web, create.create(wanted, actor=ann.actor, at=now()))

    return Cast(
        customer=customer,
        boston=boston,
        denver=denver,
        ann=ann,
        abe=join("Abe", "admin"),
        mia=join("Mia", "manager", [boston.id]),
        sam=join("Sam", "staff", [boston.id]),
        elsewhere=elsewhere,
        hilltop=hilltop,
        cleo=cleo,
    )


@pytest.fixture(scope="session", autouse=True)
def django_test_environment() -> None:
    """Leave the settings alone: pytest-django's own fixture would catch mail in memory."""


@pytest.fixture(scope="session", autouse=True)
def no_open_connections() -> Iterator[None]:
    """Close the HTTP clients that this process keeps."""
    yield
    tokens.http().close()
    auth0_http.http().close()
    expo.http().close()
    client.close()


@pytest.fixture(scope="module")
def cast(world: World, web: str) -> Cast:
    """The cast of this test module; the web process has loaded Auth0's keys."""
    made = make_cast(world, web)
    assert made.ann.get("/user").status_code == 200
    return made


@pytest.fixture(scope="module")
def harness(world: World) -> Iterator[Harness]:
    """Processes that may be killed, of this test module."""
    one = Harness(world)
    yield one
    one.close()


@pytest.fixture(scope="session")
def openapi(web: str) -> dict[str, Any]:
    """The OpenAPI document as the product serves it."""
    return dict(httpx.get(f"{web}/openapi.json").raise_for_status().json())


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Note a figure; all of them are printed at the end of the run."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures that the tests noted."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    for report in reports:
        for name, text in report.user_properties:
            if name == "transcript":
                terminalreporter.section(str(text).partition("\n")[0], sep="·")
                terminalreporter.line(str(text).partition("\n")[2])
    figures = [text for r in reports for name, text in r.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
        for text in sorted(figures):
            terminalreporter.line(f"· {text}")


def mails_to(world: World, address: str) -> list[dict[str, Any]]:
    """The mails that reached an address, newest first."""
    found = httpx.get(f"{world.mail}/messages", params={"to": address})
    return list(found.raise_for_status().json())


def sweep(later: float = 0) -> worker.Report:
    """Do what is due, in this process, as it would be ``later`` seconds from now."""
    report = worker.Report()
    for shard in outbox.SHARDS:
        worker.drain(shard, clock=lambda: now() + timedelta(seconds=later), report=report)
    return report


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem document of a refusal, checked for its shape."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found = json.loads(answer.content)
    assert set(found) == {"type", "title", "status", "code", "detail", "errors", "requestId"}
    assert found["status"] == answer.status_code
    assert found["requestId"] == answer.headers["x-request-id"]
    return dict(found)
