"""Who is acting and what they may do: the one table of roles and permissions.

A person's permissions are those of the role, plus extra, minus denied; they hold within the
person's locations. ``../docs/architecture.md`` shows the table.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from accounts.models import ALL_LOCATIONS, User
from config import audit, errors

_SELF_SERVICE = ("self:read", "self:update", "self:export", "push:manage", "terms:accept")
_STAFF = (*_SELF_SERVICE, "schedules:read")
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
VENDOR_PERMISSIONS = frozenset({"customers:suspend", "numbers:adopt"})
"""What only the vendor's people may do, beyond any customer's."""

OPERATOR_PERMISSIONS = {
    "console:read": frozenset({"users:read", "schedules:read", "calls:read", "phone:search", "audit:read"}),
    "console:write": ROLES["admin"],
    "console:lead": ROLES["owner"] | VENDOR_PERMISSIONS,
}
"""What rights of the back office let an operator do: only who leads touches owners."""


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the audit."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""


class DeniedAttempt(errors.DomainError):
    """Base of the attempts to go beyond one's rights: `accounts.denied_attempts` audits them."""


class GrantRefused(errors.Forbidden, DeniedAttempt):
    """Somebody tried to give what they do not hold."""

    code = "grant_refused"


class TargetForbidden(errors.Forbidden, DeniedAttempt):
    """Somebody tried to act on a person of equal or higher rank, or of other locations."""

    code = "beyond_reach"


class ForeignCustomer(errors.Forbidden, DeniedAttempt):
    """Somebody named another customer than their own."""

    code = "foreign_customer"


@dataclass(frozen=True)
class Actor(audit.Author):
    """A signed-in person, an operator or the system, with what they may do."""

    role: str = ""
    permissions: frozenset[str] = frozenset()
    locations: tuple[str, ...] = ()

    def has_permission(self, permission: str) -> bool:
        """Whether the permission is held, wherever."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise `Forbidden` without the permission."""
        if not self.has_permission(permission):
            raise errors.Forbidden(f"This requires the permission `{permission}`.")

    @property
    def is_location_restricted(self) -> bool:
        """Whether one's rights hold in some locations only."""
        return ALL_LOCATIONS not in self.locations

    def can_access_locations(self, locations: Iterable[str]) -> bool:
        """Whether all of these locations are among one's own."""
        return not self.is_location_restricted or set(locations) <= set(self.locations)

    def can_access_user_in(self, locations: Collection[str]) -> bool:
        """Whether a person of these locations is within one's reach.

        Who is confined to some locations reaches people who have at least one, all of them theirs.
        """
        return not self.is_location_restricted or (bool(locations) and self.can_access_locations(locations))


@dataclass(frozen=True)
class AccessRights:
    """What a person is and may do, and where."""

    role: str
    extra: Collection[str] = ()
    denied: Collection[str] = ()
    locations: Collection[str] = ()

    @property
    def permissions(self) -> frozenset[str]:
        return effective_permissions(self.role, self.extra, self.denied)

    @property
    def has_custom_permissions(self) -> bool:
        """Whether the permissions are others than the role's."""
        return bool(self.extra or self.denied)


def access_rights_of(user: User) -> AccessRights:
    """What a person is now."""
    return AccessRights(user.role, tuple(user.extra), tuple(user.denied), tuple(user.locations))


def effective_permissions(role: str, extra: Collection[str], denied: Collection[str]) -> frozenset[str]:
    """The permissions that a person has."""
    return (ROLES[role] | set(extra)) - set(denied)


def split_permissions(role: str, permissions: Collection[str]) -> tuple[list[str], list[str]]:
    """Extra and denied permissions that make ``wanted`` out of a role."""
    return sorted(set(permissions) - ROLES[role]), sorted(ROLES[role] - set(permissions))


def user_actor(user: User, origin: Origin = Origin()) -> Actor:
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
        permissions=effective_permissions(user.role, user.extra, user.denied),
        locations=tuple(user.locations),
    )


def operator_actor(author: audit.Author, rights: Iterable[str]) -> Actor:
    """One of the vendor's support people, acting for one customer with rights of `OPERATORS`."""
    return Actor(
        **vars(author),
        role="owner",
        permissions=frozenset[str]().union(*(OPERATOR_PERMISSIONS[right] for right in rights)),
        locations=(ALL_LOCATIONS,),
    )


