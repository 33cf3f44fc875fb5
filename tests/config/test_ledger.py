"""The audit as a file: whole it verifies anywhere; touched, its first bad line is named."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from config import audit, dynamodb
from config.audit import export, reader
from config.dynamodb import encryption
from tests.conftest import Cast, now
from tests.support.environment import World

Lines = list[bytes]


@pytest.fixture(scope="module")
def exported(cast: Cast) -> Lines:
    """The streams of Ann and Sam: header, Ann's, Sam's, end."""
    for number in range(4):
        assert cast.sam.patch("/user", {"profileName": f"Sam {number}"}).is_success
    return list(export.lines([cast.ann.id, cast.sam.id], of="two", at=now()))


def broken_at(lines: Lines) -> int:
    """The number of the first bad line; 0 where all are good."""
    try:
        export.verify(lines, public_key=export.key())
    except export.Broken as broken:
        return broken.line
    return 0


def edited(line: bytes, **values: Any) -> bytes:
    return rfc8785.dumps({**json.loads(line), **values}) + b"\n"


def rehashed(line: bytes, prev: bytes | None, **values: Any) -> bytes:
    """An entry changed by somebody who can compute hashes."""
    content = {**json.loads(line), **values}
    content |= {"prevHash": json.loads(prev)["hash"]} if prev else {}
    bare = {name: value for name, value in content.items() if name not in ("kind", "hash")}
    return rfc8785.dumps({**content, "hash": audit.digest(bare)}) + b"\n"


def starts(lines: Lines) -> list[int]:
    """The lines (from 1) at which streams begin."""
    return [n for n, line in enumerate(lines, 1) if json.loads(line)["kind"] == "stream"]


def test_a_whole_file_verifies(exported: Lines) -> None:
    count = export.verify(exported, public_key=export.key())

    assert count.streams == 2
    assert count.entries == len(exported) - 4
    assert "Sam Canary" not in b"".join(exported).decode(), "personal values are sealed in it"


def moved(lines: Lines, source: int, target: int) -> Lines:
    rest = [line for n, line in enumerate(lines, 1) if n != source]
    return [*rest[: target - 1], lines[source - 1], *rest[target - 1 :]]


def without(lines: Lines, *numbers: int) -> Lines:
    return [line for n, line in enumerate(lines, 1) if n not in numbers]


def replaced(lines: Lines, number: int, line: bytes) -> Lines:
    return [*lines[: number - 1], line, *lines[number:]]


TOUCHED: dict[str, tuple[Callable[[Lines], Lines], Callable[[Lines], int]]] = {
    "an entry edited": (
        lambda f: replaced(f, 4, edited(f[3], at="2020-01-01T00:00:00.000000+00:00")),
        lambda f: 4,
    ),
    "an entry edited and hashed anew": (
        lambda f: replaced(f, 4, rehashed(f[3], None, customerId="cus_other")),
        lambda f: 5,
    ),
    "the last entry of a stream edited and hashed anew": (
        lambda f: replaced(
            f, starts(f)[1] - 1, rehashed(f[starts(f)[1] - 2], None, customerId="cus_other")
        ),
        lambda f: starts(f)[1] - 1,
    ),
    "a member added to an entry": (lambda f: replaced(f, 3, edited(f[2], note="x")), lambda f: 3),
    "an entry removed": (lambda f: without(f, 4), lambda f: 4),
    "two entries swapped": (lambda f: moved(f, 4, 5), lambda f: 4),
    "an entry doubled": (lambda f: [*f[:4], f[3], *f[4:]], lambda f: 5),
    "an entry moved to another stream": (lambda f: moved(f, 3, len(f) - 1), lambda f: 3),
    "the last entry of a stream removed": (
        lambda f: without(f, starts(f)[1] - 1),
        lambda f: starts(f)[1] - 1,
    ),
    "a stream removed": (
        lambda f: [f[0], *f[starts(f)[1] - 1 :]],
        lambda f: 2,
    ),
    "the last stream removed": (lambda f: [*f[: starts(f)[1] - 1], f[-1]], lambda f: starts(f)[1]),
    "streams swapped": (
        lambda f: [f[0], *f[starts(f)[1] - 1 : -1], *f[1 : starts(f)[1] - 1], f[-1]],
        lambda f: 2,
    ),
    "a stream said to be shorter": (
        lambda f: replaced(without(f, 4), 2, edited(f[1], last=json.loads(f[1])["last"] - 1)),
        lambda f: 2,
    ),
    "the end cut off": (lambda f: f[:-1], lambda f: len(f)),
    "cut in the middle": (lambda f: f[:4], lambda f: 5),
    "cut within a line": (lambda f: [*f[:4], f[4][:20]], lambda f: 5),
    "the header removed": (lambda f: f[1:], lambda f: 1),
    "the header edited": (lambda f: replaced(f, 1, edited(f[0], of="less")), lambda f: 1),
    "another key": (lambda f: replaced(f, 1, edited(f[0], publicKey="00" * 32)), lambda f: 1),
    "the end edited": (lambda f: replaced(f, len(f), edited(f[-1], entries=1)), lambda f: len(f)),
    "something after the end": (lambda f: [*f, f[-2]], lambda f: len(f) + 1),
    "a header of another file": (
        lambda f: replaced(f, 1, next(iter(export.lines([], of="all", at=now())))),
        lambda f: 2,
    ),
    "an end of another file": (
        lambda f: [*f[:-1], list(export.lines([], of="two", at=now()))[-1]],
        lambda f: len(f),
    ),
    "the same in other bytes": (
        lambda f: replaced(f, 3, f[2].replace(b'"seq":1', b'"seq":1.0')),
        lambda f: 3,
    ),
    "a space added": (lambda f: replaced(f, 3, f[2].replace(b",", b", ", 1)), lambda f: 3),
    "a kind that is no word": (lambda f: replaced(f, 3, b'{"kind":[]}\n'), lambda f: 3),
    "a number beyond JSON": (
        lambda f: replaced(f, 3, f[2].replace(b'"seq":1', b'"seq":99999999999999999999')),
        lambda f: 3,
    ),
    "text where a number stands": (
        lambda f: replaced(f, 3, f[2].replace(b'"seq":1', b'"seq":"1"')),
        lambda f: 3,
    ),
    "no JSON": (lambda f: replaced(f, 3, b"{]\n"), lambda f: 3),
    "a bare value": (lambda f: replaced(f, 3, b"7\n"), lambda f: 3),
    "nothing at all": (lambda f: [], lambda f: 1),
}


@pytest.mark.parametrize("how", TOUCHED)
def test_the_first_bad_line_of_a_touched_file_is_named(exported: Lines, how: str) -> None:
    touch, line = TOUCHED[how]

    assert broken_at(touch(exported)) == line(exported)


def test_a_file_made_anew_by_somebody_else_is_not_ours(exported: Lines) -> None:
    """Whoever lacks DATA_KEY can sign with a key of their own only, and that shows."""
    theirs = "11" * 32
    with pytest.raises(export.Broken, match="another key"):
        export.verify(exported, public_key=theirs)
    assert not encryption.is_signed_with(theirs, "x", "00" * 64)


def test_what_is_not_sound_is_not_signed(cast: Cast) -> None:
    """Whoever may write the table can recompute a chain, but not the signature of its head."""
    user = cast.fresh()
    (entry,) = [entry for entry in reader.rows(user.id) if entry.seq]
    table = audit.AuditEntry.table_name()
    kept = entry.serialize()
    entry.customer_id = "cus_other"
    entry.hash = audit.digest(entry.content)
    head = dynamodb.get(audit.AuditEntry, user.id, 0)
    assert head
    head_kept = head.serialize()
    head.hash = entry.hash
    try:
        for forged in (entry, head):
            dynamodb.call("PutItem", TableName=table, Item=forged.serialize())
        with pytest.raises(export.Unsound, match="signature is not ours"):
            list(export.lines([user.id], of="one", at=now()))
    finally:
        for row in (kept, head_kept):
            dynamodb.call("PutItem", TableName=table, Item=row)
    assert list(export.lines([user.id], of="one", at=now()))


def test_the_commands_work_without_a_database(
    cast: Cast, world: World, tmp_path: Path, say: Callable[[str], None]
) -> None:
    file = tmp_path / "audit.ndjson"
    made = world.manage("audit", "export", "--customer", cast.customer.id, "--out", str(file))
    assert made.returncode == 0, made.stderr
    lines = file.read_bytes().splitlines(keepends=True)
    streams = [json.loads(line).get("stream") for line in lines]
    assert {cast.ann.id, cast.sam.id, cast.customer.id} <= set(streams)
    assert cast.cleo.id not in streams
    elsewhere = {
        "DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:9",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "DATA_KEY": base64.b64encode(os.urandom(32)).decode(),
    }
    key = world.manage("audit", "key").stdout.strip()
    again = world.manage("audit", "export", "--stream", "usr_none", "--out", str(file))
    unknown_stream = world.manage("audit", "export", "--stream", "usr_none")
    assert again.returncode == unknown_stream.returncode == 1
    assert "is there already" in again.stderr
    assert "Nothing was exported: usr_none" in unknown_stream.stderr

    whole = world.manage("audit", "verify", str(file), "--key", key, **elsewhere)
    unknown = world.manage("audit", "verify", str(file), **elsewhere)
    file.write_bytes(b"".join([*lines[:6], *lines[7:]]))
    cut = world.manage("audit", "verify", str(file))

    assert whole.returncode == 0, whole.stderr
    assert f"{cast.customer.id}, made at 20" in whole.stdout
    assert "are intact" in whole.stdout
    assert unknown.returncode == 1
    assert "line 1: it was signed with another key" in unknown.stderr
    assert cut.returncode == 1
    assert "line 7:" in cut.stderr
    say(f"audit file: {len(TOUCHED)} ways of touching it, the first bad line named each time")
