"""What an actor may grant, and to whom: nobody grants what they do not have."""

from accounts.models import ALL_LOCATIONS
from accounts.permissions import RANKS, WIDER_PERMISSIONS, AccessRights, Actor, GrantRefused


def check_grant(actor: Actor, after: AccessRights, before: AccessRights | None = None) -> None:
    """Raise `GrantRefused` if the actor does not have everything that a change grants.

    ``before`` are the previous rights; None for a new person. Revoking does not require having the
    permission, but changing roles and single permissions requires the permission to assign and
    grant them. A new location grants all of the person's permissions there.
    """
    _check_role(actor, after, before)
    if _has_permission_changes(after, before) and not actor.has_permission("permissions:grant"):
        raise GrantRefused("Changing individual permissions requires `permissions:grant`.", pointer="/permissions")
    previous_locations = before.locations if before else ()
    added_locations = set() if ALL_LOCATIONS in previous_locations else set(after.locations) - set(previous_locations)
    existing_permissions = before.permissions if before and not added_locations else frozenset()
    covered_permissions = {narrow for narrow, wider in WIDER_PERMISSIONS.items() if wider in actor.permissions}
    if missing_permissions := after.permissions - existing_permissions - actor.permissions - covered_permissions:
        names = ", ".join(sorted(missing_permissions))
        raise GrantRefused(f"You cannot grant permissions that you do not hold: {names}.", pointer="/permissions")
    if not actor.can_access_locations(added_locations):
        raise GrantRefused("You can only assign locations that you have access to.", pointer="/locations")
    if actor.is_location_restricted and not after.locations:
        raise GrantRefused("Specify at least one of your locations.", pointer="/locations")


def check_no_self_escalation(before: AccessRights, after: AccessRights) -> None:
    """Raise `GrantRefused` if a change of one's own profile adds rights."""
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
    """Whether single permissions are granted or, for an existing person, revoked."""
    if before is None:
        return bool(after.extra)
    if before.role != after.role:
        return bool(after.extra or after.denied)
    return (set(after.extra), set(after.denied)) != (set(before.extra), set(before.denied))
