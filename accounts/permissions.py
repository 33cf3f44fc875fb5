"""Roles, permissions, and the rules about who may do what.

A person's permissions are those of the role, plus extra, minus denied, and always those over
oneself; they hold within the person's locations. See ``docs/architecture.md``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from accounts import denied_attempts
from accounts.models import ALL_LOCATIONS, User
from config import audit, errors

SELF_SERVICE = ("self:read", "self:update", "self:export", "push:manage", "terms:accept")
"""Nobody can lose these: without them a person could not read their data or accept the terms."""
_STAFF = (*SELF_SERVICE, "schedules:read", "calls:handle")
_MANAGER = (
    *_STAFF,
    "users:read",
    "users:create",
    "users:update",
    "users:deactivate",
    "invitations:send",
    "schedules:write",
    "calls:read",
    "callers:block",
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
WIDER_PERMISSIONS = {"calls:handle": "calls:read"}
"""Who has the second may do, for everybody, what the first allows for oneself."""
RANKS, PERMISSIONS = {role: rank for rank, role in enumerate(ROLES)}, ROLES["owner"]
VENDOR_PERMISSIONS = frozenset({"customers:suspend", "numbers:adopt"})
"""Permissions that only operators have."""

OPERATOR_PERMISSIONS = {
    "console:read": frozenset({"users:read", "schedules:read", "calls:read", "phone:search", "audit:read"}),
    "console:write": ROLES["admin"],
    "console:lead": ROLES["owner"] | VENDOR_PERMISSIONS,
}
"""Permissions by right of the back office: only leads may change owners."""


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the audit."""

    ip: str = ""
    user_agent: str = ""
    request_id: str = ""


class DeniedAttempt(errors.DomainError):
    """Base of attempts to exceed one's permissions, which `audit_denied_attempts` audits."""


class GrantRefused(errors.Forbidden, DeniedAttempt):
    """You cannot grant a role, permission or location that you do not have."""

    code = "grant_refused"
    example_detail = "You can only assign locations that you have access to."
    example_pointer = "/locations"


class TargetForbidden(errors.Forbidden, DeniedAttempt):
    """The person's role is not lower than yours, or they work at locations without your access."""

    code = "target_forbidden"
    example_detail = "This person's role is not lower than yours."


class ForeignCustomer(errors.Forbidden, DeniedAttempt):
    """The id is that of another customer."""

    code = "foreign_customer"
    example_detail = "Must be the id of your own customer."
    example_pointer = "/customerId"


@dataclass(frozen=True)
class Actor(audit.Author):
    """A signed-in person, an operator or the system, with what they may do."""

    role: str = ""
    permissions: frozenset[str] = frozenset()
    locations: tuple[str, ...] = ()

    def has_permission(self, permission: str) -> bool:
        """Whether the actor has the permission, or one that includes it, at any location."""
        return permission in self.permissions or WIDER_PERMISSIONS.get(permission) in self.permissions

    def require(self, permission: str) -> None:
        """Raise `errors.Forbidden` without the permission."""
        if not self.has_permission(permission):
            raise errors.Forbidden(f"This requires the permission `{permission}`.")

    def check_customer(self, customer_id: Any, at: datetime) -> None:
        """Raise `ForeignCustomer`, audited, unless this is the actor's customer."""
        if customer_id != self.customer_id:
            with audit_denied_attempts(self, at, values={"customerId": str(customer_id)[:64]}):
                check_customer(self, customer_id)

    @property
    def is_location_restricted(self) -> bool:
        """Whether the actor's permissions apply to some locations only."""
        return ALL_LOCATIONS not in self.locations

    def can_access_locations(self, locations: Iterable[str]) -> bool:
        """Whether the actor has access to all of these locations."""
        return not self.is_location_restricted or set(locations) <= set(self.locations)

    def can_access_user_in(self, locations: Collection[str]) -> bool:
        """Whether the actor may act on a person with these locations.

        An actor restricted to some locations may act on people with at least one location, all of
        them the actor's.
        """
        return not self.is_location_restricted or (bool(locations) and self.can_access_locations(locations))


