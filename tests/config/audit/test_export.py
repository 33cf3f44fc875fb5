"""Audit export files verify anywhere; the first bad line of a tampered file is reported."""

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
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now

Lines = list[bytes]


@pytest.fixture(scope="module")
def exported_lines(test_users: UserFixtures) -> Lines:
    """An export of two streams: header, Ann's stream, Sam's stream, end."""
    for number in range(4):
        assert test_users.sam.patch("/user", {"profileName": f"Sam {number}"}).is_success
    return list(export.export_lines([test_users.ann.id, test_users.sam.id], scope="two", at=now()))


def find_first_bad_line(lines: Lines) -> int:
    """The number of the first bad line; 0 if the file is intact."""
    try:
        export.verify_export(lines, public_key=export.export_public_key())
    except export.InvalidExportFile as error:
        return error.line
    return 0


def edit_line(line: bytes, **values: Any) -> bytes:
    return rfc8785.dumps({**json.loads(line), **values}) + b"\n"


def edit_and_rehash_line(line: bytes, previous_line: bytes | None, **values: Any) -> bytes:
    """An entry with changed values and a recomputed hash."""
    content = {**json.loads(line), **values}
    content |= {"prevHash": json.loads(previous_line)["hash"]} if previous_line else {}
    hashed_content = {name: value for name, value in content.items() if name not in ("kind", "hash")}
    return rfc8785.dumps({**content, "hash": audit.digest(hashed_content)}) + b"\n"


def stream_start_numbers(lines: Lines) -> list[int]:
    """Numbers (from 1) of the lines at which streams begin."""
    return [n for n, line in enumerate(lines, 1) if json.loads(line)["kind"] == "stream"]


def test_intact_file_verifies(exported_lines: Lines) -> None:
    count = export.verify_export(exported_lines, public_key=export.export_public_key())

    assert count.streams == 2
    assert count.entries == len(exported_lines) - 4
    assert "Sam Canary" not in b"".join(exported_lines).decode(), "personal values are encrypted"


def move_line(lines: Lines, source: int, target: int) -> Lines:
    remaining = [line for n, line in enumerate(lines, 1) if n != source]
    return [*remaining[: target - 1], lines[source - 1], *remaining[target - 1 :]]


def remove_lines(lines: Lines, *numbers: int) -> Lines:
    return [line for n, line in enumerate(lines, 1) if n not in numbers]


def replace_line(lines: Lines, number: int, line: bytes) -> Lines:
    return [*lines[: number - 1], line, *lines[number:]]


TAMPERING_CASES: dict[str, tuple[Callable[[Lines], Lines], Callable[[Lines], int]]] = {
    "an entry edited": (
        lambda f: replace_line(f, 4, edit_line(f[3], at="2020-01-01T00:00:00.000000+00:00")),
        lambda f: 4,
    ),
    "an entry edited and rehashed": (
        lambda f: replace_line(f, 4, edit_and_rehash_line(f[3], None, customerId="cus_other")),
        lambda f: 5,
    ),
    "the last entry of a stream edited and rehashed": (
        lambda f: replace_line(
            f,
            stream_start_numbers(f)[1] - 1,
            edit_and_rehash_line(f[stream_start_numbers(f)[1] - 2], None, customerId="cus_other"),
        ),
        lambda f: stream_start_numbers(f)[1] - 1,
    ),
    "a member added to an entry": (lambda f: replace_line(f, 3, edit_line(f[2], note="x")), lambda f: 3),
    "an entry removed": (lambda f: remove_lines(f, 4), lambda f: 4),
    "two entries swapped": (lambda f: move_line(f, 4, 5), lambda f: 4),
    "an entry duplicated": (lambda f: [*f[:4], f[3], *f[4:]], lambda f: 5),
    "an entry moved to another stream": (lambda f: move_line(f, 3, len(f) - 1), lambda f: 3),
    "the last entry of a stream removed": (
        lambda f: remove_lines(f, stream_start_numbers(f)[1] - 1),
        lambda f: stream_start_numbers(f)[1] - 1,
    ),
    "a stream removed": (lambda f: [f[0], *f[stream_start_numbers(f)[1] - 1 :]], lambda f: 2),
    "the last stream removed": (
        lambda f: [*f[: stream_start_numbers(f)[1] - 1], f[-1]],
        lambda f: stream_start_numbers(f)[1],
    ),
    "streams swapped": (
        lambda f: [f[0], *f[stream_start_numbers(f)[1] - 1 : -1], *f[1 : stream_start_numbers(f)[1] - 1], f[-1]],
        lambda f: 2,
    ),
    "a stream shortened with its header": (
        lambda f: replace_line(remove_lines(f, 4), 2, edit_line(f[1], last=json.loads(f[1])["last"] - 1)),
        lambda f: 2,
    ),
    "the end removed": (lambda f: f[:-1], lambda f: len(f)),
    "truncated after a line": (lambda f: f[:4], lambda f: 5),
    "truncated within a line": (lambda f: [*f[:4], f[4][:20]], lambda f: 5),
    "the header removed": (lambda f: f[1:], lambda f: 1),
    "the header edited": (lambda f: replace_line(f, 1, edit_line(f[0], of="less")), lambda f: 1),
    "another key": (lambda f: replace_line(f, 1, edit_line(f[0], publicKey="00" * 32)), lambda f: 1),
    "the end edited": (lambda f: replace_line(f, len(f), edit_line(f[-1], entries=1)), lambda f: len(f)),
    "a line after the end": (lambda f: [*f, f[-2]], lambda f: len(f) + 1),
    "a header of another file": (
        lambda f: replace_line(f, 1, next(iter(export.export_lines([], scope="all", at=now())))),
        lambda f: 2,
    ),
    "an end of another file": (
        lambda f: [*f[:-1], list(export.export_lines([], scope="two", at=now()))[-1]],
        lambda f: len(f),
    ),
    "a number in other bytes": (lambda f: replace_line(f, 3, f[2].replace(b'"seq":1', b'"seq":1.0')), lambda f: 3),
    "a space added": (lambda f: replace_line(f, 3, f[2].replace(b",", b", ", 1)), lambda f: 3),
    "a kind that is a list": (lambda f: replace_line(f, 3, b'{"kind":[]}\n'), lambda f: 3),
    "a number beyond JSON": (
        lambda f: replace_line(f, 3, f[2].replace(b'"seq":1', b'"seq":99999999999999999999')),
        lambda f: 3,
    ),
    "a string instead of a number": (lambda f: replace_line(f, 3, f[2].replace(b'"seq":1', b'"seq":"1"')), lambda f: 3),
    "not JSON": (lambda f: replace_line(f, 3, b"{]\n"), lambda f: 3),
    "a bare value": (lambda f: replace_line(f, 3, b"7\n"), lambda f: 3),
    "an empty file": (lambda f: [], lambda f: 1),
}


