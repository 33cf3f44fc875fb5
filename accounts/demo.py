"""Demo customers and their users, who set their passwords through invitations."""

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
class DemoCustomer:
    """A demo customer: its users, the owner first, and its locations."""

    people: list[User]
    locations: list[Location]

    @property
    def owner(self) -> permissions.Actor:
        return permissions.user_actor(self.people[0])


def create_harbour_dental() -> DemoCustomer:
    """Create Harbour Dental: an owner, an admin, a manager of Boston, two staff."""
    ann = _create_owner("Harbour Dental", "Ann Archer", "harbour")
    owner = permissions.user_actor(ann)
    created_locations = [
        locations.create_location(actor=owner, name=name, time_zone=zone, at=datetime.now(UTC))
        for name, zone in (("Boston Harbour", "America/New_York"), ("Denver", "America/Denver"))
    ]
    boston, denver = (location.id for location in created_locations)
    members = [
        ("Abe Atwood", "admin", None),
        ("Mia Moreno", "manager", [boston]),
        ("Sam Reed", "staff", [boston]),
        ("Sue Stone", "staff", [boston, denver]),
    ]
    users = [_create_active_user(owner, "harbour", *member) for member in members]
    return DemoCustomer([ann, *users], created_locations)


def create_hilltop_vets() -> DemoCustomer:
    """Create Hilltop Vets: an owner and one staff."""
    cleo = _create_owner("Hilltop Vets", "Cleo Cole", "hilltop")
    owner, at = permissions.user_actor(cleo), datetime.now(UTC)
    location = locations.create_location(actor=owner, name="Hilltop", time_zone="Europe/Berlin", at=at)
    carl = _create_active_user(owner, "hilltop", "Carl Quist", "staff", [location.id])
    return DemoCustomer([cleo, carl], [location])


def _create_owner(customer_name: str, name: str, domain: str) -> User:
    email = f"{first_name(name)}@{domain}.example"
    _, owner = customers.create_customer(name=customer_name, owner_name=name, owner_email=email, at=datetime.now(UTC))
    return _accept_invitation(owner)


def _create_active_user(
    owner: permissions.Actor, domain: str, name: str, role: str, location_ids: list[str] | None
) -> User:
    new_user = create.NewUserData(
        customer_id=owner.customer_id,
        email=f"{first_name(name)}@{domain}.example",
        name=name,
        role=role,
        locations=location_ids,
    )
    return _accept_invitation(create.create_user(new_user, actor=owner, at=datetime.now(UTC)))


def _accept_invitation(user: User) -> User:
    """Open the link of the invitation, set a password, and make the user active."""
    link = auth0.create_password_ticket(user_id=user.id, seconds=600)
    httpx.post(link, data={"password": _password(user)}).raise_for_status()
    return identity.accept_invitation(user, origin=permissions.Origin(), at=datetime.now(UTC))


def sign_in_details(user: User) -> dict[str, Any]:
    """The identity and password of a user, for ``.local/run.json``."""
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
    """The first name in lower case, as in the demo's addresses and passwords."""
    return name.partition(" ")[0].lower()
