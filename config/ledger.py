"""The audit as a file: one JSON object a line, which verifies without the database or DATA_KEY.

A ``header`` names the public key; then comes each stream in alphabetical order, a ``stream`` line
that tells how far it goes, and its entries as stored (personal values sealed); an ``end`` line
tells how many there were. Header, stream and end lines are signed (Ed25519) over their canonical
JSON (RFC 8785); the entries of a stream are chained to the hash in its signed line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from config import audit, errors, sealing, strictjson, trail

FORMAT = "dutyline-audit/1"
_PURPOSE = "audit file"
_SIGNED = {
    "header": {"kind", "format", "of", "madeAt", "publicKey", "signature"},
    "stream": {"kind", "number", "stream", "customerId", "last", "hash", "signature"},
    "end": {"kind", "streams", "entries", "signature"},
}
_ENTRY = {"kind", "stream", "seq", "customerId", "listedFor", "at", "body", "prevHash", "hash"}


@dataclass
class Counted:
    """How much a file holds."""

    streams: int = 0
    entries: int = 0


class Broken(Exception):
    """The first line that is not as written; ``line`` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


def key() -> str:
    """The public key (hex) that checks files of this installation."""
    return sealing.public_key(_PURPOSE)


def lines(streams: Iterable[str], *, of: str, at: datetime) -> Iterator[bytes]:
    """The file of these streams; the product may go on writing meanwhile."""
    made_at = at.isoformat(timespec="seconds")
    yield _signed(kind="header", format=FORMAT, of=of, madeAt=made_at, publicKey=key())
    count = Counted()
    for stream in sorted(streams):
        rows = trail.rows(stream)
        head = next(rows, None)
        if head is None or head.seq != 0:
            raise errors.Conflict(f"{stream} has no head; `audit verify` tells what is wrong.")
        count.streams += 1
        yield _signed(
            kind="stream",
            number=count.streams,
            stream=stream,
            customerId=head.customer_id,
            last=int(head.last),
            hash=head.hash,
        )
        for entry in rows:
            if entry.seq > head.last:
                break  # written since
            count.entries += 1
            yield _line({"kind": "entry", **entry.content, "hash": entry.hash})
    yield _signed(kind="end", streams=count.streams, entries=count.entries)


def _signed(**content: Any) -> bytes:
    return _line({**content, "signature": sealing.public_signature(_PURPOSE, _told(content))})


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
        self._started = False
        self.ended = False
        self.count = Counted()

    def take(self, raw: bytes) -> str:
        """Read one line; what is wrong with it, or nothing."""
        if not raw.endswith(b"\n"):
            return "it is cut off"
        try:
            line = strictjson.loads(raw)
        except errors.Invalid:
            return "it cannot be read"
        kind = line.get("kind") if isinstance(line, dict) else None
        if kind == "entry":
            return self._entry(line)
        if kind not in _SIGNED or set(line) != _SIGNED[kind]:
            return "it is no line of such a file"
        if (kind == "header") == self._started or self.ended:
            return "a header was expected" if kind != "header" else "it stands in the wrong place"
        if kind == "header" and line["publicKey"] != self._key:
            return f"it was signed with another key ({line['publicKey']})"
        content = {name: value for name, value in line.items() if name != "signature"}
        if not sealing.is_signed_with(self._key, _told(content), str(line["signature"])):
            return "it was changed: the signature does not fit"
        return {"header": self._header, "stream": self._next_stream, "end": self._end}[kind](line)

    def _header(self, line: dict[str, Any]) -> str:
        self._started = True
        return "" if line["format"] == FORMAT else f"its format is not {FORMAT}"

    def _next_stream(self, line: dict[str, Any]) -> str:
        if wrong := self._unfinished():
            return wrong
        if line["number"] != self.count.streams + 1:
            return f"stream {self.count.streams + 1} was expected here"
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
