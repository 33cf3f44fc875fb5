"""Reading the audit log of a person."""

from dataclasses import dataclass

from accounts import users
from accounts.models import User
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.audit import reader, search
from config.dynamodb import encryption, pagination


@dataclass(frozen=True)
class AuditLogPage:
    """A page of entries, newest first, and the total number."""

    lines: list[reader.DecryptedEntry]
    total: int
    limit: int
    offset: int
    next_cursor: pagination.Cursor | None


def list_log_keys(user_id: str) -> list[dynamodb.RecordKey]:
    """What the audit log of a person reads first: the person, the head of the log, and its key."""
    if not dynamodb.is_id("usr", user_id):
        return []
    return [dynamodb.RecordKey(User, user_id), *journal.stream_keys([user_id])]


def get_user_audit_log(
    user_id: str,
    *,
    actor: Actor,
    limit: int,
    offset: int = 0,
    cursor: pagination.Cursor | None = None,
    criteria: search.EntryFilter,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> AuditLogPage:
    """A page of the audit log of a person of the actor's customer, deleted people included.

    ``cursor`` replaces ``offset``: it names the entry that the page begins with, so that entries
    added meanwhile move nothing. ``total`` counts the entries that match the filter. ``known``:
    records that were read with the actor. Raises `errors.NotFound`, also for people of other
    customers, and `errors.Forbidden` for people outside the actor's locations.
    """
    actor.require("audit:read")
    if not dynamodb.is_id("usr", user_id):
        raise users.user_not_found()
    records = dynamodb.batch_get(list_log_keys(user_id), known)
    stream_head = records.get(audit.AuditEntry, user_id, 0)
    if stream_head is None or stream_head.customer_id != actor.customer_id:
        raise users.user_not_found()
    user = records.get(User, user_id)
    if user_id != actor.id and not actor.can_access_user_in(user.locations if user else ()):
        raise errors.Forbidden("The person must work at locations that you have access to, and at no others.")
    total = int(stream_head.last)
    first_seq = int(cursor["seq"]["N"]) if cursor else None
    if criteria.matches_all:
        offset = offset if first_seq is None else total - first_seq
        entries = reader.read_page(user_id, last=total, offset=offset, limit=limit)
        next_seq = total - offset - limit
    else:
        matching = search.find_matching_seqs(user_id, total, criteria)
        total = len(matching)
        offset = offset if first_seq is None else matching.count_above(first_seq)
        seqs = matching.slice(offset, limit + 1)
        entries = reader.read_entries(user_id, seqs[:limit])
        next_seq = seqs[limit] if len(seqs) > limit else 0
    person_ids = {person for entry in entries for person in entry.key_owners}
    records = dynamodb.batch_get((dynamodb.RecordKey(encryption.PersonKey, id) for id in person_ids), records)
    keys = encryption.unwrap_keys(records, person_ids)
    next_cursor = {"seq": {"N": str(next_seq)}} if next_seq > 0 else None
    return AuditLogPage(reader.decrypt_entries(entries, keys), total, limit, offset, next_cursor)
