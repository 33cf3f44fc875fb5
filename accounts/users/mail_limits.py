"""How many invitations and changes of e-mail address a day: each sends mail where somebody likes.

``settings.DAILY_LIMITS`` has the numbers. Owners and admins invite as many people as their customer
may, so that a business can begin with all of its people; for others there is a limit per person.
Owners and operators can always correct what others did: what those used up does not count for them.
"""

from dataclasses import replace

from accounts.models import User
from accounts.permissions import Actor
from config import audit
from config.daily_limits import DailyLimit, pseudonym

_UNLIMITED_INVITERS = ("owner", "admin")


def shared_invitation_limits(actor: Actor) -> list[DailyLimit]:
    """The limits of all invitations by somebody: their own and their customer's."""
    what = "invitations can be sent"
    limits = [_of_customer("invitations-of-customer", actor, what)]
    if actor.type == "user" and actor.role not in _UNLIMITED_INVITERS:
        limits.insert(0, _of_actor("invitations-of-user", actor, what))
    return limits


def invitation_limits(actor: Actor, email_key: str) -> list[DailyLimit]:
    """The limits that an invitation to this address counts against."""
    return [*shared_invitation_limits(actor), _to_address(email_key, actor)]


def shared_email_change_limits(actor: Actor, user_id: str) -> list[DailyLimit]:
    """The limits of changes of this user's address by the actor: of each user, of all, and shared.

    All owners of a customer share one, all others another; operators share none.
    """
    detail = (
        "The e-mail address of a person can be changed at most {quota} times per day by one person; go on tomorrow."
    )
    what = "e-mail addresses can be changed"
    limits = [DailyLimit("email-changes-to-user", f"{actor.id} {user_id}", actor.customer_id, detail)]
    if actor.type != "system":
        limits.insert(0, _of_actor("email-changes-of-user", actor, what))
    shared = _of_customer("email-changes-of-customer", actor, what)
    if not may_correct(actor):
        return [*limits, shared]
    return [*limits, replace(shared, owner=f"{actor.customer_id} owners")] if actor.type == "user" else limits


def email_change_limits(actor: Actor, user: User, email_key: str) -> list[DailyLimit]:
    """The limits that changing a user's address to this one counts against: both get mail."""
    keys = dict.fromkeys([str(user.email_key), email_key])
    return [*shared_email_change_limits(actor, str(user.id)), *(_to_address(key, actor) for key in keys)]


def may_correct(actor: Actor) -> bool:
    """Whether the actor may change an address without the mails that a limit refuses."""
    return actor.type == "operator" or (actor.type == "user" and actor.role == "owner")


def is_of_address(limit: DailyLimit) -> bool:
    """Whether it limits what reaches one address."""
    return limit.name == "emails-to-address"


def taken_address_limits(author: audit.Author) -> list[DailyLimit]:
    """The limits of how often people are told that an address belongs to somebody (409).

    Otherwise they could find out who works anywhere. Operators and imports have none; owners only
    their own, as other people could use up the one of the customer.
    """
    if author.type != "user":
        return []
    detail = "At most {quota} e-mail addresses that others have can be entered per day by one %s; go on tomorrow."
    customer_id = author.customer_id
    own = DailyLimit("taken-addresses-of-user", author.id, customer_id, detail % "person")
    if isinstance(author, Actor) and may_correct(author):
        return [own]
    return [own, DailyLimit("taken-addresses-of-customer", customer_id, customer_id, detail % "customer")]


def _of_actor(name: str, actor: Actor, what: str) -> DailyLimit:
    detail = f"At most {{quota}} {what} per day by one person; go on tomorrow."
    return DailyLimit(name, actor.id, actor.customer_id, detail)


def _of_customer(name: str, actor: Actor, what: str) -> DailyLimit:
    detail = f"At most {{quota}} {what} per day by one customer; go on tomorrow."
    return DailyLimit(name, actor.customer_id, actor.customer_id, detail)


def _to_address(email_key: str, actor: Actor) -> DailyLimit:
    detail = "An e-mail address gets at most {quota} invitations and notices of changes per day; go on tomorrow."
    return DailyLimit("emails-to-address", pseudonym(email_key), actor.customer_id, detail)
