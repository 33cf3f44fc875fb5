"""What is kept of a person, all of it: as JSON, and as a document that they like to read.

Both are made from the data map (`config.privacy.data_map`): an app that stores
something new of people declares it there, and it is in the next export.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.template.loader import render_to_string

from accounts import customers, preferences, users
from accounts.models import Customer, User
from accounts.permissions import Actor
from accounts.privacy import document, pdf_process
from config import errors, journal
from config.privacy import data_map

FORMAT = "dutyline-personal-data/1"
PRINTED = 500
"""Rows of a chapter that are printed; the JSON holds all."""
RIGHTS = (
    "You may see your data, and get this copy of it, as often as you like.",
    "You may have what is wrong corrected: most of it by yourself in the app, the rest by the "
    "owners of your business.",
    "You may have your account deleted; what is kept afterwards stands in the table above.",
    "You may take your data elsewhere: the file embedded in this document is made for that.",
    "You may object to the use of your data, or ask for it to be restricted.",
    "You may complain to the data protection authority of your country.",
    "The data came from you, from whoever invited you, and from your use of Dutyline. Nothing is "
    "decided about you by a machine alone.",
)


@dataclass(frozen=True)
class Gathered:
    """An export: the JSON, and what of it is printed."""

    json: bytes
    chapters: tuple[document.Page, ...]


def as_json(user: User, customer: Customer, *, actor: Actor) -> bytes:
    """Everything that is kept of a person, whose record was just read.

    Raises `errors.Unavailable` where it takes too long, or others are at it.
    """
    actor.require("self:export")
    with pdf_process.turn() as end:
        return _gather(user, customer, end).json


def as_pdf(user: User, customer: Customer, *, actor: Actor, at: datetime) -> bytes:
    """The same as a document, with the JSON embedded. Raises `errors.Unavailable`."""
    actor.require("self:export")
    zone = preferences.time_zone(user.settings, customer.settings)
    with pdf_process.turn() as end:
        gathered = _gather(user, customer, end)
        context = {
            "name": document.plain(user.name),
            "customer": document.plain(customer.name),
            "at": document.moment(at, zone),
            "chapters": [page.told(zone) for page in gathered.chapters],
            "recipients": recipients(),
            "retention": retention(),
            "rights": RIGHTS,
        }
        html = render_to_string("export/my-data.html", context)
        return pdf_process.pdf(html, gathered.json, end=end)


def by_operator(user_id: str, *, actor: Actor, at: datetime) -> bytes:
    """The document of somebody of a customer, for an operator who was asked for it; audited.

    Raises `errors.NotFound`, and as `as_pdf` does.
    """
    actor.require("users:update")
    user, found = users.target(user_id, actor, customers.key(actor.customer_id))
    customer = found.get(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("There is no such customer.")
    with journal.write(
        actor=actor,
        action="user.exported",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        found=found,
    ):
        pass
    return as_pdf(user, customer, actor=actor, at=at)


def _gather(user: User, customer: Customer, end: float) -> Gathered:
    members: list[bytes] = []
    chapters = []
    for chapter, rows in data_map.told(user):
        written: list[bytes] = []
        printed: list[data_map.Row] = []
        for row in rows:
            written.append(orjson.dumps(row, default=_plain, option=orjson.OPT_UTC_Z))
            if len(printed) < PRINTED:
                printed.append(row)
            if time.monotonic() > end:
                raise errors.Unavailable("This takes too long just now.", retry_after=60)
        members.append(orjson.dumps(chapter.name) + b":[" + b",".join(written) + b"]")
        chapters.append(document.Page(chapter, tuple(printed), len(written)))
    frame = {
        "format": FORMAT,
        "person": {"id": user.id, "name": user.name, "email": user.email},
        "customer": {"id": customer.id, "name": customer.name},
    }
    after = {"recipients": recipients(), "retention": retention(), "rights": RIGHTS}
    whole = [orjson.dumps(frame)[:-1], b',"data":{', b",".join(members), b"},"]
    return Gathered(b"".join([*whole, orjson.dumps(after)[1:]]), tuple(chapters))


def _plain(value: Any) -> Any:
    """What orjson does not know: PynamoDB's own lists and maps, and numbers."""
    return dict(value) if isinstance(value, Mapping) else list(value)


def recipients() -> list[dict[str, Any]]:
    """Who receives what, of those beyond the customer's own people."""
    received: dict[str, list[str]] = {}
    for _, attribute in _shown():
        for name in attribute.recipients:
            what = attribute.label or attribute.name.replace("_", " ")
            received.setdefault(name, []).append(what.lower())
    about = {name: text for part in data_map.parts() for name, text in part.recipients.items()}
    return [
        {"name": name, "about": about[name], "receives": sorted(set(what))}
        for name, what in sorted(received.items())
    ]


def retention() -> list[dict[str, str]]:
    """How long each kind of value is kept, for what, and what becomes of it."""
    found = {
        (attribute.category, attribute.purpose, attribute.erasure): {
            "what": attribute.category,
            "purpose": attribute.purpose,
            "kept": attribute.retention,
            "afterDeletion": attribute.erasure.value,
        }
        for _, attribute in _shown()
    }
    return list(found.values())


def _shown() -> Iterator[tuple[data_map.Holding, data_map.Attribute]]:
    for holding in data_map.holdings():
        if holding.shown:
            yield from ((holding, one) for one in holding.attributes if not one.withheld)
