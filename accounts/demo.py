"""Demo customers and their users, who set their passwords through invitations.

Every step can be repeated: on a busy machine, engines and emulators answer late.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

from accounts import customers, locations, permissions, users
from accounts.auth import identity
from accounts.clients import auth0
from accounts.models import Location, User
from accounts.users import create
from config import errors
from config.dynamodb import idempotency
from config.journal import two_phase

PATIENCE_SECONDS = 180
"""How long a step is repeated while a part of the product does not answer."""
T = TypeVar("T")
logger = logging.getLogger("dutyline.demo")

PASSWORD = "demo-{name}-1234"  # noqa: S105 - public, on this machine only


@dataclass(frozen=True)
class DemoCustomer:
    """A demo customer: its users, the owner first, and its locations."""

    people: list[User]
    locations: list[Location]

    @property
    def owner(self) -> permissions.Actor:
        return permissions.user_actor(self.people[0])


def repeat_while_unavailable(step: Callable[[], T]) -> T:
    """The result of a step that can be repeated. Raises `errors.Unavailable` after 3 minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return step()
        except errors.Unavailable as error:
            if time.monotonic() >= deadline:
                raise
            logger.warning("demo waits", extra={"why": str(error), "seconds": error.retry_after})
            time.sleep(error.retry_after)


def step_key(name: str) -> idempotency.IdempotencyKey:
    """The idempotency key of a step: repeated, it gives what it has created."""
    return idempotency.IdempotencyKey(f"demo#{name}", "demo")


def create_harbour_dental() -> DemoCustomer:
    """Create Harbour Dental: an owner, an admin, a manager of Boston, two staff."""
    ann = _create_owner("Harbour Dental", "Ann Archer", "harbour")
    owner = permissions.user_actor(ann)
    created_locations = [
        _create_location(owner, name, zone)
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
    owner = permissions.user_actor(cleo)
    location = _create_location(owner, "Hilltop", "Europe/Berlin")
    carl = _create_active_user(owner, "hilltop", "Carl Quist", "staff", [location.id])
    return DemoCustomer([cleo, carl], [location])


def _create_location(owner: permissions.Actor, name: str, zone: str) -> Location:
    def create_once() -> Location:
        return locations.create_location(
            actor=owner, name=name, time_zone=zone, at=datetime.now(UTC), idempotency_key=step_key(name)
        )

    return repeat_while_unavailable(create_once)


def _create_owner(customer_name: str, name: str, domain: str) -> User:
    email = f"{first_name(name)}@{domain}.example"

    def create_once() -> User:
        at = datetime.now(UTC)
        known = users.find_users_by_email([email]).get(email)
        if known is None:
            return customers.create_customer(name=customer_name, owner_name=name, owner_email=email, at=at)[1]
        attempt = two_phase.Attempt(permissions.system_actor(known.customer_id), at)
        return create.resume_creation(known.id, attempt) or known

    return _accept_invitation(repeat_while_unavailable(create_once))


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

    def create_once() -> User:
        key = step_key(new_user.email)
        return create.create_user(new_user, actor=owner, at=datetime.now(UTC), idempotency_key=key)

    return _accept_invitation(repeat_while_unavailable(create_once))


def _accept_invitation(user: User) -> User:
    """Open the link of the invitation, set a password, and make the user active."""

    def accept_once() -> User:
        known = users.get_user(user.id)
        if known.status == "active":
            return known
        link = auth0.create_password_ticket(user_id=user.id, seconds=600)
        try:
            httpx.post(link, data={"password": _password(user)}, timeout=30).raise_for_status()
        except httpx.TransportError as error:
            raise errors.Unavailable("The sign-in page does not answer.") from error
        return identity.accept_invitation(known, origin=permissions.Origin(), at=datetime.now(UTC))

    return repeat_while_unavailable(accept_once)


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
