"""Verifies the audit: finds entries that were changed, removed, moved or cut off.

Reads whole tables, so it is for the command line, never for a request.
"""

import time
from dataclasses import dataclass, field

from config import audit, dynamodb
from config.audit import reader
from config.dynamodb import encryption

_ODD = (TypeError, ValueError, KeyError)
"""What reading a row raises that was not written by us."""


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
    """Check every stream, and that each entry stands in all the streams it names.

    The product may go on writing meanwhile: a stream is read up to where its head stood first, and
    what looks wrong is read again before it is told.
    """
    result = Result()
    keyed = dynamodb.every(
        encryption.PersonKey, "person"
    )  # before the streams: each key has its stream
    streams = reader.streams()
    for stream in sorted(streams):
        result.streams += 1
        found = read(stream)
        if isinstance(found, Finding):
            result.findings.append(found)
            continue
        result.entries += len(found.entries)
        for entry in found.entries:
            _note_copies(stream, entry, result)
    for stream in sorted(keyed - streams):
        result.findings.append(Finding(stream, 0, "the whole stream is gone"))
    broken = {finding.stream for finding in result.findings}
    for (stream, id), finding in result.awaited.items():
        if stream not in broken and not _holds(stream, id):
            result.findings.append(finding)
    return result


@dataclass(frozen=True)
class Sound:
    """A stream that is as it was written, up to its head."""

    head: audit.AuditEntry
    entries: list[audit.AuditEntry]


def read(stream: str) -> Sound | Finding:
    """Read a stream whole and check it: hashes, numbers, and our signature of its head.

    A read may fall between the parts of a write; only what stays wrong is wrong.
    """
    found: Sound | Finding = Finding(stream, 0, "it was not read")
    for patience in (0.0, 0.1, 0.5):
        time.sleep(patience)
        try:
            found = _read(stream)
        except _ODD:
            found = Finding(stream, 0, "it holds a row that cannot be read")
        if isinstance(found, Sound):
            break
    return found


def _read(stream: str) -> Sound | Finding:
    rows = reader.rows(stream)
    head = next(rows, None)
    if head is None or head.seq != 0:
        return Finding(stream, 0, "the head is gone")
    place = audit.Position(customer_id=head.customer_id)
    entries, strays = [], []
    for entry in rows:
        if entry.seq > head.last:
            strays.append(int(entry.seq))
            continue
        if wrong := _wrong_with(entry, place):
            return Finding(stream, *wrong)
        place = audit.Position(int(entry.seq), entry.hash, head.customer_id)
        entries.append(entry)
    finding = _verify_head(stream, head, place) or _beyond(stream, strays)
    return finding or Sound(head, entries)


def _wrong_with(entry: audit.AuditEntry, place: audit.Position) -> tuple[int, str] | None:
    if entry.seq != place.last + 1:
        return place.last + 1, "the entry is missing"
    if entry.prev_hash != place.hash:
        return int(entry.seq), "it does not follow the entry before it"
    if not entry.is_as_written:
        return int(entry.seq), "it was changed"
    return None


def _verify_head(stream: str, head: audit.AuditEntry, place: audit.Position) -> Finding | None:
    last = int(head.last)
    if last > place.last:
        return Finding(stream, place.last + 1, f"the end is cut off (the head says {last})")
    if head.hash != place.hash:
        return Finding(stream, 0, "the head does not fit the last entry")
    if not audit.is_our_head(head):
        return Finding(stream, 0, "the head's signature is not ours")
    return None


def _beyond(stream: str, strays: list[int]) -> Finding | None:
    """An entry that no head has counted, not even a later one, is not ours."""
    head = dynamodb.get(audit.AuditEntry, stream, 0) if strays else None
    uncounted = [seq for seq in strays if head is None or seq > head.last]
    return Finding(stream, uncounted[0], "it stands beyond the head") if uncounted else None


def _note_copies(stream: str, entry: audit.AuditEntry, result: Result) -> None:
    """Each entry awaits its copies; meeting a copy settles it, in whichever order they come."""
    id = entry.body["id"]
    result.met.add((stream, id))
    result.awaited.pop((stream, id), None)
    for other in entry.body["streams"]:
        if other != stream and (other, id) not in result.met:
            what = f"its copy in {other} is missing"
            result.awaited[other, id] = Finding(stream, int(entry.seq), what)


def _holds(stream: str, id: str) -> bool:
    """Whether a stream that was read earlier holds the entry by now."""
    try:
        return any(entry.seq > 0 and entry.body["id"] == id for entry in reader.rows(stream))
    except _ODD:
        return False
