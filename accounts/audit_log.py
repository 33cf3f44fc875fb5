"""What was done by and to a person: reading their audit log."""

from dataclasses import dataclass

from accounts.models import User
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.audit import reader
from config.dynamodb import encryption, ids


@dataclass(frozen=True)
class Page:
    """Some entries, newest first, and how many there are in all."""

    lines: list[reader.Line]
    total: int
    limit: int
    offset: int


def of_user(user_id: str, *, actor: Actor, limit: int, offset: int, wanted: reader.Filter) -> Page:
    """The audit log of a person of one's own customer, also of one who was deleted.

    ``total`` counts what the filter takes. Raises `errors.NotFound`, alike for nobody's and another
    customer's, and `errors.Forbidden` for somebody beyond the actor's locations.
    """
    actor.require("audit:read")
    if not ids.is_id("usr", user_id):
        raise _nobody()
    found = dynamodb.fetch([dynamodb.Key(User, user_id), *journal.keys([user_id, actor.stream])])
    head = found.get(audit.AuditEntry, user_id, 0)
    if head is None or head.customer_id != actor.customer_id:
        raise _nobody()
    user = found.get(User, user_id)
    if user_id != actor.id and not actor.oversees(user.locations if user else ()):
        raise errors.Forbidden("This person is not of your locations.")
    if wanted.takes_all:
        total = int(head.last)
        entries = reader.page(user_id, last=total, offset=offset, limit=limit)
    else:
        numbers = reader.find(user_id, int(head.last), wanted)
        total = len(numbers)
        entries = reader.some(user_id, numbers[offset : offset + limit])
    people = {person for entry in entries for person in entry.people}
    known = {user_id, actor.stream}
    rest = dynamodb.fetch(dynamodb.Key(encryption.PersonKey, person) for person in people - known)
    keys = encryption.opened(found, people & known) | encryption.opened(rest, people - known)
    return Page(reader.lines(entries, keys), total, limit, offset)


def _nobody() -> errors.NotFound:
    return errors.NotFound("There is no such user.")