@contextmanager
def audit_denied_attempts(
    actor: Actor, at: datetime, *, subject: audit.Subject | None = None, values: Mapping[str, Any]
) -> Iterator[None]:
    """Audit a `DeniedAttempt` raised inside; `errors.TooManyRequests` replaces one too many."""
    try:
        yield
    except DeniedAttempt as refusal:
        attempted_changes = [audit.FieldChange(name, None, value) for name, value in values.items()]
        denied_attempts.audit_attempt(
            actor,
            "grant.refused" if isinstance(refusal, GrantRefused) else "attempt.refused",
            refusal.code,
            subject or audit.Party("customer", actor.customer_id, "", actor.customer_id, actor.customer_id),
            at,
            changes=[*attempted_changes, audit.FieldChange("reason", None, refusal.code)],
        )
        raise


@dataclass(frozen=True)
class AccessRights:
    """The role, permissions and locations of a person."""

    role: str
    extra: Collection[str] = ()
    denied: Collection[str] = ()
    locations: Collection[str] = ()

    @property
    def permissions(self) -> frozenset[str]:
        """The effective permissions; always with those over oneself."""
        return _effective_permissions(self.role, tuple(self.extra), tuple(self.denied))


@lru_cache(maxsize=1_024)
def _effective_permissions(role: str, extra: tuple[str, ...], denied: tuple[str, ...]) -> frozenset[str]:
    """Cached, as most people of a role have the same."""
    return ((ROLES[role] | set(extra)) - set(denied)).union(SELF_SERVICE)


def access_rights_of(user: User) -> AccessRights:
    """The current access rights of a person."""
    return AccessRights(user.role, tuple(user.extra), tuple(list_denied_permissions(user)), tuple(user.locations))


def list_denied_permissions(user: User) -> list[str]:
    """Those taken from the role; older records may name those over oneself, in vain."""
    return [name for name in user.denied if name not in SELF_SERVICE]


def effective_permissions(user: User) -> frozenset[str]:
    """The permissions of a person."""
    return _effective_permissions(user.role, tuple(user.extra), tuple(user.denied))


def split_permissions(role: str, permissions: Collection[str]) -> tuple[list[str], list[str]]:
    """The extra and denied permissions that turn a role's into these and those over oneself."""
    return sorted(set(permissions) - ROLES[role]), sorted(ROLES[role].difference(permissions, SELF_SERVICE))


@lru_cache(maxsize=1_024)
def sort_permissions(names: frozenset[str]) -> tuple[str, ...]:
    """Permissions in their order of display; cached, as many people have the same."""
    return tuple(sorted(names))


def user_actor(user: User, origin: Origin = Origin()) -> Actor:
    """The actor of a signed-in person."""
    return Actor(
        type="user",
        id=user.id,
        name=user.name,
        customer_id=user.customer_id,
        ip=origin.ip,
        user_agent=origin.user_agent,
        request_id=origin.request_id,
        role=user.role,
        permissions=effective_permissions(user),
        locations=tuple(user.locations),
    )


def operator_actor(author: audit.Author, rights: Iterable[str]) -> Actor:
    """The actor of an operator with these rights of the back office, acting for one customer."""
    return Actor(
        **vars(author),
        role="owner",
        permissions=frozenset[str]().union(*(OPERATOR_PERMISSIONS[right] for right in rights)),
        locations=(ALL_LOCATIONS,),
    )


def system_actor(customer_id: str) -> Actor:
    """The actor of Dutyline itself, acting for one customer: commands and outbox tasks."""
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
    """Raise `ForeignCustomer` unless this is the actor's customer."""
    if customer_id != actor.customer_id:
        raise ForeignCustomer("Must be the id of your own customer.", pointer=pointer)


def check_target_user(actor: Actor, user: User) -> None:
    """Raise `TargetForbidden` unless the actor may act on this person.

    The person must have a lower rank, except that owners may act on owners. An actor restricted to
    some locations may act only on people whose locations are all among them.
    """
    both_are_owners = user.role == actor.role == "owner" and actor.has_permission("owners:manage")
    if RANKS[user.role] >= RANKS[actor.role] and not both_are_owners:
        hint = " To change yourself, use `PATCH /user`." if user.id == actor.id else ""
        raise TargetForbidden(f"This person's role is not lower than yours.{hint}")
    if not actor.can_access_user_in(user.locations):
        raise TargetForbidden("The person must work at locations that you have access to, and at no others.")


def check_email_change(actor: Actor, user: User) -> None:
    """Raise `TargetForbidden` unless the actor has every permission of this person.

    Whoever receives a person's e-mail can take over the account.
    """
    if effective_permissions(user) - actor.permissions:
        raise TargetForbidden(
            "To change this e-mail address you must hold every permission of this person.", pointer="/email"
        )
