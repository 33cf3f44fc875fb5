"""Reading users: single records, lists, and checks of records that were read in a batch."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from accounts import permissions
from accounts.models import ALL_LOCATIONS, Customer, DeletedUser, EmailOwner, Location, User
from accounts.users import directory, email_address
from config import audit, dynamodb, errors, journal
from config.dynamodb import pagination
from config.journal import write_set

WORKING_STATUSES = ("active", "invited")
"""Of people who can have shifts."""


class UserNotReady(errors.Conflict):
    """The person is still being created."""

    code = "user_not_ready"
    example_detail = "This person is still being created; retry in a moment."


class UserBlocked(errors.Conflict):
    """The person is blocked or deleted."""

    code = "user_blocked"
    example_detail = "This person is blocked."
    example_pointer = "/staffId"


def get_user(user_id: str) -> User:
    """Return a user. Raises `errors.NotFound`."""
    user = dynamodb.get_record(User, user_id)
    if user is None:
        raise user_not_found()
    return user


def user_not_found() -> errors.NotFound:
    """The same error for an unknown user and for one of another customer."""
    return errors.NotFound("User not found.")


def find_users_by_email(addresses: Iterable[str]) -> dict[str, User]:
    """Users of any customer by `email_key` of these addresses."""
    keys = [email_address.email_key(address) for address in addresses]
    stored_keys = dict.fromkeys([*keys, *map(email_address.former_email_key, keys)])
    owners = dynamodb.batch_get(dynamodb.RecordKey(EmailOwner, key) for key in stored_keys)
    user_ids = {key: owner.user_id for key in stored_keys if (owner := owners.get(EmailOwner, key))}
    records = dynamodb.batch_get(dynamodb.RecordKey(User, id) for id in dict.fromkeys(user_ids.values()))
    users_by_key = {}
    for key, id in user_ids.items():
        user = records.get(User, id)
        if user and user.email_key == key:
            users_by_key[email_address.email_key(user.email)] = user
        elif user and key in keys:  # a pending new address
            users_by_key.setdefault(key, user)
    return {key: users_by_key[key] for key in keys if key in users_by_key}


def list_users(
    actor: permissions.Actor,
    at: datetime,
    *,
    customer: Customer,
    customer_id: str | None = None,
    criteria: directory.Criteria = directory.EVERYBODY,
    limit: int,
    cursor: pagination.Cursor | None,
) -> pagination.CursorPage[User]:
    """Users of the actor's customer by name; actors with some locations see who shares one.

    ``customer_id`` is that of the request, if any. For these actors, and with ``criteria``, a page
    may hold fewer than ``limit`` users before the list ends. Raises `permissions.ForeignCustomer`
    and as `directory.search` does.
    """
    actor.require("users:read")
    if customer_id is not None:
        with permissions.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id, pointer="?customerId")
    if actor.is_location_restricted or not criteria.is_empty:
        return directory.search(criteria, actor=actor, customer=customer, limit=limit, cursor=cursor)
    condition, values = "#customer_id = :of", {":of": {"S": actor.customer_id}}
    return pagination.query_page(
        User, "byCustomer", condition, values, limit=limit, cursor=cursor, newest_first=criteria.descending
    )


def list_colleagues(
    actor: permissions.Actor,
    *,
    customer: Customer,
    text: str = "",
    location_id: str = "",
    limit: int,
    cursor: pagination.Cursor | None,
) -> pagination.CursorPage[User]:
    """Who works at the actor's locations, the actor included, by name; pages as in `list_users`.

    ``text`` is compared with names only: a search must not reveal e-mail addresses.
    """
    actor.require("schedules:read")
    criteria = directory.Criteria(text=text, location_id=location_id, statuses=WORKING_STATUSES, names_only=True)
    return directory.search(criteria, actor=actor, customer=customer, limit=limit, cursor=cursor)


def get_visible_user(
    user_id: str, *, actor: permissions.Actor, known: dynamodb.BatchResult = dynamodb.NOTHING_READ
) -> User:
    """A user who is in the actor's list of users; they may be among the ``known`` records.

    Raises `errors.NotFound`, also for a user of another customer or of other locations.
    """
    actor.require("users:read")
    user = dynamodb.batch_get(list_user_keys(user_id), known).get(User, user_id)
    if user is None:
        raise user_not_found()
    check_visible(user, actor)
    return user


def check_visible(user: User, actor: permissions.Actor) -> None:
    """Raise `errors.NotFound` unless the user is in the actor's list of users."""
    if user.customer_id != actor.customer_id or not directory.is_visible_to(user, actor):
        raise user_not_found()


def load_target(
    user_id: str, actor: permissions.Actor, *extra_keys: dynamodb.RecordKey
) -> tuple[User, dynamodb.BatchResult]:
    """A user to be changed, with the audit streams and ``extra_keys``, in one round trip.

    Raises `errors.NotFound`, also for a user of another customer, and `UserNotReady`.
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
    """Write only if this account was not blocked, deleted or handed over since it signed in.

    Raises `errors.Unauthenticated` at the commit.
    """
    refusal = errors.Unauthenticated("This account is blocked or deleted, or earlier sign-ins have ended.")
    no_handover = User.handover_id.does_not_exist() | (User.handover_id == User.completed_handover_id)
    write.require(user_key(user_id), User.status.is_in("active", "invited") & no_handover, error=refusal)


def list_user_keys(user_id: str) -> list[dynamodb.RecordKey]:
    """The key of a user's record, if this is an id of one, for a batch read."""
    return [user_key(user_id)] if dynamodb.is_id("usr", user_id) else []


