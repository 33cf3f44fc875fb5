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
MAX_PRINTED_ROWS = 500
"""Rows of a chapter that are printed; the JSON holds all."""
RIGHTS = (
    "You may see your data, and get this copy of it, as often as you like.",
    "You may have what is wrong corrected: most of it by yourself in the app, the rest by the owners of your business.",
    "You may have your account deleted; what is kept afterwards stands in the table above.",
    "You may take your data elsewhere: the file embedded in this document is made for that.",
    "You may object to the use of your data, or ask for it to be restricted.",
    "You may complain to the data protection authority of your country.",
    "The data came from you, from whoever invited you, and from your use of Dutyline. Nothing is "
    "decided about you by a machine alone.",
)


@dataclass(frozen=True)
class PersonalDataExport:
    """An export: the JSON, and what of it is printed."""

    json: bytes
    chapters: tuple[document.PrintedChapter, ...]


def export_json(user: User, customer: Customer, *, actor: Actor) -> bytes:
    """Everything that is kept of a person, whose record was just read.

    Raises `errors.Unavailable` where it takes too long, or others are at it.
    """
    actor.require("self:export")
    with pdf_process.worker_slot() as deadline:
        return _collect(user, customer, deadline).json


def export_pdf(user: User, customer: Customer, *, actor: Actor, at: datetime) -> bytes:
    """The same as a document, with the JSON embedded. Raises `errors.Unavailable`."""
    actor.require("self:export")
    zone = preferences.time_zone_of(user.settings, customer.settings)
    with pdf_process.worker_slot() as deadline:
        personal_data = _collect(user, customer, deadline)
        context = {
            "name": document.strip_bidi_marks(user.name),
            "customer": document.strip_bidi_marks(customer.name),
            "at": document.format_instant(at, zone),
            "chapters": [chapter.to_context(zone) for chapter in personal_data.chapters],
            "recipients": list_recipients(),
            "retention": list_retention_rules(),
            "rights": RIGHTS,
        }
        html = render_to_string("export/my-data.html", context)
        return pdf_process.render_pdf(html, personal_data.json, deadline=deadline)


def export_for_operator(user_id: str, *, actor: Actor, at: datetime) -> bytes:
    """The document of somebody of a customer, for an operator who was asked for it; audited.

    Raises `errors.NotFound`, and as `as_pdf` does.
    """
    actor.require("users:update")
    user, records = users.load_target(user_id, actor, customers.customer_key(actor.customer_id))
    customer = records.get(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("There is no such customer.")
    with journal.write(actor, "user.exported", user, at, prefetched=records):
        pass
    return export_pdf(user, customer, actor=actor, at=at)


def _collect(user: User, customer: Customer, deadline: float) -> PersonalDataExport:
    json_chapters: list[bytes] = []
    chapters = []
    for chapter, rows in data_map.export_chapters(user):
        json_rows: list[bytes] = []
        printed_rows: list[data_map.ExportRow] = []
        for row in rows:
            json_rows.append(orjson.dumps(row, default=_to_plain_value, option=orjson.OPT_UTC_Z))
            if len(printed_rows) < MAX_PRINTED_ROWS:
                printed_rows.append(row)
            if time.monotonic() > deadline:
                raise errors.Unavailable("This takes too long just now.", retry_after=60)
        json_chapters.append(orjson.dumps(chapter.name) + b":[" + b",".join(json_rows) + b"]")
        chapters.append(document.PrintedChapter(chapter, tuple(printed_rows), len(json_rows)))
    header = {
        "format": FORMAT,
        "person": {"id": user.id, "name": user.name, "email": user.email},
        "customer": {"id": customer.id, "name": customer.name},
    }
    footer = {"recipients": list_recipients(), "retention": list_retention_rules(), "rights": RIGHTS}
    json_parts = [orjson.dumps(header)[:-1], b',"data":{', b",".join(json_chapters), b"},"]
    return PersonalDataExport(b"".join([*json_parts, orjson.dumps(footer)[1:]]), tuple(chapters))


def _to_plain_value(value: Any) -> Any:
    """What orjson does not know: PynamoDB's own lists and maps, and numbers."""
    return dict(value) if isinstance(value, Mapping) else list(value)


def list_recipients() -> list[dict[str, Any]]:
    """Who receives what, of those beyond the customer's own people."""
    labels_by_recipient: dict[str, list[str]] = {}
    for _, attribute in _exported_attributes():
        for name in attribute.recipients:
            what = attribute.label or attribute.name.replace("_", " ")
            labels_by_recipient.setdefault(name, []).append(what.lower())
    purposes = {name: purpose for part in data_map.load_data_maps() for name, purpose in part.recipients.items()}
    return [
        {"name": name, "about": purposes[name], "receives": sorted(set(what))}
        for name, what in sorted(labels_by_recipient.items())
    ]


def list_retention_rules() -> list[dict[str, str]]:
    """How long each kind of value is kept, for what, and what becomes of it."""
    rules = {
        (attribute.category, attribute.purpose, attribute.erasure): {
            "what": attribute.category,
            "purpose": attribute.purpose,
            "kept": attribute.retention,
            "afterDeletion": attribute.erasure.value,
        }
        for _, attribute in _exported_attributes()
    }
    return list(rules.values())


def _exported_attributes() -> Iterator[tuple[data_map.TableDataMap, data_map.DataMapAttribute]]:
    for holding in data_map.iter_table_maps():
        if holding.records_to_export:
            yield from ((holding, attribute) for attribute in holding.attributes if not attribute.withheld)
