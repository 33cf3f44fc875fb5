"""Notices: telling people what somebody else changed about them, where they want to hear of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag

from accounts import preferences
from accounts.models import Customer, Location, User
from accounts.notifications import mailer
from config import dynamodb
from config.dynamodb import encryption
from config.outbox import worker

SENT = "sent"


def send(
    user_id: str,
    event: str,
    *,
    job: worker.Job,
    locations: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> None:
    """Write to an active person about an event of `preferences.EVENTS`, if they want it.

    ``values`` are what its template tells beside who did it and where.
    """
    user, customer = _reader(user_id, job)
    if user is None or customer is None or user.status != "active":
        return
    if not preferences.wants(user.settings, "email", event):
        return
    found = dynamodb.fetch(dynamodb.Key(Location, id) for id in locations)
    names = [place.name for id in locations if (place := found.get(Location, id))]
    if locations and not names:
        return  # the places are gone by now
    told = {"by": job.author.name, "places": ", ".join(sorted(names)), **(values or {})}
    mailer.send(event, user, customer, errand_id=job.id, values=told)
    job.note(SENT)


def warn_former_address(user_id: str, sealed: str, *, job: worker.Job) -> None:
    """Tell whoever reads the address that a person had that it was changed.

    Not a matter of choice: it is how a theft is noticed. ``sealed`` is the address under the
    person's key, which is gone once they are deleted.
    """
    user, customer = _reader(user_id, job)
    key = dynamodb.get(encryption.PersonKey, user_id)
    if user is None or customer is None or key is None:
        return
    try:
        former = str(encryption.unseal(key.open(), bytes.fromhex(sealed), user_id))
    except InvalidTag:
        return  # it was sealed for somebody who is gone
    values = {"by": job.author.name}
    mailer.send("address_changed", user, customer, errand_id=job.id, values=values, to=former)
    job.note(SENT)


def _reader(user_id: str, job: worker.Job) -> tuple[User | None, Customer | None]:
    user = dynamodb.get(User, user_id) if job.progress != SENT else None
    if user is None or user.status == "deleting":
        return None, None
    return user, dynamodb.get(Customer, user.customer_id)
