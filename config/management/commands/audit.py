"""Verify the audit and export it to a file that can be verified offline."""

import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import audit, dynamodb, errors, storage
from config.audit import export, reader, verification


class Command(BaseCommand):
    """``manage.py audit verify [FILE]``, ``audit export``, ``audit key``."""

    help = "Verify the audit or an exported file; export the audit; print the public key."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        subparsers = parser.add_subparsers(dest="what", required=True)
        verify_parser = subparsers.add_parser("verify", help="check that no entry was changed or removed")
        verify_parser.add_argument("file", nargs="?", type=Path, help="an exported file (needs no database)")
        verify_parser.add_argument(
            "--key", help="the public key of the installation that exported the file (default: this one)"
        )
        export_parser = subparsers.add_parser("export", help="write the audit as NDJSON, to standard output")
        scope_group = export_parser.add_mutually_exclusive_group()
        scope_group.add_argument("--customer", help="only the streams of this customer")
        scope_group.add_argument("--stream", help="only this stream, such as usr_…")
        target_group = export_parser.add_mutually_exclusive_group()
        target_group.add_argument("--out", type=Path, help="write to this file")
        target_group.add_argument("--to-storage", action="store_true", help="write to the file storage")
        subparsers.add_parser("key", help="print the public keys that verify exported files, the current one first")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "key":
            for key in export.export_public_keys():
                self.stdout.write(key)
        elif options["what"] == "export":
            self._export(**options)
        elif options["file"]:
            self._verify_file(options["file"], options["key"])
        else:
            self._verify()

    def _verify(self) -> None:
        result = verification.verify_audit()
        for finding in result.findings:
            self.stdout.write(str(finding))
        if result.findings:
            raise CommandError(f"The audit is not intact: {len(result.findings)} finding(s).")
        self.stdout.write(f"{result.entries} entries in {result.streams} streams are intact")

    def _verify_file(self, path: Path, key: str | None) -> None:
        try:
            with path.open("rb") as file:
                key = key or export.expected_public_key(file.readline())
                file.seek(0)
                summary = export.verify_export(file, public_key=key)
        except OSError as error:
            raise CommandError(f"{path} cannot be read.") from error
        except export.InvalidExportFile as invalid_file:
            raise CommandError(f"{path}, {invalid_file}") from invalid_file
        description = f"{summary.scope}, created at {summary.created_at}:"
        self.stdout.write(f"{description} {summary.entries} entries in {summary.streams} streams are intact")

    def _export(
        self, *, customer: str | None, stream: str | None, out: Path | None, to_storage: bool, **_: Any
    ) -> None:
        at = datetime.now(UTC)
        scope = stream or customer or "everything"
        lines = export.export_lines(_select_streams(customer, stream), scope=scope, at=at)
        try:
            if to_storage:
                self.stdout.write(_store_file(lines, f"audit/{at:%Y-%m-%dT%H%M%SZ}.{scope}.ndjson"))
            elif out:
                _write_file(lines, out)
                self.stdout.write(str(out))
            else:
                sys.stdout.buffer.writelines(lines)
        except errors.DomainError as error:
            raise CommandError(error.detail) from error


def _select_streams(customer: str | None, stream: str | None) -> list[str]:
    if stream:
        selected = {stream}
    elif customer:
        heads = (dynamodb.get_record(audit.AuditEntry, name, 0) for name in reader.list_streams())
        selected = {head.stream for head in heads if head and head.customer_id == customer}
    else:
        selected = reader.list_streams()
    if not selected:
        raise CommandError("No such stream.")
    return sorted(selected)


def _write_file(lines: Iterable[bytes], out: Path) -> None:
    """Create the file only when it is complete, and overwrite nothing."""
    if out.exists():
        raise CommandError(f"{out} already exists.")
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.") as draft:
            draft.writelines(lines)
            draft.flush()
            out.hardlink_to(draft.name)  # unlike renaming, this overwrites nothing
    except FileExistsError as error:
        raise CommandError(f"{out} already exists.") from error
    except OSError as error:
        raise CommandError(f"{out} cannot be written.") from error


def _store_file(lines: Iterable[bytes], name: str) -> str:
    """Write to a temporary file first, so that no incomplete file is stored."""
    with tempfile.TemporaryFile() as draft:
        draft.writelines(lines)
        draft.seek(0)
        return storage.save_file(name, draft)
