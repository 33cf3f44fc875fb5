"""People: finding them, to be shown or to be acted on."""

from collections.abc import Collection, Iterable
from datetime import datetime

from accounts import denied_attempts, permissions
from accounts.models import ALL_LOCATIONS, EmailOwner, Location, User
from accounts.users import email_address
from config import dynamodb, errors, journal
from config.dynamodb import pagination
from config.journal import write_set

CHUNK_SIZE, MAX_CHUNKS = 250, 4
"""Records that are read at once, and how often, where not all of them may be shown."""


class UserNotReady(errors.Conflict):
    """The person is still being created."""

    code = "not_ready"


class UserBlocked(errors.Conflict):
    """The person is blocked, or gone."""

    code = "person_blocked"


def get_user(user_id: str) -> User:
    """A person's record. Raises `errors.NotFound`."""
    user = dynamodb.get_record(User, user_id)
    if user is None:
        raise user_not_found()
    return user


def user_not_found() -> errors.NotFound:
    """Alike for who does not exist and who is another customer's."""
    return errors.NotFound("User not found.")


def find_users_by_email(addresses: Iterable[str]) -> dict[str, User]:
    """Who has these addresses, by their keys, whosever customer they are."""
    keys = [email_address.email_key(address) for address in addresses]
    owners = dynamodb.batch_get(dynamodb.RecordKey(EmailOwner, key) for key in keys)
    user_ids = {key: owner.user_id for key in keys if (owner := owners.get(EmailOwner, key))}
    records = dynamodb.batch_get(dynamodb.RecordKey(User, id) for id in user_ids.values())
    return {key: user for key, id in user_ids.items() if (user := records.get(User, id))}


def list_users(
    actor: permissions.Actor, at: datetime, *, customer_id: str | None, limit: int, cursor: pagination.Cursor | None
) -> pagination.CursorPage[User]:
    """The people of one's own customer by name; who is confined sees who works where they do.

    For them it reads chunk after chunk, but only so many: a page may hold fewer than ``limit``
    before the list ends. Raises `actors.ForeignCustomer`.
    """
    actor.require("users:read")
    if customer_id is not None:
        with denied_attempts.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id, pointer="?customerId")
    condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
    users: list[User] = []
    for _ in range(1 if not actor.is_location_restricted else MAX_CHUNKS):
        page_size = limit if not actor.is_location_restricted else CHUNK_SIZE
        page = pagination.query_page(User, "byCustomer", condition, values, limit=page_size, cursor=cursor)
        users += [user for user in page.records if _is_visible_to(user, actor)]
        cursor = page.next_cursor
        if len(users) > limit:
            users = users[:limit]
            cursor = pagination.cursor_after(users[-1], "byCustomer")
        if cursor is None or len(users) == limit:
            break
    return pagination.CursorPage(users, cursor)


def _is_visible_to(user: User, actor: permissions.Actor) -> bool:
    if not actor.is_location_restricted or user.id == actor.id or ALL_LOCATIONS in user.locations:
        return True
    return bool(set(user.locations) & set(actor.locations))


def load_target(
    user_id: str, actor: permissions.Actor, *extra_keys: dynamodb.RecordKey
) -> tuple[User, dynamodb.BatchResult]:
    """Somebody to be acted on, with the heads of the audit and ``more``; one round trip.

    Raises `errors.NotFound`, alike for nobody's and another customer's, and `NotReady`.
    """
    if not dynamodb.is_id("usr", user_id):
        raise user_not_found()
    streams = journal.stream_keys(dict.fromkeys([actor.stream, user_id]))
    records = dynamodb.batch_get([dynamodb.RecordKey(User, user_id), *streams, *extra_keys])
    user = records.get(User, user_id)
    if user is None or user.customer_id != actor.customer_id:
        raise user_not_found()
    if user.status == "pending":
        raise UserNotReady("This person is still being created; retry in a moment.")
    return user, records


