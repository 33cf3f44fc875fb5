"""People: finding them, to be shown or to be acted on."""

from collections.abc import Collection, Iterable
from datetime import datetime

from accounts import denied_attempts, permissions
from accounts.models import EVERYWHERE, EmailGuard, Location, User
from accounts.users import email_address
from config import dynamodb, errors, journal
from config.dynamodb import ids, pagination
from config.journal import write_set

CHUNK, MOST_CHUNKS = 250, 4
"""Records that are read at once, and how often, where not all of them may be shown."""


class NotReady(errors.Conflict):
    """The person is still being created."""

    code = "not_ready"


class Blocked(errors.Conflict):
    """The person is blocked, or gone."""

    code = "person_blocked"


def get(user_id: str) -> User:
    """A person's record. Raises `errors.NotFound`."""
    user = dynamodb.get(User, user_id)
    if user is None:
        raise nobody()
    return user


def nobody() -> errors.NotFound:
    """Alike for who does not exist and who is another customer's."""
    return errors.NotFound("There is no such user.")


def by_address(addresses: Iterable[str]) -> dict[str, User]:
    """Who has these addresses, by their keys, whosever customer they are."""
    keys = [email_address.key(address) for address in addresses]
    guards = dynamodb.fetch(dynamodb.Key(EmailGuard, key) for key in keys)
    holders = {key: guard.user_id for key in keys if (guard := guards.get(EmailGuard, key))}
    found = dynamodb.fetch(dynamodb.Key(User, id) for id in holders.values())
    return {key: user for key, id in holders.items() if (user := found.get(User, id))}


def of_customer(
    actor: permissions.Actor,
    at: datetime,
    *,
    customer_id: str | None,
    limit: int,
    start: pagination.Place | None,
) -> pagination.Page[User]:
    """The people of one's own customer by name; who is confined sees who works where they do.

    For them it reads chunk after chunk, but only so many: a page may hold fewer than ``limit``
    before the list ends. Raises `actors.ForeignCustomer`.
    """
    actor.require("users:read")
    if customer_id is not None:
        with denied_attempts.noted(actor, at, asked={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id, pointer="?customerId")
    condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
    shown: list[User] = []
    for _ in range(1 if not actor.is_confined else MOST_CHUNKS):
        many = limit if not actor.is_confined else CHUNK
        page = pagination.page(User, "byCustomer", condition, values, limit=many, start=start)
        shown += [user for user in page.records if _is_seen(user, actor)]
        start = page.next
        if len(shown) > limit:
            shown = shown[:limit]
            start = pagination.place_of(shown[-1], "byCustomer")
        if start is None or len(shown) == limit:
            break
    return pagination.Page(shown, start)


def _is_seen(user: User, actor: permissions.Actor) -> bool:
    if not actor.is_confined or user.id == actor.id or EVERYWHERE in user.locations:
        return True
    return bool(set(user.locations) & set(actor.locations))


def target(
    user_id: str, actor: permissions.Actor, *more: dynamodb.Key
) -> tuple[User, dynamodb.Found]:
    """Somebody to be acted on, with the heads of the audit and ``more``; one round trip.

    Raises `errors.NotFound`, alike for nobody's and another customer's, and `NotReady`.
    """
    if not ids.is_id("usr", user_id):
        raise nobody()
    streams = journal.keys(dict.fromkeys([actor.stream, user_id]))
    found = dynamodb.fetch([dynamodb.Key(User, user_id), *streams, *more])
    user = found.get(User, user_id)
    if user is None or user.customer_id != actor.customer_id:
        raise nobody()
    if user.status == "pending":
        raise NotReady("This person is still being created; ask again in a moment.")
    return user, found


def require_open(write: write_set.Write, user_id: str) -> None:
    """Write only if this account is still open: a request let in before may come after its end.

    Raises `errors.Unauthenticated` at the commit.
    """
    closed = errors.Unauthenticated("This account cannot be used here.")
    write.require(User(user_id), User.status.is_in("active", "invited"), refusal=closed)


def key(user_id: str) -> dynamodb.Key:
    """Where a person's record is, to be read with others."""
    return dynamodb.Key(User, user_id)


def among(found: dynamodb.Found, user_id: str, customer_id: str, *, pointer: str) -> User:
    """Somebody of this customer, of what was read.

    Raises `errors.NotFound`, alike for nobody's, who is going, and another customer's.
    """
    user = found.get(User, user_id)
    if user is None or user.customer_id != customer_id or user.status == "deleting":
        raise errors.NotFound("There is no such user.", pointer=pointer)
    return user


def check_working(user: User, *, pointer: str) -> None:
    """Refuse to plan with who is not there yet or blocked. Raises `NotReady` or `Blocked`."""
    if user.status == "pending":
        raise NotReady("This person is still being created; ask again.", pointer=pointer)
    if user.status == "blocked":
        raise Blocked("This person is blocked.", pointer=pointer)


def require_working(write: write_set.Write, user_id: str) -> None:
    """Write only if this person was not blocked or deleted meanwhile.

    Raises `Blocked` at the commit.
    """
    gone = Blocked("This person was blocked or deleted meanwhile.", pointer="/staffId")
    write.require(User(user_id), User.status.is_in("active", "invited"), refusal=gone)


def named(user_ids: Iterable[str], customer_id: str) -> dict[str, User]:
    """These people of a customer, as far as they are there."""
    found = dynamodb.fetch(key(id) for id in user_ids)
    people = (found.get(User, id) for id in user_ids)
    return {one.id: one for one in people if one and one.customer_id == customer_id}


def in_charge(location_id: str, customer_id: str) -> list[User]:
    """Who is told what concerns a location: its managers; without any, admins and owners."""
    found: list[User] = []
    start: pagination.Place | None = None
    while True:
        of = {":of": {"S": customer_id}}
        page = pagination.page(
            User, "byCustomer", "#customer_id = :of", of, limit=1000, start=start
        )
        found += [one for one in page.records if one.status == "active"]
        start = page.next
        if start is None:
            break
    managers = [one for one in found if one.role == "manager" and _works_at(one, location_id)]
    return managers or [one for one in found if one.role in ("admin", "owner")]


def _works_at(user: User, location_id: str) -> bool:
    return EVERYWHERE in user.locations or location_id in user.locations


def looked_at(user: User, *, actor: permissions.Actor, at: datetime) -> None:
    """Note that an operator looked at what is kept of somebody."""
    actor.require("users:read")
    journal.note(
        actor=actor,
        action="user.viewed",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
    )


def location_keys(locations: Iterable[str]) -> list[dynamodb.Key]:
    """What to read to know that these locations are there."""
    return [dynamodb.Key(Location, id) for id in locations if ids.is_id("loc", id)]


def check_locations(
    locations: Iterable[str],
    found: dynamodb.Found,
    customer_id: str,
    *,
    known: Collection[str] = (),
) -> None:
    """Raise `errors.NotFound` for the first that is nobody's or another customer's, both alike.

    ``known`` are those that a person had already.
    """
    for number, id in enumerate(locations):
        if id in known or id == EVERYWHERE:
            continue
        place = found.get(Location, id) if ids.is_id("loc", id) else None
        if place is None or place.customer_id != customer_id:
            raise errors.NotFound("There is no such location.", pointer=f"/locations/{number}")
