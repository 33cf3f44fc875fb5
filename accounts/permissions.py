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
VENDOR = frozenset({"customers:suspend", "numbers:adopt"})
"""What only the vendor's people may do, beyond any customer's."""

OPERATORS = {
    "console:read": frozenset(
        {"users:read", "schedules:read", "calls:read", "phone:search", "audit:read"}
    ),
    "console:write": ROLES["admin"],
    "console:lead": ROLES["owner"] | VENDOR,
}
"""What rights of the back office let an operator do: only who leads touches owners."""


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the audit."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""


class Overreach(errors.Refusal):
    """Base of the attempts to go beyond one's rights: `accounts.denied_attempts` audits them."""


class GrantRefused(errors.Forbidden, Overreach):
    """Somebody tried to give what they do not hold."""

    code = "grant_refused"


class BeyondReach(errors.Forbidden, Overreach):
    """Somebody tried to act on a person of equal or higher rank, or of other locations."""

    code = "beyond_reach"


class ForeignCustomer(errors.Forbidden, Overreach):
    """Somebody named another customer than their own."""

    code = "foreign_customer"


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

    @property
    def is_confined(self) -> bool:
        """Whether one's rights hold in some locations only."""
        return EVERYWHERE not in self.locations

    def reaches(self, locations: Iterable[str]) -> bool:
        """Whether all of these locations are among one's own."""
        return not self.is_confined or set(locations) <= set(self.locations)

    def oversees(self, locations: Collection[str]) -> bool:
        """Whether a person of these locations is within one's reach.

        Who is confined to some locations reaches people who have at least one, all of them theirs.
        """
        return not self.is_confined or (bool(locations) and self.reaches(locations))


@dataclass(frozen=True)
class Standing:
    """What a person is and may do, and where."""

    role: str
    extra: Collection[str] = ()
    denied: Collection[str] = ()
    locations: Collection[str] = ()

    @property
    def permissions(self) -> frozenset[str]:
        return effective(self.role, self.extra, self.denied)

    @property
    def is_tailored(self) -> bool:
        """Whether the permissions are others than the role's."""
        return bool(self.extra or self.denied)


def standing(user: User) -> Standing:
    """What a person is now."""
    return Standing(user.role, tuple(user.extra), tuple(user.denied), tuple(user.locations))


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


def operator(author: audit.Author, rights: Iterable[str]) -> Actor:
    """One of the vendor's support people, acting for one customer with rights of `OPERATORS`."""
    return Actor(
        **vars(author),
        role="owner",
        permissions=frozenset[str]().union(*(OPERATORS[right] for right in rights)),
        locations=(EVERYWHERE,),
    )


def system(customer_id: str) -> Actor:
    """Dutyline itself, acting for one customer: what commands do."""
    return Actor(
        type="system",
        id="system",
        name="Dutyline",
        customer_id=customer_id,
        role="owner",
        permissions=PERMISSIONS | VENDOR,
        locations=(EVERYWHERE,),
    )


def check_customer(actor: Actor, customer_id: str, *, pointer: str = "/customerId") -> None:
    """Refuse to act for another customer. Raises `ForeignCustomer`."""
    if customer_id != actor.customer_id:
        raise ForeignCustomer("This customerId is not yours.", pointer=pointer)


def check_reach(actor: Actor, user: User) -> None:
    """Nobody acts on equals or higher ranks; owners may act on owners. Raises `BeyondReach`.

    Who is confined to some locations acts on people whose locations are all among them.
    """
    among_owners = user.role == actor.role == "owner" and actor.may("owners:manage")
    if RANKS[user.role] >= RANKS[actor.role] and not among_owners:
        told = "Change yourself with PATCH /user." if user.id == actor.id else ""
        raise BeyondReach(f"This person is not of lower rank than you. {told}".strip())
    if not actor.oversees(user.locations):
        raise BeyondReach("This person is not of your locations alone.")


def check_handover(actor: Actor, user: User) -> None:
    """Whoever reads a person's mail can become them: only who holds as much may change the address.

    Raises `BeyondReach`.
    """
    if standing(user).permissions - actor.permissions:
        raise BeyondReach("This person may do what you may not.", pointer="/email")


def check_grant(actor: Actor, after: Standing, before: Standing | None = None) -> None:
    """Nobody gives a role, permission or location that they do not hold. Raises `GrantRefused`.

    ``before`` is what the person was; None for somebody new. What is taken away need not be held,
    but roles and single permissions change only by who may assign and grant them. Somebody who
    gains a location gains all their permissions there.
    """
    _check_role(actor, after, before)
    if _tailors(after, before) and not actor.may("permissions:grant"):
        raise GrantRefused("Permissions are not yours to give.", pointer="/permissions")
    had = before.locations if before else ()
    gained = set() if EVERYWHERE in had else set(after.locations) - set(had)
    held = before.permissions if before and not gained else frozenset()
    if beyond := after.permissions - held - actor.permissions:
        names = ", ".join(sorted(beyond))
        raise GrantRefused(f"You do not hold {names}.", pointer="/permissions")
    if not actor.reaches(gained):
        raise GrantRefused("A location is not among yours.", pointer="/locations")
    if actor.is_confined and not after.locations:
        raise GrantRefused("Name at least one of your locations.", pointer="/locations")


def check_narrowing(before: Standing, after: Standing) -> None:
    """Nobody widens their own rights. Raises `GrantRefused`."""
    if after.permissions - before.permissions:
        raise GrantRefused("Your own permissions can only shrink.", pointer="/userPermissions")
    if EVERYWHERE not in before.locations and set(after.locations) - set(before.locations):
        raise GrantRefused("Your own locations can only shrink.", pointer="/locations")


def _check_role(actor: Actor, after: Standing, before: Standing | None) -> None:
    if before is not None and before.role == after.role:
        return
    if after.role == "owner" and not actor.may("owners:manage"):
        raise GrantRefused("Only an owner makes owners.", pointer="/role")
    if (before or after.role != "staff") and not actor.may("roles:assign"):
        raise GrantRefused("This role is not yours to give.", pointer="/role")
    if RANKS[after.role] > RANKS[actor.role]:
        raise GrantRefused("This role is above your own.", pointer="/role")


def _tailors(after: Standing, before: Standing | None) -> bool:
    """Whether single permissions are given or, to who is here already, taken."""
    if before is None:
        return bool(after.extra)
    if before.role != after.role:
        return after.is_tailored
    return (set(after.extra), set(after.denied)) != (set(before.extra), set(before.denied))
