"""Verifies the audit: finds entries that were changed, removed, moved or cut off.

Reads whole tables, so it is for the command line, never for a request.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from config import audit, dynamo, sealing


@dataclass(frozen=True)
class Finding:
    """What is wrong, and with which entry."""

    stream: str
    seq: int
    what: str

    def __str__(self) -> str:
        return f"{self.stream} #{self.seq}: {self.what}"


@dataclass
class Result:
    """How much was read and what was found."""

    streams: int = 0
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)
    awaited: dict[tuple[str, str], Finding] = field(default_factory=dict)
    """Copies that another stream must hold and that were not met yet."""
    met: set[tuple[str, str]] = field(default_factory=set)


def verify() -> Result:
    """Check every stream, and that each entry stands in all the streams it names."""
    result = Result()
    streams = {str(key["stream"]["S"]) for key in _scan(audit.AuditEntry, "stream")}
    keyed = {str(key["person"]["S"]) for key in _scan(sealing.PersonKey, "person")}
    for stream in sorted(streams):
        result.streams += 1
        finding = _verify_stream(stream, result)
        if finding:
            result.findings.append(finding)
    for stream in sorted(keyed - streams):
        result.findings.append(Finding(stream, 0, "the whole stream is gone"))
    broken = {finding.stream for finding in result.findings}
    for (stream, _), finding in result.awaited.items():
        if stream not in broken:
            result.findings.append(finding)
    return result


def _verify_stream(stream: str, result: Result) -> Finding | None:
    head: audit.AuditEntry | None = None
    place = audit.Position()
    for entry in _entries(stream):
        if entry.seq == 0:
            head = entry
            continue
        if entry.seq != place.last + 1:
            return Finding(stream, place.last + 1, "the entry is missing")
        if entry.prev_hash != place.hash:
            return Finding(stream, int(entry.seq), "it does not follow the entry before it")
        if entry.hash != entry.computed_hash():
            return Finding(stream, int(entry.seq), "it was changed")
        place = audit.Position(int(entry.seq), entry.hash)
        result.entries += 1
        _note_copies(stream, entry, result)
    if head is None:
        return Finding(stream, 0, "the head is gone")
    return _verify_head(stream, head, place)


def _verify_head(stream: str, head: audit.AuditEntry, place: audit.Position) -> Finding | None:
    last = int(head.last)
    if last > place.last:
        return Finding(stream, place.last + 1, f"the end is cut off (the head says {last})")
    if (last, head.hash) != (place.last, place.hash):
        return Finding(stream, 0, "the head does not fit the last entry")
    message = f"{stream} {last} {head.hash}"
    if not sealing.is_signature("audit head", message, head.seal or ""):
        return Finding(stream, 0, "the head's signature is not ours")
    return None


def _note_copies(stream: str, entry: audit.AuditEntry, result: Result) -> None:
    """Each entry awaits its copies; meeting a copy settles it, in whichever order they come."""
    id = entry.body["id"]
    result.met.add((stream, id))
    result.awaited.pop((stream, id), None)
    for other in entry.body["streams"]:
        if other != stream and (other, id) not in result.met:
            what = f"its copy in {other} is missing"
            result.awaited[other, id] = Finding(stream, int(entry.seq), what)


def _entries(stream: str) -> Iterator[audit.AuditEntry]:
    arguments: dict[str, Any] = {
        **dynamo.key_range(audit.AuditEntry, "#stream = :stream", {":stream": {"S": stream}}),
        "ConsistentRead": True,
    }
    for page in _pages("Query", arguments):
        yield from (audit.AuditEntry.read(item) for item in page)


def _scan(record: type[dynamo.Record], attribute: str) -> Iterator[dict[str, Any]]:
    arguments = {
        "TableName": record.table_name(),
        "ProjectionExpression": "#name",
        "ExpressionAttributeNames": {"#name": attribute},
        "ConsistentRead": True,
    }
    for page in _pages("Scan", arguments):
        yield from page


def _pages(operation: str, arguments: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    start: dict[str, Any] = {}
    while True:
        answer = dynamo.call(operation, **arguments, **start)
        yield answer["Items"]
        if not answer.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
