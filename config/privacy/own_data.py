"""The data map of this floor: the audit, its keys, the outbox, remembered requests."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from config import audit, dynamodb, outbox
from config.audit import reader
from config.dynamodb import encryption, idempotency, ids
from config.privacy.data_map import Attribute, Chapter, Erasure, Holding, Part, Row

_FOR_GOOD = "for as long as the customer exists"
_entry = partial(
    Attribute,
    category="history",
    purpose="to show who did what, and that the record of it is whole",
    retention=_FOR_GOOD,
)
_place = partial(
    _entry, erasure=Erasure.EVIDENCE, withheld="where an entry stands, not what it says"
)
_errand = partial(
    Attribute,
    category="technical",
    purpose="to carry out what was asked, even after a crash",
    retention="until it is done, at most 72 hours; failed for good: until an operator looks",
    withheld="passes by itself",
)
_remembered = partial(
    Attribute,
    category="technical",
    purpose="to answer a repeated request alike",
    retention="24 hours",
    erasure=Erasure.EXPIRES,
    withheld="digests and ids that pass by themselves",
)


def history(person: Any) -> Iterator[Row]:
    """What was done by and to a person, newest first, without the data of anybody else.

    Only their own key and their customer's are used: what is sealed for others stays closed.
    """
    wanted = (person.id, person.customer_id)
    found = dynamodb.fetch(dynamodb.Key(encryption.PersonKey, one) for one in wanted)
    keys = encryption.opened(found, wanted)
    for entry in reader.rows(person.id, newest_first=True):
        if entry.seq:
            (line,) = reader.lines([entry], keys)
            yield _told(line, person.id)


def _told(line: reader.Line, person_id: str) -> Row:
    own = line.actor["id"] == person_id
    return {
        "id": line.id,
        "at": line.at,
        "action": line.action,
        "by": _party(line.actor, person_id),
        "about": _party(line.subject, person_id),
        "changes": [
            {"field": one["field"], **{n: _own(one[n], person_id) for n in ("before", "after")}}
            for one in line.changes
            if line.subject["name"] is not None
        ],
        "ip": line.ip if own else None,
        "userAgent": line.user_agent if own else None,
        "requestId": line.request_id if own else None,
    }


def _own(value: Any, person_id: str) -> Any:
    """A value without the ids of other people."""
    if isinstance(value, dict):
        return {name: _own(part, person_id) for name, part in value.items()}
    if isinstance(value, list):
        return [_own(part, person_id) for part in value]
    is_other = isinstance(value, str) and ids.is_id("usr", value) and value != person_id
    return "another person" if is_other else value


def _party(party: dict[str, str | None], person_id: str) -> str:
    if party["id"] == person_id:
        return "you"
    if party["type"] == "user":
        return "another person"
    if party["type"] == "operator":
        return "Dutyline's support"
    return party["name"] or f"a {party['type']}"


_HOLDINGS = [
    Holding(
        audit.AuditEntry,
        (
            _entry("body", erasure=Erasure.UNREADABLE),
            _entry("at", erasure=Erasure.EVIDENCE),
            _entry("action", erasure=Erasure.EVIDENCE),
            *(
                _place(name)
                for name in (
                    *("stream", "seq", "customer_id", "hash", "prev_hash"),
                    *("listed_for", "last", "seal"),
                )
            ),
        ),
        shown=history,
    ),
    Holding(
        encryption.PersonKey,
        tuple(
            Attribute(
                name,
                category="technical",
                purpose="to seal a person's values in the audit",
                retention="until the account is deleted",
                erasure=Erasure.REMOVED,
                withheld="a secret that would lay open the audit",
            )
            for name in ("person", "sealed", "created_at")
        ),
        of_person=lambda person: [encryption.PersonKey(person.id)],
    ),
    Holding(
        outbox.OutboxEntry,
        (
            _errand("author", erasure=Erasure.UNREADABLE),
            _errand("arguments", erasure=Erasure.UNREADABLE),
            *(
                _errand(name, erasure=Erasure.EXPIRES)
                for name in (
                    *("id", "shard", "due_at", "task", "first_due_at", "progress"),
                    *("attempts", "deferrals", "claim", "error"),
                )
            ),
        ),
    ),
    Holding(
        idempotency.Request,
        tuple(
            _remembered(name)
            for name in (
                *("key", "request_hash", "state", "status", "code"),
                *("resource_id", "running_until", "expires_at"),
            )
        ),
    ),
]

MAP = Part(
    holdings=_HOLDINGS,
    chapters=[
        Chapter(
            "history",
            "What was done by you and about you",
            "Every change that you made, and every one that concerned you, the newest first. Names "
            "and data of other people are left out.",
            ("history",),
            {
                "When": ("at",),
                "What": ("action",),
                "By": ("by",),
                "About": ("about",),
                "Changes": ("changes",),
                "From": ("ip", "userAgent"),
            },
        )
    ],
)