@pytest.mark.parametrize("tampering", TAMPERING_CASES)
def test_first_bad_line_of_a_tampered_file_is_reported(exported_lines: Lines, tampering: str) -> None:
    tamper, expected_line = TAMPERING_CASES[tampering]

    assert find_first_bad_line(tamper(exported_lines)) == expected_line(exported_lines)


def test_file_signed_with_another_key_is_rejected(exported_lines: Lines) -> None:
    """Without DATA_KEY an attacker can only sign with another key, which is detected."""
    other_key = "11" * 32
    with pytest.raises(export.InvalidExportFile, match="another key"):
        export.verify_export(exported_lines, public_key=other_key)
    assert not encryption.is_valid_ed25519_signature(other_key, "x", "00" * 64)


def test_tampered_stream_is_not_exported(test_users: UserFixtures) -> None:
    """Write access to the table suffices to recompute a chain, but not to sign its head."""
    user = test_users.create_user()
    (entry,) = [entry for entry in reader.iter_stream(user.id) if entry.seq]
    table = audit.AuditEntry.table_name()
    stored_entry = entry.serialize()
    entry.customer_id = "cus_other"
    entry.hash = audit.digest(entry.content)
    stream_head = dynamodb.get_record(audit.AuditEntry, user.id, 0)
    assert stream_head
    stored_head = stream_head.serialize()
    stream_head.hash = entry.hash
    try:
        for forged in (entry, stream_head):
            dynamodb.call("PutItem", TableName=table, Item=forged.serialize())
        with pytest.raises(export.AuditCorrupted, match="signature is invalid"):
            list(export.export_lines([user.id], scope="one", at=now()))
    finally:
        for item in (stored_entry, stored_head):
            dynamodb.call("PutItem", TableName=table, Item=item)
    assert list(export.export_lines([user.id], scope="one", at=now()))


def test_verify_command_works_without_a_database(
    test_users: UserFixtures, env: Environment, tmp_path: Path, record_figure: Callable[[str], None]
) -> None:
    file = tmp_path / "audit.ndjson"
    completed = env.run_management_command("audit", "export", "--customer", test_users.customer.id, "--out", str(file))
    assert completed.returncode == 0, completed.stderr
    lines = file.read_bytes().splitlines(keepends=True)
    streams = [json.loads(line).get("stream") for line in lines]
    assert {test_users.ann.id, test_users.sam.id, test_users.customer.id} <= set(streams)
    assert test_users.cleo.id not in streams
    other_environment = {
        "DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:9",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "DATA_KEY": base64.b64encode(os.urandom(32)).decode(),
    }
    key = env.run_management_command("audit", "key").stdout.strip()
    repeated_result = env.run_management_command("audit", "export", "--stream", "usr_none", "--out", str(file))
    unknown_stream_result = env.run_management_command("audit", "export", "--stream", "usr_none")
    assert repeated_result.returncode == unknown_stream_result.returncode == 1
    assert "already exists" in repeated_result.stderr
    assert "Nothing was exported: usr_none" in unknown_stream_result.stderr

    intact_result = env.run_management_command("audit", "verify", str(file), "--key", key, **other_environment)
    unknown_key_result = env.run_management_command("audit", "verify", str(file), **other_environment)
    file.write_bytes(b"".join([*lines[:6], *lines[7:]]))
    truncated_result = env.run_management_command("audit", "verify", str(file))

    assert intact_result.returncode == 0, intact_result.stderr
    assert f"{test_users.customer.id}, created at 20" in intact_result.stdout
    assert "are intact" in intact_result.stdout
    assert unknown_key_result.returncode == 1
    assert "line 1: it was signed with another key" in unknown_key_result.stderr
    assert truncated_result.returncode == 1
    assert "line 7:" in truncated_result.stderr
    record_figure(f"audit file: {len(TAMPERING_CASES)} ways of tampering, first bad line reported for each")