def require_account_open(write: write_set.Write, user_id: str) -> None:
    """Write only if this account is still open: a request let in before may come after its end.

    Raises `errors.Unauthenticated` at the commit.
    """
    refusal = errors.Unauthenticated("This account is blocked or deleted.")
    write.require(User(user_id), User.status.is_in("active", "invited"), error=refusal)


def user_key(user_id: str) -> dynamodb.RecordKey:
    """Where a person's record is, to be read with others."""
    return dynamodb.RecordKey(User, user_id)


def get_user_from(records: dynamodb.BatchResult, user_id: str, customer_id: str, *, pointer: str) -> User:
    """Somebody of this customer, of what was read.

    Raises `errors.NotFound`, alike for nobody's, who is going, and another customer's.
    """
    user = records.get(User, user_id)
    if user is None or user.customer_id != customer_id or user.status == "deleting":
        raise errors.NotFound("User not found.", pointer=pointer)
    return user


def check_schedulable(user: User, *, pointer: str) -> None:
    """Refuse to plan with who is not there yet or blocked. Raises `NotReady` or `Blocked`."""
    if user.status == "pending":
        raise UserNotReady("This person is still being created; retry in a moment.", pointer=pointer)
    if user.status == "blocked":
        raise UserBlocked("This person is blocked.", pointer=pointer)


def require_schedulable(write: write_set.Write, user_id: str) -> None:
    """Write only if this person was not blocked or deleted meanwhile.

    Raises `Blocked` at the commit.
    """
    refusal = UserBlocked("This person is blocked or deleted.", pointer="/staffId")
    write.require(User(user_id), User.status.is_in("active", "invited"), error=refusal)


def load_users(user_ids: Iterable[str], customer_id: str) -> dict[str, User]:
    """These people of a customer, as far as they are there."""
    records = dynamodb.batch_get(user_key(id) for id in user_ids)
    users = (records.get(User, id) for id in user_ids)
    return {user.id: user for user in users if user and user.customer_id == customer_id}


def find_location_managers(location_id: str, customer_id: str) -> list[User]:
    """Who is told what concerns a location: its managers; without any, admins and owners."""
    active_users: list[User] = []
    cursor: pagination.Cursor | None = None
    while True:
        values = {":of": {"S": customer_id}}
        page = pagination.query_page(User, "byCustomer", "#customer_id = :of", values, limit=1000, cursor=cursor)
        active_users += [user for user in page.records if user.status == "active"]
        cursor = page.next_cursor
        if cursor is None:
            break
    managers = [user for user in active_users if user.role == "manager" and _is_assigned_to(user, location_id)]
    return managers or [user for user in active_users if user.role in ("admin", "owner")]


def _is_assigned_to(user: User, location_id: str) -> bool:
    return ALL_LOCATIONS in user.locations or location_id in user.locations


def audit_user_view(user: User, *, actor: permissions.Actor, at: datetime) -> None:
    """Note that an operator looked at what is kept of somebody."""
    actor.require("users:read")
    journal.write_audit_event(actor, "user.viewed", user, at)


def location_keys(locations: Iterable[str]) -> list[dynamodb.RecordKey]:
    """What to read to know that these locations are there."""
    return [dynamodb.RecordKey(Location, id) for id in locations if dynamodb.is_id("loc", id)]


def check_locations(
    locations: Iterable[str], records: dynamodb.BatchResult, customer_id: str, *, existing: Collection[str] = ()
) -> None:
    """Raise `errors.NotFound` for the first that is nobody's or another customer's, both alike.

    ``known`` are those that a person had already.
    """
    for index, id in enumerate(locations):
        if id in existing or id == ALL_LOCATIONS:
            continue
        location = records.get(Location, id) if dynamodb.is_id("loc", id) else None
        if location is None or location.customer_id != customer_id:
            raise errors.NotFound("Location not found.", pointer=f"/locations/{index}")
