"""Reading the audit: pages of a stream, entries of a time or action, what a reader may see."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from config import dynamodb, errors
from config.audit.log import AuditEntry, told
from config.dynamodb import encryption

LONG, PROBES = 2_000, 90
"""From how many entries on a stream is probed before it is filtered, and at how many places."""
CLOCKS = timedelta(minutes=15)
"""How much the clocks of our processes may differ."""


MOST = 10_000
"""Entries that a filter may read."""


class TooLong(errors.Invalid):
    """The filter takes in more than may be read at once."""

    code = "too_long"


@dataclass(frozen=True)
class Line:
    """An entry as it may be read: names and values are None where they were erased."""

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


def page(stream: str, *, last: int, offset: int, limit: int) -> list[AuditEntry]:
    """Entries newest first, skipping ``offset``: one range of keys, whatever the offset."""
    top = last - offset
    if top < 1:
        return []
    values = {
        ":stream": {"S": stream},
        ":low": {"N": str(max(1, top - limit + 1))},
        ":high": {"N": str(top)},
    }
    condition = "#stream = :stream AND #seq BETWEEN :low AND :high"
    arguments = dynamodb.key_range(AuditEntry, condition, values)
    pages = dynamodb.pages("Query", **arguments, ScanIndexForward=False, ConsistentRead=True)
    return [AuditEntry.read(item) for items in pages for item in items]


@dataclass(frozen=True)
class Filter:
    """Which entries of a stream: of one action, from a moment on, until before another."""

    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def takes_all(self) -> bool:
        return self == Filter()


def find(stream: str, last: int, wanted: Filter) -> list[int]:
    """The numbers of the entries that a filter takes, newest first.

    Costs by the entries of the time asked for: in a long stream, one batch of reads finds out which
    those are. That holds while clocks differ by less than `CLOCKS`. Raises `TooLong`.
    """
    low, high = _range(stream, last, wanted)
    if high - low >= MOST:
        raise TooLong(
            f"This would read over {MOST:,} entries; name a shorter time.", pointer="?from"
        )
    values = {":stream": {"S": stream}, ":low": {"N": str(low)}, ":high": {"N": str(high)}}
    values |= {
        ":since": {"S": told(wanted.since) if wanted.since else "0"},
        ":until": {"S": told(wanted.until) if wanted.until else "9999"},
    }
    condition = "#stream = :stream AND #seq BETWEEN :low AND :high"
    kept = "#at >= :since AND #at < :until"
    if wanted.action:
        kept += " AND #action = :action"
        values[":action"] = {"S": wanted.action}
    arguments = dynamodb.key_range(AuditEntry, condition, values)
    arguments["ExpressionAttributeNames"] |= dynamodb.names_in(kept)
    found = dynamodb.pages(
        "Query",
        **arguments,
        FilterExpression=kept,
        ProjectionExpression="#seq",
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return [int(item["seq"]["N"]) for items in found for item in items]


def _range(stream: str, last: int, wanted: Filter) -> tuple[int, int]:
    """The first and last number that can be of the time asked for."""
    low, high = 1, last
    while high - low >= LONG and (wanted.since or wanted.until):
        before = low, high
        low, high = _probed(stream, low, high, wanted)
        if high - low < MOST or (low, high) == before:
            break
    return low, high


def _probed(stream: str, first: int, last: int, wanted: Filter) -> tuple[int, int]:
    probed = sorted({first + (last - first) * n // PROBES for n in range(PROBES + 1)})
    places = [(int(e.seq), datetime.fromisoformat(e.at)) for e in some(stream, probed)]
    since, until = wanted.since, wanted.until
    before = takewhile(lambda place: since and since - place[1] > CLOCKS, places)
    after = takewhile(lambda place: until and place[1] - until >= CLOCKS, reversed(places))
    low = max((seq for seq, _ in before), default=first)
    high = min((seq for seq, _ in after), default=last)
    return low, high


def some(stream: str, numbers: Sequence[int]) -> list[AuditEntry]:
    """The entries of these numbers, in this order."""
    found = dynamodb.fetch(dynamodb.Key(AuditEntry, stream, number) for number in numbers)
    return [entry for number in numbers if (entry := found.get(AuditEntry, stream, number))]


def rows(stream: str, *, newest_first: bool = False) -> Iterator[AuditEntry]:
    """Every entry of a stream and its head, which comes first, or last."""
    arguments = dynamodb.key_range(AuditEntry, "#stream = :stream", {":stream": {"S": stream}})
    arguments |= {"ScanIndexForward": not newest_first, "ConsistentRead": True}
    for items in dynamodb.pages("Query", **arguments):
        yield from (AuditEntry.read(item) for item in items)


def streams() -> set[str]:
    """The names of all streams; reads the whole table, so never for a request."""
    return dynamodb.every(AuditEntry, "stream")


def lines(found: Iterable[AuditEntry], keys: Mapping[str, bytes]) -> list[Line]:
    """The entries with their sealed values opened, where the keys are still there."""
    return [_line(entry, keys) for entry in found]


def _line(entry: AuditEntry, keys: Mapping[str, bytes]) -> Line:
    content = entry.body
    by = _opened(content, "actor", keys) or {}
    about = _opened(content, "subject", keys)
    values = about["values"] if about else [[None, None]] * len(content["fields"])
    return Line(
        id=content["id"],
        seq=int(entry.seq),
        at=datetime.fromisoformat(entry.at),
        action=content["action"],
        actor={**content["actor"], "name": by.get("name")},
        subject={**content["subject"], "name": about["name"] if about else None},
        customer_id=entry.customer_id,
        changes=[
            {"field": name, "before": before, "after": after}
            for name, (before, after) in zip(content["fields"], values, strict=True)
        ],
        ip=by.get("ip"),
        user_agent=by.get("userAgent"),
        request_id=content["requestId"],
        hash=entry.hash,
        prev_hash=entry.prev_hash,
    )


def _opened(content: Mapping[str, Any], part: str, keys: Mapping[str, bytes]) -> Any:
    sealed = content["sealed"][part]
    key = keys.get(sealed["key"])
    if key is None or sealed["blob"] is None:
        return None
    return encryption.unseal(key, base64.b64decode(sealed["blob"]), f"{content['id']} {part}")
