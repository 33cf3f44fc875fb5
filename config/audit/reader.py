"""Reads of the audit log: pages of a stream, filters by time and action, decryption."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from config import dynamodb, errors
from config.audit.log import AuditEntry, format_instant
from config.dynamodb import encryption

PROBE_THRESHOLD, PROBE_COUNT = 2_000, 90
"""Entries from which a filter probes a stream first, and how many entries it probes."""
MAX_CLOCK_SKEW = timedelta(minutes=15)
"""How much the clocks of processes may differ."""


MAX_FILTERED_ENTRIES = 10_000
"""Entries that a filter may read."""


class FilterTooBroad(errors.InvalidRequest):
    """The filter would read more entries than allowed."""

    code = "filter_too_broad"


@dataclass(frozen=True)
class DecryptedEntry:
    """A decrypted entry; erased names and values are None."""

    id: str
    seq: int
    at: datetime
    action: str
    actor: dict[str, str | None]
    subject: dict[str, str | None]
    customer_id: str
    changes: list[dict[str, Any]]
    ip: str | None
    user_agent: str | None
    request_id: str
    hash: str
    prev_hash: str


def read_page(stream: str, *, last: int, offset: int, limit: int) -> list[AuditEntry]:
    """Entries newest first, after ``offset``; any offset costs the same, one range of keys."""
    newest_seq = last - offset
    if newest_seq < 1:
        return []
    values = {
        ":stream": {"S": stream},
        ":low": {"N": str(max(1, newest_seq - limit + 1))},
        ":high": {"N": str(newest_seq)},
    }
    condition = "#stream = :stream AND #seq BETWEEN :low AND :high"
    return list(dynamodb.iter_records(AuditEntry, condition, values, ScanIndexForward=False, ConsistentRead=True))


@dataclass(frozen=True)
class EntryFilter:
    """Entries of one action, from ``since`` on, before ``until``; None does not filter."""

    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def matches_all(self) -> bool:
        return self == EntryFilter()


def find_matching_seqs(stream: str, last: int, entry_filter: EntryFilter) -> list[int]:
    """The sequence numbers that match a filter, newest first.

    Costs depend on the time range, not on the stream: in a long stream a batch read of probes finds
    the range first, which is exact while clocks differ by less than `MAX_CLOCK_SKEW`. Raises
    `FilterTooBroad`.
    """
    low, high = _seq_range(stream, last, entry_filter)
    if high - low >= MAX_FILTERED_ENTRIES:
        raise FilterTooBroad(
            f"This filter reads more than {MAX_FILTERED_ENTRIES:,} entries; shorten the time range.", pointer="?from"
        )
    values = {":stream": {"S": stream}, ":low": {"N": str(low)}, ":high": {"N": str(high)}}
    values |= {
        ":since": {"S": format_instant(entry_filter.since) if entry_filter.since else "0"},
        ":until": {"S": format_instant(entry_filter.until) if entry_filter.until else "9999"},
    }
    condition = "#stream = :stream AND #seq BETWEEN :low AND :high"
    filter_expression = "#at >= :since AND #at < :until"
    if entry_filter.action:
        filter_expression += " AND #action = :action"
        values[":action"] = {"S": entry_filter.action}
    arguments = dynamodb.query_arguments(AuditEntry, condition, values)
    arguments["ExpressionAttributeNames"] |= dynamodb.expression_names(filter_expression)
    item_pages = dynamodb.iter_pages(
        "Query",
        **arguments,
        FilterExpression=filter_expression,
        ProjectionExpression="#seq",
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return [int(item["seq"]["N"]) for items in item_pages for item in items]


def _seq_range(stream: str, last: int, entry_filter: EntryFilter) -> tuple[int, int]:
    """The first and last number that can be in the time range."""
    low, high = 1, last
    while high - low >= PROBE_THRESHOLD and (entry_filter.since or entry_filter.until):
        previous = low, high
        low, high = _narrow_by_probing(stream, low, high, entry_filter)
        if high - low < MAX_FILTERED_ENTRIES or (low, high) == previous:
            break
    return low, high


def _narrow_by_probing(stream: str, first: int, last: int, entry_filter: EntryFilter) -> tuple[int, int]:
    probe_seqs = sorted({first + (last - first) * index // PROBE_COUNT for index in range(PROBE_COUNT + 1)})
    probes = [(int(entry.seq), datetime.fromisoformat(entry.at)) for entry in read_entries(stream, probe_seqs)]
    since, until = entry_filter.since, entry_filter.until
    entries_before = takewhile(lambda probe: since and since - probe[1] > MAX_CLOCK_SKEW, probes)
    entries_after = takewhile(lambda probe: until and probe[1] - until >= MAX_CLOCK_SKEW, reversed(probes))
    low = max((seq for seq, _ in entries_before), default=first)
    high = min((seq for seq, _ in entries_after), default=last)
    return low, high


def read_entries(stream: str, seqs: Sequence[int]) -> list[AuditEntry]:
    """The entries with these numbers, in this order."""
    batch = dynamodb.batch_get(dynamodb.RecordKey(AuditEntry, stream, seq) for seq in seqs)
    return [entry for seq in seqs if (entry := batch.get(AuditEntry, stream, seq))]


def iter_stream(stream: str, *, newest_first: bool = False) -> Iterator[AuditEntry]:
    """The head and all entries of a stream; newest first, the head comes last."""
    values = {":stream": {"S": stream}}
    options = {"ScanIndexForward": not newest_first, "ConsistentRead": True}
    return dynamodb.iter_records(AuditEntry, "#stream = :stream", values, **options)


def list_streams() -> set[str]:
    """The names of all streams; scans the table, so never for a request."""
    return dynamodb.scan_values(AuditEntry, "stream")


def decrypt_entries(entries: Iterable[AuditEntry], keys: Mapping[str, bytes]) -> list[DecryptedEntry]:
    """Decrypt entries, as far as their keys exist."""
    return [_decrypt_entry(entry, keys) for entry in entries]


def _decrypt_entry(entry: AuditEntry, keys: Mapping[str, bytes]) -> DecryptedEntry:
    body = entry.body
    actor_data = _decrypt_part(body, "actor", keys) or {}
    subject_data = _decrypt_part(body, "subject", keys)
    values = subject_data["values"] if subject_data else [[None, None]] * len(body["fields"])
    return DecryptedEntry(
        id=body["id"],
        seq=int(entry.seq),
        at=datetime.fromisoformat(entry.at),
        action=body["action"],
        actor={**body["actor"], "name": actor_data.get("name")},
        subject={**body["subject"], "name": subject_data["name"] if subject_data else None},
        customer_id=entry.customer_id,
        changes=[
            {"field": name, "before": before, "after": after}
            for name, (before, after) in zip(body["fields"], values, strict=True)
        ],
        ip=actor_data.get("ip"),
        user_agent=actor_data.get("userAgent"),
        request_id=body["requestId"],
        hash=entry.hash,
        prev_hash=entry.prev_hash,
    )


def _decrypt_part(body: Mapping[str, Any], part: str, keys: Mapping[str, bytes]) -> Any:
    encrypted = body["sealed"][part]
    key = keys.get(encrypted["key"])
    if key is None or encrypted["blob"] is None:
        return None
    return encryption.decrypt_json(key, base64.b64decode(encrypted["blob"]), f"{body['id']} {part}")
