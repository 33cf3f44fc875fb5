"""Verification of the audit log: finds entries that were changed, removed, moved or truncated.

Scans tables, so it is for the command line, never for a request.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from config import audit, dynamodb
from config.audit import reader
from config.dynamodb import encryption

_MALFORMED_ROW_ERRORS = (TypeError, ValueError, KeyError)
"""What decoding a forged row raises."""


@dataclass(frozen=True)
class AuditFinding:
    """A problem and the entry that has it."""

    stream: str
    seq: int
    description: str

    def __str__(self) -> str:
        return f"{self.stream} #{self.seq}: {self.description}"


@dataclass
class VerificationResult:
    """What was read and found."""

    streams: int = 0
    entries: int = 0
    findings: list[AuditFinding] = field(default_factory=list)
    missing_copies: dict[tuple[str, str], AuditFinding] = field(default_factory=dict)
    """Copies that another stream must have and that were not read yet."""
    seen_copies: set[tuple[str, str]] = field(default_factory=set)


def verify_audit() -> VerificationResult:
    """Check every stream, and that each entry is in all streams that it names.

    Writes may go on meanwhile: a stream is checked up to the head that was read first, and a
    problem is reported only if a second read confirms it.
    """
    result = VerificationResult()
    key_owners = dynamodb.scan_values(encryption.PersonKey, "person")  # before the streams: each key has its stream
    streams = reader.list_streams()
    _check_streams(streams, result)
    for stream in sorted(key_owners - streams):
        result.findings.append(AuditFinding(stream, 0, "the whole stream is missing"))
    _check_copies(result)
    return result


def verify_streams(streams: Iterable[str]) -> VerificationResult:
    """Check these streams as `verify_audit` does, and that the copies of their entries exist."""
    result = VerificationResult()
    _check_streams(streams, result)
    _check_copies(result)
    return result


def _check_streams(streams: Iterable[str], result: VerificationResult) -> None:
    for stream in sorted(streams):
        result.streams += 1
        stream_result = verify_stream(stream)
        if isinstance(stream_result, AuditFinding):
            result.findings.append(stream_result)
            continue
        result.entries += len(stream_result.entries)
        for entry in stream_result.entries:
            _track_copies(stream, entry, result)


def _check_copies(result: VerificationResult) -> None:
    broken_streams = {finding.stream for finding in result.findings}
    for (stream, event_id), finding in result.missing_copies.items():
        if stream not in broken_streams and not _has_entry(stream, event_id):
            result.findings.append(finding)


@dataclass(frozen=True)
class IntactStream:
    """A stream without problems, up to its head."""

    head: audit.AuditEntry
    entries: list[audit.AuditEntry]


def verify_stream(stream: str) -> IntactStream | AuditFinding:
    """Read and check a stream: hashes, numbers, and the signature of its head.

    A Query may see half of a transaction, so a problem must persist in three reads.
    """
    result: IntactStream | AuditFinding = AuditFinding(stream, 0, "it could not be read")
    for delay in (0.0, 0.1, 0.5):
        time.sleep(delay)
        try:
            result = _verify_once(stream)
        except _MALFORMED_ROW_ERRORS:
            result = AuditFinding(stream, 0, "a row cannot be decoded")
        if isinstance(result, IntactStream):
            break
    return result


def _verify_once(stream: str) -> IntactStream | AuditFinding:
    rows = reader.iter_stream(stream)
    head = next(rows, None)
    if head is None or head.seq != 0:
        return AuditFinding(stream, 0, "the head is missing")
    position = audit.StreamPosition(customer_id=head.customer_id)
    entries, seqs_beyond_head = [], []
    for entry in rows:
        if entry.seq > head.last:
            seqs_beyond_head.append(int(entry.seq))
            continue
        if error := _find_entry_error(entry, position):
            return AuditFinding(stream, *error)
        position = audit.StreamPosition(int(entry.seq), entry.hash, head.customer_id)
        entries.append(entry)
    finding = _check_head(stream, head, position) or _check_beyond_head(stream, seqs_beyond_head)
    return finding or IntactStream(head, entries)


def _find_entry_error(entry: audit.AuditEntry, position: audit.StreamPosition) -> tuple[int, str] | None:
    if entry.seq != position.last + 1:
        return position.last + 1, "the entry is missing"
    if entry.prev_hash != position.hash:
        return int(entry.seq), "it does not follow the entry before it"
    if not entry.is_intact:
        return int(entry.seq), "it was changed"
    return None


def _check_head(stream: str, head: audit.AuditEntry, position: audit.StreamPosition) -> AuditFinding | None:
    last = int(head.last)
    if last > position.last:
        return AuditFinding(stream, position.last + 1, f"the end is missing (the head says {last})")
    if head.hash != position.hash:
        return AuditFinding(stream, 0, "the head does not match the last entry")
    if not audit.has_valid_head_signature(head):
        return AuditFinding(stream, 0, "the head's signature is invalid")
    return None


def _check_beyond_head(stream: str, seqs: list[int]) -> AuditFinding | None:
    """An entry beyond the current head was not written by the journal."""
    head = dynamodb.get_record(audit.AuditEntry, stream, 0) if seqs else None
    uncounted = [seq for seq in seqs if head is None or seq > head.last]
    return AuditFinding(stream, uncounted[0], "it is beyond the head") if uncounted else None


def _track_copies(stream: str, entry: audit.AuditEntry, result: VerificationResult) -> None:
    """Match an entry with its copies in other streams, in whichever order they are read."""
    event_id = entry.body["id"]
    result.seen_copies.add((stream, event_id))
    result.missing_copies.pop((stream, event_id), None)
    for other_stream in entry.body["streams"]:
        if other_stream != stream and (other_stream, event_id) not in result.seen_copies:
            description = f"its copy in {other_stream} is missing"
            result.missing_copies[other_stream, event_id] = AuditFinding(stream, int(entry.seq), description)


def _has_entry(stream: str, event_id: str) -> bool:
    """Whether a stream that was read earlier has the entry by now."""
    try:
        return any(entry.seq > 0 and entry.body["id"] == event_id for entry in reader.iter_stream(stream))
    except _MALFORMED_ROW_ERRORS:
        return False
