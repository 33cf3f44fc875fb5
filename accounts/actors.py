"""Who is acting and what they may do: the one table of roles and permissions.

A person's permissions are those of the role, plus extra, minus denied; they hold within the
person's locations. ``../docs/architecture.md`` shows the table.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from accounts.models import EVERYWHERE, User
from config import audit, errors

_OWN = ("self:read", "self:update", "self:export", "push:manage", "terms:accept")
_STAFF = (*_OWN, "schedules:read")
_MANAGER = (
    *_STAFF,
    "users:read",
    "users:create",
    "users:update",
    "users:deactivate",
    "invitations:send",
    "schedules:write",
    "calls:read",
    "phone:search",
)
_ADMIN = (
    *_MANAGER,
    "users:delete",
    "roles:assign",
    "permissions:grant",
    "audit:read",
    "phone:purchase",
    "phone:release",
    "ivr:update",
    "locations:manage",
    "customer:update",
)
_OWNER = (*_ADMIN, "owners:manage")

ROLES = {
    "staff": frozenset(_STAFF),
    "manager": frozenset(_MANAGER),
    "admin": frozenset(_ADMIN),
    "owner": frozenset(_OWNER),
}
RANKS = {role: rank for rank, role in enumerate(ROLES)}
PERMISSIONS = ROLES["owner"]


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the audit."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""


class GrantRefused(errors.Forbidden):
    """Somebody tried to give what they do not hold; this is audited."""

    code = "grant_refused"


@dataclass(frozen=True)
class Actor(audit.Author):
    """A signed-in person, an operator or the system, with what they may do."""

    role: str = ""
    permissions: frozenset[str] = frozenset()
    locations: tuple[str, ...] = ()

    def may(self, permission: str) -> bool:
        """Whether the permission is held, wherever."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise `Forbidden` without the permission."""
        if not self.may(permission):
            raise errors.Forbidden(f"This needs the permission {permission}.")

    def reaches(self, locations: Iterable[str]) -> bool:
        """Whether all of these locations are among one's own."""
        return EVERYWHERE in self.locations or set(locations) <= set(self.locations)

    def oversees(self, locations: Collection[str]) -> bool:
        """Whether a person of these locations is within one's reach.

        Who is confined to some locations reaches people who have at least one, all of them theirs.
        """
        return EVERYWHERE in self.locations or (bool(locations) and self.reaches(locations))


def effective(role: str, extra: Collection[str], denied: Collection[str]) -> frozenset[str]:
    """The permissions that a person has."""
    return (ROLES[role] | set(extra)) - set(denied)


def split(role: str, wanted: Collection[str]) -> tuple[list[str], list[str]]:
    """Extra and denied permissions that make ``wanted`` out of a role."""
    return sorted(set(wanted) - ROLES[role]), sorted(ROLES[role] - set(wanted))


def of(user: User, origin: Origin = Origin()) -> Actor:
    """A person as actor."""
    return Actor(
        type="user",
        id=user.id,
        name=user.name,
        customer_id=user.customer_id,
        ip=origin.ip,
        user_agent=origin.user_agent,
        request_id=origin.request_id,
        role=user.role,
        permissions=effective(user.role, user.extra, user.denied),
        locations=tuple(user.locations),
    )


def system(customer_id: str) -> Actor:
    """Dutyline itself, acting for one customer: what commands do."""
    return Actor(
        type="system",
        id="system",
        name="Dutyline",
        customer_id=customer_id,
        role="owner",
        permissions=PERMISSIONS,
        locations=(EVERYWHERE,),
    )


def check_customer(actor: Actor, customer_id: str) -> None:
    """Refuse to act for another customer."""
    if customer_id != actor.customer_id:
        raise errors.Forbidden("This customerId is not yours.", pointer="/customerId")


def check_grant(
    actor: Actor,
    *,
    role: str,
    extra: Collection[str],
    denied: Collection[str],
    locations: Collection[str],
) -> None:
    """Nobody gives a role, permission or location that they do not hold. Raises `GrantRefused`."""
    if role == "owner" and not actor.may("owners:manage"):
        raise GrantRefused("Only an owner makes owners.", pointer="/role")
    if role != "staff" and not actor.may("roles:assign"):
        raise GrantRefused("This role is not yours to give.", pointer="/role")
    if RANKS[role] > RANKS[actor.role]:
        raise GrantRefused("This role is above your own.", pointer="/role")
    if extra and not actor.may("permissions:grant"):
        raise GrantRefused("Permissions are not yours to give.", pointer="/permissions")
    if beyond := effective(role, extra, denied) - actor.permissions:
        names = ", ".join(sorted(beyond))
        raise GrantRefused(f"You do not hold {names}.", pointer="/permissions")
    if not actor.reaches(locations):
        raise GrantRefused("A location is not among yours.", pointer="/locations")
    if actor.role == "manager" and not locations:
        raise GrantRefused("Name at least one of your locations.", pointer="/locations")
