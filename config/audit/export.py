"""The audit as a file: one JSON object a line, which verifies without the database or DATA_KEY.

A ``header`` names the public key; then comes each stream in alphabetical order, a ``stream`` line
that tells how far it goes, and its entries as stored (personal values sealed); an ``end`` line
tells how many there were. Header, stream and end lines are signed (Ed25519), each over its content
and the signature of the one before; the entries of a stream are chained to the hash in its signed
line. Every line is canonical JSON (RFC 8785).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from config import audit, errors, strict_json
from config.audit import verification
from config.dynamodb import encryption

FORMAT = "dutyline-audit/1"
_PURPOSE = "audit file"
_SIGNED = {
    "header": {"kind", "format", "of", "madeAt", "publicKey", "after", "signature"},
    "stream": {"kind", "number", "stream", "customerId", "last", "hash", "after", "signature"},
    "end": {"kind", "streams", "entries", "after", "signature"},
}
_ENTRY = {"kind", "stream", "seq", "customerId", "listedFor", "at", "body", "prevHash", "hash"}


@dataclass
class Counted:
    """How much a file holds, of what, and when it was made."""

    streams: int = 0
    entries: int = 0
    of: str = ""
    made_at: str = ""


class Unsound(errors.Conflict):
    """The audit itself is not as it was written: nothing of it is signed."""

    code = "audit_unsound"


class Broken(Exception):
    """The first line that is not as written; ``line`` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


def key() -> str:
    """The public key (hex) that checks files of this installation."""
    return encryption.public_key(_PURPOSE)


def lines(streams: Iterable[str], *, of: str, at: datetime) -> Iterator[bytes]:
    """The file of these streams, each checked before it is signed. Raises `Unsound`.

    The product may go on writing meanwhile: a stream goes up to where its head stood.
    """
    signed = _Signed()
    made_at = at.isoformat(timespec="seconds")
    yield signed.line(kind="header", format=FORMAT, of=of, madeAt=made_at, publicKey=key())
    count = Counted()
    for stream in sorted(streams):
        found = verification.read(stream)
        if isinstance(found, verification.Finding):
            raise Unsound(f"Nothing was exported: {found}")
        count.streams += 1
        count.entries += len(found.entries)
        yield signed.line(
            kind="stream",
            number=count.streams,
            stream=stream,
            customerId=found.head.customer_id,
            last=int(found.head.last),
            hash=found.head.hash,
        )
        for entry in found.entries:
            yield _line({"kind": "entry", **entry.content, "hash": entry.hash})
    yield signed.line(kind="end", streams=count.streams, entries=count.entries)


class _Signed:
    """Signs line after line, so that none can be taken to another file."""

    def __init__(self) -> None:
        self._last = ""

    def line(self, **content: Any) -> bytes:
        content["after"] = self._last
        self._last = encryption.public_signature(_PURPOSE, _told(content))
        return _line({**content, "signature": self._last})


def _told(content: dict[str, Any]) -> str:
    return rfc8785.dumps(content).decode()


def _line(content: dict[str, Any]) -> bytes:
    return rfc8785.dumps(content) + b"\n"


def verify(file: Iterable[bytes], *, public_key: str) -> Counted:
    """Check a file against the key of whoever made it. Raises `Broken` at its first bad line."""
    reader = _Reader(public_key)
    number = 0
    for number, raw in enumerate(file, start=1):
        wrong = reader.take(raw)
        if wrong:
            raise Broken(number, wrong)
    if not reader.ended:
        raise Broken(number + 1, "the file is cut off before this line")
    return reader.count


class _Reader:
    """What must come next, from what has come so far."""

    def __init__(self, public_key: str) -> None:
        self._key = public_key
        self._stream: dict[str, Any] | None = None
        self._place = audit.Position()
        self._last = ""
        """The signature before."""
        self.ended = False
        self.count = Counted()

    def take(self, raw: bytes) -> str:
        """Read one line; what is wrong with it, or nothing."""
        if not raw.endswith(b"\n"):
            return "it is cut off"
        line = _parsed(raw)
        if line is None:
            return "it cannot be read"
        kind = line.get("kind")
        if kind == "entry":
            return self._entry(line)
        if not isinstance(kind, str) or set(line) != _SIGNED.get(kind):
            return "it is no line of such a file"
        if (kind == "header") == bool(self._last) or self.ended:
            return "a header was expected" if kind != "header" else "it stands in the wrong place"
        return self._signed(kind, line)

    def _signed(self, kind: str, line: dict[str, Any]) -> str:
        if kind == "header" and line["publicKey"] != self._key:
            return f"it was signed with another key ({line['publicKey']})"
        content = {name: value for name, value in line.items() if name != "signature"}
        if not encryption.is_signed_with(self._key, _told(content), str(line["signature"])):
            return "it was changed: the signature does not fit"
        if kind == "stream" and line["number"] != self.count.streams + 1:
            return f"stream {self.count.streams + 1} was expected here"
        if line["after"] != self._last:
            return "it does not follow the signed line before it"
        self._last = line["signature"]
        return {"header": self._header, "stream": self._next_stream, "end": self._end}[kind](line)

    def _header(self, line: dict[str, Any]) -> str:
        self.count.of, self.count.made_at = line["of"], line["madeAt"]
        return "" if line["format"] == FORMAT else f"its format is not {FORMAT}"

    def _next_stream(self, line: dict[str, Any]) -> str:
        if wrong := self._unfinished():
            return wrong
        self.count.streams += 1
        self._stream, self._place = line, audit.Position()
        return ""

    def _entry(self, line: dict[str, Any]) -> str:
        stream = self._stream
        if stream is None or self.ended or set(line) != _ENTRY:
            return "it is no line of such a file, or stands in the wrong place"
        if self._place.last >= stream["last"]:
            return f"it goes beyond the end of {stream['stream']}"
        if line["stream"] != stream["stream"] or line["seq"] != self._place.last + 1:
            return f"entry {self._place.last + 1} of {stream['stream']} was expected here"
        if line["prevHash"] != self._place.hash:
            return "it does not follow the entry before it"
        content = {name: value for name, value in line.items() if name not in ("kind", "hash")}
        if line["hash"] != audit.digest(content):
            return "it was changed: its hash does not fit"
        if line["seq"] == stream["last"] and line["hash"] != stream["hash"]:
            return "it is not the last entry that the stream's signed line names"
        self._place = audit.Position(line["seq"], line["hash"])
        self.count.entries += 1
        return ""

    def _unfinished(self) -> str:
        if self._stream and self._place.last < self._stream["last"]:
            return f"entry {self._place.last + 1} of {self._stream['stream']} was expected here"
        return ""

    def _end(self, line: dict[str, Any]) -> str:
        if wrong := self._unfinished():
            return wrong
        if (line["streams"], line["entries"]) != (self.count.streams, self.count.entries):
            return "it counts other lines than there are"
        self.ended = True
        return ""


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """A line, if it is written as we write: what means the same in other bytes is not ours."""
    try:
        line = strict_json.loads(raw)
        return line if isinstance(line, dict) and _line(line) == raw else None
    except (errors.Invalid, rfc8785.CanonicalizationError):
        return None
