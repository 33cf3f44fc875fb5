"""The data map of this floor: the audit, its keys, the outbox, remembered requests."""

from functools import partial

from config import audit, idempotency, outbox, sealing
from config.datamap import Attribute, Erasure, Holding

_FOR_GOOD = "for as long as the customer exists"
_entry = partial(
    Attribute,
    category="activity",
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

HOLDINGS = [
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
    ),
    Holding(
        sealing.PersonKey,
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
        of_person=lambda person: [sealing.PersonKey(person.id)],
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