def user_key(user_id: str) -> dynamodb.RecordKey:
    """The key of a user's record, for a batch read."""
    return dynamodb.RecordKey(User, user_id)


def get_user_from(records: dynamodb.BatchResult, user_id: str, customer_id: str, *, pointer: str) -> User:
    """A user of this customer from records that were read.

    Raises `errors.NotFound`, also for a user of another customer or one who is being deleted.
    """
    user = records.get(User, user_id)
    if user is None or user.customer_id != customer_id or user.status == "deleting":
        raise errors.NotFound("User not found.", pointer=pointer)
    return user


def find_user_in(records: dynamodb.BatchResult, user_id: str, customer_id: str) -> User | None:
    """A user of this customer, whatever their status, from records that were read."""
    user = records.get(User, user_id)
    return user if user and user.customer_id == customer_id else None


def check_schedulable(user: User, *, pointer: str) -> None:
    """Raise `UserNotReady` or `UserBlocked` for users who cannot get shifts."""
    if user.status == "pending":
        raise UserNotReady("This person is still being created; retry in a moment.", pointer=pointer)
    if user.status == "blocked":
        raise UserBlocked("This person is blocked.", pointer=pointer)


_IS_SCHEDULABLE = User.status.is_in("active", "invited")


def require_schedulable(write: write_set.Write, user_id: str) -> None:
    """Write only if this user is not blocked or deleted. Raises `UserBlocked` at the commit."""
    refusal = UserBlocked("This person is blocked or deleted.", pointer="/staffId")
    write.require(user_key(user_id), _IS_SCHEDULABLE, error=refusal)


def load_users(user_ids: Iterable[str], customer_id: str) -> dict[str, User]:
    """The users of a customer with these ids that exist, by id."""
    ids = list(user_ids)
    return find_users_in(dynamodb.batch_get(map(user_key, ids)), ids, customer_id)


def find_users_in(records: dynamodb.BatchResult, user_ids: Iterable[str], customer_id: str) -> dict[str, User]:
    """The users of a customer with these ids that exist, from records that were read."""
    users = (find_user_in(records, id, customer_id) for id in user_ids)
    return {user.id: user for user in users if user}


def iter_customer_users(customer_id: str) -> Iterator[User]:
    """All users of a customer by name, whatever their status."""
    values = {":of": {"S": customer_id}}
    return dynamodb.iter_records(User, "#customer_id = :of", values, IndexName="byCustomer")


def iter_person_ids(customer_id: str) -> Iterator[str]:
    """The ids of all users of a customer, and of its deleted people."""
    values = {":of": {"S": customer_id}}
    for record_class in (User, DeletedUser):
        records = dynamodb.iter_records(record_class, "#customer_id = :of", values, IndexName="byCustomer")
        yield from (str(record.id) for record in records)


def find_users_by_phone(phone: str, customer_id: str, *, limit: int) -> list[User]:
    """Active users of a customer with this phone (E.164) in the profile; reads 5 MB at most.

    Anybody can enter any phone there: it may not be theirs.
    """
    values = {":of": {"S": customer_id}, ":phone": {"S": phone}, ":active": {"S": "active"}}
    page = pagination.query_filtered_page(
        User,
        "byCustomer",
        "#customer_id = :of",
        values,
        filter_expression="#phone = :phone AND #status = :active",
        limit=limit,
        cursor=None,
    )
    return page.records


def find_location_managers(location_id: str, customer_id: str) -> list[User]:
    """The active managers of a location; without any, the customer's admins and owners."""
    active_users = [user for user in iter_customer_users(customer_id) if user.status == "active"]
    managers = [
        user
        for user in active_users
        if user.role == "manager" and (ALL_LOCATIONS in user.locations or location_id in user.locations)
    ]
    return managers or [user for user in active_users if user.role in ("admin", "owner")]


def audit_user_view(user: audit.Subject, *, actor: permissions.Actor, at: datetime) -> None:
    """Audit that an operator viewed a user."""
    actor.require("users:read")
    journal.write_audit_event(actor, "user.viewed", user, at)


def location_keys(locations: Iterable[str]) -> list[dynamodb.RecordKey]:
    """The keys of the valid ids among these, for `check_locations`."""
    return [dynamodb.RecordKey(Location, id) for id in locations if dynamodb.is_id("loc", id)]


def check_locations(
    locations: Iterable[str], records: dynamodb.BatchResult, customer_id: str, *, existing: Collection[str] = ()
) -> None:
    """Raise `errors.NotFound` for the first location that is not the customer's.

    ``existing`` are locations that the user already has; they are not checked.
    """
    for index, id in enumerate(locations):
        if id in existing or id == ALL_LOCATIONS:
            continue
        location = records.get(Location, id) if dynamodb.is_id("loc", id) else None
        if location is None or location.customer_id != customer_id:
            raise errors.NotFound("Location not found.", pointer=f"/locations/{index}")
