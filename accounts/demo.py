"""The people of the demo. They set their passwords as everybody does."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from accounts import customers, locations, permissions
from accounts.auth import identity
from accounts.clients import auth0
from accounts.models import Location, User
from accounts.users import create

PASSWORD = "demo-{name}-1234"  # noqa: S105 - public, on this machine only


@dataclass(frozen=True)
class Business:
    """A customer of the demo: its owner first, then the others; its places by name."""

    people: list[User]
    places: list[Location]

    @property
    def owner(self) -> permissions.Actor:
        return permissions.of(self.people[0])


def harbour() -> Business:
    """Harbour Dental: an owner, an admin, a manager of Boston, two staff."""
    at = datetime.now(UTC)
    _, ann = customers.create_customer(
        name="Harbour Dental",
        owner_name="Ann Archer",
        owner_email="ann@harbour.example",
        at=at,
    )
    ann = _comes(ann)
    owner = permissions.of(ann)
    places = [
        locations.create(actor=owner, name=name, time_zone=zone, at=at)
        for name, zone in (("Boston Harbour", "America/New_York"), ("Denver", "America/Denver"))
    ]
    boston, denver = (place.id for place in places)
    rest = [
        ("Abe Atwood", "admin", None),
        ("Mia Moreno", "manager", [boston]),
        ("Sam Reed", "staff", [boston]),
        ("Sue Stone", "staff", [boston, denver]),
    ]
    people = [_joins(owner, "harbour", *who) for who in rest]
    return Business([ann, *people], places)


def hilltop() -> Business:
    """Hilltop Vets: an owner and one staff."""
    at = datetime.now(UTC)
    _, cleo = customers.create_customer(
        name="Hilltop Vets", owner_name="Cleo Cole", owner_email="cleo@hilltop.example", at=at
    )
    cleo = _comes(cleo)
    owner = permissions.of(cleo)
    place = locations.create(actor=owner, name="Hilltop", time_zone="Europe/Berlin", at=at)
    carl = _joins(owner, "hilltop", "Carl Quist", "staff", [place.id])
    return Business([cleo, carl], [place])


def _joins(
    owner: permissions.Actor, business: str, name: str, role: str, places: list[str] | None
) -> User:
    wanted = create.Wanted(
        customer_id=owner.customer_id,
        email=f"{first_name(name)}@{business}.example",
        name=name,
        role=role,
        locations=places,
    )
    return _comes(create.create(wanted, actor=owner, at=datetime.now(UTC)))


def _comes(user: User) -> User:
    """The person opens the invitation's link, sets a password, and is active."""
    link = auth0.password_ticket(user_id=user.id, seconds=600)
    httpx.post(link, data={"password": _password(user)}).raise_for_status()
    return identity.accept(user, origin=permissions.Origin(), at=datetime.now(UTC))


def account(user: User) -> dict[str, Any]:
    """Who somebody is and how they sign in, for ``.local/run.json``."""
    return {
        "email": user.email,
        "password": _password(user),
        "role": user.role,
        "customerId": user.customer_id,
        "userId": user.id,
        "locations": list(user.locations),
    }


def _password(user: User) -> str:
    return PASSWORD.format(name=first_name(user.name))


def first_name(name: str) -> str:
    """As the demo's addresses and passwords have it."""
    return name.partition(" ")[0].lower()
