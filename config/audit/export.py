"""Signed export of the audit log, which verifies without the database or DATA_KEY.

The file has one JSON object a line. The ``header`` names the public key. Each stream follows in
alphabetical order: a ``stream`` line with its last number and hash, then its entries as stored
(personal values encrypted). The ``end`` line counts streams and entries. Header, stream and end
lines are signed (Ed25519), each over its content and the signature before; the entries of a stream
are chained to the hash in its signed line. Every line is canonical JSON (RFC 8785).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config import audit, canonical_json, errors, strict_json
from config.audit import verification
from config.dynamodb import encryption

FORMAT = "dutyline-audit/1"
_SIGNING_PURPOSE = "audit file"
_SIGNED_LINE_FIELDS = {
    "header": {"kind", "format", "of", "madeAt", "publicKey", "after", "signature"},
    "stream": {"kind", "number", "stream", "customerId", "last", "hash", "after", "signature"},
    "end": {"kind", "streams", "entries", "after", "signature"},
}
_ENTRY_FIELDS = {"kind", "stream", "seq", "customerId", "listedFor", "at", "body", "prevHash", "hash"}


@dataclass
class ExportSummary:
    """What a file contains and when it was created."""

    streams: int = 0
    entries: int = 0
    scope: str = ""
    created_at: str = ""


class AuditCorrupted(errors.Conflict):
    """The audit log fails verification, so it is not exported."""

    code = "audit_unsound"


class InvalidExportFile(Exception):
    """A line of the file is invalid; ``line`` counts from 1."""

    def __init__(self, line: int, description: str) -> None:
        super().__init__(f"line {line}: {description}")
        self.line = line


def export_public_key() -> str:
    """The public key (hex) that verifies files of this installation."""
    return export_public_keys()[0]


def export_public_keys() -> list[str]:
    """The public keys (hex) of all data keys, the current one first."""
    return encryption.ed25519_public_keys(_SIGNING_PURPOSE)


def expected_public_key(first_line: bytes) -> str:
    """The key of this installation that a file names, or else the current one."""
    header = _parse_canonical_line(first_line) or {}
    return next((key for key in export_public_keys() if key == header.get("publicKey")), export_public_key())


def export_lines(streams: Iterable[str], *, scope: str, at: datetime) -> Iterator[bytes]:
    """The lines of the file; each stream is verified before it is signed.

    Writes may go on meanwhile: a stream is exported up to the head that was read. Raises
    `AuditCorrupted`.
    """
    signer = _LineSigner()
    created_at = at.isoformat(timespec="seconds")
    yield signer.sign_line(kind="header", format=FORMAT, of=scope, madeAt=created_at, publicKey=export_public_key())
    summary = ExportSummary()
    for stream in sorted(streams):
        result = verification.verify_stream(stream)
        if isinstance(result, verification.AuditFinding):
            raise AuditCorrupted(f"Nothing was exported: {result}")
        summary.streams += 1
        summary.entries += len(result.entries)
        yield signer.sign_line(
            kind="stream",
            number=summary.streams,
            stream=stream,
            customerId=result.head.customer_id,
            last=int(result.head.last),
            hash=result.head.hash,
        )
        for entry in result.entries:
            yield _canonical_line({"kind": "entry", **entry.content, "hash": entry.hash})
    yield signer.sign_line(kind="end", streams=summary.streams, entries=summary.entries)


class _LineSigner:
    """Signs each line with the signature before it, so that no line fits another file."""

    def __init__(self) -> None:
        self._last_signature = ""

    def sign_line(self, **content: Any) -> bytes:
        content["after"] = self._last_signature
        self._last_signature = encryption.sign_ed25519(_SIGNING_PURPOSE, _canonical_text(content))
        return _canonical_line({**content, "signature": self._last_signature})


def _canonical_text(content: dict[str, Any]) -> str:
    return canonical_json.dumps(content).decode()


def _canonical_line(content: dict[str, Any]) -> bytes:
    return canonical_json.dumps(content) + b"\n"


def verify_export(file: Iterable[bytes], *, public_key: str) -> ExportSummary:
    """Verify a file with its installation's public key.

    Raises `InvalidExportFile` at the first invalid line.
    """
    verifier = _ExportVerifier(public_key)
    line_number = 0
    for line_number, raw in enumerate(file, start=1):
        error = verifier.check_line(raw)
        if error:
            raise InvalidExportFile(line_number, error)
    if not verifier.is_complete:
        raise InvalidExportFile(line_number + 1, "the file is cut off before this line")
    return verifier.summary


class _ExportVerifier:
    """Checks line after line."""

    def __init__(self, public_key: str) -> None:
        self._public_key = public_key
        self._stream: dict[str, Any] | None = None
        self._position = audit.StreamPosition()
        self._last_signature = ""
        self.is_complete = False
        self.summary = ExportSummary()

    def check_line(self, raw: bytes) -> str:
        """Check the next line; returns what is wrong, or an empty string."""
        if not raw.endswith(b"\n"):
            return "it is cut off"
        parsed = _parse_canonical_line(raw)
        if parsed is None:
            return "it cannot be read"
        kind = parsed.get("kind")
        if kind == "entry":
            return self._check_entry(parsed)
        if not isinstance(kind, str) or set(parsed) != _SIGNED_LINE_FIELDS.get(kind):
            return "it is no line of such a file"
        if (kind == "header") == bool(self._last_signature) or self.is_complete:
            return "a header was expected" if kind != "header" else "it stands in the wrong place"
        return self._check_signed_line(kind, parsed)

    def _check_signed_line(self, kind: str, line: dict[str, Any]) -> str:
        if kind == "header" and line["publicKey"] != self._public_key:
            return f"it was signed with another key ({line['publicKey']})"
        content = {name: value for name, value in line.items() if name != "signature"}
        if not encryption.is_valid_ed25519_signature(
            self._public_key, _canonical_text(content), str(line["signature"])
        ):
            return "it was changed: the signature does not fit"
        if kind == "stream" and line["number"] != self.summary.streams + 1:
            return f"stream {self.summary.streams + 1} was expected here"
        if line["after"] != self._last_signature:
            return "it does not follow the signed line before it"
        self._last_signature = line["signature"]
        return {"header": self._check_header, "stream": self._start_stream, "end": self._check_end}[kind](line)

    def _check_header(self, line: dict[str, Any]) -> str:
        self.summary.scope, self.summary.created_at = line["of"], line["madeAt"]
        return "" if line["format"] == FORMAT else f"its format is not {FORMAT}"

    def _start_stream(self, line: dict[str, Any]) -> str:
        if error := self._missing_entry_error():
            return error
        self.summary.streams += 1
        self._stream, self._position = line, audit.StreamPosition()
        return ""

    def _check_entry(self, line: dict[str, Any]) -> str:
        stream = self._stream
        if stream is None or self.is_complete or set(line) != _ENTRY_FIELDS:
            return "it is no line of such a file, or stands in the wrong place"
        if self._position.last >= stream["last"]:
            return f"it goes beyond the end of {stream['stream']}"
        if line["stream"] != stream["stream"] or line["seq"] != self._position.last + 1:
            return f"entry {self._position.last + 1} of {stream['stream']} was expected here"
        if line["prevHash"] != self._position.hash:
            return "it does not follow the entry before it"
        content = {name: value for name, value in line.items() if name not in ("kind", "hash")}
        if line["hash"] != audit.digest(content):
            return "it was changed: its hash does not fit"
        if line["seq"] == stream["last"] and line["hash"] != stream["hash"]:
            return "it is not the last entry that the stream's signed line names"
        self._position = audit.StreamPosition(line["seq"], line["hash"])
        self.summary.entries += 1
        return ""

    def _missing_entry_error(self) -> str:
        if self._stream and self._position.last < self._stream["last"]:
            return f"entry {self._position.last + 1} of {self._stream['stream']} was expected here"
        return ""

    def _check_end(self, line: dict[str, Any]) -> str:
        if error := self._missing_entry_error():
            return error
        if (line["streams"], line["entries"]) != (self.summary.streams, self.summary.entries):
            return "it counts other lines than there are"
        self.is_complete = True
        return ""


def _parse_canonical_line(raw: bytes) -> dict[str, Any] | None:
    """The object of a line, or None unless the line is canonical JSON."""
    try:
        line = strict_json.loads(raw)
        return line if isinstance(line, dict) and _canonical_line(line) == raw else None
    except (errors.InvalidRequest, canonical_json.CanonicalizationError):
        return None
