"""Creates the customer that the benchmark asks for, by the product's own functions.

``python -m bench.seed FOLDER COUNT``, with the product's environment, writes ``FOLDER/data.json``.
COUNT people are created beside those of the benchmark.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from accounts import customers, locations, permissions, users  # noqa: E402 - Django must be set up
from accounts.auth import identity  # noqa: E402
from accounts.models import Location, User  # noqa: E402
from accounts.users import create, update  # noqa: E402
from config.dev import services  # noqa: E402
from staffing.schedules import commands  # noqa: E402
from telephony import phone_verification  # noqa: E402
from telephony.numbers import inventory, purchase  # noqa: E402
from tests.emulators.auth0.tenant import Auth0Tenant  # noqa: E402

SIGNED_IN_USERS = 64
ADMINS = 16
OTHER_USERS = 36
"""Those after the ones who are signed in; the first of them are admins, who are signed in too."""
SCHEDULES = 100
SERIES = 30
"""How many of the schedules are series."""
ON_DUTY = 12
AUDIT_ENTRIES = 60
TOKEN_SECONDS = 86_400
FIRST_DAY = datetime(2031, 6, 2, 6)  # noqa: DTZ001 - local at the location; a Monday


class Seed:
    """A customer: people who are signed in, a full week, people on duty and a phone line."""

    def __init__(self, folder: Path) -> None:
        self._tenant = Auth0Tenant(str(folder / "identity.sqlite3"), issuer=settings.AUTH0["issuer"])
        customer, owner = customers.create_customer(
            name="Harbour Dental", owner_name="Ann Archer", owner_email="ann@bench.example", at=_now()
        )
        self.owner = _accept(owner)
        self.actor = permissions.user_actor(self.owner)
        self.customer_id = customer.id
        self.week, self.line, self.load = (self._create_location(name) for name in ("Boston", "Denver", "Austin"))
        self.people = [self._create_user(number) for number in range(SIGNED_IN_USERS + OTHER_USERS)]

    def create_further_people(self, count: int) -> list[str]:
        """People of the same kind; their ids."""
        first = len(self.people)
        return [self._create_user(number).id for number in range(first, first + count)]

    def create_schedules(self) -> None:
        """Fill a week of a location, and put people on duty at another one now."""
        for number in range(SCHEDULES):
            start = FIRST_DAY + timedelta(days=number % 7, hours=number // 25)
            person = self.people[number % (len(self.people) - ON_DUTY)]
            day = ("mo", "tu", "we", "th", "fr", "sa", "su")[number % 7]
            pattern = {"frequency": "weekly", "byDay": [{"day": day}]} if number % 10 < SERIES // 10 else None
            self._create_schedule(self.week, person, start, hours=8, pattern=pattern)
        yesterday = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0) - timedelta(days=2)
        for person in self.people[-ON_DUTY:]:
            self._create_schedule(self.line, person, yesterday, hours=24, pattern={"frequency": "daily"})

    def create_audit_entries(self) -> None:
        """Give the first person a log of changes."""
        for number in range(AUDIT_ENTRIES):
            person = users.get_user(self.people[0].id)
            update.update_own_profile(
                person, {"profile_name": f"Name {number}"}, actor=permissions.user_actor(person), at=_now()
            )

    def create_phone_line(self) -> str:
        """Let those on duty ring at their location's number; the number."""
        for number, person in enumerate(self.people[-ON_DUTY:]):
            changes = {"phone": f"+16175550{number + 100}", "settings": {"ringing": True}}
            updated = update.update_own_profile(
                users.get_user(person.id), changes, actor=permissions.user_actor(person), at=_now()
            )
            phone_verification.mark_verified(updated, at=_now())
        available = inventory.search_numbers("US", "617", actor=self.actor)
        return str(
            purchase.purchase_number(available[0].number, self.line.id, actor=self.actor, at=_now()).number.number
        )

    def token(self, person: User) -> str:
        """An access token of a person."""
        issued_at = int(time.time())
        claims = {"iss": settings.AUTH0["issuer"], "aud": services.AUDIENCE, "sub": f"auth0|{person.id}"}
        return self._tenant.sign({**claims, "iat": issued_at, "exp": issued_at + TOKEN_SECONDS})

    def _create_location(self, name: str) -> Location:
        return locations.create_location(actor=self.actor, name=name, time_zone="America/New_York", at=_now())

    def _create_user(self, number: int) -> User:
        is_admin = SIGNED_IN_USERS <= number < SIGNED_IN_USERS + ADMINS
        new_user = create.NewUserData(
            customer_id=self.customer_id,
            email=f"person{number}@bench.example",
            name=f"Person Number {number}",
            role="admin" if is_admin else "manager",
            locations=None if is_admin else [self.week.id, self.line.id, self.load.id],
            skills=["reception", "first aid"],
        )
        return _accept(create.create_user(new_user, actor=self.actor, at=_now()))

    def _create_schedule(
        self, location: Location, person: User, start: datetime, *, hours: int, pattern: dict[str, Any] | None
    ) -> None:
        draft = commands.ScheduleDraft(
            customer_id=self.customer_id,
            location_id=location.id,
            staff_id=person.id,
            start=start,
            end=start + timedelta(hours=hours),
            recurring=pattern is not None,
            pattern=pattern,
        )
        commands.create_schedule(draft, actor=self.actor, at=_now())


def _accept(user: User) -> User:
    return identity.accept_invitation(user, origin=permissions.Origin(), at=_now())


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Create everything and write down what requests need."""
    folder, further_count = Path(sys.argv[1]), int(sys.argv[2])
    seed = Seed(folder)
    seed.create_schedules()
    seed.create_audit_entries()
    number = seed.create_phone_line()
    data = {
        "customerId": seed.customer_id,
        "tokens": [seed.token(person) for person in seed.people[:SIGNED_IN_USERS]],
        "adminTokens": [seed.token(person) for person in seed.people[SIGNED_IN_USERS:][:ADMINS]],
        "people": [person.id for person in seed.people],
        "furtherPeople": seed.create_further_people(further_count),
        "weekLocation": seed.week.id,
        "lineLocation": seed.line.id,
        "loadLocation": seed.load.id,
        "number": number,
        "webhook": f"{settings.PUBLIC_BASE_URL}/telephony/voice",
        "twilioAccount": settings.TWILIO["account_sid"],
        "twilioToken": settings.TWILIO["auth_token"],
    }
    (folder / "data.json").write_text(json.dumps(data))


if __name__ == "__main__":
    main()