def system_actor(customer_id: str) -> Actor:
    """Dutyline itself, acting for one customer: what commands do."""
    return Actor(
        type="system",
        id="system",
        name="Dutyline",
        customer_id=customer_id,
        role="owner",
        permissions=PERMISSIONS | VENDOR_PERMISSIONS,
        locations=(ALL_LOCATIONS,),
    )


def check_customer(actor: Actor, customer_id: str, *, pointer: str = "/customerId") -> None:
    """Refuse to act for another customer. Raises `ForeignCustomer`."""
    if customer_id != actor.customer_id:
        raise ForeignCustomer("Must be the id of your own customer.", pointer=pointer)


def check_target_user(actor: Actor, user: User) -> None:
    """Nobody acts on equals or higher ranks; owners may act on owners. Raises `BeyondReach`.

    Who is confined to some locations acts on people whose locations are all among them.
    """
    both_are_owners = user.role == actor.role == "owner" and actor.has_permission("owners:manage")
    if RANKS[user.role] >= RANKS[actor.role] and not both_are_owners:
        hint = "To change yourself, use `PATCH /user`." if user.id == actor.id else ""
        raise TargetForbidden(f"This person's role is not lower than yours. {hint}".strip())
    if not actor.can_access_user_in(user.locations):
        raise TargetForbidden("The person must work at locations that you have access to, and at no others.")


def check_email_change(actor: Actor, user: User) -> None:
    """Whoever reads a person's mail can become them: only who holds as much may change the address.

    Raises `BeyondReach`.
    """
    if access_rights_of(user).permissions - actor.permissions:
        raise TargetForbidden(
            "To change this e-mail address you must hold every permission of this person.", pointer="/email"
        )


def check_grant(actor: Actor, after: AccessRights, before: AccessRights | None = None) -> None:
    """Nobody gives a role, permission or location that they do not hold. Raises `GrantRefused`.

    ``before`` is what the person was; None for somebody new. What is taken away need not be held,
    but roles and single permissions change only by who may assign and grant them. Somebody who
    gains a location gains all their permissions there.
    """
    _check_role(actor, after, before)
    if _has_permission_changes(after, before) and not actor.has_permission("permissions:grant"):
        raise GrantRefused("Changing individual permissions requires `permissions:grant`.", pointer="/permissions")
    previous_locations = before.locations if before else ()
    added_locations = set() if ALL_LOCATIONS in previous_locations else set(after.locations) - set(previous_locations)
    existing_permissions = before.permissions if before and not added_locations else frozenset()
    if missing_permissions := after.permissions - existing_permissions - actor.permissions:
        names = ", ".join(sorted(missing_permissions))
        raise GrantRefused(f"You cannot grant permissions that you do not hold: {names}.", pointer="/permissions")
    if not actor.can_access_locations(added_locations):
        raise GrantRefused("You can only assign locations that you have access to.", pointer="/locations")
    if actor.is_location_restricted and not after.locations:
        raise GrantRefused("Specify at least one of your locations.", pointer="/locations")


def check_no_self_escalation(before: AccessRights, after: AccessRights) -> None:
    """Nobody widens their own rights. Raises `GrantRefused`."""
    if after.permissions - before.permissions:
        raise GrantRefused("You cannot add permissions to yourself.", pointer="/userPermissions")
    if ALL_LOCATIONS not in before.locations and set(after.locations) - set(before.locations):
        raise GrantRefused("You cannot add locations to yourself.", pointer="/locations")


def _check_role(actor: Actor, after: AccessRights, before: AccessRights | None) -> None:
    if before is not None and before.role == after.role:
        return
    if after.role == "owner" and not actor.has_permission("owners:manage"):
        raise GrantRefused("Only owners can assign the role `owner`.", pointer="/role")
    if (before or after.role != "staff") and not actor.has_permission("roles:assign"):
        raise GrantRefused("Assigning this role requires `roles:assign`.", pointer="/role")
    if RANKS[after.role] > RANKS[actor.role]:
        raise GrantRefused("You cannot assign a role above your own.", pointer="/role")


def _has_permission_changes(after: AccessRights, before: AccessRights | None) -> bool:
    """Whether single permissions are given or, to who is here already, taken."""
    if before is None:
        return bool(after.extra)
    if before.role != after.role:
        return after.has_custom_permissions
    return (set(after.extra), set(after.denied)) != (set(before.extra), set(before.denied))
