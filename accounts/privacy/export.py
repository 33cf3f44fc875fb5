"""The personal data of a user, as JSON and as a PDF.

Both follow from the data map (`config.privacy.data_map`): an attribute that declares personal data
is in the next export.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.template.loader import render_to_string

from accounts import preferences
from accounts.models import Customer, User
from accounts.permissions import Actor
from accounts.privacy import export_document, pdf_process
from accounts.users import erase
from config import dynamodb, errors, journal, strict_json
from config.dynamodb.attributes import RecordAttribute
from config.privacy import data_map

FORMAT = "dutyline-personal-data/1"
MAX_PRINTED_ROWS = 500
"""Printed rows of a chapter; the JSON contains all."""
RIGHTS = (
    "You can see your data and download this copy at any time.",
    "You can correct most of your data yourself in the app; the owners of your business can correct the rest.",
    "You can have your account deleted. It ends at once and is erased after a time in which a mistake can be undone, "
    "or at once if you ask for that. The table above shows what is stored afterwards.",
    "You can take your data to another service: use the file embedded in this document.",
    "You can object to the use of your data or ask to restrict it.",
    "You can complain to the data protection authority of your country.",
    "The data comes from you, from the person who invited you, and from your use of Dutyline. No decision about you "
    "is made by automated means alone.",
)


@dataclass(frozen=True)
class ExportDocument:
    """What is printed, and what is embedded."""

    html: str
    json: bytes

    @property
    def length(self) -> int:
        """By which the time to print it can be told."""
        return len(self.html)


def export_json(user: User, customer: Customer, *, actor: Actor) -> bytes:
    """The personal data of a user as JSON (UTF-8); ``user`` must be freshly read.

    Raises `errors.Unavailable` if it takes too long or too many exports run.
    """
    actor.require("self:export")
    with pdf_process.export_slot() as deadline:
        return _collect(user, customer, deadline)[0]


def export_deleted(user_id: str, *, actor: Actor, at: datetime) -> bytes:
    """The personal data of a deleted person as JSON, for an operator; audited.

    Raises `errors.NotFound` and `errors.Unavailable`.
    """
    actor.require("users:update")
    deleted = erase.load_deleted(user_id, actor)
    customer = dynamodb.get_record(Customer, deleted.customer_id)
    if customer is None:
        raise errors.NotFound("Customer not found.")
    with pdf_process.export_slot() as deadline:
        content = _collect(deleted.user(), customer, deadline)[0]
    journal.write_audit_event(actor, "user.exported", deleted, at)
    return content


def collect_json(user: User) -> bytes:
    """The personal data of a person of any status as JSON, for an export of their customer.

    Raises `errors.NotFound` and `errors.Unavailable`.
    """
    customer = dynamodb.get_record(Customer, user.customer_id)
    if customer is None:
        raise errors.NotFound("Customer not found.")
    return _collect(user, customer, time.monotonic() + pdf_process.COLLECTION_TIME_LIMIT)[0]


def build_document(user: User, customer: Customer, *, at: datetime, deadline: float) -> ExportDocument:
    """The same as a document that embeds the JSON; ``deadline`` in monotonic seconds.

    Raises `errors.Unavailable` if reading the data takes longer.
    """
    zone = preferences.time_zone_of(user.settings, customer.settings)
    json, chapters = _collect(user, customer, deadline)
    context = {
        "name": export_document.strip_bidi_marks(user.name),
        "customer": export_document.strip_bidi_marks(customer.name),
        "at": export_document.format_instant(at, zone),
        "chapters": [chapter.to_context(zone) for chapter in chapters],
        "recipients": list_recipients(),
        "retention": list_retention_rules(),
        "rights": RIGHTS,
    }
    return ExportDocument(render_to_string("export/my-data.html", context), json)


def _collect(user: User, customer: Customer, deadline: float) -> tuple[bytes, list[export_document.PrintedChapter]]:
    """The JSON, and the chapters to print."""
    json_chapters: list[bytes] = []
    chapters = []
    for chapter, rows in data_map.iter_export_rows(user):
        json_rows: list[bytes] = []
        printed_rows: list[data_map.ExportRow] = []
        for row in rows:
            json_rows.append(strict_json.dumps(row, default=_to_plain_value))
            if len(printed_rows) < MAX_PRINTED_ROWS:
                printed_rows.append(row)
            if time.monotonic() > deadline:
                raise errors.Unavailable("The export takes too long; retry later.", retry_after=60)
        json_chapters.append(orjson.dumps(chapter.name) + b":[" + b",".join(json_rows) + b"]")
        chapters.append(export_document.PrintedChapter(chapter, tuple(printed_rows), len(json_rows)))
    header = {
        "format": FORMAT,
        "person": {"id": user.id, "name": user.name, "email": user.email},
        "customer": {"id": customer.id, "name": customer.name},
    }
    footer = {"recipients": list_recipients(), "retention": list_retention_rules(), "rights": RIGHTS}
    json_parts = [orjson.dumps(header)[:-1], b',"data":{', b",".join(json_chapters), b"},"]
    return b"".join([*json_parts, orjson.dumps(footer)[1:]]), chapters


def _to_plain_value(value: Any) -> Any:
    """Converts PynamoDB's own maps and lists, which orjson does not know."""
    return dict(value) if isinstance(value, Mapping) else list(value)


def list_recipients() -> list[dict[str, Any]]:
    """Each recipient outside the customer, the purpose, and the values it receives."""
    labels_by_recipient: dict[str, list[str]] = {}
    for attribute in _exported_attributes():
        for name in attribute.personal_data.recipients:
            label = attribute.label or attribute.attr_name.replace("_", " ")
            labels_by_recipient.setdefault(name, []).append(label.lower())
    purposes = {name: purpose for part in data_map.load_data_maps() for name, purpose in part.recipients.items()}
    return [
        {"name": name, "about": purposes[name], "receives": sorted(set(labels))}
        for name, labels in sorted(labels_by_recipient.items())
    ]


def list_retention_rules() -> list[dict[str, str]]:
    """Purpose, retention and erasure of each category of values."""
    facts = [attribute.personal_data for attribute in _exported_attributes()]
    rules = {
        (item.category, item.purpose, item.erasure): {
            "what": item.category,
            "purpose": item.purpose,
            "kept": item.retention,
            "afterDeletion": item.erasure.value,
        }
        for item in facts
    }
    return list(rules.values())


def _exported_attributes() -> list[RecordAttribute[Any]]:
    return [attribute for chapter in data_map.export_chapters() for attribute in chapter.attributes]
